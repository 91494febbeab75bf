"""Bounds of how many people several ways reach together hold whatever the overlap is, and whatever a platform rounds away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.joint import Bounds, Joint, Overlap, Part, in_turn, join, percent_at_least, percent_at_most, reported

People = frozenset[int]
ROUNDING: dict[str, Callable[[float], int]] = {"down": floor, "up": ceil, "nearest": round}
often = settings(max_examples=100, deadline=None, derandomize=True)
crowds = st.frozensets(st.integers(0, 59), max_size=60)


@dataclass(frozen=True)
class Way:
    """People whom a way truly reaches, and how its platform tells their number."""

    people: People
    manner: str = "exact"
    step: int = 1
    threshold: int = 0

    @property
    def bounds(self) -> Bounds:
        """What is known of the number once the platform has told it, rounded it, or kept it to itself."""
        people = len(self.people)
        if self.manner in ROUNDING:
            said = ROUNDING[self.manner](people / self.step) * self.step if people >= self.threshold else 0
            return reported(said, step=self.step, threshold=self.threshold)
        if self.manner == "silent":
            return reported(None, within=people + self.step if self.step % 2 else None)
        return reported(people)


manners = st.sampled_from([*ROUNDING, "exact", "silent"])
ways = st.builds(Way, crowds, manners, st.integers(1, 12), st.integers(0, 15))
several = st.lists(ways, max_size=5)


def joint_of(found: list[Way], overlap: Overlap | None = None) -> Joint:
    return join([Part(number, *way.bounds) for number, way in enumerate(found)], overlap)


def overlap_of(held: list[Way]) -> Overlap:
    """People of the first ways by the set of those that reach them, as one knows it who holds the people."""
    return Counter(frozenset(n for n, way in enumerate(held) if one in way.people) for one in reached(held))


def reached(found: list[Way]) -> People:
    return frozenset[int]().union(*(way.people for way in found))


def added(found: list[Way], number: int) -> People:
    """People of one way whom no other reaches."""
    return found[number].people - reached(found[:number] + found[number + 1 :])


def check(people: int, least: int, most: int | None) -> None:
    assert least <= people
    assert most is None or people <= most


@often
@given(several)
def test_all_ways_together_reach_as_many_people_as_the_bounds_say(found: list[Way]) -> None:
    joint = joint_of(found)
    check(len(reached(found)), joint.least, joint.most)
    assert joint.untold == tuple(number for number, way in enumerate(found) if way.bounds[1] is None)


@often
@given(several)
def test_each_way_adds_as_many_people_as_the_bounds_say(found: list[Way]) -> None:
    for number, way in enumerate(joint_of(found).ways):
        check(len(added(found, number)), way.least, way.most)


@often
@given(st.lists(crowds.map(Way), min_size=1, max_size=3), several)
def test_an_overlap_that_is_known_narrows_the_bounds_and_never_breaks_them(held: list[Way], others: list[Way]) -> None:
    found = held + others
    known, unknown = joint_of(found, overlap_of(held)), joint_of(found)
    check(len(reached(found)), known.least, known.most)
    assert known.least >= unknown.least
    assert known.most_told <= unknown.most_told
    for number, (way, before) in enumerate(zip(known.ways, unknown.ways, strict=True)):
        check(len(added(found, number)), way.least, way.most)
        assert way.least >= before.least


@given(st.lists(crowds.map(Way), min_size=1, max_size=4))
def test_where_all_people_are_held_every_number_is_exact(held: list[Way]) -> None:
    joint = joint_of(held, overlap_of(held))
    assert joint.least == joint.most == len(reached(held))
    assert [(way.least, way.most) for way in joint.ways] == [(n, n) for n in (len(added(held, i)) for i in range(len(held)))]


@often
@given(several, ways)
def test_one_more_way_never_makes_it_fewer_people(found: list[Way], more: Way) -> None:
    before, after = joint_of(found), joint_of([*found, more])
    assert (after.least >= before.least, after.most_told >= before.most_told) == (True, True)


@often
@given(st.lists(ways, min_size=1, max_size=4), st.data())
def test_orders_by_one_way_reach_as_many_people_as_the_bounds_say(found: list[Way], data: st.DataObject) -> None:
    turns: list[tuple[Way, bool]] = []
    for way in found:
        alone = data.draw(st.booleans())
        before = reached([one for one, _ in turns])
        turns.append((Way(way.people - before, way.manner, way.step, way.threshold) if alone else way, alone))
    check(len(reached([way for way, _ in turns])), *in_turn((way.bounds, alone) for way, alone in turns))


@given(several, st.integers(1, 200))
def test_the_share_of_nationals_is_within_its_bounds(found: list[Way], nationals: int) -> None:
    joint, people = joint_of(found), len(reached(found))
    assert percent_at_least(joint.least, nationals) <= 100 * people / nationals
    assert joint.most is None or 100 * people / nationals <= percent_at_most(joint.most, nationals)


def test_ways_are_not_added_up_as_if_people_were_distinct() -> None:
    joint = joint_of([Way(frozenset(range(3000))), Way(frozenset(range(18_000)))])
    assert (joint.least, joint.most) == (18_000, 21_000)
    assert [(way.least, way.most) for way in joint.ways] == [(0, 3000), (15_000, 18_000)]


def test_a_way_that_tells_no_number_leaves_open_how_many_it_is_at_most_and_is_named() -> None:
    joint = join([Part(7, 3000, 3000), Part(8, 0, None)])
    assert (joint.least, joint.most, joint.most_told, joint.untold) == (3000, None, 3000, (8,))
    assert [(way.least, way.most) for way in joint.ways] == [(0, 3000), (0, None)]


@pytest.mark.parametrize(
    ("said", "bounds"),
    [
        ({"people": 19_400, "step": 10}, (19_391, 19_409)),
        ({"people": 19_403}, (19_403, 19_403)),
        ({"people": 0, "step": 10, "threshold": 100}, (0, 99)),
        ({"people": 0}, (0, 0)),
        ({"people": None}, (0, None)),
        ({"people": None, "within": 20_099}, (0, 20_099)),
        ({"people": 20_000, "step": 100, "within": 20_040}, (19_901, 20_040)),
        ({"people": 300, "within": 200}, (300, 300)),
    ],
)
def test_a_rounded_number_says_as_much_as_its_step_leaves(said: dict[str, int | None], bounds: Bounds) -> None:
    assert reported(**said) == bounds  # type: ignore[arg-type]


@pytest.mark.parametrize(("minutes", "per_minute"), [(None, None), (9.0, 1000.0), (0.02, 9000.0), (0.0, 9000.0)])
def test_people_for_a_minute_of_decision_are_not_multiplied_by_haste(minutes: float | None, per_minute: float | None) -> None:
    assert Part(1, 9000, 9000, minutes).per_minute == per_minute
