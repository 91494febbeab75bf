"""The decision on an order as a clock: asked, reminded, answered in whole or in part, gone on without; and cancelled alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from crisis.clock import now
from crisis.models import AuditEntry, LogEntry
from messaging import delivery, workflow
from messaging.channels import OrderReport
from messaging.delivery import orders
from messaging.models import Account, Batch, Campaign, Delivery, Kind, Order, OrderWord, Status
from tests import world
from tests.stages import ahead
from tests.test_orders import Desk, for_everybody, fresh, hear, told
from tests.test_orders import desk as desk
from tests.test_orders import platform as platform

pytestmark = pytest.mark.usefixtures("committed")


def words(order: Order) -> list[str]:
    return [*order.words.values_list("kind", flat=True)]


def log() -> str:
    return "\n".join(LogEntry.objects.order_by("id").values_list("text", flat=True))


def two_ways(desk: Desk, **changes: Any) -> tuple[Order, Batch]:
    """A campaign by the platform and one by one; its order, and its batch of people."""
    ways = (desk.account, Account.objects.get(slug="vk-direct"))
    campaign = world.approve(desk.submitted(accounts=ways, **changes), desk.approver)
    return fresh(Order.objects.get()), Batch.objects.get(campaign=campaign, total__gt=0)


def done(batch: Batch) -> None:
    """Everybody of a batch got it."""
    Batch.objects.filter(pk=batch.pk).update(status="done", accepted=batch.total)
    delivery.finish(batch.campaign_id)


def test_that_a_platform_holds_an_order_is_no_decision(desk: Desk) -> None:
    order = desk.asked()
    assert order.taken_at is not None
    assert (order.answered_at, order.decision_took) == (None, None)
    assert words(order) == ["asked", "taken"]


def test_the_clock_of_a_decision_is_ours_whatever_the_platform_says(desk: Desk) -> None:
    order = desk.asked()
    long_ago = datetime.fromisoformat("2015-11-08T00:00:00+00:00")
    heard = hear(order, OrderReport(str(order.pk), "sending", now(), decision="accepted", decided_at=long_ago))
    assert heard.asked_at is not None
    assert heard.answered_at is not None
    assert heard.asked_at <= heard.answered_at <= now()


def test_an_answer_in_part_says_what_it_leaves_out(desk: Desk) -> None:
    order = desk.asked()
    report = told(order, "sending", 0, decision="partial", narrowed=("subscribers_only",), answered_by="duty officer")
    heard = hear(order, report)
    assert (heard.decision, heard.narrowed, heard.answered_by) == ("partial", ["subscribers_only"], "duty officer")
    assert "accepted the order in part: only to those who follow us" in log()


def test_a_decision_is_taken_once(desk: Desk) -> None:
    order = desk.asked()
    heard = hear(order, told(order, "accepted", 0, decision="accepted"), told(order, "sending", 1, decision="partial"))
    assert (heard.decision, words(order).count("answered")) == ("accepted", 1)


def test_it_is_reminded_twice_and_then_the_plan_goes_on_without_it(desk: Desk) -> None:
    order = desk.asked()
    came = []
    for minutes in (19, 21, 22, 41, 61):
        ahead(minutes=minutes)
        delivery.sweep(pump_for=0)
        came.append([kind for kind in words(order) if kind in ("reminded", "waived")])
    assert came == [[], ["reminded"], ["reminded"], ["reminded"] * 2, ["reminded", "reminded", "waived"]]


def test_how_long_it_may_take_is_its_own(desk: Desk) -> None:
    desk.account.answer_minutes = 5
    desk.account.save()
    order = desk.asked()
    ahead(minutes=6)
    assert orders.waive_due() == 1
    assert "has not answered for 6 min. Nothing waits for it any more" in log()
    assert fresh(order).waived_at is not None


def test_the_silence_of_one_platform_does_not_hold_the_others(desk: Desk) -> None:
    order, batch = two_ways(desk)
    desk.pump()
    done(batch)
    assert fresh(order).batch.campaign.status == Status.SENDING
    ahead(minutes=61)
    delivery.sweep(pump_for=0)
    order = fresh(order)
    assert (order.status, order.ended, order.batch.campaign.status) == (Order.Status.ACCEPTED, False, Status.SENT)


def test_a_late_yes_still_counts(desk: Desk) -> None:
    order = desk.asked(**for_everybody())
    ahead(minutes=61)
    delivery.sweep(pump_for=0)
    desk.done(order)
    desk.pump(later=3800)
    order = fresh(order)
    assert (order.status, order.decision, order.batch.campaign.status) == (Order.Status.DONE, "accepted", Status.SENT)
    assert Delivery.objects.get().people == order.sent
    assert (order.sent or 0) > 1000


def test_nothing_is_waived_after_the_answer(desk: Desk) -> None:
    order = desk.asked()
    hear(order, told(order, "accepted", 0, decision="accepted"))
    ahead(minutes=61)
    assert (orders.remind_due(), orders.waive_due(), orders.waive(order.pk)) == (0, 0, False)


def test_an_order_that_was_lost_on_its_way_is_over_once_the_plan_went_on(desk: Desk) -> None:
    desk.platform.control(lose_before=1)
    order = desk.ordered()
    desk.pump()
    ahead(minutes=61)
    orders.waive_due()
    desk.pump(later=3800)
    order = fresh(order)
    assert (order.status, order.reason, order.sent) == (Order.Status.CANCELLED, "unknown_order", 0)


def test_a_reminder_reaches_the_platform_or_harms_nothing(desk: Desk) -> None:
    order = desk.asked()
    assert orders.remind(order.pk, by=desk.author)
    desk.pump(later=1)
    assert (fresh(order).reminders, fresh(order).ended) == (1, False)


# Cancelled alone.


def test_one_order_is_cancelled_and_everybody_else_goes_on(desk: Desk) -> None:
    order, batch = two_ways(desk)
    desk.pump()
    assert orders.cancel(order.pk, by=desk.author)
    desk.pump(later=1)
    order = fresh(order)
    assert (desk.heard(order), order.status, order.batch.status) == (["order", "cancel"], "cancelled", "stopped")
    assert (order.batch.campaign.status, fresh_batch(batch).status) == (Status.SENDING, "queued")


def fresh_batch(batch: Batch) -> Batch:
    return Batch.objects.get(pk=batch.pk)


def test_an_order_never_asked_for_is_over_at_once(desk: Desk) -> None:
    order, _ = two_ways(desk)
    assert orders.cancel(order.pk)
    order = fresh(order)
    assert (order.status, order.ended, order.asked_at, desk.pump()) == ("cancelled", True, None, 0)
    assert order.reason == "never_asked"
    assert "—" not in log()


def test_an_order_cancelled_before_it_was_asked_for_does_not_keep_the_rest_from_being_stopped(desk: Desk) -> None:
    order, batch = two_ways(desk)
    orders.cancel(order.pk)
    workflow.stop(batch.campaign, by=desk.author)
    assert (fresh_batch(batch).status, fresh(order).reason) == ("stopped", "never_asked")


def test_stopping_twice_is_harmless_to_an_order_never_asked_for(desk: Desk) -> None:
    order, batch = two_ways(desk)
    for _ in range(2):
        workflow.stop(batch.campaign, by=desk.author)
    assert (fresh(order).status, fresh(order).batch.status) == ("cancelled", "stopped")


@pytest.mark.parametrize("status", [Status.PAUSED, Status.SENT])
def test_an_order_is_cancelled_also_where_its_campaign_is_not_being_sent(desk: Desk, status: Status) -> None:
    order = desk.asked()
    if status == Status.PAUSED:
        workflow.pause(order.batch.campaign, by=desk.author)
    else:
        orders.waive(order.pk)
    assert fresh(order).batch.campaign.status == status
    orders.cancel(order.pk)
    desk.pump(later=1)
    assert (fresh(order).status, desk.heard(order)) == (Order.Status.CANCELLED, ["order", "cancel"])


def test_a_stop_reaches_the_platform_of_a_paused_account_and_nothing_else_does(desk: Desk) -> None:
    order, other = desk.asked(), desk.ordered()
    Account.objects.update(paused_at=now(), paused_reason="by hand")
    assert desk.pump(later=90) == 0
    workflow.stop(order.batch.campaign, by=desk.author)
    assert desk.pump() > 0
    assert (desk.heard(order)[-1], desk.heard(other)) == ("cancel", [])
    assert desk.pump(later=180) == 0


def test_it_is_told_how_many_had_gone_when_it_was_cancelled(desk: Desk) -> None:
    order = desk.asked()
    hear(order, told(order, "sending", 0, sent=9700, matched=20_000))
    orders.cancel(order.pk)
    heard = hear(order, told(order, "cancelled", 1, sent=9800), told(order, "cancelled", 2, sent=9810))
    assert (heard.sent_when_cancelled, heard.sent, Delivery.objects.get().people) == (9800, 9810, 9810)
    assert "by then: 9,800." in log()


def test_who_reads_the_log_learns_no_small_number_of_it(desk: Desk) -> None:
    order = desk.asked()
    hear(order, told(order, "cancelled", 1, sent=7))
    assert "by then: fewer than 10." in log()


def test_a_stop_asks_to_cancel_at_once_however_seldom_we_ask(desk: Desk) -> None:
    order = desk.asked()
    Batch.objects.update(not_before=now() + timedelta(seconds=60))
    workflow.stop(order.batch.campaign, by=desk.author)
    assert (desk.pump(), desk.heard(order)) == (1, ["order", "cancel"])
    assert words(order) == ["asked", "taken", "cancel_asked", "cancelled"]


def test_what_still_goes_on_of_a_sent_message_is_cancelled_by_its_correction(desk: Desk) -> None:
    order = desk.asked()
    orders.waive(order.pk)
    workflow.correct(fresh(order).batch.campaign, by=desk.author)
    assert fresh(order).cancel_asked_at is not None


def test_that_a_later_message_cancels_what_still_goes_on_of_a_sent_one_is_in_the_audit_log(desk: Desk) -> None:
    order = desk.asked()
    orders.waive(order.pk)
    earlier = fresh(order).batch.campaign
    end = desk.ordered(kind=Kind.ALL_CLEAR, refers_to=earlier).batch.campaign
    delivery.sweep(pump_for=0)
    rows = AuditEntry.objects.filter(action="campaign.supersede", object_id=str(earlier.pk))
    assert [*rows.values_list("data", flat=True)] == [{"by": end.pk, "orders": 1}]


def test_every_step_is_in_the_audit_log(desk: Desk) -> None:
    order = desk.asked()
    orders.remind(order.pk)
    orders.waive(order.pk)
    hear(order, told(order, "done", 0, sent=10))
    deeds = AuditEntry.objects.filter(action__startswith="order.").order_by("id").values_list("action", flat=True)
    assert [*deeds] == ["order.ask", "order.remind", "order.waive", "order.answer", "order.close"]


def test_the_less_happens_the_seldomer_the_platform_is_asked(desk: Desk) -> None:
    order = desk.asked()
    came = []
    for seconds in (1, 3, 4, 90, 95, 101, 900, 930, 961):
        came.append(desk.pump(later=seconds))
    assert came == [0, 1, 0, 1, 0, 1, 1, 0, 1]
    assert fresh(order).ended is False


def test_a_campaign_with_an_open_order_is_not_sent_while_its_answer_is_awaited(desk: Desk) -> None:
    order = desk.asked()
    assert delivery.finish(order.batch.campaign_id) == 0
    orders.waive(order.pk)
    assert Campaign.objects.get().status == Status.SENT
    assert OrderWord.objects.filter(kind="waived", by=None).count() == 1
