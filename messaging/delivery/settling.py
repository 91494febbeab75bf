"""Applying receipts after the webhook has only appended them: set by set, and what is said of orders word by word.

The sole writer of delivered and read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db import DataError, IntegrityError, connection, transaction

from audiences import presence
from crisis.clock import now
from messaging.channels import OrderReport
from messaging.delivery import orders
from messaging.models import Order, Receipt

AT_ONCE = 1000  # receipts in one transaction
log = logging.getLogger(__name__)

# Somebody may read a message before its platform has answered the request that carried it: then nothing is known yet of whom
# the receipt is about. So it waits for the requests that began before it, for at most an hour: so long platforms know them.
WAITING = """
    SELECT r.id, r.kind, a.address_kind, r.person_hmac, r.provider_ref, r.account_id, r.data FROM messaging_receipt r
      JOIN messaging_account a ON a.id = r.account_id
      LEFT JOIN (SELECT account_id, min(asked_at) AS since_at FROM messaging_batch
                  WHERE status = 'sending' OR status = 'queued' AND in_doubt GROUP BY 1) asked USING (account_id)
     WHERE r.applied_at IS NULL AND r.kind <> 'order'
       AND (r.kind <> 'read' OR asked.since_at IS NULL OR r.received_at < asked.since_at
            OR r.received_at < crisis_now() - interval '1 hour')
     ORDER BY r.id LIMIT %s FOR UPDATE OF r SKIP LOCKED
"""

# A person has read everything up to the message named, so that a later message of theirs does not hide ours. Without
# `contact <> 0` PostgreSQL could not use the index of deliveries by contact, and would read the whole ledger instead.
READ = """
WITH seen AS (
    SELECT DISTINCT d.id, d.batch_id
      FROM unnest(%(people)s::bytea[], %(refs)s::bigint[], %(accounts)s::bigint[]) AS g (person, ref, account)
      JOIN messaging_account a ON a.id = g.account
      JOIN audiences_address x ON x.kind = a.address_kind AND x.value_hmac = g.person
      JOIN messaging_delivery d ON d.contact = x.contact_id AND d.contact <> 0 AND d.account_id = g.account
                               AND d.status IN ('accepted', 'delivered')
      JOIN messaging_deliveryref f ON f.delivery_id = d.id AND f.provider_ref::bigint <= g.ref
), marked AS (
    UPDATE messaging_delivery d SET status = 'read' FROM seen WHERE d.id = seen.id RETURNING d.batch_id
)
UPDATE messaging_batch b SET read = b.read + n.people
  FROM (SELECT batch_id, count(*) AS people FROM marked GROUP BY 1) n
 WHERE b.id = n.batch_id
"""


def settle() -> int:
    """Apply every receipt that waits. Returns how many."""
    applied = 0
    while count := _settle_some():
        applied += count
    words = Receipt.objects.filter(kind="order", applied_at=None).order_by("pk").values_list("pk", flat=True)
    return applied + sum(_settle_word(pk) for pk in [*words])


@transaction.atomic
def _settle_some() -> int:
    with connection.cursor() as cursor:
        cursor.execute(WAITING, [AT_ONCE])
        rows = cursor.fetchall()
    for kind, group in groupby(rows, key=itemgetter(1)):
        _apply(APPLY.get(kind, _nothing), [*group])
    # Whom it was about is needed no longer; the event's own id stays, so that it is never applied twice.
    Receipt.objects.filter(pk__in=[row[0] for row in rows]).update(applied_at=now(), person_hmac=None)
    return len(rows)


@transaction.atomic
def _settle_word(pk: int) -> bool:
    """Apply a word on an order in a transaction of its own: no audit lock is held while the next is waited for."""
    rows = Receipt.objects.select_for_update(skip_locked=True).filter(pk=pk, applied_at=None)
    word = rows.values_list("pk", "account", "data").first()
    if word is None:
        return False
    _apply(_order, [word])
    Receipt.objects.filter(pk=pk).update(applied_at=now(), person_hmac=None)
    return True


def _apply(act: Callable[[list[Any]], None], rows: list[Any]) -> None:
    """Apply receipts together; when that fails, one by one, so that a single one that cannot be applied keeps back no other."""
    try:
        with transaction.atomic():
            act(rows)
    except (DataError, IntegrityError, ValueError, TypeError):
        if len(rows) == 1:
            log.exception("Receipt %s cannot be applied and is set aside.", rows[0][0])
            return
        for row in rows:
            _apply(act, [row])


def _denied(rows: list[Any]) -> None:
    for kind, group in groupby(rows, key=itemgetter(2)):
        presence.deny(kind, [bytes(row[3]) for row in group])


def _allowed(rows: list[Any]) -> None:
    for kind, group in groupby(rows, key=itemgetter(2)):
        presence.permit(kind, [bytes(row[3]) for row in group])


def _read(rows: list[Any]) -> None:
    rows = [row for row in rows if row[4].isascii() and row[4].isdigit() and len(row[4]) < 19]
    with connection.cursor() as cursor:
        people, refs, accounts = [bytes(r[3]) for r in rows], [int(r[4]) for r in rows], [r[5] for r in rows]
        cursor.execute(READ, {"people": people, "refs": refs, "accounts": accounts})


def _order(rows: list[Any]) -> None:
    """Take over a word about an order of this account; another platform has no word on it."""
    ((_pk, account, data),) = rows
    try:
        report = OrderReport.from_json(data)
    except (KeyError, TypeError, ValueError):
        log.exception("A receipt of account %s cannot be read and changes nothing.", account)
        return
    order = Order.objects.filter(pk=report.order_id, batch__account=account).select_related("batch").first()
    if order is not None:
        orders.hear(order, report)


def _nothing(rows: list[Any]) -> None:
    """Events that change nothing but were promised to be kept."""


APPLY: dict[str, Callable[[list[Any]], None]] = {
    "denied": _denied,
    "allowed": _allowed,
    "reply": _allowed,  # whoever writes to us allows an answer
    "read": _read,
}
