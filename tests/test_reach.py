"""Reach: the people counted are the people selected, and both are those a plain reading of the rule finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection

from audiences.criteria import Criteria, Listed, Permitted, Seen
from audiences.models import Outage, Presence, Source
from audiences.reach import Reach, reach, recipients_sql
from tests import world
from tests.plain import AT, KINDS, LIVE, PHONE, VK, Person, seen, store

pytestmark = pytest.mark.django_db


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


def test_it_says_whom_each_way_adds_in_the_order_asked_for() -> None:
    ways = [[VK], [VK, PHONE], [PHONE], [PHONE], []]
    found = count([seen(addresses=[(kind, LIVE) for kind in kinds]) for kinds in ways], EGYPT)
    assert found.added([VK, PHONE]) == [(VK, 2), (PHONE, 2)]
    assert found.added([PHONE, VK]) == [(PHONE, 3), (VK, 1)]
    assert found.together == {frozenset({VK}): 1, frozenset({VK, PHONE}): 1, frozenset({PHONE}): 2, frozenset(): 1}


def test_it_offers_only_windows_that_are_shorter() -> None:
    assert count([seen()], Criteria(Seen(("EG",), 48, AT))).narrower == {24: 1}


def test_it_says_how_old_the_sightings_are() -> None:
    found = count([seen(ago=timedelta(days=2)), seen(ago=timedelta(days=5))], EGYPT)
    assert (found.newest_at, found.oldest_at) == (AT - timedelta(days=2), AT - timedelta(days=5))


def test_nobody_is_nobody() -> None:
    found = count([], EGYPT)
    assert (found.people, found.reachable_at_all, found.newest_at, found.oldest_at) == (0, 0, None, None)
    assert found.by_kind[VK].excluded == {"no_address": 0, "not_permitted": 0, "denied": 0, "dead": 0}


def down(*ways: tuple[int, str], **more: Any) -> None:
    times = {"since_at": AT - timedelta(hours=1), **more}
    anna = world.person("anna", "operator")
    by = {"said_by": "the operator", "entered_by": anna, "ended_by": anna if "until_at" in more else None}
    Outage.objects.bulk_create(Outage(kind=kind, country=country, **times, **by) for kind, country in ways)


BOTH = [(VK, LIVE), (PHONE, LIVE)]


def test_whom_an_outage_cuts_off_is_not_reachable_by_it_and_is_written_to_all_the_same() -> None:
    people = [seen(addresses=BOTH), seen(), seen(addresses=[(VK, {})])]
    down((VK, "EG"))
    found = count(people, EGYPT)
    vk = found.by_kind[VK]
    assert (vk.reachable, [*vk.cut_off.values()], vk.writable, vk.excluded["not_permitted"]) == (0, [2], 2, 1)
    assert (found.by_kind[PHONE].reachable, found.reachable_at_all, found.overlap) == (1, 1, 0)
    assert {*recipients(EGYPT, VK)} == {people[0].id, people[1].id}


def test_who_has_left_the_country_is_not_cut_off_by_what_is_down_there() -> None:
    person = seen(ago=timedelta(days=3))
    person.sightings["TR"] = (AT - timedelta(days=1), True)
    down((VK, "EG"))
    assert count([person], EGYPT).by_kind[VK].reachable == 1


def test_who_has_left_is_cut_off_by_what_is_down_where_they_went() -> None:
    person = seen(ago=timedelta(days=3))
    person.sightings["TR"] = (AT - timedelta(days=1), True)
    down((VK, "TR"))
    assert count([person, seen()], EGYPT).by_kind[VK].reachable == 1


def test_of_several_countries_only_the_last_one_counts() -> None:
    moved, stays = seen(ago=timedelta(days=3)), seen()
    moved.sightings["TR"] = (AT - timedelta(days=1), True)
    down((VK, "EG"))
    assert count([moved, stays], Criteria(Seen(("EG", "TR"), 336, AT))).by_kind[VK].reachable == 1


def test_an_audience_without_a_place_is_cut_off_where_its_people_were_last_seen() -> None:
    here, nowhere = seen(), Person()
    here.lists = nowhere.lists = {1}
    down((VK, "EG"))
    stored = store([here, nowhere], [1])
    found = reach(Criteria(Listed((stored.lists[1],))), KINDS, at=AT)
    assert (found.people, found.by_kind[VK].reachable, found.by_kind[VK].writable) == (2, 1, 2)


@pytest.mark.parametrize(("since", "until", "people"), [(-1, None, 0), (0, None, 0), (1, None, 1), (-9, 0, 1), (-9, 1, 0)])
def test_an_outage_counts_from_its_first_instant_and_not_at_its_last(since: int, until: int | None, people: int) -> None:
    ends = {} if until is None else {"until_at": AT + timedelta(seconds=until)}
    down((VK, "EG"), since_at=AT + timedelta(seconds=since), **ends)
    assert count([seen()], EGYPT).by_kind[VK].reachable == people


def test_an_outage_of_the_country_asked_for_leaves_the_scan_as_it_is(django_assert_num_queries: Callable[..., Any]) -> None:
    store([seen()])
    down((VK, "EG"))
    with django_assert_num_queries(3) as captured:  # whether all is as usual, what is down, and the people
        reach(EGYPT, KINDS, at=AT)
    assert "JOIN" not in captured.captured_queries[-1]["sql"]


def switch_a_source_off() -> None:
    Source.objects.create(name="off", owner="tests", legal_basis="tests", active=False)


@pytest.mark.parametrize("unusual", [partial(down, (VK, "TR")), switch_a_source_off])
def test_nobody_is_scanned_in_vain_when_something_is_not_as_usual(
    unusual: Callable[[], None], django_assert_num_queries: Callable[..., Any]
) -> None:
    store([seen()])
    with django_assert_num_queries(1) as captured:
        reach(EGYPT, KINDS, at=AT)
    unusual()
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) " + captured.captured_queries[0]["sql"])
        scans = [line for (line,) in cursor.fetchall() if "on audiences_presence" in line]
    assert scans
    assert all("never executed" in line for line in scans)


# Among so many people elsewhere the planner prefers no other index.
ELSEWHERE = """INSERT INTO audiences_presence (contact_id, country, cell, last_seen_at, source_id, traits)
    SELECT -number, 'TR', 0, crisis_now(), 0, 0 FROM generate_series(1, 5000) AS number"""


def test_it_is_one_scan_of_the_covering_index_alone(django_assert_num_queries: Callable[..., Any]) -> None:
    store([seen()])
    with django_assert_num_queries(1) as captured:
        reach(Criteria(Seen(("EG",), 336, AT, "last_seen_there"), Permitted("vk", True)), KINDS, at=AT)
    with connection.cursor() as cursor:
        cursor.execute(ELSEWHERE)
        cursor.execute("SELECT tests_analyze()")
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
