"""What a word about an order may say: totals that fit together and do not take back what was said before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from messaging.channels import OrderReport
from messaging.models import TOTALS, Order

AHEAD = timedelta(minutes=5)  # how far two clocks may be apart
KEPT_OPEN = timedelta(hours=72)  # after the end of an order's window, in which its totals may still change
ROUNDED, MATCHED_ROUNDED = 10, 100  # to what a machine rounds that has not said so
MOST = 10**9

# Pairs of totals of which the first is never more than the second.
WITHIN = (("sent", "matched"), ("delivered", "sent"), ("read", "delivered"))

FAULTS = {
    "impossible": _("A total is below nothing or above a thousand million."),
    "sent_over_matched": _("They cannot have sent to more people than they found."),
    "failed_over_matched": _("Sent and failed together cannot be more people than they found."),
    "delivered_over_sent": _("It cannot have arrived with more people than it was sent to."),
    "read_over_delivered": _("More people cannot have read it than have got it."),
    "sent_taken_back": _("They cannot have sent to fewer people than they said before."),
    "from_the_future": _("It is said of a time that has not come."),
    "before_the_question": _("It is said of a time before they were asked."),
}


def faults(order: Order, report: OrderReport, at: datetime, *, rounded: bool) -> list[str]:
    """What cannot be true of a report at this instant, as names of FAULTS. `rounded`: a machine told it, and machines round."""
    step = (report.step or order.step or ROUNDED) if rounded else 0
    matched_step = (report.matched_step or order.matched_step or MATCHED_ROUNDED) if rounded else 0
    return [*_numbers(order, report, step, matched_step), *_times(order, report, at)]


def _numbers(order: Order, report: OrderReport, step: int, matched_step: int) -> Iterator[str]:
    known = {name: said if (said := getattr(report, name)) is not None else getattr(order, name) for name in TOTALS}
    if any(not 0 <= people <= MOST for people in known.values() if people is not None):
        yield "impossible"
    for less, more in WITHIN:
        slack = step + (matched_step if more == "matched" else step)
        if known[less] is not None and known[more] is not None and known[less] > known[more] + slack:
            yield f"{less}_over_{more}"
    tried = (known["sent"] or 0) + (known["failed"] or 0)
    if known["matched"] is not None and known["failed"] and tried > known["matched"] + matched_step + 2 * step:
        yield "failed_over_matched"
    if order.sent is not None and known["sent"] < order.sent - step:
        yield "sent_taken_back"


def _times(order: Order, report: OrderReport, at: datetime) -> Iterator[str]:
    if report.at > at + AHEAD:
        yield "from_the_future"
    if order.asked_at and report.at < order.asked_at - AHEAD:
        yield "before_the_question"
