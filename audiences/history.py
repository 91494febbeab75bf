"""People of an audience by the day on which they were last seen in its place.

Presence keeps the last sighting of a person in a country alone: who was seen again is counted on the later day, once.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from audiences.criteria import Criteria

DAYS = 14  # shown at most


def by_day(criteria: Criteria, at: datetime) -> list[tuple[date, int]]:
    """The last days of the window, the center's own, each with its people; empty for an audience without a place."""
    if criteria.place is None:
        return []
    scan, (since, until) = criteria.scan(at), criteria.place.window(at)
    since = max(since, until - timedelta(days=DAYS))
    text = (
        f"SELECT (seen.at AT TIME ZONE %(zone)s)::date, count(*) FROM (SELECT max(p.last_seen_at) AS at FROM {scan.rows}"
        f" WHERE {scan.where} GROUP BY p.contact_id) seen WHERE seen.at >= %(since)s GROUP BY 1"
    )
    with connection.cursor() as cursor:
        cursor.execute(text, {**scan.params, "zone": settings.TIME_ZONE, "since": since})
        counts = dict(cursor.fetchall())
    first, last = (instant.astimezone(ZoneInfo(settings.TIME_ZONE)).date() for instant in (since, until))
    return [(day, counts.get(day, 0)) for day in (first + timedelta(days=n) for n in range((last - first).days + 1))]
