"""A campaign's own pace: no more people in ten minutes than the hotline stands, whatever happened meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.clock import now
from messaging import delivery, workflow
from messaging.delivery.claiming import claim, has_work, release, take
from messaging.delivery.turns import LATE, MOST, Turns, keep_turns
from messaging.models import Batch, Campaign, Lane
from tests import world
from tests.engine import while_waiting
from tests.stages import Cast, set_clock, stand_still

TEN = timedelta(minutes=10)


@given(pace=st.integers(1, 200_000))
def test_turns_never_exceed_the_pace_and_lose_little_of_it(pace: int) -> None:
    turns = Turns.of(pace)
    in_a_window = round(600 / turns.seconds) * turns.people
    assert 1 <= turns.people <= MOST
    assert pace * 0.9 <= in_a_window <= pace


def test_without_a_pace_there_are_no_turns() -> None:
    assert Turns.of(None) == Turns(MOST, 0.0)


@pytest.fixture
def cast(committed: str) -> Cast:
    return Cast()


def paced(cast: Cast, people: int, pace: int) -> Campaign:
    world.contacts([*range(1001, 1001 + people - 3)])
    return world.approve(cast.submitted(pace=pace), cast.approver)


def times(campaign: Campaign) -> list[tuple[datetime, int]]:
    rows = Batch.objects.filter(campaign=campaign).order_by("number").values_list("not_before", "total")
    return [(at, people) for at, people in rows if at]


def most_in_a_window(rows: Sequence[tuple[datetime, int]]) -> int:
    return max(sum(people for at, people in rows if start <= at < start + TEN) for start, _ in rows)


def test_people_wait_for_their_turn_from_the_beginning(cast: Cast) -> None:
    at = stand_still()
    campaign = paced(cast, 250, 100)
    found = times(campaign)
    assert (len(found), sum(people for _, people in found), most_in_a_window(found)) == (25, 250, 100)
    assert (found[0][0], found[-1][0]) == (at, at + timedelta(minutes=24))


def test_two_languages_share_the_pace(cast: Cast) -> None:
    world.contacts([*range(101, 151)], language="en")
    assert most_in_a_window(times(paced(cast, 60, 20))) == 20


def claimed_until(cast: Cast, start: datetime, minutes: Sequence[float]) -> list[tuple[datetime, int]]:
    """What a pump claims that looks at these minutes; each batch is done at once."""
    found = []
    for minute in minutes:
        at = start + timedelta(minutes=minute)
        set_clock(f"timestamptz '{at.isoformat()}'")
        Lane.objects.update(lease_until=None)
        lane = take(Lane.objects.get(account=cast.account).pk)
        assert lane is not None
        keep_turns()
        while held := claim(lane):
            Batch.objects.filter(pk=held.id).update(status="done", lease_until=None)
            found.append((at, len(held.people)))
        release(lane)
    return found


def minutes_of(found: Sequence[tuple[datetime, int]], start: datetime) -> list[tuple[float, int]]:
    return [((at - start) / timedelta(minutes=1), people) for at, people in found]


def test_nobody_is_claimed_before_their_turn(cast: Cast) -> None:
    start = stand_still()
    paced(cast, 103, 50)
    found = claimed_until(cast, start, [0, 0.5, 1, 1.9, 2, 3])
    assert minutes_of(found, start) == [(0, 5), (1, 5), (2, 5), (3, 5)]


def test_after_a_standstill_there_is_no_burst(cast: Cast) -> None:
    start = stand_still()
    paced(cast, 203, 50)
    found = claimed_until(cast, start, [0, 1, 35, 35.1, 36, 37])
    assert minutes_of(found, start) == [(0, 5), (1, 5), (35, 5), (36, 5), (37, 5)]


def test_a_claim_looks_back_ten_minutes_whatever_the_turns_say(cast: Cast) -> None:
    start = stand_still()
    paced(cast, 203, 50)
    Batch.objects.update(not_before=start)
    found = claimed_until(cast, start, [0, 5, 9.9, 10.1])
    assert minutes_of(found, start) == [(0, 5)] * 10 + [(10.1, 5)] * 10


def test_what_waits_is_moved_on_after_a_pause(cast: Cast) -> None:
    start = stand_still()
    campaign = paced(cast, 53, 10)
    workflow.pause(campaign, by=cast.author)
    set_clock(f"timestamptz '{(start + timedelta(hours=1)).isoformat()}'")
    assert keep_turns() == len(times(campaign))
    assert times(campaign)[0][0] == start + timedelta(hours=1)
    assert most_in_a_window(times(campaign)) == 10


def test_two_pumps_at_once_move_it_on_only_once(cast: Cast) -> None:
    start = stand_still()
    campaign = paced(cast, 53, 10)
    set_clock(f"timestamptz '{(start + timedelta(hours=1)).isoformat()}'")
    while_waiting(keep_turns, keep_turns)
    assert times(campaign)[0][0] == start + timedelta(hours=1)


def test_a_little_late_is_not_moved(cast: Cast) -> None:
    start = stand_still()
    paced(cast, 53, 10)
    set_clock(f"timestamptz '{(start + timedelta(seconds=LATE - 1)).isoformat()}'")
    assert keep_turns() == 0


def test_a_lane_has_no_work_while_the_pace_is_used_up(cast: Cast) -> None:
    start = stand_still()
    paced(cast, 103, 50)
    claimed_until(cast, start, [0, 1])
    assert not has_work(cast.account.pk)


def test_a_top_up_keeps_the_pace_with_what_was_sent_just_before(cast: Cast) -> None:
    start = stand_still()
    campaign = paced(cast, 10, 10)
    claimed_until(cast, start, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    delivery.finish(campaign.pk)
    world.contacts([5000])
    workflow.top_up(campaign, by=cast.author)
    assert times(campaign)[-1][0] == start + timedelta(minutes=10)
    assert now() == start + timedelta(minutes=9)
