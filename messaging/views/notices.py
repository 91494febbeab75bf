"""Waking those who may decide, as people see it: the line on top of every page, who was told, “I have it”, the call list."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from crisis.models import User
from crisis.permissions import requires
from crisis.refusal import Refused
from crisis.views import person
from messaging import escalation, workflow
from messaging.escalation import letters
from messaging.models import Campaign, Notice, Status
from messaging.views.campaigns import approvers, find, shared


@require_GET
@requires("see")
def waiting_line(request: HttpRequest) -> HttpResponse:
    """What waits for the person who looks: the part of every page that asks again by itself."""
    return render(request, "_waiting.html")


@require_GET
@requires("see")
def campaign_told(request: HttpRequest, pk: int) -> HttpResponse:
    """Who was told when by what. Asked by a poll until it is decided."""
    campaign = find(pk, person(request))
    answer = render(request, "messaging/_campaign_told.html", shared(campaign, request))
    if campaign.status != Status.SUBMITTED:
        answer["X-Poll"] = "over"
    return answer


@require_POST
@requires("campaign.approve")
def campaign_take(request: HttpRequest, pk: int) -> HttpResponse:
    """“I have it”: the next on duty is left asleep for a while."""
    workflow.take(find(pk, person(request)), by=person(request))
    messages.success(request, _("It is yours. The next on duty is told later, unless you decide before."))
    return redirect("campaign_decision", pk)


@require_GET
@requires("campaign.submit")
def campaign_calls(request: HttpRequest, pk: int) -> HttpResponse:
    """Whom to call, and the words to read out."""
    campaign = find(pk, person(request))
    if campaign.status != Status.SUBMITTED:
        raise Refused(_("Nobody has to be called: this does not wait for approval."))
    context = shared(campaign, request) | {
        "spoken": letters.spoken(campaign),
        "texts": letters.texts(campaign),
        "rows": [*_rows(campaign)],
    }
    return render(request, "messaging/campaign_calls.html", context)


def _rows(campaign: Campaign) -> list[dict[str, Any]]:
    """Those who may decide in the order of call, each with their phone and what came of the last call."""
    calls = {row.person_id: row for row in Notice.objects.filter(
        campaign=campaign, round=campaign.round, way=Notice.Way.PHONE).select_related("by")}  # fmt: skip
    return [
        {**row, "phone": escalation.phone_of(row["person"]), "call": calls.get(row["person"].pk)} for row in approvers(campaign)
    ]


@require_POST
@requires("campaign.submit")
def campaign_called(request: HttpRequest, pk: int, callee: int) -> HttpResponse:
    """What came of a call: `reached` is 1 or 0."""
    called = get_object_or_404(User, pk=callee)
    reached = request.POST.get("reached") == "1"
    workflow.called(find(pk, person(request)), called, reached=reached, by=person(request))
    messages.success(request, _("Noted: reached.") if reached else _("Noted: no answer. Call the next one."))
    return redirect("campaign_calls", pk)
