"""What a platform told us through its webhook: appended at once, applied later by the sweeper (`messaging.delivery.settling`).

Kept is only what settling needs: the kind, the person's keyed fingerprint, the platform's own ids, an order's totals. The words
of a person go into a Reply; nothing else here holds a text or an address.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import connection, transaction

from audiences import keys
from audiences.models import Address
from crisis.clock import now
from crisis.refusal import Refused
from messaging import bell
from messaging.channels import Report
from messaging.models import Account, Campaign, Delivery, Lane, Reply

OF_A_PERSON = frozenset({"denied", "allowed", "read", "reply"})
LONGEST_EVENT_ID = 120  # characters; a longer one is kept as its SHA-256
LONGEST_TEXT = 4000  # characters of a reply
ONE_ANSWER_IN = timedelta(hours=24)
RECENT = timedelta(days=14)  # within which words of somebody we do not hold are taken as meant for the newest alert

INSERT = """
    INSERT INTO messaging_receipt (account_id, event_id, kind, at, person_hmac, provider_ref, data)
    VALUES (%(account)s, %(event)s, %(kind)s, %(at)s, %(person)s, %(ref)s, %(data)s) ON CONFLICT DO NOTHING RETURNING id
"""


@transaction.atomic
def receive(account: Account, reports: Iterable[Report]) -> int:
    """Store what a webhook of this account brought. Returns how many events were new: the same event twice is one row."""
    return sum(_receive(account, report) for report in reports)


def _receive(account: Account, report: Report) -> bool:
    """Whether the event was new. One that says nothing of a person we can find or of an order is not kept."""
    if report.kind == "order" and report.order:
        return _append(account, report, None) is not None
    person = _person(account, report)
    receipt = _append(account, report, person) if person else None
    if receipt and person and report.kind == "reply":
        _reply(account, receipt, person, report)
    return receipt is not None


def _person(account: Account, report: Report) -> bytes | None:
    """Whom a report is about, as a keyed fingerprint; None for nobody, and for what is no address of this account's kind."""
    if report.kind not in OF_A_PERSON or account.address_kind is None:
        return None
    try:
        return keys.fingerprint(account.address_kind, report.address)
    except Refused:
        return None


def _append(account: Account, report: Report, person: bytes | None) -> int | None:
    """The id of the new row, or None when this event is there already."""
    values: dict[str, Any] = {
        "account": account.pk,
        "event": _event_id(report.event_id),
        "kind": report.kind,
        "at": report.at,
        "person": person,
        "ref": report.provider_ref[:80],
        "data": json.dumps(report.order.to_json() if report.order else {}),
    }
    with connection.cursor() as cursor:
        cursor.execute(INSERT, values)
        row = cursor.fetchone()
    return row[0] if row else None


def _event_id(given: str) -> str:
    return given if len(given) <= LONGEST_EVENT_ID else hashlib.sha256(given.encode()).hexdigest()


def _reply(account: Account, receipt: int, person: bytes, report: Report) -> None:
    held = Address.objects.filter(kind=account.address_kind or 0, value_hmac=person)
    contact = held.values_list("contact", flat=True).first()
    due = contact is not None and _answer_due(contact)
    Reply.objects.create(
        account=account,
        receipt_id=receipt,
        campaign_id=_campaign(account, contact),
        contact=contact,
        text=report.text[:LONGEST_TEXT],
        answer=Reply.Answer.QUEUED if due else Reply.Answer.NONE,
        key=secrets.randbelow(2**31 - 1) + 1,
    )
    if due:
        lanes = [*Lane.objects.filter(account=account).select_related("account")]
        transaction.on_commit(partial(bell.ring, lanes), robust=True)


def _answer_due(contact: int) -> bool:
    """Whether this person gets an automatic answer. Two messages of one person at the same moment wait for each other here."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('messaging.reply', %s))", [contact])
    answers = [Reply.Answer.QUEUED, Reply.Answer.SENT]
    return not Reply.objects.filter(contact=contact, answer__in=answers, received_at__gt=now() - ONE_ANSWER_IN).exists()


def _campaign(account: Account, contact: int | None) -> int | None:
    """The campaign a reply is about: the last one this person got from this account; else, because somebody has to read it,

    the newest alert of the last 14 days. Whom a platform wrote to by itself we do not hold, and these people answer too.
    """
    got = Delivery.objects.filter(contact=contact, account=account).order_by("-id") if contact else Delivery.objects.none()
    known: int | None = got.values_list("campaign", flat=True).first()
    if known is None:
        begun = Campaign.objects.filter(drill=account.drill, started_at__gt=now() - RECENT, incident__destructions=None)
        known = begun.order_by("-started_at").values_list("pk", flat=True).first()
    return known
