"""Who may send what now: lanes and batches are held by lease and fence, by the database's clock alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection

from crisis.repeating import repeating
from messaging.delivery.turns import IN_PACE

WINDOW = 1.02  # seconds that must lie between two requests of one permit; a restart waits one whole window


@dataclass(frozen=True, slots=True)
class HeldLane:
    """A lane this process holds. `permits` requests a window, None = no limit; `wait` seconds before the first."""

    id: int
    account: int
    fence: int
    permits: int | None
    wait: float


@dataclass(frozen=True, slots=True)
class Claim:
    """A batch this process holds, with what is needed to send it.

    * age: seconds since its first request may have begun
    * width: most people in one request; None = as many as the channel takes
    * failures: claims of its account in a row, before this one, that nobody answered
    * body, language: what is said to its people; None where a platform is asked to find them
    * again: these people are uncertain in an earlier batch
    """

    id: int
    campaign: int
    account: int
    text: int | None
    people: list[int]
    key: int
    fence: int
    attempt: int
    in_doubt: bool
    age: float
    campaign_status: str
    width: int | None
    failures: int
    body: str | None
    language: str | None
    again: bool


# An account a that does not rest after requests that nobody answered; and one that is not paused either.
RESTED = "(a.rests_until IS NULL OR a.rests_until <= crisis_now())"
SPEAKS = f"(a.paused_at IS NULL AND {RESTED})"

# An order o of a campaign c that its platform is to be asked to stop: the one thing a paused account still says.
STOPS = """(o.ended_at IS NULL AND o.asked_at IS NOT NULL
            AND (o.cancel_asked_at IS NOT NULL OR c.status IN ('stopped', 'expired')))"""
MAY_SPEAK = f"""({SPEAKS} OR {RESTED} AND EXISTS (
           SELECT FROM messaging_order o JOIN messaging_batch b ON b.id = o.batch_id
             JOIN messaging_campaign c ON c.id = b.campaign_id
            WHERE b.account_id = a.id AND {STOPS}))"""

TAKE = f"""
UPDATE messaging_lane l SET lease_until = crisis_now() + %(lease)s * interval '1 second', fence = l.fence + 1
  FROM messaging_account a
 WHERE l.id = %(lane)s AND a.id = l.account_id AND {MAY_SPEAK}
   AND (l.lease_until IS NULL OR l.lease_until < crisis_now())
RETURNING l.id, l.account_id, l.fence,
          CASE WHEN a.rate IS NOT NULL
               THEN greatest(1, a.rate / (SELECT count(*) FROM messaging_lane s WHERE s.account_id = a.id)) END,
          greatest(0, extract(epoch FROM l.next_at - crisis_now()))
"""


def take(lane: int) -> HeldLane | None:
    """Hold a lane, unless another pump holds it, or its account rests, or is paused and has nothing to stop."""
    row = _one(TAKE, lane=lane, lease=settings.LEASE_SECONDS)
    return HeldLane(row[0], row[1], row[2], int(row[3]) if row[3] else None, float(row[4] or 0)) if row else None


def release(lane: HeldLane) -> None:
    """Let a lane go. Its next holder waits one window, because it does not know when our last requests began."""
    _run(
        "UPDATE messaging_lane SET lease_until = NULL, next_at = crisis_now() + %(window)s * interval '1 second'"
        " WHERE id = %(lane)s AND fence = %(fence)s",
        lane=lane.id, fence=lane.fence, window=WINDOW,
    )  # fmt: skip


RENEW = f"""
UPDATE messaging_lane l
   SET lease_until = crisis_now() + %(lease)s * interval '1 second', next_at = crisis_now() + %(window)s * interval '1 second'
  FROM messaging_account a WHERE l.id = %(lane)s AND l.fence = %(lane_fence)s AND a.id = l.account_id AND {MAY_SPEAK}
RETURNING l.id
"""

# What may be claimed of batches b, campaigns c and orders o: queued work whose time has come and work whose holder died
# (`WAITS`), of campaigns being sent and not expired, in their own pace, and by no account before what they follow has ended
# there; and orders a platform holds, whatever became of their campaigns: these are followed to their end (`GOES_OUT`).
# One whose answer was lost is repeated only while its campaign is being sent, and cancelled or asked about after it.
# Asked once for a whole claim, not for every batch: which campaigns being sent still wait at which account.
IN_ORDER = """
       (c.refers_to_id IS NULL OR (c.id, b.account_id) NOT IN (
           SELECT w.id, x.account_id
             FROM messaging_campaign w CROSS JOIN LATERAL messaging_earlier(w.id) AS e (id)
             JOIN messaging_batch x ON x.campaign_id = e.id
             LEFT JOIN messaging_order f ON f.batch_id = x.id
            WHERE w.status = 'sending' AND w.refers_to_id IS NOT NULL AND (x.status IN ('queued', 'sending') OR x.in_doubt)
              AND f.let_go_at IS NULL))
"""
WAITS = """
       b.status IN ('queued', 'sending') AND (b.status = 'queued' OR b.lease_until < crisis_now())
       AND (b.not_before IS NULL OR b.not_before <= crisis_now())
"""
GOES_OUT = f"""
       (c.status = 'sending' AND (c.not_after IS NULL OR c.not_after > crisis_now()) AND {IN_PACE} AND {IN_ORDER}
        OR o.ended_at IS NULL AND o.asked_at IS NOT NULL
           AND (o.taken_at IS NOT NULL OR o.cancel_asked_at IS NOT NULL OR c.status NOT IN ('sending', 'paused')))
"""
DUE = f"{WAITS} AND {GOES_OUT}"

# The campaign is asked about batch by batch, not joined: so the index gives the batches in their order, and the first that may
# go ends the search. Of a join PostgreSQL reads and sorts all that wait, again for every claim, whenever its statistics are
# older than the campaign. People of a paused campaign, who may be a million, are passed over without asking.
OPEN = f"""
    SELECT b.id FROM messaging_batch b
     WHERE b.account_id = %(account)s AND {WAITS}
       AND (b.total = 0 OR b.campaign_id = ANY (ARRAY(SELECT id FROM messaging_campaign WHERE status = 'sending')))
       AND (SELECT {GOES_OUT} AND ((SELECT paused_at IS NULL FROM messaging_account WHERE id = %(account)s) OR {STOPS})
              FROM messaging_campaign c LEFT JOIN messaging_order o ON o.batch_id = b.id WHERE c.id = b.campaign_id)
"""

# One statement: the lane is held on, a batch of its account is held, and what is said to its people comes with it.
CLAIM = f"""
WITH held AS ({RENEW})
UPDATE messaging_batch b
   SET status = 'sending', lease_until = crisis_now() + %(lease)s * interval '1 second',
       fence = b.fence + 1, attempt = b.attempt + 1,
       asked_at = CASE WHEN b.in_doubt OR b.status = 'sending' THEN coalesce(b.asked_at, crisis_now()) ELSE crisis_now() END,
       in_doubt = b.in_doubt OR b.status = 'sending', not_before = NULL
  FROM messaging_campaign c
 WHERE c.id = b.campaign_id AND b.id = ({OPEN} ORDER BY b.rank, b.id LIMIT 1 FOR UPDATE OF b SKIP LOCKED)
   AND EXISTS (SELECT FROM held)
RETURNING b.id, b.campaign_id, b.account_id, b.text_id, b.people, b.key, b.fence, b.attempt, b.in_doubt,
          extract(epoch FROM crisis_now() - b.asked_at)::float8, c.status, b.width,
          (SELECT failures FROM messaging_account WHERE id = b.account_id),
          (SELECT body FROM messaging_rendering r
            WHERE r.campaign_id = b.campaign_id AND r.account_id = b.account_id AND r.text_id = b.text_id),
          (SELECT language FROM messaging_text WHERE id = b.text_id), b.resend_of_id IS NOT NULL
"""


def renew(lane: HeldLane) -> bool:
    """Go on holding a lane. False when it was taken from us meanwhile, or its account may not speak any more."""
    return _one(RENEW, lane=lane.id, lane_fence=lane.fence, lease=settings.LEASE_SECONDS, window=WINDOW) is not None


def claim(lane: HeldLane) -> Claim | None:
    """Hold the most urgent open batch of the lane's account and commit that, before anything is sent. None = nothing to do.

    None also when the lane is no longer ours.
    """
    row = _one(CLAIM, account=lane.account, lane=lane.id, lane_fence=lane.fence, lease=settings.LEASE_SECONDS, window=WINDOW)
    return Claim(*row) if row else None


def has_work(account: int) -> bool:
    """Whether anything could be claimed now."""
    return _one(f"SELECT EXISTS ({OPEN})", account=account) == (True,)


GOES_ON = """
SELECT c.status = 'sending' AND (c.not_after IS NULL OR c.not_after > crisis_now())
  FROM messaging_batch b JOIN messaging_campaign c ON c.id = b.campaign_id
 WHERE b.id = %(batch)s AND b.fence = %(fence)s AND b.status = 'sending' AND b.lease_until > crisis_now()
"""
EXTEND = """
UPDATE messaging_batch SET lease_until = crisis_now() + %(lease)s * interval '1 second'
 WHERE id = %(batch)s AND fence = %(fence)s AND status = 'sending'
   AND lease_until < crisis_now() + %(half)s * interval '1 second'
"""


def goes_on(lane: HeldLane, held: Claim) -> bool:
    """Whether the next request of a claim may begin: not stopped, paused or expired, still ours.

    Goes on holding its lane, and renews a lease half used.
    """
    if _one(GOES_ON, batch=held.id, fence=held.fence) != (True,) or not renew(lane):
        return False
    _run(EXTEND, batch=held.id, fence=held.fence, lease=settings.LEASE_SECONDS, half=settings.LEASE_SECONDS / 2)
    return True


def _one(statement: str, **values: Any) -> tuple[Any, ...] | None:
    with repeating() as cursor:
        cursor.execute(statement, values)
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row


def _run(statement: str, **values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
