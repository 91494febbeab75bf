"""Orders worked by people: the same life as a platform's, and whatever cannot be is a sentence that changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from crisis.clock import now
from crisis.models import AuditEntry, Incident, LogEntry
from crisis.refusal import Forbidden, Refused
from messaging import delivery, reaching, workflow
from messaging.delivery import sweeping
from messaging.models import Batch, Campaign, Delivery, Order, OrderWord, Status, Told
from messaging.workflow import by_hand
from messaging.workflow.by_hand import Heard
from tests import world
from tests.byhand import Hotels, fresh

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made(once: Callable[[type[Hotels]], Hotels]) -> Hotels:
    return once(Hotels)


@pytest.fixture
def hotels(made: Hotels, quiet: None) -> Hotels:
    return deepcopy(made)


def state() -> tuple[Any, ...]:
    return world.counts(), world.sql("SELECT * FROM messaging_order ORDER BY id")


@contextmanager
def expect_nothing_noted(sentence: str) -> Iterator[None]:
    """What happens inside is refused in these words, and changes nothing."""
    before = state()
    with pytest.raises(Refused, match=sentence):
        yield
    assert state() == before


def words(order: Order) -> list[str]:
    return [*order.words.order_by("pk").values_list("kind", flat=True)]


# The life of an order


def test_the_clock_of_a_decision_runs_from_the_time_of_the_call(hotels: Hotels) -> None:
    order = hotels.queued()
    order = hotels.ask(order, at=order.batch.campaign.started_at, text="He calls back")
    assert order.asked_at == order.taken_at == order.batch.campaign.started_at
    assert order.answer_due_at - order.asked_at == timedelta(minutes=60)  # type: ignore[operator]
    assert (order.status, words(order)) == ("asked", ["asked"])


def test_a_call_nobody_answers_starts_no_clock(hotels: Hotels) -> None:
    order = hotels.queued()
    by_hand.no_reply(order, hotels.heard(order), by=hotels.anna)
    assert (fresh(order).asked_at, words(order)) == (None, ["no_reply"])


def test_another_official_is_asked_too_and_the_same_one_is_reminded(hotels: Hotels) -> None:
    order = hotels.asked()
    order = hotels.ask(hotels.ask(order, hotels.porter), hotels.manager)
    assert (words(order), order.reminders) == (["asked", "asked", "reminded"], 1)


def test_an_answer_is_a_decision_by_a_role_with_its_own_time(hotels: Hotels) -> None:
    order = hotels.asked()
    by_hand.answer(order, "accepted", hotels.heard(order), by=hotels.anna, expects=(300, 500))
    order = fresh(order)
    assert (order.status, order.decision, order.answered_by) == ("sending", "accepted", "Duty manager")
    assert (order.estimate_lower, order.estimate_upper) == (300, 500)
    assert order.answered_at is not None


def test_an_answer_in_part_says_what_is_left_out(hotels: Hotels) -> None:
    order = hotels.asked()
    by_hand.answer(order, "partial", hotels.heard(order), by=hotels.anna, narrowed=["fewer_people"])
    assert (fresh(order).decision, fresh(order).narrowed) == ("partial", ["fewer_people"])
    assert "accepted the order in part: to fewer people" in LogEntry.objects.filter(text__contains="in part").get().text


def test_a_refusal_ends_the_order_and_the_message_goes_on(hotels: Hotels) -> None:
    order = hotels.asked()
    by_hand.answer(order, "refused", hotels.heard(order, text="No staff at night"), by=hotels.anna)
    order = fresh(order)
    assert (order.status, order.reason, order.batch.status) == ("refused", "No staff at night", Batch.Status.DONE)
    assert Campaign.objects.get(pk=order.batch.campaign_id).status == Status.SENT


def test_totals_come_with_their_source_any_number_of_times_and_end_the_order(hotels: Hotels) -> None:
    order = hotels.tell(hotels.accepted(), matched=400, sent=300)
    order = hotels.tell(order, sent=390, delivered=350, source="The duty manager", over=True)
    assert (order.status, order.matched, order.sent, order.delivered) == ("done", 400, 390, 350)
    assert order.totals_source == "The duty manager"
    assert Delivery.objects.get(batch=order.batch).people == 390
    assert Campaign.objects.get(pk=order.batch.campaign_id).status == Status.SENT
    assert [*order.words.filter(kind="totals").values_list("source", flat=True)] == ["Letter No 12", "The duty manager"]


def test_totals_without_an_answer_mean_that_they_accepted(hotels: Hotels) -> None:
    assert hotels.tell(hotels.asked(), sent=12).decision == "accepted"


def test_a_letter_that_comes_after_the_end_still_counts(hotels: Hotels) -> None:
    order = hotels.tell(hotels.tell(hotels.accepted(), sent=300, over=True), sent=310)
    assert (order.status, order.sent, fresh(order).batch.accepted) == ("done", 310, 310)


def test_a_stop_is_told_to_them_by_people_and_ends_with_how_many_had_gone(hotels: Hotels) -> None:
    order = hotels.tell(hotels.accepted(), sent=100)
    workflow.stop(order.batch.campaign, by=hotels.anna)
    by_hand.tell_stop(order, hotels.heard(order), by=hotels.anna)
    order = hotels.tell(fresh(order), sent=140, over=True)
    assert (order.status, order.sent_when_cancelled, order.batch.status) == ("cancelled", 140, Batch.Status.STOPPED)


def test_every_word_has_who_noted_it_and_whom_they_spoke_to(hotels: Hotels) -> None:
    word = hotels.asked().words.get()
    assert (word.by, word.card, word.way) == (hotels.anna, hotels.manager, "phone")
    assert AuditEntry.objects.filter(action="order.ask", by=hotels.anna).exists()


def test_a_machine_reminds_nobody_at_a_desk(hotels: Hotels) -> None:
    order = hotels.asked()
    world.sql("UPDATE messaging_account SET answer_minutes = 1 WHERE id = %s", hotels.desk.pk)
    Order.objects.filter(pk=order.pk).update(answer_due_at=now() + timedelta(seconds=1))
    assert delivery.orders.remind_due() == 0
    assert words(order) == ["asked"]


def test_the_plan_goes_on_without_a_desk_that_does_not_answer(hotels: Hotels) -> None:
    order = hotels.asked()
    workflow.go_on_without(order, by=hotels.anna)
    assert Campaign.objects.get(pk=order.batch.campaign_id).status == Status.SENT
    assert hotels.tell(fresh(order), sent=5).decision == "accepted"  # a late yes still counts


@pytest.mark.parametrize("after", [{"severity": "Minor"}, {"status": "closed"}])
def test_nobody_is_asked_for_strangers_once_the_exception_is_over(hotels: Hotels, after: dict[str, str]) -> None:
    queued, asked = hotels.for_strangers(), hotels.ask(hotels.for_strangers())
    Incident.objects.filter(pk__in=[queued.batch.campaign.incident_id, asked.batch.campaign.incident_id]).update(**after)
    for order in (queued, asked):
        with expect_nothing_noted("The exception this rests on is over, so nobody is asked any more. Nothing was changed."):
            hotels.ask(order)


def test_what_its_exception_carries_no_longer_is_to_be_stopped_by_itself(hotels: Hotels) -> None:
    other, queued, asked = hotels.asked(), hotels.for_strangers(), hotels.ask(hotels.for_strangers())
    assert sweeping.cancel_outlived() == 0
    Incident.objects.exclude(pk=other.batch.campaign.incident_id).update(severity="Minor")
    assert sweeping.cancel_outlived() == 2
    assert (fresh(queued).status, fresh(asked).ended, words(asked)) == ("cancelled", False, ["asked", "cancel_asked"])
    assert fresh(other).cancel_asked_at is None
    assert sweeping.cancel_outlived() == 0


# What cannot be


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ({"sent": 401}, r"more people than they found\. \(401 > 400\) Nothing was changed"),
        ({"delivered": 301}, r"than it was sent to\. \(301 > 300\)"),
        ({"sent": 299}, r"fewer people than they said before\. \(300 > 299\)"),
        ({"failed": 101}, "Sent and failed together"),
        ({"sent": -1}, "below nothing"),
        ({"matched": 10**9 + 1}, "above a thousand million"),
        ({}, "Type in at least one number"),
    ],
)
def test_totals_that_cannot_be_change_nothing(hotels: Hotels, numbers: dict[str, int], sentence: str) -> None:
    order = hotels.tell(hotels.accepted(), matched=400, sent=300)
    with expect_nothing_noted(sentence):
        hotels.tell(order, **numbers)


def test_totals_without_a_source_change_nothing(hotels: Hotels) -> None:
    order = hotels.accepted()
    with expect_nothing_noted("Say who told this"):
        hotels.tell(order, sent=3, source=" ")


def test_older_totals_than_are_known_change_nothing(hotels: Hotels) -> None:
    order = hotels.tell(hotels.accepted(), sent=3)
    with expect_nothing_noted("Newer totals are known already"):
        hotels.tell(order, sent=4, at=order.asked_at)


@pytest.mark.parametrize(("minutes", "sentence"), [(2, "This time has not come yet"), (-60 * 24, "before they could be asked")])
def test_a_time_that_cannot_be_changes_nothing(hotels: Hotels, minutes: int, sentence: str) -> None:
    order = hotels.queued()
    with expect_nothing_noted(sentence):
        hotels.ask(order, at=now() + timedelta(minutes=minutes))


def test_nothing_is_answered_before_somebody_was_asked(hotels: Hotels) -> None:
    order = hotels.queued()
    with expect_nothing_noted("They have not been asked yet"):
        by_hand.answer(order, "accepted", hotels.heard(order), by=hotels.anna)
    with expect_nothing_noted("They have not been asked yet"):
        hotels.tell(order, sent=3)


def test_an_answer_is_not_given_twice(hotels: Hotels) -> None:
    order = hotels.accepted()
    with expect_nothing_noted("They answered already: accepted"):
        by_hand.answer(order, "refused", hotels.heard(order), by=hotels.anna)


def test_an_answer_in_part_without_the_part_changes_nothing(hotels: Hotels) -> None:
    order = hotels.asked()
    with expect_nothing_noted("what they do not"):
        by_hand.answer(order, "partial", hotels.heard(order), by=hotels.anna)


def test_an_order_that_is_over_is_not_worked_any_more(hotels: Hotels) -> None:
    order = hotels.tell(hotels.accepted(), sent=3, over=True)
    with expect_nothing_noted("This order is over: done"):
        hotels.ask(order)
    with expect_nothing_noted("This order is over: done"):
        hotels.tell(order, sent=3, over=True)


def test_nobody_is_asked_for_a_message_that_was_stopped_or_paused(hotels: Hotels) -> None:
    order = hotels.queued()
    workflow.pause(order.batch.campaign, by=hotels.anna)
    with expect_nothing_noted("The sending is paused"):
        hotels.ask(order)
    workflow.stop(order.batch.campaign, by=hotels.anna)
    with expect_nothing_noted("This order is over"):
        hotels.ask(order)


def test_of_two_who_note_at_once_the_second_reads_the_first(hotels: Hotels) -> None:
    order = hotels.accepted()
    stale = hotels.heard(order, source="Letter No 13")
    hotels.tell(order, sent=3)
    with expect_nothing_noted("Meanwhile this was noted: told totals"):
        by_hand.tell_totals(order, {"sent": 2}, stale, by=hotels.boris)


def test_whom_no_card_of_this_desk_names_was_not_asked(hotels: Hotels) -> None:
    order, other = hotels.queued(), world.account("manual", handle="others").cards.create(role="Warden")
    with expect_nothing_noted("not of this duty desk"):
        hotels.ask(order, other)


def test_nothing_is_typed_in_for_a_platform_that_a_machine_speaks_to(hotels: Hotels) -> None:
    geo = world.account("vk-geo")
    campaign = world.approve(world.submitted(hotels.anna, geo), hotels.boris)
    with expect_nothing_noted("A machine speaks to this platform"):
        by_hand.tell_totals(Order.objects.get(batch__campaign=campaign), {"sent": 3}, Heard(source="VK"), by=hotels.anna)


@pytest.mark.parametrize("role", ["admin", "auditor"])
def test_who_may_not_work_an_order_notes_nothing(hotels: Hotels, role: str) -> None:
    order = hotels.queued()
    with pytest.raises(Forbidden):
        by_hand.ask(order, hotels.heard(order), by=world.person("the-other", role))
    assert not OrderWord.objects.exists()


# What they expect, told before the decision


def test_a_desk_tells_before_the_decision_how_many_it_would_reach(hotels: Hotels) -> None:
    draft = hotels.draft()
    by_hand.expect_people(draft, hotels.desk, 300, 500, "the duty manager, by telephone", by=hotels.anna)
    (found,) = reaching.estimates_of(draft, now()).values()
    assert (found.lower, found.upper, found.source) == (300, 500, "the duty manager, by telephone")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("lower", "upper", "source", "minutes", "sentence"),
    [
        (500, 300, "x", 0, "At least cannot be more than at most"),
        (-1, 3, "x", 0, "nor less than nothing"),
        (1, 3, " ", 0, "Say who told this"),
        (1, 3, "x", 5, "This time has not come yet"),
    ],
)
def test_what_cannot_be_expected_changes_nothing(
    hotels: Hotels, lower: int, upper: int, source: str, minutes: int, sentence: str
) -> None:
    draft = hotels.draft()
    with pytest.raises(Refused, match=sentence):
        by_hand.expect_people(
            draft, hotels.desk, lower, upper, source, by=hotels.anna, at=now() + timedelta(minutes=minutes) if minutes else None
        )
    assert not Told.objects.exists()


def test_nothing_is_expected_any_more_once_it_was_decided(hotels: Hotels) -> None:
    order = hotels.queued()
    with pytest.raises(Refused, match="nothing was changed"):
        by_hand.expect_people(order.batch.campaign, hotels.desk, 1, 2, "x", by=hotels.anna)


def test_only_a_desk_of_this_message_expects_anybody(hotels: Hotels) -> None:
    with pytest.raises(Refused, match="no way of this campaign"):
        by_hand.expect_people(hotels.draft(), world.account("manual", handle="b"), 1, 2, "x", by=hotels.anna)
