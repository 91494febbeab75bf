"""The two ends of a sending: the snapshot that freezes who gets what, and the closing of what is left."""

from __future__ import annotations

import json
from datetime import datetime
from functools import partial
from time import perf_counter
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from audiences.criteria import Criteria
from audiences.reach import recipients_sql
from crisis import audit, incidents
from crisis.clock import now
from crisis.models import Incident, Severity, User
from messaging import bell
from messaging.models import Account, Batch, Campaign, Lane, Order, Part, Status

BATCH = 100  # people in a batch: the most that one request of any channel takes
GROWTH, LEAST = 0.10, 100  # the sending is held when reach grew by more than both since the approver saw it
RANKS = [*Severity.values]


class Held(Exception):
    """The sending did not begin: what was counted is no longer what the approver saw. As text: why, in words for the reader."""

    def __init__(self, why: Any, **values: Any) -> None:
        super().__init__(why)
        self.why, self.values = why, values

    def __str__(self) -> str:
        return str(self.why) % self.values


SNAPSHOT = """
INSERT INTO messaging_batch (campaign_id, account_id, text_id, number, rank, people, total, status, key, fence, attempt,
                             in_doubt, reason, accepted, failed, uncertain, delivered, read)
SELECT %(campaign)s, %(account)s, text_id, row_number() OVER (ORDER BY text_id, chunk), %(rank)s, people, cardinality(people),
       'queued', 1 + floor(random() * 2147483646)::int, 0, 0, false, '', 0, 0, 0, 0, 0
  FROM (SELECT text_id, chunk, array_agg(contact_id ORDER BY contact_id) AS people
          FROM (SELECT contact_id, text_id,
                       (row_number() OVER (PARTITION BY text_id ORDER BY contact_id) - 1) / {batch} AS chunk
                  FROM (SELECT r.contact_id, coalesce((%(texts)s::jsonb ->> r.language)::bigint, %(fallback)s) AS text_id
                          FROM ({recipients}) r) chosen) cut
         GROUP BY text_id, chunk) whole
"""


def start(campaign: Campaign, seen: dict[str, Any], *, by: User | None) -> None:
    """Begin to send an approved campaign whose row is locked: status, batches, orders and audit in the caller's transaction.

    `seen` is the reach the approver saw. Raises Held, which must roll the caller's transaction back.
    """
    if campaign.incident.status == Incident.Status.CLOSED:
        raise Held(_("The incident was closed after this was approved. Declare a new one to send about it."))
    at, began = now(), perf_counter()
    Campaign.objects.filter(pk=campaign.pk).update(status=Status.SENDING, started_at=at, status_reason="", updated_at=at)
    accounts = [*campaign.accounts.order_by("pk")]
    counted = {account.pk: _freeze(campaign, account, at) for account in accounts}
    _hold_if_grown(accounts, counted, seen)
    took = round(perf_counter() - began, 3)
    incidents.tell(campaign.incident_id, _("Sending began: %(headline)s"), headline=campaign)
    audit.record("campaign.start", by=by, about=campaign, data={"people": counted, "round": campaign.round, "snapshot_s": took})
    ring(campaign)


def ring(campaign: Campaign) -> None:
    """Once the transaction is committed, tell the workers that there is something to do for this campaign."""
    lanes = [*Lane.objects.filter(account__campaigns=campaign).select_related("account")]
    transaction.on_commit(partial(bell.ring, lanes), robust=True)


def _freeze(campaign: Campaign, account: Account, at: datetime) -> int:
    if account.address_kind is None:
        return _freeze_order(campaign, account)
    if campaign.audience_version is None:
        raise ValueError(f"campaign {campaign.pk} was submitted without an audience")  # submit refuses that
    criteria = Criteria.from_json(campaign.audience_version.criteria)
    recipients, parameters = recipients_sql(criteria, account.address_kind, at)
    texts = {t.language: t.pk for t in campaign.texts.filter(part=Part.MAIN)}
    values = {
        **parameters,
        "campaign": campaign.pk,
        "account": account.pk,
        "rank": _rank(campaign),
        "texts": json.dumps(texts),
        "fallback": texts.get("ru") or next(iter(texts.values())),
    }
    with connection.cursor() as cursor:
        cursor.execute(SNAPSHOT.format(batch=BATCH, recipients=recipients), values)
        cursor.execute(
            "SELECT coalesce(sum(total), 0) FROM messaging_batch WHERE campaign_id = %(campaign)s AND account_id = %(account)s",
            values,
        )
        people: int = cursor.fetchone()[0]
    return people


def _freeze_order(campaign: Campaign, account: Account) -> int:
    batch = Batch.objects.create(campaign=campaign, account=account, number=1, rank=_rank(campaign), total=0, key=1)
    Order.objects.create(batch=batch)
    return 0


def _rank(campaign: Campaign) -> int:
    return RANKS.index(campaign.incident.severity)


def _hold_if_grown(accounts: list[Account], counted: dict[int, int], seen: dict[str, Any]) -> None:
    known = seen.get("accounts", {})
    for account in accounts:
        if str(account.pk) not in known:
            raise Held(_("%(account)s was not part of what the approver saw."), account=account)
        before, people = known[str(account.pk)].get("people", 0), counted[account.pk]
        if account.addressed and people - before > LEAST and people > before * (1 + GROWTH):
            raise Held(
                _(
                    "%(account)s would now reach %(people)d people; the approver saw %(before)d. "
                    "Submit it again with the new number."
                ),
                account=account,
                people=people,
                before=before,
            )


def close_open(campaign: Campaign, status: Status) -> dict[str, int]:
    """Close what is still queued of a campaign that was stopped or has expired. Returns people who had gone and who will not.

    Requests on the wire end by themselves and are recorded. An order that was placed stays open until its platform has
    cancelled it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE messaging_batch b SET status = %(status)s, not_before = NULL
                 FROM messaging_batch x LEFT JOIN messaging_order o ON o.batch_id = x.id
                WHERE x.id = b.id AND b.campaign_id = %(campaign)s AND b.status = 'queued' AND o.asked_at IS NULL""",
            {"status": status.value, "campaign": campaign.pk},
        )
        cursor.execute(
            """UPDATE messaging_order o SET status = 'cancelled', ended_at = crisis_now()
                 FROM messaging_batch b
                WHERE b.id = o.batch_id AND b.campaign_id = %s AND b.status = %s AND o.asked_at IS NULL""",
            [campaign.pk, status.value],
        )
        cursor.execute(
            """SELECT coalesce(sum(accepted + failed + uncertain), 0), coalesce(sum(total - accepted - failed - uncertain)
                      FILTER (WHERE status = %s AND total > 0), 0) FROM messaging_batch WHERE campaign_id = %s""",
            [status.value, campaign.pk],
        )
        gone, left = cursor.fetchone()
    return {"gone": int(gone), "left": int(left)}


FINISHED = """
    SELECT c.id FROM messaging_campaign c
     WHERE c.status = 'sending' AND (%(only)s::bigint IS NULL OR c.id = %(only)s)
       AND NOT EXISTS (SELECT FROM messaging_batch b WHERE b.campaign_id = c.id AND b.status IN ('queued', 'sending'))
       FOR UPDATE OF c SKIP LOCKED
"""


@transaction.atomic
def finish(only: int | None = None) -> int:
    """Close every campaign (or only one) of which nothing is open any more. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(FINISHED, {"only": only})
        done = [row[0] for row in cursor.fetchall()]
    for campaign in Campaign.objects.filter(pk__in=done).select_related("incident"):
        Campaign.objects.filter(pk=campaign.pk).update(status=Status.SENT, ended_at=now())
        incidents.tell(campaign.incident_id, _("Sent: %(headline)s"), headline=campaign)
        audit.record("campaign.finish", by=None, about=campaign)
    return len(done)
