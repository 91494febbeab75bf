"""What came of it: the report of a campaign on the screen, on paper, and as CSV and JSON of totals that hold no person."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from crisis import small
from crisis.clock import now
from crisis.deeds import deed
from crisis.models import AuditEntry
from crisis.permissions import requires
from crisis.views import person
from messaging import live_tests, progress
from messaging.correction import clock
from messaging.joint import Joint
from messaging.models import TOTALS, Campaign, Order, Status
from messaging.models.campaigns import STOPPABLE
from messaging.phrases import in_bounds, of_nationals, untold
from messaging.progress import Way
from messaging.views.adding import added_rows, joint_json
from messaging.views.campaigns import find, letters, reach_rows, reach_times, shared
from messaging.views.live import numbers, standing_of
from messaging.views.resending import uncertain_of
from messaging.views.sheet import SHORT, TIMES, sheet_rows

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
NUMBERS = ("total", "accepted", "failed", "uncertain", "waiting", "left", "resent", "read")
TOLD = ("estimate_lower", "estimate_upper", *TOTALS)
WORDS = ("status", "decision", "answered_by", "narrowed", "reason", "recipients", "totals_source")
MOMENTS = ("asked_at", "taken_at", "answered_at", "waived_at", "cancel_asked_at", "totals_at", "ended_at")
CLOCKS = ("first_at", "half_at", "most_at")


@require_GET
@requires("see")
def campaign_report(request: HttpRequest, pk: int) -> HttpResponse:
    """What came of it?"""
    campaign = find(pk, person(request))
    if campaign.status in (Status.DRAFT, Status.SUBMITTED, Status.REJECTED):
        return redirect("campaign_detail", pk)
    found = progress.ways(campaign)
    joint = progress.joint(campaign, found)
    context = {
        **shared(campaign, request),
        **numbers(campaign),
        **standing_of(campaign),
        **reach_times(campaign, campaign.reach),
        "headline": headline(campaign, joint),
        "added": [*added_rows(campaign, found, joint)],
        "uncertain": uncertain_of(campaign, person(request)),
        "reach": campaign.reach,
        "reach_rows": reach_rows(campaign, campaign.reach),
        "letters": letters(campaign),
        "approvals": [*_approvals(campaign)],
        "exception_over": bool(campaign.exception_expires_at and campaign.exception_expires_at <= now()),
        "log": _log(campaign),
        "under_way": campaign.status in STOPPABLE,
    }
    return render(request, "messaging/campaign_report.html", context)


def headline(campaign: Campaign, joint: Joint) -> str:
    """ "Sent to at least 24,800 and at most 46,300 people. …". Ways are never added up as if people were distinct."""
    people = in_bounds(joint)
    if campaign.test:
        return live_tests.outcome(people)
    if campaign.drill:
        return _("Drill: played to %(people)s. Nobody received this.") % {"people": people}
    sentences = [_("Sent to %(people)s.") % {"people": people}, of_nationals(joint, campaign.incident)]
    return " ".join([*sentences, untold(joint, {account.pk: account.label for account in campaign.accounts.all()})]).strip()


def _approvals(campaign: Campaign) -> Iterator[dict[str, Any]]:
    for approval in campaign.approvals.select_related("by", "glass__by", "glass__reviewed_by").order_by("-round"):
        yield {
            "by": approval.by,
            "at": approval.at,
            "hash": approval.fingerprint[:SHORT],
            "verdict": approval.get_verdict_display(),
            "alone": getattr(approval, "glass", None),
            "overrides": approval.overrides,
        }


def _alone(campaign: Campaign) -> list[dict[str, Any]]:
    """What of it was sent by one person alone, without saying who: that is in the console."""
    found = [approval["alone"] for approval in _approvals(campaign) if approval["alone"]]
    return [
        {"at": _iso(one.at), "reason": one.reason, "reviewed_at": _iso(one.reviewed_at), "review": one.review or None}
        for one in found
    ]


def _log(campaign: Campaign) -> list[dict[str, Any]]:
    rows = (
        AuditEntry.objects.filter(object_type="messaging.campaign", object_id=str(campaign.pk))
        .select_related("by")
        .order_by("-id")
    )
    return [{"key": row.pk, "at": row.at, "by": row.by, "text": deed(row.action)} for row in rows[:100]]


def report_of(campaign: Campaign, *, exact: bool = True) -> dict[str, Any]:
    """The report as plain totals: machine words, numbers of people, times in ISO 8601. Holds no person and no address.

    Not `exact`, it is for those who send nothing: numbers of people are rounded, and the report says so.
    """
    found = progress.ways(campaign)
    with small.telling(exact=exact):
        joint = progress.joint(campaign, found)
    report = _report(campaign, found, joint)
    return report if exact else _rounded(report)


def _report(campaign: Campaign, found: list[Way], joint: Joint) -> dict[str, Any]:
    incident = campaign.incident
    return {
        "campaign": campaign.pk,
        "incident": str(incident),
        "headline": campaign.headline,
        "kind": campaign.kind,
        "drill": campaign.drill,
        "test": campaign.test,
        "status": campaign.status,
        "pace": campaign.pace,
        "when_uncertain": campaign.when_uncertain,
        "corrects": campaign.corrects_id,
        "correction": _plain_clock(campaign),
        **{name: _iso(getattr(campaign, name)) for name in TIMES},
        "audience": campaign.audience_version.criteria if campaign.audience_version else None,
        "approved_content": [approval["hash"] for approval in _approvals(campaign)],
        "sent_by_one_person_alone": _alone(campaign),
        "sent_in_spite_of": [one for approval in _approvals(campaign) for one in approval["overrides"]],
        "exception": {"reason": campaign.exception_reason, "ends_at": _iso(campaign.exception_expires_at)}
        if campaign.exception_reason
        else None,
        "nationals_estimated": {
            "people": incident.estimate_people,
            "source": incident.estimate_source,
            "date": _iso(incident.estimate_at),
        },
        "reached": {"at_least": joint.least, "at_most": joint.most, "basis": "accepted by platforms, or reported as sent"},
        "joint": joint_json(campaign, found, joint),
        "ways": [_way(way, campaign) for way in found],
        "failures": [
            {"account": one.account, "status": one.status, "reason": one.reason, "people": one.people}
            for one in progress.failures(campaign) or []
        ],
        "counted_at": _iso(now()),
    }


def _plain_clock(campaign: Campaign) -> dict[str, Any] | None:
    """The clock of a correction; None for everything else."""
    found = clock(campaign)
    return found and {name: _iso(value) if name.endswith("_at") else value for name, value in found.items()}


def _way(way: Way, campaign: Campaign) -> dict[str, Any]:
    entry = (campaign.reach or {}).get("accounts", {}).get(str(way.account.pk), {})
    base = {"account": way.account.pk, "label": way.account.label, "channel": way.account.slug, "reach_at_submit": entry}
    if way.orders:
        return base | {"orders": [_order(order) for order in way.orders]}
    return base | {name: getattr(way, name) for name in NUMBERS} | {name: _iso(getattr(way, name)) for name in CLOCKS}


def _order(order: Order) -> dict[str, Any]:
    plain = {name: getattr(order, name) for name in (*WORDS, *TOLD, "sent_when_cancelled")}
    return {"order": str(order.pk), **plain, **{name: _iso(getattr(order, name)) for name in MOMENTS}}


def _iso(at: Any) -> str | None:
    return at.isoformat() if at else None


def _rounded(report: dict[str, Any]) -> dict[str, Any]:
    return report | {
        "people_rounded_down_to": small.SMALL,
        "reached": small.plain(report["reached"]),
        "correction": small.plain(report["correction"]),
        "ways": [small.plain(way) | {"account": way["account"]} for way in report["ways"]],
        "failures": [one | {"people": small.plain(one["people"])} for one in report["failures"]],
    }


@require_GET
@requires("report.export")
def campaign_report_json(request: HttpRequest, pk: int) -> JsonResponse:
    """The totals as JSON."""
    report = report_of(find(pk, person(request)), exact=small.sees_exact(person(request)))
    answer = JsonResponse(report, json_dumps_params={"ensure_ascii": False, "indent": 2})
    answer["Content-Disposition"] = f'attachment; filename="{_name(pk)}.json"'
    return answer


@require_GET
@requires("report.export")
def campaign_report_csv(request: HttpRequest, pk: int) -> HttpResponse:
    """The totals as CSV for a spreadsheet, in words: UTF-8 with its mark, and no cell that a spreadsheet runs as a formula."""
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    rows = sheet_rows(find(pk, person(request)), exact=small.sees_exact(person(request)))
    writer.writerows([safe(cell) for cell in row] for row in rows)
    answer = HttpResponse("\ufeff" + sheet.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{_name(pk)}.csv"'
    return answer


def _name(pk: int) -> str:
    return f"report-{pk}-{datetime.now().astimezone():%Y%m%d}"


def safe(cell: Any) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text
