"""What a process remembers of what it stored: a repeat is not asked about, and what was destroyed is known no longer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from audiences import forgetting, presence, repeats, retention
from audiences.models import Address, Contact, Presence, Source
from audiences.presence import Ingested, Sighting
from tests import world
from tests.test_presence import AT, MINUTE, VK, contact, mark, source, stored

ADDRESS = "4242"
KEPT = Ingested(added=0, moved=0, kept=1, unknown=0, future=0)


@pytest.fixture
def person(committed: str, django_db_blocker: Any) -> Iterator[Contact]:
    with django_db_blocker.unblock():
        connections["owner"].ensure_connection()  # a new one would make the process forget
        yield contact(ADDRESS)


@pytest.fixture
def by(person: Contact) -> Source:
    return source()


def told(person: Contact, by: Source, at: datetime = AT, country: str = "EG") -> tuple[Ingested, bool]:
    """What became of it, and whether anything was asked about whereabouts."""
    with CaptureQueriesContext(connection) as captured:
        done = presence.ingest([Sighting(VK, mark(person), country, 5, at)], by)
    return done, any("audiences_presence" in query["sql"] for query in captured.captured_queries)


def test_a_repeat_is_known_without_a_question(person: Contact, by: Source) -> None:
    assert told(person, by) == (Ingested(added=1, moved=0, kept=0, unknown=0, future=0), True)
    assert told(person, by) == (KEPT, False)
    assert told(person, by, AT - MINUTE) == (KEPT, False)


@pytest.mark.parametrize(("at", "country"), [(AT + MINUTE, "EG"), (AT, "TR")])
def test_what_is_newer_or_elsewhere_is_no_repeat(person: Contact, by: Source, at: datetime, country: str) -> None:
    told(person, by)
    assert told(person, by, at, country)[1]


def test_what_the_rule_of_the_hour_left_out_is_asked_about_each_time(person: Contact, by: Source) -> None:
    told(person, by)
    assert told(person, by, AT + MINUTE) == told(person, by, AT + MINUTE) == (KEPT, True)


def test_what_another_process_stored_is_known_from_the_second_time(person: Contact, by: Source) -> None:
    told(person, by)
    repeats.repeats.forget()
    assert told(person, by) == (KEPT, True)
    assert told(person, by) == (KEPT, False)


def test_among_news_a_repeat_is_counted_and_left_out(person: Contact, by: Source) -> None:
    told(person, by)
    other = contact()
    rows = [Sighting(VK, mark(who), "EG", 5, AT) for who in (person, other)]
    assert presence.ingest(rows, by) == Ingested(added=1, moved=0, kept=1, unknown=0, future=0)
    assert stored(other) == {"EG": (AT, True)}


def test_nobody_unknown_is_remembered(person: Contact, by: Source) -> None:
    row = Sighting(VK, b"nobody", "EG", 5, AT)
    assert [presence.ingest([row], by).unknown for _time in range(2)] == [1, 1]


def forget_the_person(person: Contact) -> None:
    forgetting.forget(VK, mark(person), by=world.person("darya", "admin"))


def keep_for_a_day(_person: Contact) -> None:
    Source.objects.update(retention_days=1)
    assert retention.destroy_old()[1]["presence"] == 1


def delete_the_row(_person: Contact) -> None:
    Presence.objects.all().delete()


def empty_the_table(_person: Contact) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("TRUNCATE audiences_presence")


def give_the_address_away(person: Contact) -> None:
    Address.objects.filter(contact=person).update(contact=contact())


def destroy_the_address(person: Contact) -> None:
    Address.objects.filter(contact=person).delete()


DESTROYERS = [
    forget_the_person, keep_for_a_day, delete_the_row, empty_the_table, give_the_address_away, destroy_the_address,
]  # fmt: skip


@pytest.mark.parametrize("destroy", DESTROYERS)
def test_what_was_destroyed_is_no_longer_known(person: Contact, by: Source, destroy: Callable[[Contact], None]) -> None:
    row = Sighting(VK, mark(person), "EG", 5, AT)
    presence.ingest([row], by)
    destroy(person)
    with CaptureQueriesContext(connection) as captured:
        assert presence.ingest([row], by).kept == 0
    assert any("audiences_presence" in query["sql"] for query in captured.captured_queries)


def test_what_is_destroyed_while_a_delivery_is_under_way_is_no_longer_known_either(person: Contact, by: Source) -> None:
    told(person, by)
    repeats.repeats.forget()
    with transaction.atomic():
        assert told(person, by) == (KEPT, True)
        with connections["owner"].cursor() as another:
            another.execute("DELETE FROM audiences_presence")
    assert told(person, by)[0].added == 1


def test_what_another_delivery_knows_of_the_destruction_is_not_undone_by_an_older_one(person: Contact, by: Source) -> None:
    told(person, by)
    repeats.repeats.forget()
    with transaction.atomic():
        assert told(person, by) == (KEPT, True)
        with connections["owner"].cursor() as another:
            another.execute("DELETE FROM audiences_presence")
            repeats.repeats.news(another, [])
    assert told(person, by)[0].added == 1


def test_what_was_rolled_back_is_not_known(person: Contact, by: Source) -> None:
    with transaction.atomic():
        told(person, by)
        transaction.set_rollback(True)
    assert told(person, by)[0].added == 1


def test_a_new_connection_knows_nothing(person: Contact, by: Source) -> None:
    told(person, by)
    connection.close()
    assert told(person, by) == (KEPT, True)


def test_after_an_hour_without_a_question_nothing_is_known(person: Contact, by: Source, monkeypatch: Any) -> None:
    told(person, by)
    monkeypatch.setattr(repeats, "monotonic", lambda: monotonic() + 3601)
    assert told(person, by) == (KEPT, True)


def test_the_states_of_yesterday_are_forgotten_but_for_the_last(person: Contact, by: Source) -> None:
    for country in ("EG", "TR", "IL"):
        told(person, by, country=country)
        Presence.objects.filter(country=country).delete()
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE audiences_destroyed SET at = at - interval '25 hours'")
        repeats.forget_states()
        cursor.execute("SELECT count(*) FROM audiences_destroyed")
        assert cursor.fetchone() == (1,)


def test_the_application_cannot_hide_that_something_was_destroyed(person: Contact) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege('audiences_destroyed', 'INSERT'),"
                       " has_table_privilege('audiences_destroyed', 'UPDATE')")  # fmt: skip
        assert cursor.fetchone() == (False, False)


def test_it_holds_no_more_than_the_last_so_many() -> None:
    memory, until = repeats.Repeats(), datetime(2015, 11, 8, tzinfo=UTC)
    memory.remember(None, [(1, b"%d" % n, "EG", 5, until) for n in range(repeats.MOST + 10)])  # type: ignore[arg-type]
    _state, instants = memory._known
    assert len(instants) == repeats.MOST
    assert (1, b"9", "EG") not in instants
