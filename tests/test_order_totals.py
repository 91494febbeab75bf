"""Totals of an order: what cannot be is not believed, and what comes late still reaches every report."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from crisis.clock import now
from messaging import totals
from messaging.channels import OrderReport
from messaging.delivery import orders
from messaging.models import Batch, Campaign, Delivery, Order, OrderWord
from tests.stages import ahead
from tests.test_orders import Desk, fresh, hear, told
from tests.test_orders import desk as desk
from tests.test_orders import platform as platform

KNOWN = {"matched": 20_000, "sent": 5000, "delivered": 4000, "read": 100}


def found(*, rounded: bool = True, minutes: int = 0, known: dict[str, int] | None = None, **said: int) -> list[str]:
    """What is wrong with these totals, of an order that said KNOWN before."""
    at = now()
    order = Order(asked_at=at - timedelta(hours=1), **(KNOWN if known is None else known))
    report = OrderReport("", "sending", at + timedelta(minutes=minutes), **said)
    return totals.faults(order, report, at, rounded=rounded)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"sent": 21_000}, "sent_over_matched"),
        ({"sent": 19_900, "failed": 400}, "failed_over_matched"),
        ({"delivered": 5021}, "delivered_over_sent"),
        ({"read": 4500}, "read_over_delivered"),
        ({"sent": 4980}, "sent_taken_back"),
        ({"matched": -1}, "impossible"),
        ({"matched": 10**9 + 1}, "impossible"),
        ({"minutes": 6}, "from_the_future"),
        ({"minutes": -66}, "before_the_question"),
    ],
)
def test_totals_that_cannot_be_are_found(said: dict[str, Any], fault: str) -> None:
    assert fault in found(**said)
    assert fault in totals.FAULTS


@pytest.mark.django_db
def test_what_rounding_does_is_no_fault_of_a_machine_and_one_of_a_person() -> None:
    known, said = {"matched": 8000}, {"sent": 7750, "failed": 300}
    assert found(known=known, **said) == []
    assert found(rounded=False, known=known, **said) == ["failed_over_matched"]


@pytest.mark.django_db
def test_totals_that_fit_together_have_no_fault() -> None:
    assert found(matched=20_000, sent=19_400, delivered=18_820, read=4100, failed=600, minutes=4) == []


committed = pytest.mark.usefixtures("committed")


@committed
def test_what_cannot_be_changes_no_number_and_is_kept_once(desk: Desk) -> None:
    order = desk.asked()
    hear(order, told(order, "sending", 0, sent=500, matched=900))
    heard = hear(order, *(told(order, "sending", minute, sent=5000) for minute in (1, 2)), told(order, "done", 9, sent=600))
    strange = [*order.words.filter(kind=OrderWord.Kind.STRANGE).values_list("text", flat=True)]
    assert (heard.sent, heard.status, len(strange)) == (500, Order.Status.DONE, 2)
    assert strange[0] == "They cannot have sent to more people than they found."


@committed
def test_the_coarsest_rounding_of_the_contract_is_kept(desk: Desk) -> None:
    order = desk.asked()
    heard = hear(order, told(order, "sending", 0, sent=1_000_000, step=10**6, matched_step=10**6, threshold=10**6))
    assert (heard.sent, heard.step, heard.matched_step, heard.threshold) == (10**6,) * 4


@committed
def test_a_word_of_the_future_freezes_nothing(desk: Desk) -> None:
    order = desk.asked()
    heard = hear(order, told(order, "sending", 600, sent=500), told(order, "sending", 1, sent=100))
    assert heard.sent == 100


@committed
def test_what_comes_after_the_end_reaches_the_ledger(desk: Desk) -> None:
    order = desk.asked()
    hear(order, told(order, "done", 0, sent=900, delivered=800))
    heard = hear(order, told(order, "done", 2, sent=900, delivered=890, read=300))
    assert (heard.delivered, heard.batch.delivered, heard.batch.read) == (890, 890, 300)
    late = hear(order, told(order, "done", 3, sent=910))
    assert (late.batch.accepted, Delivery.objects.get().people) == (910, 910)
    assert order.words.filter(kind=OrderWord.Kind.TOTALS).count() == 2


@committed
def test_three_days_after_the_end_the_books_are_closed(desk: Desk) -> None:
    order = desk.asked()
    hear(order, told(order, "done", 0, sent=900))
    end = Campaign.objects.get().not_after
    assert end is not None
    ahead(seconds=(end - now()).total_seconds() + 72 * 3600 + 60)
    assert orders.apply(order.pk, OrderReport(str(order.pk), "done", now(), sent=990)) is False
    assert (fresh(order).sent, Batch.objects.get().accepted) == (900, 900)


@committed
def test_the_same_word_again_is_nothing_new(desk: Desk) -> None:
    order = desk.asked()
    report = told(order, "sending", 0, sent=500)
    assert (orders.apply(order.pk, report), orders.apply(order.pk, report)) == (True, False)


@committed
def test_a_word_without_totals_makes_no_totals_older(desk: Desk) -> None:
    order = desk.asked()
    report = told(order, "sending", 1, sent=200)
    heard = hear(order, told(order, "sending", 3), report)
    assert (heard.sent, heard.totals_at) == (200, report.at)
