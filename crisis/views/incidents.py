"""What is done to an incident: thin callers of the verbs. The incident's own page belongs to messaging."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crisis import incidents
from crisis.clock import now
from crisis.forms import CoverageForm, NextUpdateForm, NoteForm
from crisis.models import Incident, Mission
from crisis.permissions import requires
from crisis.refusal import Refused
from crisis.views import person


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
