"""Orders that follow an order: who got the wrong words hears so, newcomers get it once, and nobody is written to twice."""

from __future__ import annotations

from typing import Any

import pytest

from messaging import delivery, workflow
from messaging.delivery import orders
from messaging.delivery.orders.asking import can_do_without
from messaging.models import Batch, Campaign, Kind, Order, Reached, Status
from tests import visits
from tests.correcting import corrected
from tests.test_orders import Desk, for_everybody, fresh
from tests.test_orders import desk as desk
from tests.test_orders import platform as platform

committed = pytest.mark.usefixtures("committed")


def asked_of(desk: Desk, campaign: Campaign) -> list[tuple[Any, Any]]:
    """What the platform was asked for a message: whose people matter, and how the order goes on from an earlier one."""
    ids = {str(order.pk) for order in Order.objects.filter(batch__campaign=campaign)}
    return [(line["recipients"], line["follows"]) for line in desk.platform.lines("order") if line["order_id"] in ids]


def sent(desk: Desk) -> Order:
    """An order that was carried out."""
    order = desk.asked(**for_everybody())
    desk.done(order)
    desk.pump(later=5)
    return fresh(order)


@committed
def test_newcomers_are_asked_for_without_those_who_got_it(desk: Desk) -> None:
    first = sent(desk)
    assert "vk-geo is asked for whoever it finds beyond" in visits.page(desk.author, "campaign_top_up", first.batch.campaign_id)
    assert workflow.top_up(first.batch.campaign, by=desk.author) == 0
    second = Order.objects.select_related("batch").exclude(pk=first.pk).get()
    assert (second.batch.number, second.follows_id, second.recipients) == (2, first.pk, "except")
    desk.pump(later=10)
    assert asked_of(desk, first.batch.campaign)[-1] == ({"of": str(first.pk), "mode": "except"}, None)
    assert (fresh(second).status, fresh(first).status) == (Order.Status.ACCEPTED, Order.Status.DONE)


@committed
def test_nobody_is_asked_for_again_who_refused(desk: Desk) -> None:
    order = desk.ordered()
    desk.platform.control(fail={"status": 422})
    desk.pump()
    campaign = fresh(order).batch.campaign
    assert (campaign.status, delivery.asked_again(campaign)) == (Status.SENT, [])


@committed
def test_who_refused_to_look_for_newcomers_is_not_asked_for_them_again(desk: Desk) -> None:
    first = sent(desk)
    workflow.top_up(first.batch.campaign, by=desk.author)
    desk.platform.control(fail={"status": 422})
    desk.pump(later=10)
    campaign = fresh(first).batch.campaign
    assert [*Order.objects.order_by("batch__number").values_list("status", flat=True)] == ["done", "refused"]
    assert (campaign.status, delivery.asked_again(campaign)) == (Status.SENT, [])


@committed
def test_the_wrong_words_are_taken_back_from_those_who_got_them_and_the_others_get_the_right_ones(desk: Desk) -> None:
    wrong = sent(desk)
    campaign = corrected(desk, wrong.batch.campaign)
    desk.pump(later=10)
    mode, follows = {"of": str(wrong.pk)}, {"order_id": str(wrong.pk), "kind": "correction"}
    assert asked_of(desk, campaign) == [({**mode, "mode": "only"}, follows), ({**mode, "mode": "except"}, follows)]
    told, others = Order.objects.filter(batch__campaign=campaign).order_by("batch__number")
    assert ((told.estimate_upper or 0) > 1000, others.status) == (True, Order.Status.ACCEPTED)


@committed
def test_an_update_to_those_who_got_it_goes_to_them_wherever_they_are(desk: Desk) -> None:
    first = sent(desk)
    changes = {"kind": Kind.UPDATE, "refers_to": first.batch.campaign, "to_reached": Reached.ONLY}
    order = desk.ordered(**changes, **for_everybody())
    assert (order.follows_id, order.recipients) == (first.pk, "only")
    assert orders.request_of(order).follows == (str(first.pk), "update")


@committed
def test_a_platform_that_never_had_the_wrong_order_is_asked_for_everybody(desk: Desk) -> None:
    desk.platform.control(lose_before=1)
    wrong = desk.ordered(**for_everybody())
    desk.pump()
    campaign = corrected(desk, wrong.batch.campaign)
    desk.pump(later=5)
    desk.pump(later=120)
    told, others = Order.objects.filter(batch__campaign=campaign).order_by("batch__number")
    assert (fresh(wrong).reason, told.reason, others.status) == ("unknown_order", "cannot_tell_apart", Order.Status.ACCEPTED)
    assert asked_of(desk, campaign) == [(None, None)]


@committed
def test_a_pace_is_shared_by_those_who_send_by_themselves(desk: Desk) -> None:
    order = desk.ordered(pace=1000)
    assert orders.request_of(order).pace == (1000, 600)


CAN = [("only", True, True), ("except", True, False), ("also", False, True), ("only", False, False), ("except", False, False)]


@pytest.mark.parametrize(("recipients", "corrects", "can"), CAN)
def test_a_platform_that_cannot_tell_people_apart_tells_all_that_it_was_wrong_and_nobody_twice(
    recipients: str, corrects: bool, can: bool
) -> None:
    batch = Batch(campaign=Campaign(corrects_id=1 if corrects else None))
    assert can_do_without(Order(batch=batch, follows=Order(), recipients=recipients)) is can
