"""What people and platforms do in the stories of orders: acts as those of `acts`, which takes them in."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from crisis.clock import now
from crisis.refusal import Refused
from messaging import hooks, workflow
from messaging.channels import OrderReport, Report
from messaging.models import Card, Order
from messaging.workflow import by_hand
from tests.faults import acts

GEO, DESK = "vk-geo", "manual"


def ordered(slug: str) -> Order:
    return Order.objects.filter(batch__account__slug=slug).order_by("batch")[0]


def remind_of_the_order(slug: str) -> None:
    with suppress(Refused):  # within a minute of the last time
        workflow.remind(ordered(GEO), by=acts.who("anna"))


def go_on_without_it(slug: str) -> None:
    workflow.go_on_without(ordered(GEO), by=acts.who("anna"))


def cancel_the_order(slug: str) -> None:
    workflow.cancel_order(ordered(GEO), by=acts.who("anna"))


def say_what_cannot_be(slug: str) -> None:
    """A platform that would have sent to more people than it found."""
    at = now() + timedelta(minutes=4)  # later than what it said before, by its own clock
    said = OrderReport(str(ordered(GEO).pk), "accepted", at, matched=1000, sent=9000)
    hooks.receive(acts.account(GEO), [Report("event-3", "order", at, order=said)])


def write_to_a_desk(slug: str) -> None:
    acts._write(acts.account(slug), acts.account(DESK))


def expect_people(slug: str) -> None:
    by_hand.expect_people(acts.newest(), acts.account(DESK), 10, 20, "the duty manager", by=acts.who("anna"))


def heard() -> by_hand.Heard:
    """Said by the one official there is, noted by somebody who has read everything so far."""
    read = ordered(DESK).words.order_by("pk").values_list("pk", flat=True).last()
    return by_hand.Heard(card=Card.objects.get(), source="the duty manager", seen=read or 0)


def ask_the_desk(slug: str) -> None:
    by_hand.no_reply(ordered(DESK), heard(), by=acts.who("anna"))
    by_hand.ask(ordered(DESK), heard(), by=acts.who("anna"))


def hear_the_desk(slug: str) -> None:
    if not ordered(DESK).decision:
        by_hand.answer(ordered(DESK), "accepted", heard(), by=acts.who("anna"))
    by_hand.tell_totals(ordered(DESK), {"matched": 20, "sent": 10}, heard(), by=acts.who("anna"))


def stop_the_desk(slug: str) -> None:
    if not ordered(DESK).ended:
        by_hand.tell_stop(ordered(DESK), heard(), by=acts.who("anna"))
        by_hand.tell_totals(ordered(DESK), {"sent": 15}, heard(), by=acts.who("anna"), over=True)
