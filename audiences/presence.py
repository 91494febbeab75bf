"""Writing where people were last seen, and what became of their addresses; reading the address to write to.

The only writer of `Presence`. Whoever writes here first locks the contacts in the order of their ids, so two writers never wait
for each other in a ring. Everything is done on sets: COPY into a temporary table, then a few statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext as _

from audiences import keys, traits
from audiences.criteria.seen import LONGEST
from audiences.models import AddressKind, Contact, Source
from audiences.repeats import repeats
from audiences.traits import Reason
from crisis.refusal import Refused
from crisis.repeating import repeating

MANY = 1_000  # rows from which on an import is a bulk

INCOMING = """
    DROP TABLE IF EXISTS pg_temp.incoming;
    CREATE TEMP TABLE incoming (kind smallint, hmac bytea, country varchar(2), cell bigint, seen_at timestamptz, number int)
        ON COMMIT DROP
"""

# Contacts and addresses that `incoming` names, found in one walk through their index however many there are besides: OFFSET 0
# keeps PostgreSQL from reading millions of rows instead, whatever it believes of tables just filled.
CONTACTS_NAMED = """
    SELECT id, reference FROM audiences_contact
     WHERE reference = ANY ((SELECT array_agg(reference) FROM pg_temp.incoming)::varchar[]) OFFSET 0
"""
ADDRESSES_NAMED = """
    SELECT kind, value_hmac AS hmac, contact_id FROM audiences_address
     WHERE kind = ANY ((SELECT array_agg(DISTINCT kind) FROM pg_temp.incoming)::smallint[])
       AND value_hmac = ANY ((SELECT array_agg(hmac) FROM pg_temp.incoming)::bytea[]) OFFSET 0
"""

INCOMING_TYPES = ("int2", "bytea", "varchar", "int8", "timestamptz", "int4")

# `k` is a row as stored, `n` a newer sighting. A row moves by an hour's step, or at once when that rule could hide where a
# person is now: the row is not the newest of its person, or the same delivery tells something newer of another country too.
HOUR_LATER = "n.seen_at >= k.last_seen_at + interval '1 hour'"
IS_LATEST = f"k.traits & {traits.LATEST} <> 0"
MOVES = f"""
    n.seen_at > k.last_seen_at
        AND ({HOUR_LATER} OR NOT {IS_LATEST} OR count(n.seen_at) OVER (PARTITION BY contact_id) > 1)
"""

NEWEST = """
    DROP TABLE IF EXISTS pg_temp.newest;
    CREATE TEMP TABLE newest (contact_id bigint, country varchar(2), cell bigint, seen_at timestamptz, number int)
        ON COMMIT DROP
"""

# What is told of the people of whom anything may change, judged before anybody is locked: a repeat locks nobody, and costs
# nothing more. Rows of presence are found one by one, but in the order of their index: again OFFSET 0.
TELL = f"""
    WITH seen AS MATERIALIZED (
        SELECT n.*, n.seen_at <= k.last_seen_at AS stored,
               k.traits IS NULL OR n.seen_at > k.last_seen_at AND ({HOUR_LATER} OR NOT {IS_LATEST}) AS changes
          FROM (SELECT contact_id, country, cell, seen_at, number
                  FROM pg_temp.incoming i JOIN ({ADDRESSES_NAMED}) a USING (kind, hmac)
                 WHERE i.seen_at <= crisis_now() + interval '5 minutes' AND contact_id IS NOT NULL
                 ORDER BY contact_id OFFSET 0) n
          LEFT JOIN LATERAL (SELECT last_seen_at, traits FROM audiences_presence
                              WHERE contact_id = n.contact_id AND country = n.country OFFSET 0) k ON true),
    told AS (
        INSERT INTO pg_temp.newest
        SELECT DISTINCT ON (contact_id, country) contact_id, country, cell, seen_at, number FROM seen
         WHERE contact_id IN (SELECT contact_id FROM seen WHERE changes)
         ORDER BY contact_id, country, seen_at DESC, cell
        RETURNING true)
    SELECT (SELECT count(*) FROM pg_temp.incoming WHERE seen_at > crisis_now() + interval '5 minutes'),
           (SELECT count(*) FROM seen), (SELECT count(*) FROM told), (SELECT array_agg(number) FROM seen WHERE stored)
"""

# Rows of the people concerned as they will be.
PLANNED = f"""
    DROP TABLE IF EXISTS pg_temp.planned;
    CREATE TEMP TABLE planned ON COMMIT DROP AS
    WITH concerned AS (SELECT DISTINCT contact_id FROM pg_temp.newest),
    known AS (SELECT k.* FROM concerned c
                JOIN LATERAL (SELECT * FROM audiences_presence WHERE contact_id = c.contact_id OFFSET 0) k ON true),
    judged AS (
        SELECT contact_id, country, k.cell AS old_cell, k.last_seen_at AS old_at, n.cell AS new_cell, n.seen_at AS new_at,
               n.number,
               coalesce(k.traits & {traits.LATEST} <> 0, false) AS was_latest, k.contact_id IS NULL AS fresh,
               coalesce({MOVES}, false) AS moved
          FROM known k FULL JOIN pg_temp.newest n USING (contact_id, country)),
    decided AS (SELECT *, CASE WHEN fresh OR moved THEN new_at ELSE old_at END AS last_seen_at FROM judged)
    SELECT contact_id, country, CASE WHEN fresh OR moved THEN new_cell ELSE old_cell END AS cell, last_seen_at,
           fresh, moved, was_latest, number,
           row_number() OVER (PARTITION BY contact_id ORDER BY last_seen_at DESC, country) = 1 AS latest
      FROM decided
"""

MOVE = f"""
    UPDATE audiences_presence p
       SET cell = d.cell, last_seen_at = d.last_seen_at, source_id = CASE WHEN d.moved THEN %(source)s ELSE p.source_id END,
           traits = p.traits & ~{traits.LATEST} | CASE WHEN d.latest THEN {traits.LATEST} ELSE 0 END
      FROM pg_temp.planned d
     WHERE p.contact_id = d.contact_id AND p.country = d.country AND NOT d.fresh AND (d.moved OR d.latest <> d.was_latest)
"""

ADD = f"""
    INSERT INTO audiences_presence (contact_id, country, cell, last_seen_at, source_id, traits)
    SELECT d.contact_id, d.country, d.cell, d.last_seen_at, %(source)s,
           t.traits | CASE WHEN d.latest THEN {traits.LATEST} ELSE 0 END
      FROM pg_temp.planned d
      JOIN LATERAL ({traits.traits_sql("d.contact_id")} OFFSET 0) t ON true
     WHERE d.fresh
"""

CHANGED = """
    SELECT count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE moved), array_agg(number) FILTER (WHERE fresh OR moved)
      FROM pg_temp.planned
"""

REFRESH = f"""
    UPDATE audiences_presence p SET traits = t.traits | (p.traits & {traits.LATEST})
      FROM ({traits.traits_sql("SELECT unnest(%(contacts)s::bigint[])")}) t
     WHERE p.contact_id = t.contact_id AND p.traits <> (t.traits | (p.traits & {traits.LATEST}))
"""

FORGET_OLD = f"""
    DELETE FROM audiences_presence p USING audiences_source s
     WHERE p.contact_id = ANY (%(contacts)s) AND s.id = p.source_id
       AND p.last_seen_at < crisis_now() - make_interval(hours => least({LONGEST}, s.retention_days * 24))
"""

# Exactly the newest row of each person is marked as such.
NEWEST_AGAIN = f"""
    UPDATE audiences_presence p SET traits = p.traits # {traits.LATEST}
      FROM (SELECT contact_id, country,
                   row_number() OVER (PARTITION BY contact_id ORDER BY last_seen_at DESC, country) = 1 AS latest
              FROM audiences_presence WHERE contact_id = ANY (%(contacts)s)) n
     WHERE p.contact_id = n.contact_id AND p.country = n.country AND (p.traits & {traits.LATEST} <> 0) <> n.latest
"""

REFRESH_STATISTICS = "SELECT audiences_refresh_statistics()"

NAMED = "a.kind = %(kind)s AND a.value_hmac = ANY (%(hmacs)s)"

# One statement, so that an address being imported at this moment cannot slip through between looking and remembering.
DENY = """
    INSERT INTO audiences_address AS a (kind, value_encrypted, value_hmac, subscribed, permitted, denied, dead)
    SELECT DISTINCT %(kind)s, ''::bytea, hmac, false, false, true, false FROM unnest(%(hmacs)s::bytea[]) hmac
    ON CONFLICT (kind, value_hmac) DO UPDATE SET denied = true, updated_at = crisis_now() WHERE NOT a.denied
    RETURNING a.contact_id
"""

PERMIT = f"""
    UPDATE audiences_address a SET permitted = true, denied = false, dead = false, updated_at = crisis_now()
     WHERE {NAMED} AND (a.denied OR a.dead OR NOT a.permitted) RETURNING a.contact_id
"""

BURY = f"""
    UPDATE audiences_address a SET dead = true, updated_at = crisis_now() WHERE {NAMED} AND NOT a.dead RETURNING a.contact_id
"""

TO_WRITE_TO = f"""
    SELECT DISTINCT ON (a.contact_id) a.contact_id, a.value_encrypted, {traits.ADDRESS_STATUS_SQL}
      FROM audiences_address a WHERE a.contact_id = ANY (%(contacts)s) AND a.kind = %(kind)s
     ORDER BY a.contact_id, 3, a.updated_at DESC, a.id DESC
"""


class Sighting(NamedTuple):
    """An address seen in a country at an instant (aware). `hmac` is keys.fingerprint(), `cell` an H3 cell of resolution 7."""

    kind: int
    hmac: bytes
    country: str
    cell: int
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Ingested:
    """`added` and `moved` count presence rows, the others sightings. `kept`: not newer by an hour, or not the newest one.

    * unknown: an address we do not hold; future: more than 5 minutes ahead of the database's clock. Neither is stored.
    """

    added: int
    moved: int
    kept: int
    unknown: int
    future: int


NOTHING = Ingested(0, 0, 0, 0, 0)


@transaction.atomic
def ingest(rows: Iterable[Sighting], source: Source) -> Ingested:
    """Store the newest sighting of each person in each country. Repeated, late and unordered sightings are harmless.

    Raises Refused for a source that is switched off or has no legal basis.
    """
    demand_usable(source)
    rows = [*rows]
    with connection.cursor() as cursor:
        state, news = repeats.news(cursor, rows)
        done, stored = _store(cursor, news, source) if news else (NOTHING, [])
    transaction.on_commit(partial(repeats.remember, state, [news[number] for number in stored]))
    return replace(done, kept=done.kept + len(rows) - len(news))


def _store(cursor: CursorWrapper, rows: Sequence[Sighting], source: Source) -> tuple[Ingested, list[int]]:
    """Returns also the numbers of rows that are stored now, or newer ones than they."""
    total = _copy(cursor, INCOMING, INCOMING_TYPES, ((*row, number) for number, row in enumerate(rows)))
    cursor.execute(NEWEST)
    if total >= MANY:
        cursor.execute("SET LOCAL enable_nestloop = off; SET LOCAL work_mem = '64MB'")
    cursor.execute(TELL)
    future, known, changing, stored = cursor.fetchone()
    if total >= MANY:
        cursor.execute("SET LOCAL enable_nestloop TO DEFAULT; SET LOCAL work_mem TO DEFAULT")
    added, moved, changed = _change_presence(cursor, source) if changing else (0, 0, None)
    if changing >= MANY:
        cursor.execute(REFRESH_STATISTICS)
    return Ingested(added, moved, known - added - moved, total - future - known, future), [*(stored or ()), *(changed or ())]


def _change_presence(cursor: CursorWrapper, source: Source) -> tuple[int, int, list[int] | None]:
    """Bring what is in `newest` into presence. Returns rows added and moved, and the numbers of those told so."""
    lock_contacts(cursor, "SELECT contact_id FROM pg_temp.newest")
    cursor.execute(PLANNED)
    cursor.execute(MOVE, {"source": source.pk})
    cursor.execute(ADD, {"source": source.pk})
    cursor.execute(CHANGED)
    added, moved, changed = cursor.fetchone()
    return added, moved, changed


def demand_usable(source: Source) -> None:
    """Raises Refused unless the source, as stored now, is in use and has a legal basis."""
    stored = Source.objects.get(pk=source.pk)
    if not stored.active:
        raise Refused(_("The source “%(name)s” is switched off. Nothing was imported.") % {"name": stored.name}, field="source")
    if not stored.legal_basis.strip():
        raise Refused(
            _("The source “%(name)s” has no legal basis noted. Nothing was imported.") % {"name": stored.name}, field="source"
        )


@transaction.atomic
def refresh_traits(contact_ids: Iterable[int]) -> int:
    """Repeat addresses and languages of these contacts in their presence. Call it in the transaction that changed them."""
    contacts = [*contact_ids]
    with connection.cursor() as cursor:
        lock_contacts(cursor, "SELECT unnest(%(contacts)s::bigint[])", {"contacts": contacts})
        cursor.execute(REFRESH, {"contacts": contacts})
        return int(cursor.rowcount)


@transaction.atomic
def forget_old(contact_ids: Iterable[int]) -> int:
    """Destroy what was seen of these contacts longer ago than the source may keep it. Returns rows destroyed."""
    params = {"contacts": [*contact_ids]}
    with connection.cursor() as cursor:
        lock_contacts(cursor, "SELECT unnest(%(contacts)s::bigint[])", params)
        cursor.execute(FORGET_OLD, params)
        destroyed = int(cursor.rowcount)
        cursor.execute(NEWEST_AGAIN, params)
    return destroyed


def deny(kind: int, hmacs: Iterable[bytes]) -> int:
    """These addresses opted out, also those we do not hold; only permit() takes it back. Returns addresses changed."""
    return _change(kind, hmacs, DENY)


def permit(kind: int, hmacs: Iterable[bytes]) -> int:
    """These people themselves allowed our messages or wrote to us: the only end of an opt-out. Returns addresses changed."""
    return _change(kind, hmacs, PERMIT)


def bury(kind: int, hmacs: Iterable[bytes]) -> int:
    """The platform says nobody is at these addresses any more. Returns addresses changed."""
    return _change(kind, hmacs, BURY)


def addresses(contact_ids: Sequence[int], kind: int) -> tuple[dict[int, str], dict[int, Reason]]:
    """The address to write to, for each contact who may be written to as stored now; and for each other one why not."""
    values: dict[int, str] = {}
    reasons: dict[int, Reason] = dict.fromkeys(contact_ids, "no_address")
    ring = keys.ring()
    with repeating() as cursor:
        cursor.execute(TO_WRITE_TO, {"contacts": [*contact_ids], "kind": kind})
        for contact, sealed, status in cursor.fetchall():
            if status == traits.LIVE:
                values[contact] = ring.decrypt(kind, bytes(sealed))
                del reasons[contact]
            else:
                reasons[contact] = traits.REASONS[status]
    return values, reasons


def find(kind: int, value: str) -> Contact | None:
    """The contact who has this address. Raises Refused when the value cannot be an address of this kind."""
    hmac = keys.fingerprint(kind, value)
    return Contact.objects.filter(addresses__kind=kind, addresses__value_hmac=hmac).first()


@contextmanager
def incoming(table: str, types: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[tuple[CursorWrapper, int]]:
    """Make the temporary table `incoming`, fill it, and give its cursor and number of rows.

    Many rows are joined by hashing: until their statistics are refreshed, PostgreSQL takes tables just filled for empty ones.
    """
    with connection.cursor() as cursor:
        total = _copy(cursor, table, types, rows)
        if total >= MANY:
            cursor.execute("SET LOCAL enable_nestloop = off")
        yield cursor, total
        if total >= MANY:
            cursor.execute(f"SET LOCAL enable_nestloop TO DEFAULT; {REFRESH_STATISTICS}")


def _copy(cursor: CursorWrapper, table: str, types: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    total = 0
    cursor.execute(table)
    with cursor.copy("COPY pg_temp.incoming FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)
            total += 1
    return total


def lock_contacts(cursor: CursorWrapper, contacts: str, params: dict[str, Any] | None = None) -> None:
    """Lock the contacts whose ids the query gives, in the order of their ids, until the transaction ends."""
    ids = f"SELECT DISTINCT contact_id FROM ({contacts}) given (contact_id) ORDER BY 1"
    one = "SELECT FROM audiences_contact WHERE id = ids.contact_id FOR NO KEY UPDATE"
    cursor.execute(f"SELECT count(*) FROM ({ids}) ids JOIN LATERAL ({one}) locked ON true", params)


@transaction.atomic
def _change(kind: int, hmacs: Iterable[bytes], statement: str) -> int:
    params: dict[str, Any] = {"kind": AddressKind(kind).value, "hmacs": [*hmacs]}
    with connection.cursor() as cursor:
        lock_contacts(cursor, f"SELECT a.contact_id FROM audiences_address a WHERE {NAMED}", params)
        cursor.execute(statement, params)
        changed = [row[0] for row in cursor.fetchall()]
    refresh_traits({contact for contact in changed if contact})
    return len(changed)
