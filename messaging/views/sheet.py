"""The report of a campaign as rows of a spreadsheet: in the reader's language, with times in ISO 8601. Holds no person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from django.contrib.admin.utils import label_for_field
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audiences.criteria.words import language_name
from crisis import small
from crisis.clock import now
from crisis.models import Incident
from messaging import progress
from messaging.correction import clock
from messaging.models import Campaign, Delivery, Order
from messaging.phrases import EXCLUDED, UNKNOWN, failure
from messaging.progress import Way
from messaging.views.campaigns import sentence

Row = tuple[Any, Any, Any]  # section, name, value
SHORT = 12  # characters of the approved content's hash that are shown
TIMES = ("submitted_at", "approved_at", "started_at", "ended_at", "not_after")
ESTIMATE = ("estimate_people", "estimate_source", "estimate_at")
NUMBERS = {
    "total": gettext_lazy("people chosen"),
    "accepted": gettext_lazy("accepted"),
    "failed": gettext_lazy("failed"),
    "uncertain": gettext_lazy("uncertain"),
    "waiting": gettext_lazy("waiting"),
    "left": gettext_lazy("will not be sent"),
    "resent": gettext_lazy("of these, sent again"),
    "read": gettext_lazy("read"),
    "first_at": gettext_lazy("first people answered for"),
    "half_at": gettext_lazy("half of the people answered for"),
    "most_at": gettext_lazy("95 percent of the people answered for"),
}
TOTALS = {
    "reason": gettext_lazy("reason"),
    "estimate_lower": gettext_lazy("estimated by the platform, at least"),
    "estimate_upper": gettext_lazy("estimated by the platform, at most"),
    "matched": gettext_lazy("found by the platform"),
    "sent": gettext_lazy("sent, as the platform reports"),
    "delivered": gettext_lazy("delivered, as the platform reports"),
    "read": gettext_lazy("read, as the platform reports"),
    "failed": gettext_lazy("failed, as the platform reports"),
    "asked_at": gettext_lazy("asked at"),
    "answered_at": gettext_lazy("answered at"),
    "totals_at": gettext_lazy("reported at"),
    "ended_at": gettext_lazy("ended at"),
}


def sheet_rows(campaign: Campaign, *, exact: bool = True) -> Iterator[Row]:
    """The header, then one row a number: what it was, what came of each way, and why people failed.

    Not `exact`, numbers of people are rounded for those who send nothing, and a row says so.
    """
    people = _plain if exact else _rounded
    yield _("Section"), _("Name"), _("Value")
    ways = progress.ways(campaign)
    yield from ((_("Campaign"), name, _plain(value)) for name, value in _facts(campaign))
    yield from ((_("Campaign"), name, people(value)) for name, value in _reached(ways))
    if not exact:
        yield _("Campaign"), _("numbers of people"), _("rounded down to tens")
    for way in ways:
        yield from ((way.account.label, name, people(value)) for name, value in _way(way, campaign))
    labels = {way.account.pk: way.account.label for way in ways}
    for one in progress.failures(campaign) or []:
        why = _("no answer came back") if one.status == Delivery.Status.UNCERTAIN else failure(one.reason)[0]
        yield _("Reasons of failure"), f"{labels[one.account]}, {Delivery.Status(one.status).label}: {why}", people(one.people)


def _facts(campaign: Campaign) -> Iterator[tuple[Any, Any]]:
    incident = campaign.incident
    yield _("Number"), campaign.pk
    yield _("Incident"), incident
    yield _("Headline"), campaign.headline
    yield _("Kind of message"), campaign.get_kind_display()
    yield _("Drill"), campaign.drill
    yield _("Status"), campaign.get_status_display()
    yield from ((label_for_field(name, Campaign), getattr(campaign, name)) for name in TIMES)
    yield _("Audience"), sentence(campaign)
    yield _("people in ten minutes"), campaign.pace
    yield UNKNOWN, campaign.get_when_uncertain_display()
    if told := clock(campaign):
        yield _("corrects"), campaign.corrects
        yield _("found wrong"), told["found_wrong_at"]
        yield _("first person told"), told["first_at"]
        yield _("last person told"), told["last_at"]
    for approval in campaign.approvals.select_related("glass").order_by("-round"):
        yield _("mark of the approved content"), approval.fingerprint[:SHORT]
        if glass := getattr(approval, "glass", None):
            yield _("sent by one person alone, because"), glass.reason
            yield _("reviewed at"), glass.reviewed_at
    if campaign.exception_reason:
        yield _("Exception"), campaign.exception_reason
        yield _("the exception ends"), campaign.exception_expires_at
    yield from ((label_for_field(name, Incident), getattr(incident, name)) for name in ESTIMATE)
    yield _("counted at"), now()


def _reached(ways: list[Way]) -> Iterator[tuple[Any, Any]]:
    reached = progress.reached(ways)
    yield _("people reached, at least"), reached.least
    yield _("people reached, at most"), reached.most


def _way(way: Way, campaign: Campaign) -> Iterator[tuple[Any, Any]]:
    yield _("Channel"), way.account.get_slug_display()
    yield from _at_submit((campaign.reach or {}).get("accounts", {}).get(str(way.account.pk), {}))
    if way.order is None:
        yield from ((words, getattr(way, name)) for name, words in NUMBERS.items())
        return
    yield _("Status"), way.order.get_status_display()
    yield _("decision"), Order.Decision(way.order.decision).label if way.order.decision else ""
    yield from ((words, getattr(way.order, name)) for name, words in TOTALS.items())


def _at_submit(entry: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Who could be reached when it was submitted."""
    if entry.get("basis") != "counted":
        return
    cut_off = sum(row["people"] for row in entry.get("cut_off", []))
    yield _("could be reached when it was submitted"), entry["people"] - cut_off
    if cut_off:
        yield _("written to though the way was down where they were"), cut_off
    for reason, people in entry.get("excluded", {}).items():
        yield _("left out: %(reason)s") % {"reason": EXCLUDED[reason]}, people
    for code, people in entry.get("languages", {}).items():
        yield _("language: %(languages)s") % {"languages": language_name(code)}, people


def _rounded(value: Any) -> Any:
    return small.plain(_plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return value.isoformat() if isinstance(value, date) else value
