"""The situation, incidents and the coverage board: pages to look at. What they offer to do is POSTed elsewhere."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from crisis import facts
from crisis.clock import now
from crisis.forms import FactForm, NextUpdateForm, NoteForm
from crisis.incidents import MOVES
from crisis.models import Fact, Incident, User
from crisis.permissions import may, requires
from crisis.refusal import Refused
from messaging import board, standing, training
from messaging.models import Account, Campaign, ReachException, Status
from messaging.phrases import size_of
from messaging.stories import offering

PER_PAGE = 50
FACT_ID = "id_fact_%s"
COUNTERS = ("accepted", "failed", "uncertain")
LIVE = (Status.SENDING, Status.PAUSED, Status.APPROVED)


@require_GET
@requires("see")
def situation(request: HttpRequest) -> HttpResponse:
    """What is going on now? Asked by a poll, it answers with the campaigns under way alone."""
    user = cast(User, request.user)
    live = [*board.of_status(*LIVE, by=user)]
    if request.headers.get("HX-Request"):
        return render(request, "messaging/_under_way.html", {"under_way": board.with_totals(live)})
    at = now()
    waiting = [*board.of_status(Status.SUBMITTED, by=user).annotate(mine=board.written_by(user))]
    decisions = [row for row in waiting if may(user, "campaign.approve") and not row.mine]
    incidents = [(row, row.update_overdue(at)) for row in board.open_incidents(by=user)]
    posts = board.posts(row for row, _overdue in incidents)
    drills = Campaign.objects.seen_by(user).filter(drill=True, started_at__isnull=False)
    context = {
        "under_way": board.with_totals(live),
        "approvals": [(row, size_of(row.reach or {}), row in decisions) for row in waiting],
        "incidents": incidents,
        "troubled": [(row, standing.in_words(row.paused_reason)) for row in Account.objects.exclude(paused_at=None)],
        "silent": board.silent(posts),
        "last_drill": drills.order_by("-started_at").first(),
        "nobody_trained": training.nobody_lately(),
        "story": offering.declaration() if may(user, "incident.write") else "",
        "burning": board.burning(decisions, live, [row for row, overdue in incidents if overdue]),
    }
    return render(request, "messaging/situation.html", context)


class IncidentFilter(forms.Form):
    """Filters of the list of incidents; they live in the URL."""

    status = forms.ChoiceField(
        label=_("Status"), required=False, choices=[("", _("not closed")), *Incident.Status.choices, ("all", _("all"))]
    )
    drill = forms.ChoiceField(
        label=_("Live or drill"), required=False, choices=[("", _("live and drills")), ("0", _("live")), ("1", _("drills"))]
    )

    def rows(self, by: User) -> QuerySet[Incident]:
        """The incidents that pass and that this person sees; a filter that cannot be read filters nothing."""
        self.is_valid()
        status, drill = self.cleaned_data.get("status", "all"), self.cleaned_data.get("drill", "")
        seen = Incident.objects.seen_by(by)
        rows = seen.prefetch_related("countries").select_related("opened_by").order_by("-opened_at", "-pk")
        if status in Incident.Status.values:
            rows = rows.filter(status=status)
        elif not status:
            rows = rows.exclude(status=Incident.Status.CLOSED)
        return rows.filter(drill=drill == "1") if drill else rows


@require_GET
@requires("see")
def incident_list(request: HttpRequest) -> HttpResponse:
    """All incidents, newest first."""
    form, user = IncidentFilter(request.GET), cast(User, request.user)
    rows = form.rows(user).annotate(
        alerts=Count("campaigns", filter=~Q(campaigns__status=Status.REJECTED) & Q(campaigns__test=False))
    )
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {"form": form, "page": page, "any": Incident.objects.seen_by(user).exists()}
    return render(request, "messaging/incident_list.html", context)


@require_GET
@requires("see")
def incident_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """What do we know, and what did we do?"""
    seen = Incident.objects.seen_by(cast(User, request.user))
    incident = get_object_or_404(seen.prefetch_related("countries").select_related("opened_by"), pk=pk)
    return _incident_page(request, incident, FactForm(auto_id=FACT_ID))


@require_POST
@requires("incident.write")
def incident_fact(request: HttpRequest, pk: int) -> HttpResponse:
    """Put a fact on the sheet, or change it; without a value it is taken off."""
    user = cast(User, request.user)
    incident = get_object_or_404(Incident.objects.seen_by(user).prefetch_related("countries"), pk=pk)
    form = FactForm(request.POST, auto_id=FACT_ID)
    if not form.is_valid():
        return _incident_page(request, incident, form, 422)
    try:
        facts.state_fact(Fact(incident=incident, **form.cleaned_data), by=user)
    except Refused as refused:
        for problem in refused.problems:
            form.add_error(problem.field or None, str(problem.sentence))
        return _incident_page(request, incident, form, 422)
    return redirect(f"{reverse('incident_detail', args=[pk])}#facts")


def _incident_page(request: HttpRequest, incident: Incident, fact: FactForm, status: int = 200) -> HttpResponse:
    campaigns = board.with_totals(Campaign.objects.filter(incident=incident).prefetch_related("texts"))
    page = Paginator(incident.log.select_related("by"), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "incident": incident,
        "drill": incident.drill,
        "zone": next((country.zone for country in incident.countries.all()), None),
        "open": incident.status != Incident.Status.CLOSED,
        "overdue": incident.update_overdue(now()),
        "campaigns": campaigns,
        "reached": _reached(campaigns),
        "posts": board.posts([incident])[incident.pk],
        "exceptions": ReachException.objects.filter(incident=incident, terms__isnull=False).distinct(),
        "page": page,
        "sheet": facts.sheet(incident),
        "stated": incident.facts.select_related("by")[:PER_PAGE],
        "fact": fact,
        "note": NoteForm(),
        "next_update": NextUpdateForm(initial={"minutes": "60"}),
        "moves": _moves(incident),
    }
    return render(request, "messaging/incident_detail.html", context, status=status)


def _reached(campaigns: list[tuple[Campaign, list[board.Total]]]) -> dict[str, Any]:
    """Messages by account over all campaigns, and how many people at least: one person may have got several messages."""
    every = [total for campaign, found in campaigns if not campaign.test for total in found if total.accepted or total.handled]
    by_account: dict[int, dict[str, Any]] = {}
    for total in every:
        row = by_account.setdefault(total.account, {"label": total.label, "order": total.order, **dict.fromkeys(COUNTERS, 0)})
        for name in COUNTERS:
            row[name] += getattr(total, name)
    return {"least": max((total.accepted for total in every), default=0), "rows": [*by_account.values()]}


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
    incidents = board.open_incidents(by=cast(User, request.user))
    found = board.posts(incidents)
    rows = [(row, found[row.pk], sum(not post.posted for post in found[row.pk])) for row in incidents]
    return render(request, "messaging/coverage.html", {"rows": rows})
