"""How many sightings a second are stored: with all indexes, beside the same statements on a table with its primary key alone;
repeats of what this process and what another one stored, beside a bare COPY of the same rows; and several feeds at once.

Twins of presence with fewer indexes stand in schemas of their own: the search path says which table the statements meet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from random import Random
from threading import Thread
from typing import Any

from django.db import OperationalError, connection, connections
from h3.api.basic_int import latlng_to_cell
from psycopg.errors import DeadlockDetected

from audiences import presence, recount, traits
from audiences.criteria.cells import RESOLUTION
from audiences.models import AddressKind, Source
from audiences.presence import Sighting
from audiences.repeats import repeats
from crisis import embedded
from crisis.clock import now
from tests.benchmarks import population
from tests.benchmarks.rounds import Measured, honesty, memory_mb, ratio, rounds, times

BATCH = 100_000
STEP = 2_654_435_761  # a prime: multiples of it, modulo the contacts, are all of them in no order
AGO = timedelta(days=40)  # the newest sighting there before the measuring; each batch is two hours newer than the one before
FEEDS, DELIVERIES, CROWD = 4, 5, 20_000  # feeds at once, what each brings, and the people all of them tell of
PRESENCE = "public.audiences_presence"
TWINS = {"the primary key alone": "bench_key", "without presence_area": "bench_reach"}

# The first stay is everybody's newest, the others are five days older each, in other countries.
STAYS = f"""
    INSERT INTO audiences_presence (contact_id, country, cell, last_seen_at, source_id, traits)
    SELECT 1 + n %% %(contacts)s, (%(countries)s::text[])[1 + (n %% %(contacts)s + 5 * (n / %(contacts)s)) %% %(many)s],
           (%(cells)s::bigint[])[1 + (n * 7919) %% %(cell_count)s],
           %(at)s - n / %(contacts)s * interval '5 days' - random() * interval '4 days', %(source)s,
           {traits.LIVE << traits.shift(AddressKind.VK) | traits.LANGUAGES["ru"] << traits.LANGUAGE_SHIFT}
           | CASE WHEN n < %(contacts)s THEN {traits.LATEST} ELSE 0 END
      FROM generate_series(0::bigint, %(contacts)s * %(stays)s - 1) AS n
"""

ADDRESSES = f"""
    INSERT INTO audiences_address (contact_id, kind, value_encrypted, value_hmac, subscribed, permitted, denied, dead)
    SELECT id, {AddressKind.VK:d}, ''::bytea, sha256(int8send(id)), false, true, false, false FROM audiences_contact
"""

TOUCH = """
    SELECT count(c.language) FROM audiences_address a JOIN audiences_contact c ON c.id = a.contact_id
     WHERE a.kind = %s AND a.value_hmac = ANY (%s)
"""


class Deck:
    """Batches of sightings, no person twice in one: four in five of a person in a country known already, one in a new one."""

    def __init__(self, contacts: int, stays: int, at: datetime) -> None:
        self.contacts, self.stays, self.at = contacts, stays, at
        self.cells, self.drawn = _cells(), 0
        self.batch: list[Sighting] = []
        self.again: list[Sighting] = []  # the same, as another delivery brings it: in other places of the memory

    def draw(self) -> None:
        """Make the next batch, and read its addresses once: the first step is to find them no colder than the others do."""
        size = min(BATCH, self.contacts)
        self.at += timedelta(hours=2)
        self.batch, self.again = ([self.sighting(n) for n in range(self.drawn, self.drawn + size)] for _time in range(2))
        self.drawn += size
        with connection.cursor() as cursor:
            cursor.execute(TOUCH, [AddressKind.VK, [row.hmac for row in self.batch]])

    def sighting(self, number: int) -> Sighting:
        person = number * STEP % self.contacts
        country = population.OTHERS[(person + 5 * (number % (self.stays + 1))) % len(population.OTHERS)]
        cell = self.cells[number * 7919 % len(self.cells)]
        return Sighting(AddressKind.VK, mark(person + 1), country, cell, self.at)


def measure(contacts: int, sightings: int, wanted: int, servers: embedded.Servers) -> dict[str, Any]:
    del servers
    stays = min(max(sightings // contacts, 1), len(population.OTHERS) - 1)
    source, at = population.register(contacts), now() - AGO
    _fill(source, contacts, stays, at)
    for schema, indexes in (("bench_key", ()), ("bench_reach", ("presence_reach",))):
        _twin(schema, indexes)
    population.settle()
    deck, by = Deck(contacts, stays, at), Source.objects.get(pk=source)
    measured = rounds(_steps(deck, by), wanted)
    crowd = _crowd(contacts, deck, by)
    return {
        "bench": "ingest",
        **honesty(measured),
        "ratios": {
            "sightings a second, all indexes / the primary key alone": ratio(measured, "the primary key alone", "all indexes"),
            "sightings a second, all indexes / without presence_area": ratio(measured, "without presence_area", "all indexes"),
            "sightings a second, repeats / bare COPY": ratio(measured, "bare COPY", "repeats"),
            "sightings a second, repeats of another process / bare COPY": ratio(
                measured, "bare COPY", "repeats of another process"
            ),
        },
        "absolute": {**_rates(measured, len(deck.batch)), **crowd, **_sizes()},
        "memory_mb": memory_mb(),
    }


def mark(contact: int) -> bytes:
    return sha256(contact.to_bytes(8, "big")).digest()


def _steps(deck: Deck, by: Source) -> dict[str, Callable[[], Any]]:
    twins = {name: partial(_into, schema, deck, by) for name, schema in TWINS.items()}
    return {
        "drawing": deck.draw,
        "all indexes": lambda: _knowing_nothing(deck.batch, by),
        **twins,
        "repeats of another process": lambda: _knowing_nothing(deck.batch, by),
        "repeats": lambda: presence.ingest(deck.again, by),
        "bare COPY": lambda: _copy(deck.batch),
    }


def _knowing_nothing(batch: Sequence[Sighting], by: Source) -> None:
    repeats.forget()
    presence.ingest(batch, by)


def _into(schema: str, deck: Deck, by: Source) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET search_path = {schema}, public")
        try:
            _knowing_nothing(deck.batch, by)
        finally:
            cursor.execute("RESET search_path")


def _copy(batch: Sequence[Sighting]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.incoming")
        cursor.execute(presence.INCOMING.replace(" ON COMMIT DROP", ""))
        with cursor.copy(f"COPY pg_temp.incoming ({', '.join(Sighting._fields)}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(presence.INCOMING_TYPES[: len(Sighting._fields)])
            for row in batch:
                copy.write_row(row)


def _fill(source: int, contacts: int, stays: int, at: datetime) -> None:
    cells = _cells()
    values = {"countries": [*population.OTHERS], "many": len(population.OTHERS), "cells": cells, "cell_count": len(cells)}
    with connections["owner"].cursor() as cursor:
        cursor.execute(ADDRESSES)
        with population.without_indexes(cursor):
            cursor.execute(STAYS, {**values, "contacts": contacts, "stays": stays, "at": at, "source": source})


def _cells() -> list[int]:
    dice = Random(2015)
    return [latlng_to_cell(dice.uniform(20.0, 50.0), dice.uniform(20.0, 60.0), RESOLUTION) for _n in range(5_000)]


def _twin(schema: str, indexes: Sequence[str]) -> None:
    """Presence once more, with its key and these indexes alone."""
    twin, role = f"{schema}.audiences_presence", connection.settings_dict["USER"]
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {schema}")
        cursor.execute(f"CREATE TABLE {twin} (LIKE {PRESENCE} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
        cursor.execute(f"SELECT array_to_string(reloptions, ', ') FROM pg_class WHERE oid = '{PRESENCE}'::regclass")
        cursor.execute(f"ALTER TABLE {twin} SET ({cursor.fetchone()[0]})")
        cursor.execute(f"INSERT INTO {twin} TABLE {PRESENCE}")
        with population.memory(cursor):
            cursor.execute(f"ALTER TABLE {twin} ADD PRIMARY KEY (contact_id, country)")
            for name in indexes:
                cursor.execute("SELECT pg_get_indexdef(%s::regclass)", [f"public.{name}"])
                cursor.execute(cursor.fetchone()[0].replace("public.", f"{schema}."))
        cursor.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT SELECT, INSERT, UPDATE, DELETE ON {twin} TO {role}")
        cursor.execute(f"VACUUM ANALYZE {twin}")


def _rates(measured: Measured, batch: int) -> dict[str, Any]:
    found = {}
    for name in ("all indexes", *TWINS, "repeats of another process", "repeats", "bare COPY"):
        rates = sorted(batch / seconds for seconds in times(measured, name))
        found[name] = {"median": round(rates[len(rates) // 2]), "unit": "sightings a second"}
    return found


def _sizes() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname, pg_relation_size(oid) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                       " AND relname ~ '^(presence_|audiences_presence)'")  # fmt: skip
        return {f"size of {name}": {"median": round(size / 1e6, 1), "unit": "MB"} for name, size in sorted(cursor.fetchall())}


def _crowd(contacts: int, deck: Deck, by: Source) -> dict[str, Any]:
    """Several feeds tell of the same people in different orders while these opt out and come back. Then all is counted."""
    people = range(max(contacts - CROWD, 0) + 1, contacts + 1)
    at = deck.at + timedelta(hours=2)
    verbs = [*(partial(_feed, people, feed, at, by) for feed in range(FEEDS)), partial(_change, people)]
    failures: list[Exception] = []
    threads = [Thread(target=_kept, args=(verb, failures)) for verb in verbs]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    deadlocks = sum(isinstance(failure.__cause__, DeadlockDetected) for failure in failures)
    drifted = recount.mend(people.start - 1)[1]
    told = FEEDS * DELIVERIES * _told(people)
    return {
        "feeds at once": {"median": round(told / seconds), "unit": "sightings a second"},
        "deadlocks of feeds at once": {"median": deadlocks, "unit": "times"},
        "other failures of feeds at once": {"median": len(failures) - deadlocks, "unit": "times"},
        "drift after feeds at once": {"median": drifted, "unit": "rows"},
    }


def _told(people: range) -> int:
    return len(people) // 2


def _feed(people: range, seed: int, at: datetime, by: Source) -> None:
    dice = Random(seed)
    for delivery in range(DELIVERIES):
        rows = [
            Sighting(AddressKind.VK, mark(person), dice.choice(population.OTHERS), 5, at + timedelta(hours=2 * delivery))
            for person in dice.sample(people, _told(people))
        ]
        presence.ingest(rows, by)


def _change(people: range) -> None:
    dice = Random(FEEDS)
    for verb in (presence.deny, presence.permit) * DELIVERIES:
        verb(AddressKind.VK, [mark(person) for person in dice.sample(people, max(len(people) // 20, 1))])


def _kept(verb: Callable[[], None], failures: list[Exception]) -> None:
    try:
        verb()
    except OperationalError as failure:
        failures.append(failure)
    finally:
        connection.close()
