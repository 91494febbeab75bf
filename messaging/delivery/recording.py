"""Writing down what is known: outcomes once, counters from the rows inserted, and nothing at all by a zombie."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.db import connection, transaction

from audiences import keys, presence
from crisis.repeating import repeating
from messaging.channels import Outcome
from messaging.delivery.claiming import Claim

LONGEST = 120.0  # seconds: a platform may not put us off for longer
FINAL = ("accepted", "failed", "uncertain")


@dataclass(frozen=True, slots=True)
class Close:
    """How a claim ends: `done`, or `queued` again after `wait` seconds, possibly with an unanswered request behind it.

    * follow: queued again even after its campaign was stopped, because a platform still works on it
    * width: most people in one request of the next attempt; None = as many as the channel takes
    """

    done: bool
    wait: float = 0.0
    in_doubt: bool = False
    reason: str = ""
    follow: bool = False
    width: int | None = None


# What became of somebody who is sent it again stands in the new batch alone. Reads `wrote`.
AGAIN = """
again AS (
    UPDATE messaging_delivery d SET status = 'resent' FROM wrote w JOIN messaging_batch r ON r.id = w.batch_id
     WHERE d.campaign_id = r.campaign_id AND d.account_id = r.account_id AND d.batch_id = r.resend_of_id
       AND d.contact = w.contact AND d.status = 'uncertain'
 RETURNING d.batch_id
), taken AS (
    UPDATE messaging_batch b SET uncertain = b.uncertain - n.people
      FROM (SELECT batch_id, count(*) AS people FROM again GROUP BY 1) n WHERE b.id = n.batch_id
)
"""

# One statement: `mine` is the batch if it is still ours, and without it nothing is written. The campaign is looked at under its
# lock: a stop at this very moment would else leave the batch queued for ever. A stranger's id, or the same id twice, in a
# platform's answer changes nothing.
CLOSE = """
WITH mine AS (
    SELECT b.id, b.people, c.status FROM messaging_batch b,
           (SELECT status FROM messaging_campaign WHERE id = %(campaign)s FOR KEY SHARE) c
     WHERE b.id = %(batch)s AND b.fence = %(fence)s AND b.status = 'sending' FOR UPDATE OF b
), given AS (
    SELECT DISTINCT ON (contact) contact, g.status, reason, ref
      FROM mine, json_to_recordset(%(outcomes)s::json) AS g (contact bigint, status text, reason text, ref text)
     WHERE contact = ANY (mine.people)
), wrote AS (
    INSERT INTO messaging_delivery (campaign_id, account_id, batch_id, contact, status, reason, people, at)
    SELECT %(campaign)s, %(account)s, %(batch)s, contact, status, reason, 1, crisis_now() FROM given
    ON CONFLICT DO NOTHING RETURNING id, batch_id, contact, status
){again}, refs AS (
    INSERT INTO messaging_deliveryref (account_id, provider_ref, delivery_id, part)
    SELECT %(account)s, g.ref, w.id, 0 FROM wrote w JOIN given g USING (contact) WHERE g.ref <> '' AND %(receipts)s
    ON CONFLICT DO NOTHING
)
UPDATE messaging_batch b SET lease_until = NULL, in_doubt = %(in_doubt)s, reason = %(reason)s, width = %(width)s,
       status = CASE WHEN %(done)s THEN 'done'
                     WHEN mine.status IN ('stopped', 'expired') AND NOT %(follow)s THEN mine.status
                     ELSE 'queued' END,
       not_before = CASE WHEN NOT %(done)s THEN crisis_now() + %(wait)s * interval '1 second' END,
       accepted = b.accepted + n.accepted, failed = b.failed + n.failed, uncertain = b.uncertain + n.uncertain
  FROM mine, (SELECT count(*) FILTER (WHERE status = 'accepted') AS accepted,
                     count(*) FILTER (WHERE status = 'failed') AS failed,
                     count(*) FILTER (WHERE status = 'uncertain') AS uncertain FROM wrote) n
 WHERE b.id = mine.id
RETURNING b.id
"""


def weighed(held: Claim, outcomes: Sequence[Outcome], close: Close, *, keyed: bool) -> tuple[list[Outcome], Close]:
    """What is really known after a claim. A refusal proves nothing of somebody who may have got an earlier, unanswered request,
    of this batch or of the one it repeats; and who was left out of an answer may have got this one. Where a platform knows no
    key, only what was not sent is retried.
    """
    if held.in_doubt or held.again:
        outcomes = [replace(o, status="uncertain") if o.status == "failed" else o for o in outcomes]
    doubtful = keyed and not close.done and any(o.status == "retry" for o in outcomes)
    return [*outcomes], replace(close, in_doubt=close.in_doubt or doubtful)


def record(held: Claim, outcomes: Sequence[Outcome], close: Close, *, receipts: bool) -> bool:
    """Close the claim and write its final outcomes at once. False = no longer ours: nothing was written."""
    known = [
        {"contact": o.contact, "status": o.status, "reason": o.reason[:60], "ref": o.provider_ref[:80]}
        for o in outcomes if o.status in FINAL
    ]  # fmt: skip
    with repeating() as cursor:
        cursor.execute(CLOSE.format(again=f", {AGAIN}" if held.again else ""), {
            "campaign": held.campaign, "account": held.account, "batch": held.id, "fence": held.fence,
            "done": close.done, "follow": close.follow, "wait": min(close.wait, LONGEST), "in_doubt": close.in_doubt,
            "reason": close.reason[:200], "width": close.width, "receipts": receipts, "outcomes": json.dumps(known),
        })  # fmt: skip
        return cursor.fetchone() is not None


def change_addresses(kind: int, addresses: Mapping[int, str], outcomes: Sequence[Outcome]) -> None:
    """What an answer says of the addresses: taken back, or nobody there. Apart from the outcomes: losing it loses nothing."""
    denied = [keys.fingerprint(kind, addresses[o.contact]) for o in outcomes if o.denied and o.contact in addresses]
    dead = [keys.fingerprint(kind, addresses[o.contact]) for o in outcomes if o.dead and o.contact in addresses]
    if denied:
        presence.deny(kind, denied)
    if dead:
        presence.bury(kind, dead)


# Batches whose request went out, and of which nobody will hear any more.
UNANSWERED = """
    SELECT b.id FROM messaging_batch b JOIN messaging_campaign c ON c.id = b.campaign_id
     WHERE c.status IN ('stopped', 'expired') AND b.total > 0
       AND (b.status = 'sending' AND b.lease_until < crisis_now() OR b.status <> 'sending' AND b.in_doubt)
       FOR UPDATE OF b SKIP LOCKED
"""
# Everybody of some batches, of whom nothing is known, may or may not have got it. Goes before AGAIN.
UNCERTAIN = """
wrote AS (
    INSERT INTO messaging_delivery (campaign_id, account_id, batch_id, contact, status, reason, people, at)
    SELECT b.campaign_id, b.account_id, b.id, p.contact, 'uncertain', %(reason)s, 1, crisis_now()
      FROM messaging_batch b, unnest(b.people) AS p (contact) WHERE b.id {among}
    ON CONFLICT DO NOTHING RETURNING batch_id, contact
)
"""
DOUBT = f"""
WITH {UNCERTAIN.format(among="= ANY (%(batches)s)")}, {AGAIN}
UPDATE messaging_batch b SET status = c.status, lease_until = NULL, in_doubt = false, fence = b.fence + 1,
       uncertain = b.uncertain + (SELECT count(*) FROM wrote w WHERE w.batch_id = b.id)
  FROM messaging_campaign c WHERE b.id = ANY (%(batches)s) AND c.id = b.campaign_id
"""


@transaction.atomic
def doubt() -> int:
    """Of campaigns that ended, mark everybody uncertain whose request went out and was never answered. Returns batches."""
    with connection.cursor() as cursor:
        cursor.execute(UNANSWERED)
        batches = [row[0] for row in cursor.fetchall()]
        if batches:
            cursor.execute(DOUBT, {"batches": batches, "reason": "ended before the answer came"})
    return len(batches)


def served(held: Claim) -> set[int]:
    """The people of a batch of whom something final is already known."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT contact FROM messaging_delivery WHERE campaign_id = %s AND account_id = %s AND batch_id = %s",
            [held.campaign, held.account, held.id],
        )
        return {row[0] for row in cursor.fetchall()}
