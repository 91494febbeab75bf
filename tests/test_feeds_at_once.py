"""Feeds that tell of the same people at the same time, while these opt out, come back and change their languages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from threading import Thread

import pytest
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

from audiences import presence, recount
from audiences.models import Address, AddressKind, Contact, Presence, Source
from audiences.presence import Sighting
from audiences.traits import LATEST

AT = datetime(2015, 11, 8, 9, tzinfo=UTC)
COUNTRIES = ("EG", "IL", "JO", "TR")
PEOPLE, DELIVERIES = 120, 6


def mark(contact: int) -> bytes:
    return b"person %d" % contact


def people() -> list[int]:
    rows = Contact.objects.bulk_create(Contact(language="ru") for _n in range(PEOPLE))
    Address.objects.bulk_create(
        Address(contact=row, kind=AddressKind.VK, value_hmac=mark(row.pk), permitted=True) for row in rows
    )
    return [row.pk for row in rows]


def feed(seed: int, contacts: Sequence[int], source: Source, repeats: int) -> None:
    """Deliveries of some of the people in any order. From `presence.MANY` sightings on one is a bulk."""
    dice = Random(seed)
    for _delivery in range(DELIVERIES):
        some = dice.sample(contacts, PEOPLE // 2) * repeats
        seen = [(contact, dice.choice(COUNTRIES), AT + timedelta(minutes=dice.randrange(9000))) for contact in some]
        presence.ingest([Sighting(AddressKind.VK, mark(who), country, 5, at) for who, country, at in seen], source)


def edit(seed: int, contacts: Sequence[int]) -> None:
    """Opt-outs, permissions, dead addresses and new languages of people in any order."""
    dice = Random(seed)
    for _edit in range(DELIVERIES):
        for verb in (presence.deny, presence.permit, presence.bury):
            verb(AddressKind.VK, [mark(contact) for contact in dice.sample(contacts, 20)])
        with transaction.atomic(), connection.cursor() as cursor:
            some = dice.sample(contacts, 20)
            presence.lock_contacts(cursor, "SELECT unnest(%(contacts)s::bigint[])", {"contacts": some})
            Contact.objects.filter(pk__in=some).update(language=dice.choice(["en", "de", ""]))
            presence.refresh_traits(some)


@pytest.fixture
def failures(committed: str, django_db_blocker: DjangoDbBlocker) -> Callable[..., list[Exception]]:
    """Run verbs at once, each on a connection of its own; give what they raised."""

    def run(*verbs: Callable[[], object]) -> list[Exception]:
        found: list[Exception] = []
        threads = [Thread(target=_kept, args=(verb, found, committed)) for verb in verbs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        return found

    return run


def _kept(verb: Callable[[], object], failures: list[Exception], database: str) -> None:
    connection.settings_dict["NAME"] = database
    try:
        verb()
    except Exception as failure:
        failures.append(failure)
    finally:
        connection.close()


@pytest.mark.parametrize("repeats", [1, 2 * presence.MANY // PEOPLE + 1])
def test_feeds_and_edits_at_once_neither_fail_nor_leave_anything_to_mend(
    repeats: int, failures: Callable[..., list[Exception]], django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock():
        contacts, by = people(), Source.objects.create(name="s", owner="o", legal_basis="b")
        feeds = [partial(feed, seed, contacts, by, repeats) for seed in range(3)]
        assert failures(*feeds, partial(edit, 3, contacts), partial(edit, 4, contacts)) == []
        assert recount.mend() == (None, 0)
        rows = Presence.objects.filter(traits__gte=LATEST).values_list("contact", flat=True)
        assert sorted(rows) == sorted(Presence.objects.values_list("contact", flat=True).distinct())


def test_feeds_in_any_order_end_where_one_feed_would(
    failures: Callable[..., list[Exception]], django_db_blocker: DjangoDbBlocker
) -> None:
    """Hours lie between sightings, so that no order of deliveries hides one."""
    with django_db_blocker.unblock():
        contacts, by = people(), Source.objects.create(name="s", owner="o", legal_basis="b")
        told = {(who, country): AT + timedelta(hours=2 * n) for n, who in enumerate(contacts) for country in COUNTRIES[:2]}
        late = [Sighting(AddressKind.VK, mark(who), country, 5, at) for (who, country), at in told.items()]
        early = [row._replace(seen_at=row.seen_at - timedelta(hours=1)) for row in late]
        assert failures(*(partial(presence.ingest, rows, by) for rows in (early, late, early[::-1], late[::-1]))) == []
        stored = Presence.objects.values_list("contact", "country", "last_seen_at")
        assert {(who, country): at for who, country, at in stored} == told
