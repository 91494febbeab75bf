"""Reach: the people counted are the people selected, and both are those a plain reading of the rule finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiences import presence
from audiences.criteria import Criteria, Permitted, Seen, Speaks, Subscribed
from audiences.models import Address, AddressKind, Contact, Presence, Source
from audiences.reach import Reach, reach, recipients_sql
from audiences.traits import LANGUAGES

pytestmark = pytest.mark.django_db

AT = datetime(2015, 11, 8, 9, tzinfo=UTC)
VK, PHONE = AddressKind.VK, AddressKind.PHONE
KINDS = (VK, PHONE)
LIVE = {"permitted": True}


@dataclass
class Person:
    """Who a person is and where they were seen, in plain words; `id` is known once stored."""

    language: str = "ru"
    addresses: list[tuple[int, dict[str, bool]]] = field(default_factory=lambda: [(VK, LIVE)])
    sightings: dict[str, tuple[datetime, bool]] = field(default_factory=dict)  # country → instant, from the source in use
    id: int = 0


def seen(*, ago: timedelta = timedelta(hours=2), country: str = "EG", **changes: Any) -> Person:
    return replace(Person(sightings={country: (AT - ago, True)}), **changes)


def store(people: Sequence[Person]) -> None:
    """Sightings come by an address of their own, so that people without any other can be seen too."""
    for person, row in zip(people, Contact.objects.bulk_create(Contact(language=p.language) for p in people), strict=True):
        person.id = row.pk
    anchors = [Address(contact_id=p.id, kind=AddressKind.MAX, value_hmac=b"%d" % p.id) for p in people]
    Address.objects.bulk_create([*anchors, *(address for person in people for address in addresses_of(person))])
    for on in (True, False):
        source = Source.objects.create(name=f"source {on}", owner="o", legal_basis="b")
        rows = [(p.id, c, at) for p in people for c, (at, of) in p.sightings.items() if of == on]
        presence.ingest([presence.Sighting(AddressKind.MAX, b"%d" % who, c, 1, at) for who, c, at in rows], source)
        Source.objects.filter(pk=source.pk).update(active=on)
    Address.objects.filter(kind=AddressKind.MAX).delete()
    presence.refresh_traits([person.id for person in people])


def addresses_of(person: Person) -> list[Address]:
    return [
        Address(contact_id=person.id, kind=kind, value_hmac=b"%d-%d" % (person.id, number), **flags)
        for number, (kind, flags) in enumerate(person.addresses)
    ]


def recipients(criteria: Criteria, kind: int, at: datetime = AT) -> dict[int, str]:
    with connection.cursor() as cursor:
        cursor.execute(*recipients_sql(criteria, kind, at))
        rows = cursor.fetchall()
    assert len({row[0] for row in rows}) == len(rows)
    return dict(rows)


def count(people: list[Person], criteria: Criteria, kinds: Sequence[int] = KINDS) -> Reach:
    store(people)
    return reach(criteria, kinds, at=AT)


EGYPT = Criteria(Seen(("EG",), 336, AT))


def status(person: Person, kind: int) -> str:
    """Of several addresses of a kind the best counts."""
    found = {word_of(flags) for k, flags in person.addresses if k == kind}
    return next((word for word in ("live", "not_permitted", "denied", "dead") if word in found), "no_address")


def word_of(flags: dict[str, bool]) -> str:
    return next((word for word in ("dead", "denied") if flags.get(word)), "live" if flags.get("permitted") else "not_permitted")


def meets(person: Person, leaf: Any) -> bool:
    """The rule as a person would read it."""
    match leaf:
        case Seen():
            since, until = leaf.window(AT)
            there = {c for c, (at, on) in person.sightings.items() if on and c in leaf.countries and since <= at <= until}
            return bool(there & {newest(person)} if leaf.mode == "last_seen_there" else there)
        case Subscribed():
            return leaf.yes == any(k == VK and flags.get("subscribed") for k, flags in person.addresses)
        case Permitted():
            return leaf.yes == (status(person, AddressKind.named(leaf.kind)) == "live")
        case Speaks():
            return language(person) in leaf.languages
    raise AssertionError(leaf)


def newest(person: Person) -> str:
    return max(sorted(person.sightings), key=lambda country: person.sightings[country][0], default="")


def language(person: Person) -> str:
    return person.language if person.language in LANGUAGES else "other" if person.language else "unknown"


flags = st.fixed_dictionaries({name: st.booleans() for name in ("subscribed", "permitted", "denied", "dead")})
offsets = st.sampled_from([-1, 0, 1, 3600, 86399, 86400, 86401, 14 * 86400 - 1, 14 * 86400, 14 * 86400 + 1])
people_strategy = st.lists(
    st.builds(
        Person,
        st.sampled_from(["ru", "en", "ar", "de", ""]),
        st.lists(st.tuples(st.sampled_from(KINDS), flags), max_size=3),
        st.dictionaries(
            st.sampled_from(["EG", "TR", "IL"]), st.tuples(offsets.map(lambda s: AT - timedelta(seconds=s)), st.booleans())
        ),
    ),
    max_size=5,
)
places = st.builds(
    Seen,
    st.lists(st.sampled_from(["EG", "TR"]), min_size=1).map(tuple),
    st.sampled_from([24, 336]),
    st.sampled_from([None, AT]),
    st.sampled_from(["was_there", "last_seen_there"]),
)
extras = st.lists(
    st.one_of(
        st.builds(Subscribed, st.just("vk"), st.booleans()),
        st.builds(Permitted, st.sampled_from(["vk", "phone"]), st.booleans()),
        st.builds(Speaks, st.lists(st.sampled_from(["ru", "en", "other", "unknown"]), min_size=1).map(tuple)),
        st.builds(Seen, st.just(("IL", "TR")), st.sampled_from([24, 336])),
    ),
    max_size=2,
    unique_by=lambda leaf: leaf.op,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people_strategy, places, extras)
def test_reach_is_who_is_selected_is_who_a_plain_reading_finds(people: list[Person], place: Seen, more: list[Any]) -> None:
    criteria = Criteria(place, *more)
    with transaction.atomic():
        found = count(people, criteria)
        meant = [person for person in people if all(meets(person, leaf) for leaf in criteria.leaves)]
        was_there = replace(place, mode="was_there")
        there = [person for person in people if all(meets(person, leaf) for leaf in (was_there, *more))]
        assert found.people == len(meant)
        assert found.was_there == len(there)
        assert found.left == sum(not meets(person, replace(place, mode="last_seen_there")) for person in there)
        for kind in KINDS:
            live = {person.id: language(person) for person in meant if status(person, kind) == "live"}
            assert recipients(criteria, kind) == live
            assert found.by_kind[kind].reachable == len(live) == sum(found.by_kind[kind].languages.values())
            for reason, number in found.by_kind[kind].excluded.items():
                assert number == sum(status(person, kind) == reason for person in meant)
        either = [sum(status(person, kind) == "live" for kind in KINDS) for person in meant]
        assert (found.reachable_at_all, found.overlap) == (sum(n > 0 for n in either), sum(n > 1 for n in either))
        transaction.set_rollback(True)


@pytest.mark.parametrize(("seconds", "people"), [(-1, 0), (0, 1), (14 * 86400, 1), (14 * 86400 + 1, 0)])
def test_both_ends_of_the_window_are_in_and_a_second_outside_is_out(seconds: int, people: int) -> None:
    assert count([seen(ago=timedelta(seconds=seconds))], EGYPT).people == people


def test_the_window_does_not_depend_on_the_session_time_zone() -> None:
    store([seen(ago=timedelta(days=14)), seen(ago=timedelta(days=14, seconds=1))])
    with connection.cursor() as cursor:
        for zone in ("UTC", "Europe/Moscow", "Pacific/Apia"):
            cursor.execute("SELECT set_config('timezone', %s, true)", [zone])
            assert reach(EGYPT, KINDS, at=AT).people == 1


def test_who_was_seen_elsewhere_later_was_there_but_has_left() -> None:
    person = seen(ago=timedelta(days=3))
    person.sightings["RU"] = (AT - timedelta(days=1), True)
    found = count([person, seen()], EGYPT)
    assert (found.people, found.was_there, found.left) == (2, 2, 1)
    last = reach(Criteria(Seen(("EG",), 336, AT, "last_seen_there")), KINDS, at=AT)
    assert (last.people, last.was_there, last.left) == (1, 2, 1)


def test_a_source_switched_off_leaves_at_once() -> None:
    store([seen(), Person(sightings={"EG": (AT, False)})])
    assert reach(EGYPT, KINDS, at=AT).people == 1
    Source.objects.update(active=False)
    assert reach(EGYPT, KINDS, at=AT).people == 0
    assert recipients(EGYPT, VK) == {}


def test_a_person_seen_in_two_of_the_countries_counts_once() -> None:
    person = seen()
    person.sightings["TR"] = (AT - timedelta(hours=5), True)
    both = Criteria(Seen(("EG", "TR"), 336, AT))
    assert count([person], both).people == 1
    assert recipients(both, VK) == {person.id: "ru"}


def test_it_counts_shorter_windows_of_the_same_audience() -> None:
    people = [seen(ago=timedelta(hours=hours)) for hours in (0, 24, 25, 72, 73, 100)]
    assert count(people, EGYPT).narrower == {72: 4, 24: 2}


def test_it_offers_only_windows_that_are_shorter() -> None:
    assert count([seen()], Criteria(Seen(("EG",), 48, AT))).narrower == {24: 1}


def test_it_says_how_old_the_sightings_are() -> None:
    found = count([seen(ago=timedelta(days=2)), seen(ago=timedelta(days=5))], EGYPT)
    assert (found.newest_at, found.oldest_at) == (AT - timedelta(days=2), AT - timedelta(days=5))


def test_nobody_is_nobody() -> None:
    found = count([], EGYPT)
    assert (found.people, found.reachable_at_all, found.newest_at, found.oldest_at) == (0, 0, None, None)
    assert found.by_kind[VK].excluded == {"no_address": 0, "not_permitted": 0, "denied": 0, "dead": 0}


# Among so many people elsewhere the planner prefers no other index, whatever it last knew of the table.
ELSEWHERE = """INSERT INTO audiences_presence (contact_id, country, cell, last_seen_at, source_id, traits)
    SELECT -number, 'TR', 0, crisis_now(), 0, 0 FROM generate_series(1, 5000) AS number"""


def test_it_is_one_scan_of_the_covering_index_alone(django_assert_num_queries: Callable[..., Any]) -> None:
    store([seen()])
    with django_assert_num_queries(1) as captured:
        reach(Criteria(Seen(("EG",), 336, AT, "last_seen_there"), Permitted("vk", True)), KINDS, at=AT)
    with connection.cursor() as cursor:
        cursor.execute(ELSEWHERE)
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute("EXPLAIN " + captured.captured_queries[0]["sql"])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert plan.count("audiences_presence") == 1
    assert "Index Only Scan using presence_reach" in plan


def test_the_latest_row_of_a_person_is_one() -> None:
    person = seen()
    person.sightings |= {"TR": (AT - timedelta(hours=2), True), "IL": (AT - timedelta(days=9), True)}
    store([person])
    assert sum(row.traits >> 25 & 1 for row in Presence.objects.all()) == 1
