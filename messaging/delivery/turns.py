"""A campaign's own pace, so that a hotline survives: people are written to in turns, each with its earliest time.

The turns are laid out when the sending begins. A claim looks back ten minutes as well, so that no more people than agreed are
written to within ten minutes whatever happened: a pause, a restart, a platform that was slow. Only lanes that claim at the very
same instant do not see each other: each may be a turn ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Self

from django.db import connection

MOST = 100  # people in a batch: the most that one request of any channel takes
PACE_WINDOW = 600.0  # seconds: a pace is a number of people in ten minutes
FINEST = 10  # turns within the window, where fewer people than a full batch come a minute
LATE = 30.0  # seconds behind its time after which what waits is moved on, instead of catching up in a burst


@dataclass(frozen=True, slots=True)
class Turns:
    """People in one turn, and seconds from turn to turn; 0 = as fast as the ways allow."""

    people: int
    seconds: float

    @classmethod
    def of(cls, pace: int | None) -> Self:
        """The most even turns that never exceed the pace and lose least of it."""
        if pace is None:
            return cls(MOST, 0.0)
        fewest = ceil(pace / MOST)
        number = max(range(fewest, max(fewest, min(pace, FINEST)) + 1), key=lambda n: (n * (pace // n), n))
        return cls(pace // number, PACE_WINDOW / number)


# No more people in ten minutes than agreed: for batches b of campaigns c.
IN_PACE = f"""
       (c.pace IS NULL OR b.total + (SELECT coalesce(sum(x.total), 0) FROM messaging_batch x
                                      WHERE x.campaign_id = c.id AND x.id <> b.id
                                        AND x.asked_at > crisis_now() - interval '{PACE_WINDOW:.0f} seconds') <= c.pace)
"""
KEEP = """
UPDATE messaging_batch b SET not_before = b.not_before + late.since
  FROM (SELECT q.id, q.not_before, crisis_now() - min(q.not_before) OVER (PARTITION BY q.campaign_id, q.account_id) AS since
          FROM messaging_batch q JOIN messaging_campaign c ON c.id = q.campaign_id
         WHERE c.pace IS NOT NULL AND c.status IN ('sending', 'paused') AND q.status = 'queued' AND q.attempt = 0) late
 WHERE b.id = late.id AND late.since > %s * interval '1 second'
   AND b.status = 'queued' AND b.attempt = 0 AND b.not_before = late.not_before  -- else another pump has moved it meanwhile
"""


def keep_turns() -> int:
    """Move on what a pause or a standstill has left behind its time. Returns batches moved."""
    with connection.cursor() as cursor:
        cursor.execute(KEEP, [LATE])
        return int(cursor.rowcount)
