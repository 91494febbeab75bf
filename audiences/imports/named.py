"""Storing what a file says about people it names by reference or by address: stays abroad, and lists of people.

Nobody is made here. Who is not known is an error row, and the others are stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext as _

from audiences.criteria.checks import shown
from audiences.imports.reading import SHOWN, Parsed, RowError
from audiences.models import ContactList, Source
from audiences.presence import ADDRESSES_NAMED, CONTACTS_NAMED, incoming, lock_contacts
from crisis.lines import stray
from crisis.models import User
from crisis.refusal import Refused

LONGEST_NAME = 200
PERSON = "line int, reference varchar(64), kind smallint, hmac bytea"
PERSON_TYPES = ("int4", "varchar", "int2", "bytea")

NAMED = f"""
    DROP TABLE IF EXISTS pg_temp.named;
    CREATE TEMP TABLE named ON COMMIT DROP AS
    SELECT i.*, coalesce(c.id, a.contact_id) AS contact_id
      FROM pg_temp.incoming i
      LEFT JOIN ({CONTACTS_NAMED}) c USING (reference)
      LEFT JOIN ({ADDRESSES_NAMED}) a USING (kind, hmac)
"""

UNKNOWN = f"""
    SELECT line, coalesce(reference, ''), count(*) OVER () FROM pg_temp.named
     WHERE contact_id IS NULL ORDER BY line LIMIT {SHOWN}
"""

STORE_TRIPS = """
    INSERT INTO audiences_trip (contact_id, country, starts_on, ends_on, source_id)
    SELECT DISTINCT n.contact_id, n.country, n.starts_on, n.ends_on, %(source)s::bigint FROM pg_temp.named n
     WHERE n.contact_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM audiences_trip t WHERE (t.contact_id, t.country, t.starts_on, t.ends_on, t.source_id)
                                         = (n.contact_id, n.country, n.starts_on, n.ends_on, %(source)s))
"""

# Whoever was forgotten meanwhile is left out; whoever is taken in is not forgotten before this has ended.
STORE_MEMBERS = """
    INSERT INTO audiences_listmember (list_id, contact_id)
    SELECT %(list)s, c.id FROM audiences_contact c WHERE c.id IN ({people}) ORDER BY c.id FOR KEY SHARE
"""
PEOPLE = "SELECT unnest(%(people)s::bigint[])"

Stored = tuple[int, int, list[RowError]]  # rows added, rows refused, the first of these


def store_trips(parsed: Parsed, source: Source) -> Stored:
    """A stay known already from this source is not stored twice."""
    with _named(parsed, ", country varchar(2), starts_on date, ends_on date", ("varchar", "date", "date")) as cursor:
        lock_contacts(cursor, "SELECT contact_id FROM pg_temp.named")
        refused, errors = _unknown(cursor)
        cursor.execute(STORE_TRIPS, {"source": source.pk})
        return cursor.rowcount, refused, errors


def store_list(parsed: Parsed, source: Source, name: str, by: User | None) -> Stored:
    """Raises Refused for a name that is empty or taken, and when nobody of the list is known."""
    people, refused, errors = people_of(parsed)
    return make_list(name, source, by, PEOPLE, {"people": people}), refused, errors


def people_of(parsed: Parsed) -> tuple[list[int], int, list[RowError]]:
    """The contacts that the rows name; how many name nobody we know, and the first of these."""
    with _named(parsed, "", ()) as cursor:
        refused, errors = _unknown(cursor)
        cursor.execute("SELECT coalesce(array_agg(contact_id), '{}') FROM pg_temp.named WHERE contact_id IS NOT NULL")
        return cursor.fetchone()[0], refused, errors


def make_list(name: str, source: Source, by: User | None, people: str, params: Mapping[str, Any]) -> int:
    """Make a list of the contacts whose ids the query gives. Returns how many there are.

    Raises Refused for a name that is empty or taken, and for nobody.
    """
    demand_list_name(name)
    made = ContactList.objects.create(name=name.strip(), source=source, uploaded_by=by)
    with connection.cursor() as cursor:
        cursor.execute(STORE_MEMBERS.format(people=people), {"list": made.pk, **params})
        if not cursor.rowcount:
            raise Refused(_("We know nobody of this list. No list was made. Import the people first."))
        return int(cursor.rowcount)


def demand_list_name(name: str) -> None:
    """Raises Refused for a name that is empty, no single line, too long or taken."""
    if not name.strip():
        raise Refused(_("Give the list a name. Nothing was imported."), field="list_name")
    if wrong := stray(ContactList._meta.get_field("name"), name):
        raise Refused(wrong, field="list_name")
    if len(name) > LONGEST_NAME:
        raise Refused(_("The name of a list has at most %(n)d characters.") % {"n": LONGEST_NAME}, field="list_name")
    if ContactList.objects.filter(name=name.strip()).exists():
        sentence = _("There is a list of this name already, and a list never changes. Give this one another name.")
        raise Refused(sentence, field="list_name")


@contextmanager
def _named(parsed: Parsed, columns: str, types: Sequence[str]) -> Iterator[CursorWrapper]:
    table = f"DROP TABLE IF EXISTS pg_temp.incoming; CREATE TEMP TABLE incoming ({PERSON}{columns}) ON COMMIT DROP"
    rows: Iterator[tuple[Any, ...]] = ((line, *row) for line, row in zip(parsed.lines, parsed.rows, strict=True))
    with incoming(table, [*PERSON_TYPES, *types], rows) as (cursor, _total):
        cursor.execute(NAMED)
        yield cursor


def _unknown(cursor: CursorWrapper) -> tuple[int, list[RowError]]:
    cursor.execute(UNKNOWN)
    found = cursor.fetchall()
    return (found[0][2] if found else 0), [_error(line, reference) for line, reference, _total in found]


def _error(line: int, reference: str) -> RowError:
    if reference:
        return RowError(line, "contact", shown(reference), _("There is no such contact. Import the contacts first."))
    return RowError(line, "value", "", _("We know nobody with this address. Import the addresses first."))
