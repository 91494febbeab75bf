"""What becomes of an order when something happens at the same instant, an answer is lost, or nobody can say how it ended."""

from __future__ import annotations

from asyncio import Runner
from functools import partial
from typing import Any

import pytest

from crisis import audit
from crisis.clock import now
from crisis.models import LogEntry
from messaging import delivery, hooks, waiting, workflow
from messaging.channels import Report
from messaging.delivery import claiming, orders
from messaging.delivery.claiming import Claim
from messaging.models import Batch, Campaign, Delivery, Order, OrderWord, ReachException
from messaging.workflow import by_hand
from tests import world
from tests.byhand import Hotels
from tests.engine import while_waiting
from tests.stages import ahead, expect_refusal
from tests.test_orders import Desk, for_everybody, fresh, hear, told
from tests.test_orders import desk as desk
from tests.test_orders import platform as platform

pytestmark = pytest.mark.usefixtures("committed")


def stopped_while_held(desk: Desk) -> tuple[Order, Claim]:
    """An order that a pump held and had not asked for when its campaign was stopped."""
    order = desk.ordered()
    lane = claiming.take(desk.account.lanes.get().pk)
    assert lane
    held = claiming.claim(lane)
    assert held
    workflow.stop(order.batch.campaign, by=desk.author)
    return order, held


def assert_over(order: Order) -> None:
    order = fresh(order)
    assert (order.status, order.ended, order.batch.status) == (Order.Status.CANCELLED, True, Batch.Status.STOPPED)


def test_an_order_held_and_not_asked_for_when_its_campaign_stops_is_over(desk: Desk) -> None:
    order, held = stopped_while_held(desk)
    with Runner() as runner:
        orders.work(desk.account.connect(), held, runner)
    assert desk.heard(order) == []
    assert_over(order)


def test_the_sweeper_ends_it_where_the_pump_that_held_it_died(desk: Desk) -> None:
    order, _held = stopped_while_held(desk)
    delivery.sweep(pump_for=0)
    assert fresh(order).ended is False
    ahead(minutes=5)
    delivery.sweep(pump_for=0)
    assert_over(order)


def test_what_a_platform_held_is_asked_about_further_when_it_says_once_that_it_knows_nothing(desk: Desk) -> None:
    order = desk.asked()
    workflow.stop(order.batch.campaign, by=desk.author)
    desk.platform.control(fail={"status": 404, "method": "cancel"})
    desk.pump(later=5)
    heard = fresh(order)
    assert (heard.ended, heard.sent, heard.words.filter(kind=OrderWord.Kind.STRANGE).count()) == (False, None, 1)
    desk.pump(later=10)
    assert_over(order)


def test_a_question_whose_answer_was_lost_may_still_come_after_a_stop(desk: Desk) -> None:
    desk.platform.control(lose_before=1)
    order = desk.ordered()
    desk.pump()
    workflow.stop(order.batch.campaign, by=desk.author)
    desk.pump(later=5)
    assert (fresh(order).ended, fresh(order).words.filter(kind=OrderWord.Kind.STRANGE).exists()) == (False, False)
    desk.pump(later=120)
    assert_over(order)
    assert Delivery.objects.get().people == 0


def test_an_order_that_ended_while_it_was_asked_for_again_keeps_nothing_in_doubt(desk: Desk) -> None:
    order = desk.asked()
    Batch.objects.filter(pk=order.batch_id).update(status="sending", in_doubt=True)
    hear(order, told(order, "done", 0, sent=10))
    assert fresh(order).batch.in_doubt is False


def test_revoking_an_exception_and_a_word_on_an_order_under_it_never_wait_for_each_other(desk: Desk) -> None:
    until = for_everybody()
    waived = desk.asked(**until)
    orders.waive(waived.pk)
    content = world.content(desk.account, version=world.audience(desk.author), **until)
    second = workflow.draft(waived.batch.campaign.incident, content, by=desk.author)
    world.approve(workflow.submit(second, by=desk.author), desk.approver)
    exception = ReachException.objects.get()
    while_waiting(
        partial(workflow.revoke_exception, exception, "The danger is over.", by=desk.author),
        partial(orders.locked, waived.pk),
        partial(audit.record, "order.close", by=None, about=waived.batch.campaign),
    )
    assert ReachException.objects.get().revoked_at is not None
    assert fresh(waived).cancel_asked_at is not None


def test_what_is_asked_again_is_the_same_to_the_letter_whatever_has_changed_meanwhile(desk: Desk, settings: Any) -> None:
    desk.platform.control(lose_after=1)
    order = desk.ordered(**for_everybody())
    desk.pump()
    settings.SENDER_NAME = "Somebody else"
    Campaign.objects.update(started_at=now())
    desk.pump(later=5)
    assert (desk.heard(order), fresh(order).status) == (["order", "repeat"], Order.Status.ACCEPTED)


def test_a_word_waits_for_a_person_at_another_message_and_never_that_person_for_a_word(desk: Desk) -> None:
    first, second = desk.asked(), desk.asked()
    for order in (first, second):
        report = told(order, "accepted", 0, decision="accepted")
        hooks.receive(order.batch.account, [Report(str(order.pk), "order", now(), order=report)])
    theirs = second.batch.campaign
    seen = partial(audit.record, "incident.note", by=None, about=theirs)
    while_waiting(delivery.settle, partial(Campaign.objects.select_for_update().get, pk=theirs.pk), seen)
    assert [fresh(order).decision for order in (first, second)] == ["accepted", "accepted"]


@pytest.fixture
def hotels(committed: str) -> Hotels:
    return Hotels()


def told_to_stop(hotels: Hotels) -> Order:
    """An order of a stopped message, and somebody called the desk to tell them."""
    order = hotels.tell(hotels.accepted(), sent=100)
    workflow.stop(order.batch.campaign, by=hotels.anna)
    by_hand.tell_stop(order, hotels.heard(order), by=hotels.anna)
    return order


def test_what_nobody_tells_of_a_stopped_order_for_a_day_is_over_and_unknown(hotels: Hotels) -> None:
    order = told_to_stop(hotels)
    ahead(hours=23)
    assert orders.close_untold() == 0
    ahead(hours=25)
    assert orders.close_untold() == 1
    order = fresh(order)
    assert (order.ended, order.sent_when_cancelled, order.batch.status) == (True, None, Batch.Status.STOPPED)
    lines = [*LogEntry.objects.values_list("text", flat=True)]
    assert "manual has not confirmed that it stopped. The order was closed after a day." in lines
    assert not any("cancelled" in line for line in lines)
    assert str(order.status_label) == "closed, they have not confirmed that it stopped"
    with expect_refusal("This order is over: closed, they have not confirmed that it stopped."):
        workflow.go_on_without(order, by=hotels.boris)


def test_a_desk_that_nobody_called_is_not_said_to_have_been_asked(hotels: Hotels) -> None:
    order = hotels.accepted()
    orders.cancel(order.pk, by=hotels.anna)
    ahead(hours=25)
    assert orders.close_untold() == 0
    assert fresh(order).ended is False
    assert any("has not confirmed" in item["text"] for item in waiting.found(hotels.anna))


def test_a_number_told_after_the_call_gives_another_day(hotels: Hotels) -> None:
    order = told_to_stop(hotels)
    ahead(hours=20)
    hotels.tell(fresh(order), sent=140)
    ahead(hours=25)
    assert orders.close_untold() == 0
