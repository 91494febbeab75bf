"""Whether `Presence.traits` still repeats what contacts and addresses say: counted again every night, mended where it does not.

It should never differ: whoever changes a contact refreshes its presence in the same transaction. A difference is our fault.
"""

from __future__ import annotations

import logging
from datetime import date
from time import monotonic

from django.db import connection, transaction
from django.db.models import Max

from audiences import presence, traits
from audiences.models import Contact
from crisis import audit, daily

AT_ONCE = 20_000  # contacts of one transaction
SECONDS = 1.0  # of one round of the sweeper
SOME = "SELECT id FROM audiences_contact WHERE id > %(after)s AND id <= %(until)s"
MEND = f"""
    WITH meant AS (
        SELECT p.contact_id, p.country, t.traits | CASE
                   WHEN row_number() OVER (PARTITION BY p.contact_id ORDER BY p.last_seen_at DESC, p.country) = 1
                   THEN {traits.LATEST} ELSE 0 END AS traits
          FROM audiences_presence p JOIN ({traits.traits_sql(SOME)}) t USING (contact_id))
    UPDATE audiences_presence p SET traits = m.traits FROM meant m
     WHERE p.contact_id = m.contact_id AND p.country = m.country AND p.traits <> m.traits
"""
log = logging.getLogger(__name__)
_came_to: dict[date, int] = {}  # a restart begins the night's count anew


def mend(after: int = 0, seconds: float | None = None) -> tuple[int | None, int]:
    """Count again from the contact after this one on. Returns the last contact seen, None at the end, and rows mended."""
    last, mended, began = Contact.objects.aggregate(last=Max("pk"))["last"] or 0, 0, monotonic()
    while after < last:
        mended += _mend_some(after, after + AT_ONCE)
        after += AT_ONCE
        if seconds is not None and monotonic() - began > seconds:
            break
    return (after if after < last else None), mended


@transaction.atomic
def _mend_some(after: int, until: int) -> int:
    params = {"after": after, "until": until}
    with connection.cursor() as cursor:
        presence.lock_contacts(cursor, SOME, params)
        cursor.execute(MEND, params)
        mended = int(cursor.rowcount)
    if mended:
        log.error(
            "Presence differed from contacts and addresses in %d rows of contacts %d to %d; mended.", mended, after, until
        )
        audit.record("presence.mend", by=None, about=None, data={"rows": mended, "contacts": [after, until]})
    return mended


def _mend_nightly(day: date) -> bool:
    came_to, _mended = mend(_came_to.get(day, 0), SECONDS)
    if came_to is not None:
        _came_to[day] = came_to
        return False
    _came_to.pop(day, None)
    return True


def register() -> None:
    """Have presence mended every night."""
    daily.register("presence.recount", _mend_nightly)
