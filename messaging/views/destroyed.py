"""Data about people that is no longer held: what was destroyed, and the proposal to destroy that of a closed incident."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import F, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods

from crisis.models import Destruction, Incident
from crisis.permissions import requires
from crisis.power import changing
from crisis.power.forms import WhyForm
from crisis.refusal import Refused
from crisis.templatetags.console import number
from crisis.views import paged, person
from crisis.views.power import to_proposal
from messaging.models import Batch
from messaging.purging import hindrances

WORDS = {
    "deliveries": _("results for single people: %(n)s"),
    "refs": _("platforms' numbers of messages: %(n)s"),
    "replies": _("replies: %(n)s"),
    "batches": _("lists of people: %(n)s"),
    "presence": _("sightings: %(n)s"),
    "lists": _("entries of lists: %(n)s"),
    "trips": _("trips: %(n)s"),
    "contacts": _("people: %(n)s"),
    "addresses": _("addresses: %(n)s"),
    "staff": _("colleagues for tests: %(n)s"),
}


@require_GET
@requires("destroyed.see")
def destruction_list(request: HttpRequest) -> HttpResponse:
    """What was destroyed, when, and who wanted it?"""
    rows = Destruction.objects.select_related("incident", "by", "change__proposed_by", "change__confirmed_by")
    page = paged(request, rows)
    held = Incident.objects.filter(status=Incident.Status.CLOSED, destructions=None)
    context = {"page": page, "rows": [(row, in_words(row.counts)) for row in page], "held": held}
    return render(request, "messaging/destruction_list.html", context)


def in_words(counts: dict[str, int]) -> list[str]:
    """How many of what; nothing is said of what there was none of."""
    return [str(WORDS[name]) % {"n": number(rows)} for name, rows in counts.items() if rows and name in WORDS]


@require_http_methods(["GET", "HEAD", "POST"])
@requires("power.change")
def incident_purge(request: HttpRequest, pk: int) -> HttpResponse:
    """What would be destroyed, and what hinders it? POST proposes it to another administrator."""
    incident = get_object_or_404(Incident.objects.seen_by(person(request)), pk=pk)
    form = WhyForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _purge_page(request, incident, form, hindrances(incident), status=422 if form.errors else 200)
    try:
        why = form.cleaned_data["why"]
        change = changing.propose("incident.purge", data={"incident": incident.pk}, why=why, by=person(request))
    except Refused as refused:
        return _purge_page(request, incident, form, refused.problems, status=refused.status)
    return to_proposal(request, change)


def _purge_page(
    request: HttpRequest, incident: Incident, form: WhyForm, problems: Iterable[Any], *, status: int
) -> HttpResponse:
    batches = Batch.objects.filter(campaign__incident=incident)
    handled = batches.aggregate(n=Sum(F("accepted") + F("failed") + F("uncertain")))["n"] or 0
    context = {"incident": incident, "form": form, "problems": [*problems], "handled": handled}
    return render(request, "messaging/incident_purge.html", context, status=status)
