"""Pages about incidents and the audit log: thin callers of the verbs. The incident's own page belongs to messaging."""

from __future__ import annotations

from typing import cast

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import check_for_language
from django.utils.translation import gettext as _
from django.views import i18n
from django.views.decorators.http import require_GET, require_POST, require_safe

from crisis import audit, deeds, incidents
from crisis.clock import now
from crisis.forms import AuditFilter, CoverageForm, NextUpdateForm, NoteForm
from crisis.models import Incident, Mission, User
from crisis.permissions import may, requires
from crisis.refusal import Refused

PER_PAGE = 50


def person(request: HttpRequest) -> User:
    """Who asks: the middleware lets nobody without a name in."""
    return cast(User, request.user)


@require_POST
@requires("incident.write")
def incident_note(request: HttpRequest, pk: int) -> HttpResponse:
    """Add `text` to the situation log."""
    form = NoteForm(request.POST)
    form.is_valid()
    incidents.note(_incident(request, pk), form.cleaned_data["text"], by=person(request))
    return _back_to(pk)


@require_POST
@requires("incident.write")
def incident_next_update(request: HttpRequest, pk: int) -> HttpResponse:
    """Promise the next update in `minutes`; empty takes the promise back."""
    form = NextUpdateForm(request.POST)
    if not form.is_valid():
        raise Refused(_("Choose when the next update is due. Nothing was changed."), field="minutes")
    incidents.schedule_update(_incident(request, pk), form.at(now()), by=person(request))
    return _back_to(pk)


@require_POST
@requires("incident.write")
def incident_status(request: HttpRequest, pk: int) -> HttpResponse:
    """Move the incident to `status`."""
    incidents.move(_incident(request, pk), request.POST.get("status", ""), by=person(request))
    return _back_to(pk)


@require_POST
@requires("incident.write")
def incident_coverage(request: HttpRequest, pk: int, mission: int) -> HttpResponse:
    """Tick a mission: `posted` and a `link`."""
    form = CoverageForm(request.POST)
    if not form.is_valid():
        raise Refused(_("The link is not a web address. Nothing was changed. Copy it from the post."), field="link")
    office = get_object_or_404(Mission, pk=mission)
    posted, link = form.cleaned_data["posted"], form.cleaned_data["link"]
    incidents.tick(_incident(request, pk), office, posted=posted, link=link, by=person(request))
    return _back_to(pk)


def _incident(request: HttpRequest, pk: int) -> Incident:
    return get_object_or_404(Incident.objects.seen_by(person(request)), pk=pk)


def _back_to(pk: int) -> HttpResponseRedirect:
    return redirect("incident_detail", pk)


@require_GET
@requires("audit.see")
def audit_list(request: HttpRequest) -> HttpResponse:
    """Who did what, newest first; filters in the URL."""
    return _audit_page(request)


@require_POST
@requires("audit.see")
def audit_verify(request: HttpRequest) -> HttpResponse:
    """Recompute the chain; with `head`, also ask whether a hash noted earlier is still there."""
    rows, head, wrong = audit.verify(request.POST.get("head", "").strip())
    return _audit_page(request, {"rows": rows, "head": head, "wrong": wrong})


def _audit_page(request: HttpRequest, result: dict[str, object] | None = None) -> HttpResponse:
    form = AuditFilter(request.GET)
    page = Paginator(form.rows().seen_by(person(request)), PER_PAGE).get_page(request.GET.get("page"))
    entries = [*deeds.told(page.object_list, with_data=may(person(request), "queues.see"))]
    return render(request, "crisis/audit_list.html", {"form": form, "page": page, "entries": entries, "result": result})


@require_safe
def no_password(request: HttpRequest) -> HttpResponse:
    """Where allauth sends a person without a password who wants to change it."""
    raise Refused(_("No password has been set for you. Nothing was changed. An administrator sets one."), status=403)


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Whether the servers answer. 503 without the database; without Redis the console only gets slower."""
    database, bell = _database_answers(), _redis_answers()
    words = {True: "ok", False: "down"}
    return JsonResponse({"database": words[database], "redis": words[bell]}, status=200 if database else 503)


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _redis_answers() -> bool:
    try:
        return bool(redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1).ping())
    except redis.RedisError:
        return False


@login_not_required
@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Django's language switch, remembered by the person as well as by the browser."""
    language = request.POST.get("language", "")
    if isinstance(request.user, User) and check_for_language(language) and language in dict(settings.LANGUAGES):
        User.objects.filter(pk=request.user.pk).update(language=language)
    return i18n.set_language(request)
