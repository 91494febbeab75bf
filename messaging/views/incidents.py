"""The situation, incidents and the coverage board: pages to look at. What they offer to do is POSTed elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from audiences.forms import OutageEndForm, OutageForm
from audiences.models import Outage
from audiences.outages import described, is_theirs
from crisis import facts
from crisis.clock import now
from crisis.forms import FactForm, NextUpdateForm, NoteForm, add_problems
from crisis.incidents import MOVES
from crisis.models import Fact, Incident, User
from crisis.permissions import may, requires
from crisis.refusal import Refused
from crisis.views import PER_PAGE, paged, person
from messaging import board, down, standing, training
from messaging.forms.filters import IncidentFilter
from messaging.joint import Part, join
from messaging.models import STOPPABLE, Campaign, ReachException, Status
from messaging.phrases import as_told, in_bounds, size_of
from messaging.stories import offering

FACT_ID, OUTAGE_ID = "id_fact_%s", "id_outage_%s"
END_ID = "id_end_%d_%%s"
COUNTERS = ("accepted", "failed", "uncertain")


@require_GET
@requires("see")
def situation(request: HttpRequest) -> HttpResponse:
    """What is going on now? Asked by a poll, it answers with the campaigns under way alone."""
    user = person(request)
    live = [*board.of_status(*STOPPABLE, by=user)]
    if request.headers.get("HX-Request"):
        return render(request, "messaging/_under_way.html", {"under_way": board.with_totals(live)})
    at = now()
    waiting = [*board.of_status(Status.SUBMITTED, by=user).with_mine(user)]
    decisions = [row for row in waiting if may(user, "campaign.approve") and not row.mine]
    incidents = [(row, row.update_overdue(at)) for row in board.open_incidents(by=user)]
    posts = board.posts(row for row, _overdue in incidents)
    drills = Campaign.objects.seen_by(user).filter(drill=True, started_at__isnull=False)
    context = {
        "under_way": board.with_totals(live),
        "approvals": [(row, size_of(row.reach or {}), row in decisions) for row in waiting],
        "incidents": incidents,
        "troubled": standing.in_trouble(),
        "down": down.lasting(user),
        "silent": board.silent(posts),
        "undecided": board.undecided(user),
        "last_drill": drills.order_by("-started_at").first(),
        "nobody_trained": training.nobody_lately(),
        "story": offering.declaration() if may(user, "incident.write") else "",
        "burning": board.burning(decisions, live, [row for row, overdue in incidents if overdue]),
    }
    return render(request, "messaging/situation.html", context)


@require_GET
@requires("see")
def incident_list(request: HttpRequest) -> HttpResponse:
    """All incidents, newest first."""
    form, user = IncidentFilter(request.GET), person(request)
    rows = form.rows(user).annotate(
        alerts=Count("campaigns", filter=~Q(campaigns__status=Status.REJECTED) & Q(campaigns__test=False))
    )
    page = paged(request, rows)
    context = {"form": form, "page": page, "any": Incident.objects.seen_by(user).exists()}
    return render(request, "messaging/incident_list.html", context)


@require_GET
@requires("see")
def incident_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """What do we know, and what did we do?"""
    seen = Incident.objects.seen_by(person(request))
    incident = get_object_or_404(seen.prefetch_related("countries").select_related("opened_by"), pk=pk)
    return incident_page(request, incident)


@require_POST
@requires("incident.write")
def incident_fact(request: HttpRequest, pk: int) -> HttpResponse:
    """Put a fact on the sheet, or change it; without a value it is taken off."""
    user = person(request)
    incident = get_object_or_404(Incident.objects.seen_by(user).prefetch_related("countries"), pk=pk)
    form = FactForm(request.POST, auto_id=FACT_ID)
    if not form.is_valid():
        return incident_page(request, incident, 422, fact=form)
    try:
        facts.state_fact(Fact(incident=incident, **form.cleaned_data), by=user)
    except Refused as refused:
        add_problems(form, refused)
        return incident_page(request, incident, 422, fact=form)
    return redirect(f"{reverse('incident_detail', args=[pk])}#facts")


def incident_page(request: HttpRequest, incident: Incident, status: int = 200, **forms: Any) -> HttpResponse:
    """The page of an incident. `forms` are those that came back with errors, by their names in the context."""
    at = now()
    campaigns = board.with_totals(Campaign.objects.filter(incident=incident).prefetch_related("texts"))
    page = paged(request, incident.log.select_related("by"))
    context = {
        "incident": incident,
        "drill": incident.drill,
        "zone": next((country.zone for country in incident.countries.all()), None),
        "open": incident.status != Incident.Status.CLOSED,
        "overdue": incident.update_overdue(at),
        "campaigns": campaigns,
        "reached": _reached(campaigns),
        "posts": board.posts([incident])[incident.pk],
        "exceptions": ReachException.objects.filter(incident=incident, terms__isnull=False).distinct(),
        "page": page,
        "sheet": facts.sheet(incident),
        "stated": incident.facts.select_related("by")[:PER_PAGE],
        "fact": FactForm(auto_id=FACT_ID),
        "note": NoteForm(),
        "next_update": NextUpdateForm(initial={"minutes": "60"}),
        "moves": _moves(incident),
        **_outages(incident, at, person(request), forms.pop("endings", {})),
        **forms,
    }
    return render(request, "messaging/incident_detail.html", context, status=status)


def _outages(incident: Incident, at: datetime, by: User, endings: Mapping[int, OutageEndForm]) -> dict[str, Any]:
    """What is down anywhere, first in the places of the incident; what was down there; and the forms that report and end it."""
    here = incident.country_codes

    def form(row: Outage) -> OutageEndForm | None:
        if incident.drill or not (may(by, "outage.write") and is_theirs(row.country, by)):
            return None
        return endings.get(row.pk) or OutageEndForm(initial={"until_at": at}, auto_id=END_ID % row.pk)

    lasting = Outage.objects.filter(until_at=None).select_related("entered_by")
    over = Outage.objects.filter(country__in=here).exclude(until_at=None).select_related("entered_by", "ended_by")
    return {
        "down": sorted(((row, described(row), form(row)) for row in lasting), key=lambda row: row[0].country not in here),
        "over": [(row, described(row)) for row in over[:PER_PAGE]],
        "outage": OutageForm(initial={"countries": incident.countries.all(), "since_at": at}, auto_id=OUTAGE_ID),
        "zone_here": settings.TIME_ZONE,
    }


def _reached(campaigns: list[tuple[Campaign, list[board.Total]]]) -> dict[str, Any]:
    """Messages by account over all campaigns, and people at least and at most: one person may have got several messages."""
    every = [total for campaign, found in campaigns if not campaign.test for total in found if total.accepted or total.handled]
    by_account: dict[int, dict[str, Any]] = {}
    for total in every:
        row = by_account.setdefault(total.account, {"label": total.label, "orders": [], **dict.fromkeys(COUNTERS, 0)})
        if total.order:
            row["orders"].append(total)
        else:
            for name in COUNTERS:
                row[name] += getattr(total, name)
    joint = join([Part(number, *as_told(total.bounds)) for number, total in enumerate(every)])
    return {"people": in_bounds(joint), "rows": [*by_account.values()]}


def _moves(incident: Incident) -> list[tuple[str, Any]]:
    words = {
        Incident.Status.OPEN: _("Open again"),
        Incident.Status.MONITORING: _("Only monitor from now on"),
        Incident.Status.CLOSED: _("Close the incident"),
    }
    return [(status.value, words[status]) for status in Incident.Status if status in MOVES[Incident.Status(incident.status)]]


@require_GET
@requires("see")
def coverage(request: HttpRequest) -> HttpResponse:
    """Which missions have told their followers, over all incidents that are not closed."""
    incidents = board.open_incidents(by=person(request))
    found = board.posts(incidents)
    rows = [(row, found[row.pk], sum(not post.posted for post in found[row.pk])) for row in incidents]
    return render(request, "messaging/coverage.html", {"rows": rows})
