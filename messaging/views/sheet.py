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
from messaging.joint import Added, Joint, percent_at_least, percent_at_most
from messaging.models import NARROWED, Campaign, Delivery, Order
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
TOLD = {
    "reason": gettext_lazy("reason"),
    "estimate_lower": gettext_lazy("estimated there, at least"),
    "estimate_upper": gettext_lazy("estimated there, at most"),
    "matched": gettext_lazy("found, as reported"),
    "sent": gettext_lazy("sent, as reported"),
    "delivered": gettext_lazy("delivered, as reported"),
    "read": gettext_lazy("read, as reported"),
    "failed": gettext_lazy("failed, as reported"),
    "opted_out": gettext_lazy("opted out, as reported"),
    "sent_when_cancelled": gettext_lazy("sent before it was cancelled"),
    "totals_source": gettext_lazy("who told the numbers"),
    "asked_at": gettext_lazy("asked at"),
    "answered_at": gettext_lazy("answered at"),
    "waived_at": gettext_lazy("nothing waits for it since"),
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
    with small.telling(exact=exact):
        joint = progress.joint(campaign, ways)
    yield from ((_("Campaign"), name, value) for name, value in _reached(campaign, joint))
    if not exact:
        yield _("Campaign"), _("numbers of people"), _("rounded down to tens")
    for way, added in zip(ways, joint.ways, strict=True):
        yield from ((way.account.label, name, people(value)) for name, value in _way(way, campaign))
        yield from ((way.account.label, name, value) for name, value in _added(campaign, way, added))
    labels = {way.account.pk: way.account.label for way in ways}
    for one in progress.failures(campaign) or []:
        why = _("no answer came back") if one.status == Delivery.Status.UNCERTAIN else failure(one.reason)[0]
        yield _("Reasons of failure"), f"{labels[one.account]}, {Delivery.Status(one.status).label}: {why}", people(one.people)


def _facts(campaign: Campaign) -> Iterator[tuple[Any, Any]]:
    incident = campaign.incident
    yield _("Number"), campaign.pk
    yield _("Incident"), incident
    yield _("Headline"), campaign.headline
    yield _("Kind of campaign"), campaign.get_kind_display()
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


def _reached(campaign: Campaign, joint: Joint) -> Iterator[tuple[Any, Any]]:
    yield _("people reached, at least"), joint.least
    yield _("people reached, at most"), joint.most
    if nationals := campaign.incident.estimate_people:
        yield _("percent of the nationals estimated, at least"), percent_at_least(joint.least, nationals)
        yield _("percent of the nationals estimated, at most"), joint.most and percent_at_most(joint.most, nationals)


def _added(campaign: Campaign, way: Way, added: Added) -> Iterator[tuple[Any, Any]]:
    """What it added to the other ways, and how long the decision about it took."""
    yield _("added to the other ways, at least"), added.least
    yield _("added to the other ways, at most"), added.most
    asked, answered = progress.decision_of(campaign, way)
    yield _("seconds until the decision"), round((answered - asked).total_seconds()) if asked and answered else None
    yield _("people for a minute of decision"), added.part.per_minute and int(added.part.per_minute)


def _way(way: Way, campaign: Campaign) -> Iterator[tuple[Any, Any]]:
    yield _("Channel"), way.account.get_slug_display()
    yield from _at_submit((campaign.reach or {}).get("accounts", {}).get(str(way.account.pk), {}))
    if not way.orders:
        yield from ((words, getattr(way, name)) for name, words in NUMBERS.items())
    for number, order in enumerate(way.orders, 1):
        yield _("Order"), str(number)
        yield from _order(order)


def _order(order: Order) -> Iterator[tuple[Any, Any]]:
    if order.recipients:
        yield _("to whom"), order.get_recipients_display()
    yield _("Status"), order.status_label
    yield _("decision"), Order.Decision(order.decision).label if order.decision else ""
    if order.narrowed:
        yield _("in part"), ", ".join(str(NARROWED.get(word, word)) for word in order.narrowed)
    yield from ((words, getattr(order, name)) for name, words in TOLD.items())


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
