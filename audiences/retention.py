"""Nobody is remembered longer than their source lets us: sightings, trips and lists that are too old are destroyed daily.

A contact of whom nothing is left goes too. Opt-outs stay as keyed hashes without a person.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import connection, transaction

from audiences import presence, repeats
from audiences.criteria.seen import LONGEST
from crisis import audit, daily
from crisis.clock import Now
from crisis.models import Destruction

AT_ONCE = 5000  # people of one transaction
STEPS = 20  # transactions of one round, so that the sweeper's other work waits no longer than a second or two

# The shortest retention bounds the part of the index that is read, each source's own decides.
TOO_OLD = f"""
    SELECT DISTINCT p.contact_id FROM audiences_presence p JOIN audiences_source s ON s.id = p.source_id
     WHERE p.last_seen_at < (
             SELECT crisis_now() - make_interval(hours => least({LONGEST}, min(retention_days) * 24)) FROM audiences_source)
       AND p.last_seen_at < crisis_now() - make_interval(hours => least({LONGEST}, s.retention_days * 24)) LIMIT {AT_ONCE}
"""
REST = {
    "trips": f"""
        DELETE FROM audiences_trip WHERE id IN (
            SELECT t.id FROM audiences_trip t JOIN audiences_source s ON s.id = t.source_id
             WHERE t.ends_on < (crisis_now() - make_interval(days => s.retention_days))::date LIMIT {AT_ONCE})
        RETURNING contact_id""",
    "lists": f"""
        DELETE FROM audiences_listmember WHERE (list_id, contact_id) IN (
            SELECT m.list_id, m.contact_id FROM audiences_listmember m JOIN audiences_contactlist l ON l.id = m.list_id
              JOIN audiences_source s ON s.id = l.source_id
             WHERE l.uploaded_at < crisis_now() - make_interval(days => s.retention_days) LIMIT {AT_ONCE})
        RETURNING contact_id""",
}
NOTHING_LEFT = """
    DELETE FROM audiences_contact c WHERE c.id = ANY (%(contacts)s)
       AND NOT EXISTS (SELECT FROM audiences_address a WHERE a.contact_id = c.id)
       AND NOT EXISTS (SELECT FROM audiences_presence p WHERE p.contact_id = c.id)
       AND NOT EXISTS (SELECT FROM audiences_trip t WHERE t.contact_id = c.id)
       AND NOT EXISTS (SELECT FROM audiences_listmember m WHERE m.contact_id = c.id)
       AND NOT EXISTS (SELECT FROM audiences_staffmember s WHERE s.contact_id = c.id)
"""


def destroy_old(steps: int = STEPS) -> tuple[bool, dict[str, int]]:
    """Destroy what is too old, at most so many transactions. Returns whether nothing is left, and how many rows of what."""
    counts = {"presence": 0, "trips": 0, "lists": 0, "contacts": 0}
    for _step in range(steps):
        done = _destroy_some()
        if not any(done.values()):
            return True, counts
        counts = {name: counts[name] + number for name, number in done.items()}
    return False, counts


@transaction.atomic
def _destroy_some() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(TOO_OLD)
        contacts = {row[0] for row in cursor.fetchall()}
        done = {"presence": presence.forget_old(contacts) if contacts else 0}
        for name, statement in REST.items():
            cursor.execute(statement)
            done[name] = cursor.rowcount
            contacts |= {row[0] for row in cursor.fetchall()}
        cursor.execute(NOTHING_LEFT, {"contacts": [*contacts]})
        done["contacts"] = cursor.rowcount
    return done


def _destroy_daily(day: date) -> bool:
    """One record a day, and only when there was something to destroy."""
    repeats.forget_states()
    ended, counts = destroy_old()
    act = Destruction.objects.filter(kind=Destruction.Kind.RETENTION, ended_at=None).first()
    if any(counts.values()):
        act = act or Destruction.objects.create(kind=Destruction.Kind.RETENTION)
        total = {name: act.counts.get(name, 0) + number for name, number in counts.items()}
        Destruction.objects.filter(pk=act.pk).update(counts=total)
    if ended and act:
        _close(act.pk)
    return ended


def _close(pk: int) -> None:
    Destruction.objects.filter(pk=pk).update(ended_at=Now())
    act: Any = Destruction.objects.get(pk=pk)
    audit.record("retention", by=None, about=act, data=act.counts)


def register() -> None:
    """Have what is too old destroyed once a day."""
    daily.register("retention", _destroy_daily)
