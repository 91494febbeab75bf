"""The page of API clients: who may knock there, by which keys, and the button that ends a key at once."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from crisis import clients
from crisis.clock import now
from crisis.models import ApiClient, ApiKey, Scope
from crisis.permissions import requires
from crisis.views import person


@require_GET
@requires("clients.see")
def client_list(request: HttpRequest) -> HttpResponse:
    """Every client with its keys, the newest first. What a key opens is said in words."""
    at, rows = now(), ApiClient.objects.select_related("user__mission").prefetch_related("keys")
    found = [
        (client, [(key, key.usable(at), [Scope(one).label for one in key.scopes]) for key in client.keys.all()])
        for client in rows
    ]
    return render(request, "crisis/client_list.html", {"clients": found})


@require_POST
@requires("clients.change")
def key_revoke(request: HttpRequest) -> HttpResponse:
    """End the key named by `key`, the eight letters it begins with."""
    key = get_object_or_404(ApiKey, prefix=request.POST.get("key", "")[:9].replace("\0", ""))
    clients.revoke_key(key, by=person(request))
    messages.success(request, _("The key was revoked. Its next call will be refused."))
    return redirect("client_list")
