"""API clients: who may knock there and by which keys, proposals of both, and the button that ends a key at once."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crisis import clients, feeds
from crisis.clock import now
from crisis.models import ApiClient, ApiKey, Scope
from crisis.permissions import requires
from crisis.power import changing
from crisis.power.forms import ClientForm, KeyForm
from crisis.power.proposing import proposed
from crisis.views import person
from crisis.views.power import shown, to_proposal


@require_GET
@requires("clients.see")
def client_list(request: HttpRequest) -> HttpResponse:
    """Every client with its keys, the newest first. What a key opens is said in words."""
    at, names = now(), feeds.names()
    rows = ApiClient.objects.select_related("user__mission").prefetch_related("keys")
    found = [
        (client, [(key, key.usable(at), opens(key), [names[one] for one in key.sources]) for key in client.keys.all()])
        for client in rows
    ]
    waiting = [shown(one, person(request)) for one in changing.open_ones().filter(kind__in=["api.client", "api.key"])]
    return render(request, "crisis/client_list.html", {"clients": found, "waiting_changes": waiting})


def opens(key: ApiKey) -> list[str]:
    return [str(Scope(scope).label) for scope in key.scopes]


@require_http_methods(["GET", "HEAD", "POST"])
@requires("clients.change")
def client_new(request: HttpRequest) -> HttpResponse:
    """Propose a program that is to knock here."""
    return _propose(request, "api.client", ClientForm(request.POST or None))


@require_http_methods(["GET", "HEAD", "POST"])
@requires("clients.change")
def key_new(request: HttpRequest, pk: int) -> HttpResponse:
    """Propose a key of this client."""
    client = get_object_or_404(ApiClient, pk=pk)
    return _propose(request, "api.key", KeyForm(request.POST or None), client=client)


def _propose(request: HttpRequest, kind: str, form: ClientForm | KeyForm, client: ApiClient | None = None) -> HttpResponse:
    about = {"client": client.pk} if client else {}
    if change := proposed(kind, form, by=person(request), about=about):
        return to_proposal(request, change)
    page = "crisis/key_new.html" if client else "crisis/client_new.html"
    context: dict[str, Any] = {"form": form, "client": client}
    return render(request, page, context, status=422 if form.errors else 200)


@require_POST
@requires("clients.change")
def key_revoke(request: HttpRequest) -> HttpResponse:
    """End the key named by `key`, the eight letters it begins with."""
    key = get_object_or_404(ApiKey, prefix=request.POST.get("key", "")[:9].replace("\0", ""))
    clients.revoke_key(key, by=person(request))
    messages.success(request, _("The key was revoked. Its next call will be refused."))
    return redirect("client_list")
