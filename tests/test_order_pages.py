"""The page of an order and its verbs: who may do what when, what is said of it, and what waits for whom."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from crisis.clock import now
from crisis.models import User
from crisis.refusal import Refused
from messaging import waiting, workflow
from messaging.delivery import orders
from messaging.models import Account, Campaign, Order, OrderWord, Status
from tests import visits, world
from tests.test_exceptions import Case

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quiet")]


class Asked(Case):
    """A campaign whose order was asked for and waits for its decision."""

    def __init__(self) -> None:
        super().__init__()
        self.campaign = self.sending()
        self.order = Order.objects.get()
        orders.ask(self.order)

    def set(self, **values: Any) -> Order:
        Order.objects.filter(pk=self.order.pk).update(**values)
        return Order.objects.get(pk=self.order.pk)

    def page(self, user: User, **post: Any) -> str:
        return visits.page(user, "order_detail", self.campaign.pk, self.order.pk)


@pytest.fixture(scope="module")
def made(once: Callable[[type[Asked]], Asked]) -> Asked:
    return once(Asked)


@pytest.fixture
def case(made: Asked) -> Asked:
    return deepcopy(made)


def test_it_says_what_was_asked_when_and_until_when_the_plan_waits(case: Asked) -> None:
    page = case.page(case.author)
    said = ["What did vk-geo say?", "no answer for", "nothing waits for it after", "No number has been told yet."]
    buttons = ["Remind them", "Go on without it", "Cancel this order"]
    assert [words for words in said + buttons if words not in page] == []


def test_it_says_how_long_the_decision_took_and_what_it_leaves_out(case: Asked) -> None:
    case.set(
        decision="partial", narrowed=["subscribers_only"], answered_by="duty officer", status="sending",
        answered_at=case.order.asked_at + timedelta(minutes=9), matched=20_000, sent=19_400, totals_at=now(),
        step=10, matched_step=10,
    )  # fmt: skip
    page = case.page(case.author)
    narrowed = "In part: only to those who follow us."
    said = ("accepted in part ", ", duty officer", narrowed, "9 min", "19,400", "Rounded there to 10.")
    assert [words for words in said if words not in page] == []
    assert ("Remind them" in page, "Go on without it" in page) == (False, False)


def test_an_auditor_reads_it_and_presses_nothing(case: Asked) -> None:
    page = case.page(world.person("dina", "auditor"))
    assert [words for words in ("Remind them", "Go on without it", "Cancel this order") if words in page] == []


def test_what_is_not_told_of_few_people_is_not_told_here(case: Asked) -> None:
    case.set(matched=7, sent=4, totals_at=now())
    page = case.page(world.person("dina", "auditor"))
    assert ("<b>7</b>" in page, "<b>4</b>" in page) == (False, False)


def test_a_reminder_is_noted_and_not_repeated_within_a_minute(case: Asked) -> None:
    visits.post(case.author, "order_remind", case.campaign.pk, case.order.pk)
    word = OrderWord.objects.get(kind=OrderWord.Kind.REMINDED)
    assert (word.by, Order.objects.get().reminders) == (case.author, 1)
    with pytest.raises(Refused, match="less than a minute ago"):
        workflow.remind(case.order, by=case.boris)


def test_going_on_without_an_answer_is_asked_once_more_and_done_once(case: Asked) -> None:
    asked = visits.page(case.author, "order_waive", case.campaign.pk, case.order.pk)
    assert "a late yes still counts" in asked
    for _ in range(2):
        visits.post(case.author, "order_waive", case.campaign.pk, case.order.pk)
    assert (Order.objects.get().waived_by, OrderWord.objects.filter(kind="waived").count()) == (case.author, 1)
    assert Campaign.objects.get().status == Status.SENT


def test_cancelling_is_asked_once_more_and_done_once(case: Asked) -> None:
    asked = visits.page(case.author, "order_cancel", case.campaign.pk, case.order.pk)
    assert "What it has sent cannot be called back" in asked
    for _ in range(2):
        visits.post(case.author, "order_cancel", case.campaign.pk, case.order.pk)
    assert OrderWord.objects.filter(kind="cancel_asked", by=case.author).count() == 1
    assert "how many it had written to is not told yet" in case.page(case.author)


def test_a_platform_that_does_not_confirm_a_stop_is_let_go_by_a_person_alone(case: Asked) -> None:
    workflow.cancel_order(case.order, by=case.author)
    assert "may still say the wrong thing" in visits.page(case.author, "order_waive", case.campaign.pk, case.order.pk)
    workflow.go_on_without(case.order, by=case.author)
    assert (Order.objects.get().let_go_at is not None, Order.objects.get().ended) == (True, False)


VERBS: dict[str, Callable[..., None]] = {
    "remind": workflow.remind, "go_on_without": workflow.go_on_without, "cancel_order": workflow.cancel_order,
}  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_is_done_to_an_order_that_is_over(case: Asked, verb: str) -> None:
    case.set(status="done", ended_at=now())
    with pytest.raises(Refused, match="This order is over: done"):
        VERBS[verb](case.order, by=case.author)


@pytest.mark.parametrize("verb", ["remind", "go_on_without"])
def test_nobody_is_reminded_of_what_was_decided(case: Asked, verb: str) -> None:
    case.set(decision="accepted", answered_at=now())
    with pytest.raises(Refused, match="It was decided: accepted"):
        VERBS[verb](case.order, by=case.author)


@pytest.mark.parametrize("verb", VERBS)
def test_an_auditor_may_do_none_of_it(case: Asked, verb: str) -> None:
    with pytest.raises(Refused, match="Your role"):
        VERBS[verb](case.order, by=world.person("dina", "auditor"))


def test_an_order_is_not_opened_from_another_message(case: Asked) -> None:
    other = case.draft()
    answer = visits.post(case.author, "order_remind", other.pk, case.order.pk)
    assert (answer.status_code, "belongs to another campaign" in answer.content.decode()) == (404, True)
    assert Order.objects.get().reminders == 0


def test_an_embassy_sees_no_order_of_another_country(case: Asked) -> None:
    away = world.place(world.person("olga", "operator"), mission=world.mission("TR"))
    visits.expect_status(404, away, "order_detail", case.campaign.pk, case.order.pk)
    assert lines(away) == []


def lines(user: User) -> list[tuple[str, str]]:
    return [(line["text"], line["tone"]) for line in waiting.found(user) if "vk-geo" in line["text"]]


def test_what_is_not_answered_waits_until_the_plan_goes_on_without_it(case: Asked) -> None:
    assert lines(case.author) == [("vk-geo has not answered yet: Headline", "wait")]
    orders.waive(case.order.pk)
    assert lines(case.author) == []


def test_a_refusal_stands_in_the_line_while_the_others_are_being_sent(case: Asked) -> None:
    case.set(status="refused", ended_at=now(), decision="refused", answered_at=now())
    assert lines(case.author) == [("vk-geo refused the order: Headline", "bad")]
    assert lines(world.person("dina", "auditor")) == []


def test_a_cancellation_that_is_not_confirmed_waits_too(case: Asked) -> None:
    workflow.stop(case.campaign, by=case.author)
    assert lines(case.author) == [("vk-geo has not confirmed that it stopped: Headline", "wait")]


@pytest.mark.parametrize("name", ["campaign_live", "campaign_report"])
def test_why_a_platform_refused_is_told_in_words_everywhere(case: Asked, name: str) -> None:
    case.set(status="refused", decision="refused", answered_at=now(), ended_at=now(), reason="below_threshold")
    html = visits.page(case.author, name, case.campaign.pk)
    assert "So few people match that the platform does not write to them as a group." in html
    assert "below_threshold" not in html


def test_a_stop_that_a_paused_account_cannot_be_sure_of_is_to_be_telephoned(case: Asked) -> None:
    sentence = "The account is paused, so they may not have heard it: call their duty officer."
    workflow.cancel_order(case.order, by=case.author)
    for paused in (False, True):
        Account.objects.filter(pk=case.account.pk).update(paused_at=now() if paused else None)
        live = visits.page(case.author, "campaign_live", case.campaign.pk)
        assert (sentence in live, sentence in case.page(case.author)) == (paused, paused)
