"""Storing what was read: on sets, in one transaction, contacts locked in the order of their ids, the audit row last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import cast

from django.db import transaction
from django.utils.translation import gettext as _

from audiences.criteria.checks import shown
from audiences.imports.columns import FileKind
from audiences.imports.named import Stored, store_list, store_trips
from audiences.imports.reading import SHOWN, Parsed, RowError
from audiences.models import Source
from audiences.presence import (
    ADDRESSES_NAMED,
    CONTACTS_NAMED,
    Sighting,
    demand_usable,
    incoming,
    ingest,
    lock_contacts,
    refresh_traits,
)
from crisis import audit
from crisis.models import User
from crisis.permissions import demand
from crisis.refusal import Refused

CONTACTS = """
    DROP TABLE IF EXISTS pg_temp.incoming;
    CREATE TEMP TABLE incoming (reference varchar(64), language varchar(3)) ON COMMIT DROP
"""

KNOWN_CONTACTS = f"SELECT id FROM ({CONTACTS_NAMED}) named"

# An empty cell does not erase a language known already.
STORE_CONTACTS = """
    WITH stored AS (
        INSERT INTO audiences_contact AS c (reference, language)
        SELECT reference, language FROM pg_temp.incoming ORDER BY reference
        ON CONFLICT (reference) DO UPDATE SET language = EXCLUDED.language
            WHERE EXCLUDED.language <> '' AND c.language <> EXCLUDED.language
        RETURNING c.id, old.id IS NULL AS added)
    SELECT count(*) FILTER (WHERE added), coalesce(array_agg(id) FILTER (WHERE NOT added), '{}') FROM stored
"""

ADDRESSES = """
    DROP TABLE IF EXISTS pg_temp.incoming;
    CREATE TEMP TABLE incoming (line int, reference varchar(64), kind smallint, hmac bytea, sealed bytea,
                                subscribed boolean, permitted boolean, denied boolean) ON COMMIT DROP
"""

OF_CONTACTS = f"""
    DROP TABLE IF EXISTS pg_temp.owned;
    CREATE TEMP TABLE owned ON COMMIT DROP AS
    SELECT i.*, c.id AS contact_id, a.contact_id <> c.id AS foreign_address
      FROM pg_temp.incoming i
      LEFT JOIN ({CONTACTS_NAMED}) c USING (reference)
      LEFT JOIN ({ADDRESSES_NAMED}) a USING (kind, hmac)
"""

BAD_ADDRESSES = f"""
    SELECT line, reference, contact_id IS NULL, count(*) OVER () FROM pg_temp.owned
     WHERE contact_id IS NULL OR foreign_address ORDER BY line LIMIT {SHOWN}
"""

# Denied stays denied, dead stays dead: only the person or the platform ends these.
STORE_ADDRESSES = """
    WITH stored AS (
        INSERT INTO audiences_address AS a (contact_id, kind, value_encrypted, value_hmac, subscribed, permitted, denied, dead)
        SELECT contact_id, kind, sealed, hmac, subscribed, permitted, denied, false FROM pg_temp.owned
         WHERE contact_id IS NOT NULL AND foreign_address IS NOT TRUE ORDER BY kind, hmac
        ON CONFLICT (kind, value_hmac) DO UPDATE
           SET contact_id = EXCLUDED.contact_id, subscribed = EXCLUDED.subscribed, permitted = EXCLUDED.permitted,
               value_encrypted = CASE WHEN a.contact_id IS NULL THEN EXCLUDED.value_encrypted ELSE a.value_encrypted END,
               denied = a.denied OR EXCLUDED.denied, updated_at = crisis_now()
         WHERE a.contact_id IS NULL OR (a.contact_id = EXCLUDED.contact_id AND (a.subscribed, a.permitted, a.denied)
               IS DISTINCT FROM (EXCLUDED.subscribed, EXCLUDED.permitted, a.denied OR EXCLUDED.denied))
        RETURNING a.contact_id, old.id IS NULL AS added)
    SELECT count(*) FILTER (WHERE added), count(*) FILTER (WHERE NOT added),
           coalesce(array_agg(DISTINCT contact_id) FILTER (WHERE EXISTS (
                        SELECT FROM audiences_presence p WHERE p.contact_id = stored.contact_id)), '{}')
      FROM stored
"""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file. `counts`: rows, added, changed, unchanged, refused; repeated, or of sightings unknown and future.

    `errors` are the rows refused while storing, the first 100; those found while reading are in `Parsed`.
    """

    kind: FileKind
    counts: Mapping[str, int]
    errors: Sequence[RowError] = field(default_factory=list)


@transaction.atomic
def apply(
    parsed: Parsed, source: Source | None, by: User | None, *, list_name: str = "", action: str = "contacts.import"
) -> Imported:
    """Store the good rows of a file. `by=None` means the console itself, telling its story.

    Raises Refused, and stores nothing, for sightings, stays or a list without a source in use that has a legal basis.
    """
    if by:
        demand(by, action)
    if parsed.kind == FileKind.LISTS:
        imported = _named(parsed, store_list(parsed, demand_source(parsed.kind, source), list_name, by))
    else:
        imported = store(parsed, source)
    audit.record(action, by=by, about=source, data={"file": parsed.kind.value, **imported.counts})
    return imported


@transaction.atomic
def store(parsed: Parsed, source: Source | None) -> Imported:
    """Store rows of anything but a list, which is made in one. The caller writes the audit row. Raises Refused like `apply`."""
    match parsed.kind:
        case FileKind.CONTACTS:
            return _contacts(parsed)
        case FileKind.ADDRESSES:
            return _addresses(parsed)
        case FileKind.SIGHTINGS:
            return _sightings(parsed, demand_source(parsed.kind, source))
        case FileKind.TRIPS:
            return _named(parsed, store_trips(parsed, demand_source(parsed.kind, source)))
    raise ValueError(f"Rows of {parsed.kind} are not stored one by one.")


def _contacts(parsed: Parsed) -> Imported:
    with incoming(CONTACTS, ["varchar", "varchar"], parsed.rows) as (cursor, _total):
        lock_contacts(cursor, KNOWN_CONTACTS)
        cursor.execute(STORE_CONTACTS)
        added, changed = cursor.fetchone()
        refresh_traits(changed)
    return Imported(parsed.kind, _counts(parsed, added=added, changed=len(changed)))


def _addresses(parsed: Parsed) -> Imported:
    types = ["int4", "varchar", "int2", "bytea", "bytea", "bool", "bool", "bool"]
    rows = ((line, *row) for line, row in zip(parsed.lines, parsed.rows, strict=True))
    with incoming(ADDRESSES, types, rows) as (cursor, _total):
        cursor.execute(OF_CONTACTS)
        lock_contacts(cursor, "SELECT contact_id FROM pg_temp.owned")
        cursor.execute(BAD_ADDRESSES)
        bad = cursor.fetchall()
        cursor.execute(STORE_ADDRESSES)
        added, changed, contacts = cursor.fetchone()
        refresh_traits(contacts)
    refused = bad[0][3] if bad else 0
    errors = [_error(line, reference, missing) for line, reference, missing, _total in bad]
    return Imported(parsed.kind, _counts(parsed, refused, added=added, changed=changed), errors)


def demand_source(kind: FileKind, source: Source | None) -> Source:
    """The source who answers for the file. Raises Refused unless it is in use and has a legal basis."""
    if source is None:
        sentence = _("Name the source of this file. Nothing was imported.")
        if kind == FileKind.SIGHTINGS:
            sentence = _("Name the source of these sightings. Nothing was imported.")
        raise Refused(sentence, field="source")
    demand_usable(source)
    return source


def _named(parsed: Parsed, stored: Stored) -> Imported:
    added, refused, errors = stored
    return Imported(parsed.kind, _counts(parsed, refused, added=added, changed=0), errors)


def _sightings(parsed: Parsed, source: Source) -> Imported:
    done = asdict(ingest(cast("list[Sighting]", parsed.rows), source))
    counts = {
        "rows": parsed.total,
        "refused": parsed.error_count,
        "changed": done.pop("moved"),
        "unchanged": done.pop("kept"),
        **done,
    }
    return Imported(parsed.kind, counts)


def _counts(parsed: Parsed, refused: int = 0, *, added: int, changed: int) -> dict[str, int]:
    unchanged = len(parsed.rows) - refused - added - changed
    known = {"added": added, "changed": changed, "unchanged": unchanged}
    return {"rows": parsed.total, "refused": parsed.error_count + refused, "repeated": parsed.repeated, **known}


def _error(line: int, reference: str, missing: bool) -> RowError:
    if missing:
        return RowError(line, "contact", shown(reference), _("There is no such contact. Import the contacts first."))
    return RowError(line, "value", "", _("This address belongs to another contact. Nothing was changed about either of them."))
