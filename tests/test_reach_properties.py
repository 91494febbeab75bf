"""Whatever the audience and whoever the people: those counted, those selected and those a plain reading finds are the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from audiences.criteria import (
    AllOf,
    AnyOf,
    Circle,
    Criteria,
    Except,
    Listed,
    Permitted,
    Polygon,
    Seen,
    Speaks,
    Subscribed,
    Travelling,
)
from audiences.models import Outage, Source
from audiences.reach import reach
from crisis.models import User
from crisis.refusal import Refused
from tests import world
from tests.plain import (
    AT,
    HERE,
    KINDS,
    PHONE,
    VK,
    Person,
    Sighting,
    Stored,
    language,
    meets,
    reached,
    status,
    store,
    whereabouts,
)
from tests.test_reach import recipients

pytestmark = pytest.mark.django_db

PEOPLE = 240
QUIET = settings(deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=[*HealthCheck])
COUNTRIES = ("EG", "TR", "IL")
LISTS, DROPPED = (1, 2), (3,)  # the last by a source switched off
FIFTH = date(2015, 11, 5)
# Offsets around the ends of the windows, to the second, and around the hour by which a row moves.
OFFSETS = (-1, 0, 1, 1800, 3599, 3600, 3601, 86399, 86400, 86401, 14 * 86400 - 1, 14 * 86400, 14 * 86400 + 1)
POINTS = (HERE, (36.2, 36.56), (36.6, 36.16), (37.2, 36.16), (27.5, 33.5))
AREAS = (Circle(*HERE, 20, "Antakya"), Circle(*HERE, 60), Polygon(((27.0, 33.0), (28.5, 33.0), (28.5, 34.5), (27.0, 34.5))))


def population(seed: int, *, switched_off: bool = True) -> list[Person]:
    """Enough people that every way of being seen, written to and listed occurs many times. `switched_off`: also things told by
    the source that is switched off."""
    dice = Random(seed)

    def sighting() -> Sighting:
        return Sighting(dice.choice(COUNTRIES), AT - timedelta(seconds=dice.choice(OFFSETS)), dice.choice(POINTS))

    def delivery() -> tuple[int, list[Sighting]]:
        return int(switched_off and dice.random() < 0.2), [sighting() for _n in range(dice.randrange(1, 4))]

    def address() -> tuple[int, dict[str, bool]]:
        flags = {name: dice.random() < share for name, share in (("permitted", 0.7), ("denied", 0.2), ("dead", 0.1))}
        return dice.choice(KINDS), flags | {"subscribed": dice.random() < 0.5}

    def trip() -> tuple[str, date, date]:
        first = date(2015, 11, 1) + timedelta(days=dice.randrange(14))
        return dice.choice(COUNTRIES), first, first + timedelta(days=dice.randrange(8))

    return [
        Person(
            language=dice.choice(["ru", "en", "ar", "de", ""]),
            addresses=[address() for _n in range(dice.randrange(4))],
            later=[delivery() for _n in range(dice.randrange(4))],
            trips=[trip() for _n in range(dice.randrange(2))],
            dropped_trips=[trip() for _n in range(switched_off and dice.random() < 0.01)],
            lists={number for number in (*LISTS, *(DROPPED if switched_off else ())) if dice.random() < 0.3},
        )
        for _n in range(PEOPLE)
    ]


places = st.builds(
    Seen,
    st.lists(st.sampled_from(COUNTRIES), min_size=1, max_size=2).map(tuple),
    st.sampled_from([1, 24, 336]),
    st.sampled_from([None, AT, AT - timedelta(hours=1)]),
    st.sampled_from(["was_there", "last_seen_there"]),
    st.sampled_from([None, None, *AREAS]),
    st.sampled_from([(), (), (1,), (2,)]),
)
leaves = st.one_of(
    places,
    st.builds(Subscribed, st.just("vk"), st.booleans()),
    st.builds(Permitted, st.sampled_from(["vk", "phone"]), st.booleans()),
    st.builds(Speaks, st.lists(st.sampled_from(["ru", "en", "other", "unknown"]), min_size=1).map(tuple)),
    st.builds(Listed, st.sampled_from([(1,), (2,), (1, 2), (3,), (2, 3)])),
    st.builds(
        Travelling,
        st.sampled_from([("EG", "TR"), ("EG",), ("IL",)]),
        st.just(FIFTH),
        st.sampled_from([FIFTH, FIFTH + timedelta(days=4)]),
    ),
)
nodes = st.recursive(
    leaves,
    lambda inner: st.builds(
        lambda kind, of: kind(*of), st.sampled_from([AllOf, AnyOf, Except]), st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=5,
)
rules = st.lists(nodes, min_size=0, max_size=3)
Down = tuple[int, str]
outages = st.just(set[Down]()) | st.sets(st.tuples(st.sampled_from(KINDS), st.sampled_from(COUNTRIES)), max_size=4)


@contextmanager
def out(down: Collection[Down], by: User) -> Iterator[None]:
    """These ways are down in these countries, and nothing of it is left afterwards."""
    with transaction.atomic():
        since = AT - timedelta(hours=1)
        rows = [Outage(kind=kind, country=code, since_at=since, said_by="they", entered_by=by) for kind, code in sorted(down)]
        Outage.objects.bulk_create(rows)
        yield
        transaction.set_rollback(True)


def numbered(node: Any, stored: Stored) -> Any:
    """The same condition with the ids that the stored sources and lists have."""
    match node:
        case Seen():
            return replace(node, sources=tuple(stored.sources[number - 1] for number in node.sources))
        case Listed():
            return Listed(tuple(stored.lists[number] for number in node.lists))
        case AllOf() | AnyOf() | Except():
            return type(node)(*(numbered(inner, stored) for inner in node.of))
    return node


def compare(people: list[Person], stored: Stored, criteria: Criteria, down: Collection[Down] = ()) -> None:
    """Raises AssertionError where the count or the selection differs from the plain reading. `down` is what is stored so."""
    found, whole = reach(criteria, KINDS, at=AT), AllOf(*criteria.of)
    meant = [person for person in people if meets(person, whole, stored)]
    assert found.people == len(meant), criteria
    for kind in KINDS:
        live = {person.id: language(person) for person in meant if status(person, kind) == "live"}
        assert recipients(criteria, kind) == live, criteria
        spoken = Counter(language(person) for person in meant if reached(person, kind, down))
        assert (found.by_kind[kind].writable, found.by_kind[kind].languages) == (len(live), spoken)
        assert found.by_kind[kind].reachable == spoken.total()
        assert {(kind, outage.country) for outage in found.by_kind[kind].cut_off} <= {*down}
        for outage, number in found.by_kind[kind].cut_off.items():
            assert number == sum(person.id in live and whereabouts(person) == outage.country for person in meant)
        for reason, number in found.by_kind[kind].excluded.items():
            assert number == sum(status(person, kind) == reason for person in meant)
    either = [sum(reached(person, kind, down) for kind in KINDS) for person in meant]
    assert (found.reachable_at_all, found.overlap) == (sum(n > 0 for n in either), sum(n > 1 for n in either))
    first, second = found.added(KINDS)
    assert (first[1], first[1] + second[1]) == (found.by_kind[VK].reachable, found.reachable_at_all)
    if place := criteria.place:

        def with_place(**changes: Any) -> int:
            nodes = [replace(place, **changes) if node is place else node for node in criteria.of]
            return sum(all(meets(person, node, stored) for node in nodes) for person in people)

        assert found.was_there == with_place(mode="was_there")
        assert found.was_there - found.left == with_place(mode="last_seen_there")
        assert found.narrower == {hours: with_place(hours=hours) for hours in found.narrower}


@pytest.mark.parametrize(("switched_off", "examples"), [(True, 750), (False, 250)])
def test_reach_is_who_is_selected_is_who_a_plain_reading_finds(switched_off: bool, examples: int) -> None:
    people = population(seed=2015, switched_off=switched_off)
    lists, dropped = (LISTS, DROPPED) if switched_off else ((*LISTS, *DROPPED), ())
    stored, anna = store(people, lists, dropped=dropped), world.person("anna", "operator")
    judged = []

    @settings(QUIET, max_examples=examples)
    @given(places | st.none(), rules, outages)
    def judge(place: Seen | None, rest: list[Any], down: set[Down]) -> None:
        try:
            criteria = Criteria(*(numbered(node, stored) for node in [*([place] if place else []), *rest]))
        except Refused:  # everybody, nobody, or too much: told by tests/test_criteria.py
            return
        with out(down, anna):
            compare(people, stored, criteria, down)
        judged.append(criteria)

    judge()
    assert len(judged) >= examples * 2 / 3


def test_switching_a_source_off_lets_nobody_in_whatever_the_audience() -> None:
    people = population(seed=2015)
    stored = store(people, LISTS, dropped=DROPPED)
    fewer = []

    @settings(QUIET, max_examples=250)
    @given(places | st.none(), rules)
    def judge(place: Seen | None, rest: list[Any]) -> None:
        try:
            criteria = Criteria(*(numbered(node, stored) for node in [*([place] if place else []), *rest]))
        except Refused:
            return
        off = {*recipients(criteria, VK)}
        Source.objects.update(active=True)
        on = {*recipients(criteria, VK)}
        Source.objects.filter(pk=stored.sources[1]).update(active=False)
        assert off <= on, criteria
        fewer.append(off < on)

    judge()
    assert any(fewer)


def test_a_boundary_a_second_off_is_caught() -> None:
    people = population(seed=2015)
    stored = store(people, LISTS, dropped=DROPPED)
    for person in people:
        person.rows = {country: row._replace(at=row.at + timedelta(seconds=1)) for country, row in person.rows.items()}
    with pytest.raises(AssertionError):
        compare(people, stored, Criteria(Seen(COUNTRIES, 336, AT)))


@pytest.mark.parametrize("down", [{(VK, "EG")}, {(PHONE, "TR"), (VK, "IL")}])
def test_an_outage_that_is_overlooked_is_caught(down: set[Down]) -> None:
    people = population(seed=2015)
    stored = store(people, LISTS, dropped=DROPPED)
    with pytest.raises(AssertionError), out(down, world.person("anna", "operator")):
        compare(people, stored, Criteria(Seen(COUNTRIES, 336, AT)))


def test_the_people_drawn_stand_on_every_boundary() -> None:
    people = population(seed=2015)
    store(people, LISTS, dropped=DROPPED)
    ages = {int((AT - row.at).total_seconds()) for person in people for row in person.rows.values()}
    assert {*OFFSETS} <= ages
    assert {status(person, kind) for person in people for kind in (VK, PHONE)} == {
        "live", "not_permitted", "denied", "dead", "no_address",
    }  # fmt: skip
