"""Writing the audit log: one row a change, the last statement of its transaction, because the chain's lock serialises writers.

The row's time, place in the chain and hash are written by the database (see the migration `0002_audit_chain`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db import connection, models, transaction
from django.utils.translation import gettext as _

from crisis.models import AuditEntry, User

log = logging.getLogger(__name__)


def record(
    action: str, *, by: User | None, about: models.Model | None = None, data: Mapping[str, Any] | None = None
) -> AuditEntry:
    """Append what was done. `by=None` means the machine did it. Never put an address or a message of a person into `data`.

    Raises RuntimeError outside a transaction: an audit row that can be lost alone proves nothing.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("An audit row belongs to the transaction of the change it tells of.")
    return AuditEntry.objects.create(
        by=by,
        action=action,
        object_type=about._meta.label_lower if about else "",
        object_id=str(about.pk) if about else "",
        data=dict(data or {}),
    )


def anchor(why: str) -> str:
    """Note the head of the chain in the log, which another machine keeps: whoever rewrites the chain cannot reach it there.

    It is written once the transaction is committed. Returns the head, empty for an empty log.
    """
    last = AuditEntry.objects.order_by("-id").values("id", "hash").first()
    if last:
        transaction.on_commit(partial(log.info, "Audit head %s at row %d: %s", last["hash"], last["id"], why))
    return last["hash"] if last else ""


def as_json(entry: AuditEntry) -> dict[str, Any]:
    """A row as plain values, for files that leave the console. The person by their login."""
    return {
        "id": entry.pk,
        "at": entry.at.isoformat(),
        "by": entry.by.username if entry.by else None,
        "action": entry.action,
        "object_type": entry.object_type,
        "object_id": entry.object_id,
        "data": entry.data,
        "prev_hash": entry.prev_hash,
        "hash": entry.hash,
    }


VERIFY = """
    SELECT id, broken, changed FROM (
        SELECT id, prev_hash IS DISTINCT FROM coalesce(lag(hash) OVER (ORDER BY id), '') AS broken,
               hash IS DISTINCT FROM crisis_audit_hash(e) AS changed
          FROM crisis_auditentry e) checked
     WHERE broken OR changed ORDER BY id LIMIT 20
"""


def verify(head: str = "") -> tuple[int, str, list[str]]:
    """Recompute the whole chain. Returns (rows, head hash, sentences about what is wrong, first bad row first).

    `head` is a hash noted earlier: if no row carries it any more, the end of the log was cut off.
    """
    with connection.cursor() as cursor:
        cursor.execute(VERIFY)
        wrong = [_sentence(*row) for row in cursor.fetchall()]
    last = AuditEntry.objects.order_by("-id").values_list("hash", flat=True).first() or ""
    if head and not AuditEntry.objects.filter(hash=head).exists():
        wrong.append(_("The log no longer holds the noted hash: rows at its end were removed."))
    return AuditEntry.objects.count(), last, wrong


def _sentence(row: int, broken: bool, changed: bool) -> str:
    if changed:
        return _("Row %(row)d was changed after it was written, or was not written by the log itself.") % {"row": row}
    return _("Row %(row)d does not follow the row before it: a row was removed or inserted there.") % {"row": row}
