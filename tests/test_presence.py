"""Where people were last seen: repeated, late and unordered sightings; what becomes of addresses; the address to write to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Thread
from typing import Any

import pytest
from django.db import connection, connections, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiences import keys, presence
from audiences.models import Address, AddressKind, Contact, Presence, Source
from audiences.presence import Ingested, Sighting
from audiences.traits import LATEST, address_status, language
from crisis.clock import now
from crisis.refusal import Refused

VK, PHONE = AddressKind.VK, AddressKind.PHONE
AT = datetime(2015, 11, 8, 9, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NUMBERS = count(1000)

db = pytest.mark.django_db
pytestmark = pytest.mark.filterwarnings("error")


def source(**changes: Any) -> Source:
    return Source.objects.create(**({"name": f"source {next(NUMBERS)}", "owner": "o", "legal_basis": "b"} | changes))


def contact(*values: str, kind: int = VK, language: str = "ru", **flags: bool) -> Contact:
    row = Contact.objects.create(language=language)
    for value in values or (str(next(NUMBERS)),):
        address(row, value, kind=kind, **({"permitted": True} | flags))
    return row


def address(row: Contact | None, value: str, *, kind: int = VK, **flags: bool) -> Address:
    sealed, mark = keys.encrypt(kind, value), keys.fingerprint(kind, value)
    return Address.objects.create(contact=row, kind=kind, value_encrypted=sealed, value_hmac=mark, **flags)


def mark(person: Contact) -> bytes:
    return bytes(person.addresses.order_by("id")[0].value_hmac)


def see(person: Contact, *stays: tuple[str, datetime], by: Source | None = None) -> Ingested:
    """Report stays of a person in one delivery."""
    return presence.ingest([Sighting(VK, mark(person), country, 5, at) for country, at in stays], by or source())


def stored(person: Contact) -> dict[str, tuple[datetime, bool]]:
    """country → (last seen, whether it is the person's latest row)"""
    return {row.country: (row.last_seen_at, bool(row.traits & LATEST)) for row in Presence.objects.filter(contact=person)}


def traits(person: Contact) -> int:
    return Presence.objects.get(contact=person).traits


@db
def test_it_stores_the_newest_sighting_of_each_country() -> None:
    person = contact()
    done = see(person, ("EG", AT - HOUR), ("EG", AT), ("TR", AT - 9 * HOUR), ("EG", AT - 5 * HOUR))
    assert done == Ingested(added=2, moved=0, kept=2, unknown=0, future=0)
    assert stored(person) == {"EG": (AT, True), "TR": (AT - 9 * HOUR, False)}


@db
@pytest.mark.parametrize(("later", "moves"), [(HOUR - timedelta(seconds=1), False), (HOUR, True)])
def test_a_repeat_moves_the_latest_row_from_an_hour_on(later: timedelta, moves: bool) -> None:
    person = contact()
    see(person, ("EG", AT))
    assert see(person, ("EG", AT + later)).moved == moves
    assert stored(person)["EG"] == (AT + later if moves else AT, True)


@db
def test_any_newer_sighting_moves_a_row_that_is_not_the_latest() -> None:
    person = contact()
    see(person, ("EG", AT), ("TR", AT + MINUTE))
    assert see(person, ("EG", AT + 2 * MINUTE)).moved == 1
    assert stored(person) == {"EG": (AT + 2 * MINUTE, True), "TR": (AT + MINUTE, False)}


@db
def test_the_rule_of_the_hour_never_hides_where_a_person_is_now() -> None:
    person = contact()
    see(person, ("EG", AT))
    see(person, ("TR", AT + 20 * MINUTE), ("EG", AT + 30 * MINUTE))
    assert stored(person) == {"EG": (AT + 30 * MINUTE, True), "TR": (AT + 20 * MINUTE, False)}


@db
@pytest.mark.parametrize(("later", "moved"), [(MINUTE, 2), (0 * MINUTE, 0), (-HOUR, 0)])
def test_only_something_newer_of_another_country_suspends_the_rule_of_the_hour(later: timedelta, moved: int) -> None:
    person = contact()
    see(person, ("EG", AT), ("TR", AT - HOUR))
    assert see(person, ("EG", AT + MINUTE), ("TR", AT - HOUR + later)).moved == moved
    assert stored(person)["EG"] == (AT + MINUTE if moved else AT, True)


@db
def test_a_late_sighting_changes_nothing() -> None:
    person = contact()
    see(person, ("EG", AT))
    assert see(person, ("EG", AT - 3 * HOUR)) == Ingested(added=0, moved=0, kept=1, unknown=0, future=0)
    assert stored(person) == {"EG": (AT, True)}


@db
def test_a_late_sighting_of_another_country_is_not_the_latest() -> None:
    person = contact()
    see(person, ("EG", AT))
    see(person, ("TR", AT - HOUR))
    assert stored(person) == {"EG": (AT, True), "TR": (AT - HOUR, False)}


@db
def test_of_two_countries_at_the_same_instant_the_first_by_code_is_the_latest() -> None:
    one, other = contact(), contact()
    see(one, ("TR", AT), ("EG", AT))
    see(other, ("TR", AT))
    see(other, ("EG", AT))
    assert stored(one) == stored(other) == {"EG": (AT, True), "TR": (AT, False)}


@db
def test_the_same_delivery_twice_changes_nothing_more() -> None:
    person, by = contact(), source()
    see(person, ("EG", AT), ("TR", AT + HOUR), by=by)
    before = [*Presence.objects.order_by("country").values()]
    assert see(person, ("EG", AT), ("TR", AT + HOUR), by=by) == Ingested(added=0, moved=0, kept=2, unknown=0, future=0)
    assert [*Presence.objects.order_by("country").values()] == before


@db
def test_a_row_names_the_source_of_its_newest_sighting() -> None:
    person, first, second = contact(), source(), source()
    see(person, ("EG", AT), ("TR", AT - HOUR), by=first)
    see(person, ("EG", AT + HOUR), ("TR", AT - 2 * HOUR), by=second)
    assert dict(Presence.objects.values_list("country", "source")) == {"EG": second.pk, "TR": first.pk}


@db
def test_it_counts_and_drops_what_lies_more_than_five_minutes_ahead() -> None:
    person, instant = contact(), now()
    done = see(person, ("EG", instant + timedelta(minutes=4)), ("TR", instant + timedelta(minutes=6)))
    assert (done.added, done.future) == (1, 1)
    assert [*stored(person)] == ["EG"]


@db
def test_it_counts_sightings_of_addresses_it_does_not_hold() -> None:
    address(None, "77", denied=True)
    rows = [Sighting(VK, b"nobody", "EG", 5, AT), Sighting(VK, keys.fingerprint(VK, "77"), "EG", 5, AT)]
    assert presence.ingest(rows, source()) == Ingested(added=0, moved=0, kept=0, unknown=2, future=0)
    assert not Presence.objects.exists()


@db
@pytest.mark.parametrize(("changes", "why"), [({"active": False}, "switched off"), ({"legal_basis": " "}, "no legal basis")])
def test_it_refuses_a_source_that_may_not_be_used(changes: dict[str, Any], why: str) -> None:
    person = contact()
    with pytest.raises(Refused, match=why):
        see(person, ("EG", AT), by=source(**changes))
    assert stored(person) == {}


@db
def test_it_takes_several_deliveries_in_one_transaction() -> None:
    person = contact()
    with transaction.atomic():
        see(person, ("EG", AT))
        see(person, ("EG", AT + HOUR))
    assert stored(person) == {"EG": (AT + HOUR, True)}


stays = st.tuples(st.integers(0, 1), st.sampled_from(["EG", "TR", "IL"]), st.integers(0, 400))


@db
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(stays, max_size=4), max_size=4))
def test_in_any_order_each_row_is_within_the_hour_and_exactly_one_is_latest(
    deliveries: list[list[tuple[int, str, int]]],
) -> None:
    with transaction.atomic():
        people, by = [contact(), contact()], source()
        truth: dict[tuple[int, str], datetime] = {}
        for delivery in deliveries:
            rows = [(who, country, AT + minutes * MINUTE) for who, country, minutes in delivery]
            presence.ingest([Sighting(VK, mark(people[who]), country, 5, at) for who, country, at in rows], by)
            for who, country, at in rows:
                truth[who, country] = max(at, truth.get((who, country), at))
        for who, person in enumerate(people):
            found = stored(person)
            assert set(found) == {country for other, country in truth if other == who}
            assert all(truth[who, country] - HOUR < at <= truth[who, country] for country, (at, _latest) in found.items())
            newest = min(((-at.timestamp(), country) for country, (at, _latest) in found.items()), default=(0, ""))[1]
            assert [country for country, (_at, latest) in found.items() if latest] == [newest][: len(found)]
        transaction.set_rollback(True)


@db
def test_a_new_row_knows_the_person() -> None:
    person = contact(language="tr", subscribed=True)
    address(person, "+79160000001", kind=PHONE)
    see(person, ("EG", AT))
    row = traits(person)
    assert (address_status(row, VK), address_status(row, PHONE), address_status(row, AddressKind.EMAIL)) == (1, 2, 0)
    assert (language(row), row >> 21 & 1) == ("tr", 1)


@db
@pytest.mark.parametrize(("code", "word"), [("", "unknown"), ("ru", "ru"), ("fr", "fr"), ("zh", "other")])
def test_a_row_knows_the_language_or_that_it_is_another(code: str, word: str) -> None:
    person = contact(language=code)
    see(person, ("EG", AT))
    assert language(traits(person)) == word


@db
def test_an_opt_out_reaches_every_row_at_once_and_keeps_the_latest_bit() -> None:
    person, other = contact(), contact()
    see(person, ("EG", AT), ("TR", AT - HOUR))
    see(other, ("EG", AT))
    assert presence.deny(VK, [mark(person)]) == 1
    assert {address_status(row.traits, VK) for row in Presence.objects.filter(contact=person)} == {3}
    assert stored(person) == {"EG": (AT, True), "TR": (AT - HOUR, False)}
    assert address_status(traits(other), VK) == 1


@db
def test_only_the_persons_own_permission_ends_an_opt_out() -> None:
    person = contact(permitted=False)
    see(person, ("EG", AT))
    presence.deny(VK, [mark(person)])
    assert presence.permit(VK, [mark(person)]) == 1
    assert address_status(traits(person), VK) == 1


@db
def test_a_dead_address_is_dead_until_somebody_writes_from_it() -> None:
    person = contact()
    see(person, ("EG", AT))
    presence.bury(VK, [mark(person)])
    assert address_status(traits(person), VK) == 4
    presence.permit(VK, [mark(person)])
    assert address_status(traits(person), VK) == 1


@db
@pytest.mark.parametrize("verb", [presence.deny, presence.permit, presence.bury])
def test_the_second_time_nothing_changes(verb: Callable[[int, Iterable[bytes]], int]) -> None:
    person = contact(permitted=False)
    assert verb(VK, [mark(person), mark(person)]) == 1
    assert verb(VK, [mark(person)]) == 0


@db
def test_it_remembers_the_opt_out_of_somebody_it_does_not_hold() -> None:
    assert presence.deny(VK, [keys.fingerprint(VK, "77")]) == 1
    assert Address.objects.get().denied
    assert presence.find(VK, "77") is None


@db
def test_permission_and_death_of_unknown_addresses_are_nothing() -> None:
    assert presence.permit(VK, [b"x"]) == presence.bury(VK, [b"x"]) == 0
    assert not Address.objects.exists()


@db
def test_it_gives_the_addresses_to_write_to_and_reasons_for_the_others() -> None:
    live = contact("42")
    others = {
        contact(denied=True).pk: "denied",
        contact(dead=True).pk: "dead",
        contact(permitted=False).pk: "not_permitted",
        contact("+79160000002", kind=PHONE).pk: "no_address",
        0: "no_address",
    }
    assert presence.addresses([live.pk, *others], VK) == ({live.pk: "42"}, others)


@db
def test_it_reads_addresses_in_one_query(django_assert_num_queries: Callable[[int], Any]) -> None:
    people = [contact().pk for _ in range(20)]
    with django_assert_num_queries(1):
        assert len(presence.addresses(people, VK)[0]) == 20


@db
def test_of_several_addresses_the_best_is_written_to() -> None:
    person = contact("41", denied=True)
    address(person, "42", permitted=True)
    address(person, "43")
    assert presence.addresses([person.pk], VK)[0] == {person.pk: "42"}


@db
def test_of_equally_good_addresses_the_newest_is_written_to() -> None:
    person = contact("41", "42")
    Address.objects.filter(value_hmac=keys.fingerprint(VK, "41")).update(updated_at=now() + HOUR)
    assert presence.addresses([person.pk], VK)[0] == {person.pk: "41"}


@db
def test_it_finds_the_contact_of_an_address() -> None:
    person = contact("42")
    assert presence.find(VK, "0042") == person
    assert presence.find(AddressKind.TELEGRAM, "42") is None


@db
def test_a_bulk_leaves_the_connection_as_it_was() -> None:
    person, by = contact(), source()
    presence.ingest([Sighting(VK, mark(person), "EG", 5, AT)] * presence.MANY, by)
    with connection.cursor() as cursor:
        cursor.execute("SHOW enable_nestloop")
        assert cursor.fetchone()[0] == "on"


GROWN = """
    INSERT INTO audiences_presence (contact_id, country, cell, last_seen_at, source_id, traits)
    SELECT -number, 'TR', 0, crisis_now(), 0, 0 FROM generate_series(1, 50000) AS number;
    SELECT audiences_refresh_statistics();
    SELECT 2 * relpages >= pg_relation_size(oid) / current_setting('block_size')::bigint
      FROM pg_class WHERE oid = 'audiences_presence'::regclass
"""


@db
def test_the_planner_is_told_of_a_table_that_grew() -> None:
    with connection.cursor() as cursor:
        for statement in GROWN.split(";"):
            cursor.execute(statement)
        assert cursor.fetchone()[0]


def test_a_repeat_locks_nobody(committed: str, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        person, by = contact(), source()
        see(person, ("EG", AT), by=by)
        with transaction.atomic(), connections["owner"].cursor() as another:
            assert see(person, ("EG", AT + MINUTE), by=by).kept == 1
            another.execute("SELECT FROM audiences_contact WHERE id = %s FOR UPDATE NOWAIT", [person.pk])


def test_two_deliveries_of_the_same_people_never_wait_for_each_other_in_a_ring(committed: str, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        marks, by = [mark(contact()) for _ in range(30)], source()
        rows = [Sighting(VK, one, "EG", 5, AT) for one in marks]
        errors: list[Exception] = []
        verbs = [
            lambda: presence.ingest(rows, by),
            lambda: presence.ingest(rows[::-1], by),
            lambda: presence.deny(VK, marks[::-1]),
        ]
        threads = [Thread(target=_often, args=(verb, errors, committed)) for verb in verbs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        assert errors == []
        assert Presence.objects.count() == 30
        assert {address_status(row.traits, VK) for row in Presence.objects.all()} == {3}


def _often(verb: Callable[[], object], errors: list[Exception], database: str) -> None:
    connection.settings_dict["NAME"] = database
    try:
        for _ in range(5):
            verb()
    except Exception as error:
        errors.append(error)
    finally:
        connection.close()
