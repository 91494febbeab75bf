"""People of an audience by the day on which they were last seen in its place.

Presence keeps the last sighting of a person in a country alone: who was seen again is counted on the later day, once.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from audiences.criteria import Criteria

DAYS = 14  # shown at most
ZONE = ZoneInfo(settings.TIME_ZONE)


def by_day(criteria: Criteria, at: datetime) -> list[tuple[date, int]]:
    """The last days of the window, the center's own, each with its people; empty for an audience without a place."""
    if criteria.place is None:
        return []
    scan, (since, until) = criteria.scan(at), criteria.place.window(at)
    days = _days(max(since, until - timedelta(days=DAYS)), until)
    rows = f"SELECT p.last_seen_at AS at FROM {scan.rows} WHERE {scan.where}"
    if not criteria.one_row_each:
        rows = f"SELECT max(p.last_seen_at) AS at FROM {scan.rows} WHERE {scan.where} GROUP BY p.contact_id"
    # Sorted into days by where they begin: to turn each of a million instants into a local date takes five times as long.
    text = f"SELECT width_bucket(seen.at, %(begins)s::timestamptz[]) AS day, count(*) FROM ({rows}) seen GROUP BY 1"
    with connection.cursor() as cursor:
        cursor.execute(text, {**scan.params, "begins": [_begin(day) for day in days]})
        counts = dict(cursor.fetchall())
    return [(day, counts.get(number, 0)) for number, day in enumerate(days, start=1)]


def _days(since: datetime, until: datetime) -> list[date]:
    first, last = (instant.astimezone(ZONE).date() for instant in (since, until))
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), ZONE)
