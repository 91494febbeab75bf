"""Orders to a platform that sends by itself: asked once, followed to their end, cancelled, and told of in totals only."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from crisis.clock import now
from crisis.models import LogEntry
from messaging import delivery, hooks, workflow
from messaging.channels import OrderReport, Report
from messaging.delivery import orders
from messaging.models import Account, Batch, Delivery, Order, Receipt, Status
from messaging.simulators.webhooks import signature
from tests import world
from tests.correcting import corrected
from tests.simulated import until
from tests.stages import Cast, ahead
from tests.wire import Simulator, simulator

pytestmark = pytest.mark.usefixtures("committed")
KEY = base64.b64encode(b"a webhook secret").decode()
ENV = {"PLATFORM_SIM_SECRET": "s3cret", "PLATFORM_SIM_WEBHOOK_SECRET": f"whsec_{KEY}"}
QUICK = ("--population", "8000", "--decision-delay", "600", "--duration", "0.05", "--min-interval", "0")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator("delegated", tmp_path_factory.mktemp("geo") / "journal", *QUICK, env=ENV) as running:
        yield running


class Desk(Cast):
    """A campaign by a platform that sends by itself, and what the platform wrote down about its order."""

    def __init__(self, platform: Simulator) -> None:
        super().__init__()
        self.platform, self.account = platform, world.account("vk-geo")

    def ordered(self, **changes: Any) -> Order:
        """An order that waits to be asked."""
        campaign = world.approve(self.submitted(**changes), self.approver)
        return Order.objects.select_related("batch").get(batch__campaign=campaign)

    def asked(self, **changes: Any) -> Order:
        order = self.ordered(**changes)
        assert self.pump() == 1
        return fresh(order)

    def pump(self, *, later: float = 0) -> int:
        if later:
            ahead(seconds=later)
        return delivery.pump(self.account.lanes.get().pk)

    def heard(self, order: Order) -> list[str]:
        return [line["kind"] for line in self.platform.lines() if line.get("order_id") == str(order.pk)]

    def done(self, order: Order) -> None:
        """The platform's officer decides, and the order is carried out."""
        self.platform.control(decide=True)
        until(lambda: self.platform.control()["orders"][str(order.pk)] in {"done", "refused"})


def fresh(order: Order) -> Order:
    return Order.objects.select_related("batch__campaign").get(pk=order.pk)


@pytest.fixture
def desk(platform: Simulator, committed: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Desk:
    platform.control(reset=True)
    settings.CHANNEL_URLS = {**settings.CHANNEL_URLS, "vk-geo": platform.url}
    monkeypatch.setenv("VK_GEO", "s3cret")
    monkeypatch.setenv("VK_GEO_WEBHOOK", f"whsec_{KEY}")
    return Desk(platform)


EXCEPTION = {"exception_reason": "People may die in the next hours if they are not told."}


def for_everybody() -> dict[str, Any]:
    return {**EXCEPTION, "exception_expires_at": now() + timedelta(hours=2)}


def test_it_asks_once_and_waits_for_the_decision(desk: Desk) -> None:
    order = desk.asked()
    assert desk.heard(order) == ["order"]
    assert (order.status, order.decision, order.ended) == (Order.Status.ACCEPTED, "", False)
    assert order.estimate_lower is not None
    assert order.batch.status == Batch.Status.QUEUED


def test_it_tells_the_platform_a_rule_and_the_approved_words_and_no_person(desk: Desk) -> None:
    order = desk.asked()
    (line,) = [line for line in desk.platform.lines("order") if line["order_id"] == str(order.pk)]
    assert (line["country"], line["mode"], line["last_seen_within_hours"]) == ("EG", "last_seen_there", 336)
    assert (line["include_non_subscribers"], line["incident"]) == (False, "Flights suspended")
    assert order.batch.people == []


def test_it_asks_with_the_reason_of_an_exception(desk: Desk) -> None:
    order = desk.asked(**for_everybody())
    (line,) = [line for line in desk.platform.lines("order") if line["order_id"] == str(order.pk)]
    assert (line["include_non_subscribers"], line["basis"]["reason"]) == (True, EXCEPTION["exception_reason"])


def test_an_order_ends_no_later_than_its_exception(desk: Desk) -> None:
    order = desk.ordered(**for_everybody())
    assert orders.request_of(order).not_after == order.batch.campaign.exception_expires_at


def test_it_follows_an_order_to_its_end(desk: Desk) -> None:
    order = desk.asked(**for_everybody())
    desk.done(order)
    desk.pump(later=5)
    order = fresh(order)
    assert (order.status, order.decision, order.answered_by) == (Order.Status.DONE, Order.Decision.ACCEPTED, "duty officer")
    assert (order.batch.status, order.batch.campaign.status) == (Batch.Status.DONE, Status.SENT)
    assert desk.heard(order).count("order") == 1


def test_the_end_of_an_order_is_one_delivery_of_many_people(desk: Desk) -> None:
    order = desk.asked(**for_everybody())
    desk.done(order)
    desk.pump(later=5)
    got, order = Delivery.objects.get(), fresh(order)
    assert (got.contact, got.status, got.people) == (0, Delivery.Status.ACCEPTED, order.sent)
    assert (order.batch.accepted, order.batch.delivered, order.batch.read) == (order.sent, order.delivered, order.read)
    assert (order.sent or 0) > 1000


def test_a_refused_order_is_a_failed_delivery_of_nobody(desk: Desk) -> None:
    desk.platform.control(refuse={"reason": "not now"})
    order = desk.asked(**for_everybody())
    desk.done(order)
    desk.pump(later=5)
    order = fresh(order)
    assert (order.status, order.decision, order.reason) == (Order.Status.REFUSED, Order.Decision.REFUSED, "not now")
    assert [*Delivery.objects.values_list("status", "people")] == [(Delivery.Status.FAILED, 0)]


def test_the_decision_is_noted_in_the_log_of_the_incident(desk: Desk) -> None:
    desk.platform.control(refuse={"reason": "not now"})
    order = desk.asked(**for_everybody())
    desk.done(order)
    desk.pump(later=5)
    assert LogEntry.objects.filter(incident=order.batch.campaign.incident, text__contains="not now").count() == 1


def test_an_order_whose_answer_was_lost_is_asked_for_again_and_stays_one(desk: Desk) -> None:
    desk.platform.control(lose_after=1)
    order = desk.ordered()
    desk.pump()
    assert fresh(order).status == Order.Status.ASKED
    desk.pump(later=5)
    assert (desk.heard(order), fresh(order).status) == (["order", "repeat"], Order.Status.ACCEPTED)


def correction_of(desk: Desk, order: Order) -> Order:
    """The order of an approved correction that tells those who got the wrong one."""
    campaign = corrected(desk, order.batch.campaign)
    return Order.objects.select_related("batch").get(batch__campaign=campaign, recipients=Order.Recipients.ONLY)


def test_what_is_wrong_is_cancelled_before_its_correction_is_ordered(desk: Desk) -> None:
    wrong = desk.asked(**for_everybody())
    right = correction_of(desk, wrong)
    desk.pump(later=5)
    kinds = [(line["kind"], line["order_id"]) for line in desk.platform.lines() if line["kind"] in ("order", "cancel")]
    begun = kinds.index(("order", str(wrong.pk)))
    assert kinds[begun + 1 : begun + 3] == [("cancel", str(wrong.pk)), ("order", str(right.pk))]
    assert (fresh(wrong).status, fresh(wrong).batch.status) == (Order.Status.CANCELLED, Batch.Status.STOPPED)


def test_a_correction_is_not_ordered_while_the_platform_may_still_send_what_is_wrong(desk: Desk) -> None:
    wrong = desk.asked(**for_everybody())
    right = correction_of(desk, wrong)
    desk.platform.control(fail={"status": 503, "method": "cancel", "calls": -1})
    desk.pump(later=5)
    desk.pump(later=200)
    assert (fresh(right).status, desk.heard(right)) == (Order.Status.QUEUED, [])


def test_who_got_the_wrong_one_is_told_so_and_everybody_else_gets_the_right_one(desk: Desk) -> None:
    wrong = desk.asked(**for_everybody())
    campaign = corrected(desk, wrong.batch.campaign)
    requests = [orders.request_of(order) for order in Order.objects.filter(batch__campaign=campaign).order_by("batch__number")]
    assert [request.recipients for request in requests] == [(str(wrong.pk), "only"), (str(wrong.pk), "except")]
    assert [request.follows for request in requests] == [(str(wrong.pk), "correction")] * 2
    assert [request.texts["en"].startswith("Correction: our last message was wrong") for request in requests] == [True, False]
    assert [request.texts["en"].count("The right text.") for request in requests] == [1, 1]


def test_it_waits_as_long_as_the_platform_asks_for(desk: Desk) -> None:
    desk.platform.control(fail={"status": 429, "headers": {"Retry-After": "90"}})
    order = desk.ordered()
    desk.pump()
    assert desk.pump(later=60) == 0
    assert desk.pump(later=91) == 1
    assert desk.heard(order) == ["order"]


def test_an_account_the_platform_does_not_know_is_paused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VK_GEO", "another")
    desk.ordered()
    desk.pump()
    assert Account.objects.get(pk=desk.account.pk).paused_reason == "http_401"


def refused_by_the_platform(desk: Desk) -> Order:
    """An order the platform will not even take."""
    order = desk.ordered()
    desk.platform.control(fail={"status": 422})
    desk.pump()
    return fresh(order)


def test_an_order_the_platform_refuses_to_take_is_refused_alone(desk: Desk) -> None:
    order = refused_by_the_platform(desk)
    assert (order.status, order.decision, order.reason) == (Order.Status.REFUSED, Order.Decision.REFUSED, "http_422")
    assert LogEntry.objects.filter(text__contains="refused the order: The platform answered with the error 422.").exists()
    assert (order.batch.status, order.batch.campaign.status) == (Batch.Status.DONE, Status.SENT)
    assert desk.pump(later=60) == 0


def test_a_paused_campaign_asks_for_nothing_until_it_is_resumed(desk: Desk) -> None:
    order = desk.ordered()
    workflow.pause(order.batch.campaign, by=desk.author)
    assert desk.pump() == 0
    workflow.resume(order.batch.campaign, by=desk.approver)
    assert desk.pump() == 1
    assert desk.heard(order) == ["order"]


def test_a_stop_before_it_was_asked_for_ends_an_order(desk: Desk) -> None:
    order = desk.ordered()
    workflow.stop(order.batch.campaign, by=desk.author)
    assert (desk.pump(), desk.heard(order)) == (0, [])
    assert (fresh(order).status, fresh(order).ended, fresh(order).batch.status) == ("cancelled", True, Batch.Status.STOPPED)


def test_a_stop_cancels_an_order_at_the_platform(desk: Desk) -> None:
    order = desk.asked()
    workflow.stop(order.batch.campaign, by=desk.author)
    assert fresh(order).batch.status == Batch.Status.QUEUED
    desk.pump(later=5)
    assert desk.heard(order) == ["order", "cancel"]
    assert (fresh(order).status, fresh(order).batch.status) == (Order.Status.CANCELLED, Batch.Status.STOPPED)


def test_an_expired_order_is_cancelled_at_the_platform(desk: Desk) -> None:
    order = desk.asked(not_after=now() + timedelta(minutes=5))
    ahead(seconds=301)
    delivery.sweep(pump_for=0)
    desk.pump(later=310)
    assert (desk.heard(order), fresh(order).batch.status) == (["order", "cancel"], Batch.Status.EXPIRED)


def test_it_follows_a_stopped_order_until_the_platform_has_cancelled_it(desk: Desk) -> None:
    order = desk.asked()
    workflow.stop(order.batch.campaign, by=desk.author)
    desk.platform.control(lose_before={"calls": 1, "method": "cancel"})
    desk.pump(later=5)
    assert (fresh(order).ended, fresh(order).batch.status) == (False, Batch.Status.QUEUED)
    desk.pump(later=10)
    assert (fresh(order).ended, fresh(order).batch.status) == (True, Batch.Status.STOPPED)


def test_an_order_that_was_done_before_the_stop_came_is_done(desk: Desk) -> None:
    order = desk.asked(**for_everybody())
    desk.done(order)
    workflow.stop(order.batch.campaign, by=desk.author)
    desk.pump(later=5)
    assert (fresh(order).status, fresh(order).batch.status) == (Order.Status.DONE, Batch.Status.DONE)
    assert Delivery.objects.get().people > 1000


# What a platform tells by itself, late, twice and out of order.


def told(order: Order, status: Any, minute: int, **totals: Any) -> OrderReport:
    return OrderReport(str(order.pk), status, now() + timedelta(minutes=minute), **totals)


def hear(order: Order, *reports: OrderReport) -> Order:
    """Take events as the webhook does, each with an id of its own, and settle them."""
    events = [Report(f"{order.pk}/{n}/{report.at}", "order", report.at, order=report) for n, report in enumerate(reports)]
    hooks.receive(order.batch.account, events)
    delivery.settle()
    return fresh(order)


def test_an_older_word_does_not_take_the_totals_back(desk: Desk) -> None:
    order = desk.asked()
    heard = hear(order, told(order, "sending", 2, sent=500, matched=900), told(order, "sending", 1, sent=100))
    assert (heard.status, heard.sent, heard.matched) == (Order.Status.SENDING, 500, 900)


def test_a_number_not_said_again_stays(desk: Desk) -> None:
    order = desk.asked()
    heard = hear(order, told(order, "sending", 1, sent=100, failed=7), told(order, "sending", 2, sent=200))
    assert (heard.sent, heard.failed) == (200, 7)


def test_a_stage_never_goes_back(desk: Desk) -> None:
    order = desk.asked()
    assert hear(order, told(order, "sending", 1), told(order, "accepted", 2)).status == Order.Status.SENDING


def test_an_end_is_never_reopened(desk: Desk) -> None:
    order = desk.asked()
    heard = hear(order, told(order, "done", 1, sent=900), told(order, "sending", 2), told(order, "cancelled", 3))
    assert (heard.status, heard.batch.campaign.status, Delivery.objects.get().people) == (Order.Status.DONE, Status.SENT, 900)


def test_an_end_that_nobody_could_close_is_closed_by_the_sweeper(desk: Desk) -> None:
    order = desk.asked()
    workflow.stop(order.batch.campaign, by=desk.author)
    orders.apply(order.pk, told(order, "cancelled", 1))  # and here the process died
    delivery.sweep()
    assert Batch.objects.get().status == "stopped"


def test_an_end_told_twice_is_one_delivery(desk: Desk) -> None:
    order = desk.asked()
    hear(order, told(order, "done", 1, sent=900), told(order, "done", 1, sent=900))
    assert Delivery.objects.get().people == 900


def test_a_word_that_comes_before_the_answer_to_our_question_counts(desk: Desk) -> None:
    order = desk.ordered()
    heard = hear(order, told(order, "sending", 1, sent=10))
    assert (heard.status, heard.decision, heard.sent) == (Order.Status.SENDING, Order.Decision.ACCEPTED, 10)


def test_a_word_about_an_order_of_nobody_is_harmless(desk: Desk) -> None:
    order = desk.asked()
    hear(order, replace(told(order, "done", 1), order_id="00000000-0000-0000-0000-000000000000"))
    assert (fresh(order).ended, Receipt.objects.get().applied_at is None) == (False, False)


def test_a_word_by_another_account_than_the_order_was_given_to_changes_nothing(desk: Desk) -> None:
    order = desk.asked()
    other = Account.objects.create(slug="vk-geo", label_ru="other", handle="other", secret_name="OTHER")
    hooks.receive(other, [Report("e", "order", now(), order=told(order, "done", 1, sent=5))])
    delivery.settle()
    assert not fresh(order).ended


@pytest.fixture
def knock(desk: Desk) -> Callable[[Order, str], int]:
    def post(order: Order, secret: str) -> int:
        """What our door says to a platform that signs with this secret that the order is done."""
        said = {"order_id": str(order.pk), "status": "done", "at": now().isoformat(), "counters": {"sent": 700}}
        body, at = json.dumps({"type": "order.status", "event_id": "evt_1", "order": said}).encode(), str(int(time.time()))
        headers = {"webhook-id": "evt_1", "webhook-timestamp": at, "webhook-signature": signature(secret, "evt_1", at, body)}
        url = f"/hooks/{order.batch.account_id}/"
        return Client().post(url, body, "application/json", headers=headers).status_code

    return post


def test_a_platform_with_a_wrong_signature_changes_nothing(desk: Desk, knock: Callable[[Order, str], int]) -> None:
    order = desk.asked()
    assert knock(order, base64.b64encode(b"a stranger").decode()) == 403
    delivery.settle()
    assert (fresh(order).ended, Receipt.objects.count()) == (False, 0)


def test_a_signed_word_ends_the_order_and_its_campaign(desk: Desk, knock: Callable[[Order, str], int]) -> None:
    order = desk.asked()
    assert knock(order, KEY) == 200
    delivery.settle()
    assert (fresh(order).sent, fresh(order).batch.campaign.status) == (700, Status.SENT)
