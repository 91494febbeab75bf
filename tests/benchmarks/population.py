"""Invented people and sightings in any number, written by PostgreSQL itself: no list is read, nobody is real.

Of the sightings 0.1 % are of people in Egypt, Israel and Jordan each and 7.5 % of people in Türkiye within the last 14 days: at
20,000,000 these are 20,000 and 1,500,000 people. As many again were seen in each of the four before that. The rest is spread
evenly over other countries.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import cos, pi, radians, sin, sqrt
from random import Random

from django.db import connections
from django.db.backends.utils import CursorWrapper
from h3.api.basic_int import latlng_to_cell

from audiences import traits
from audiences.criteria.cells import RESOLUTION
from crisis.clock import now

HURGHADA = (27.2579, 33.8116)
SHARES = {"EG": 0.001, "IL": 0.001, "JO": 0.001, "TR": 0.075}  # of the sightings, within the window
OTHERS = ("RU", "GE", "AM", "TH", "AE", "CY", "GR", "IT", "ES", "FR", "DE", "VN", "CN", "IN", "LK", "MV", "CU", "ME", "RS")
HOURS = 14 * 24
INSIDE = 0.4  # of Egypt's people, up to 50 km from Hurghada

# Bits as they occur: for each kind mostly nothing or a live address, seven languages, one in two follows us.
TRAITS = f"""(CASE WHEN random() < 0.7 THEN 1 ELSE (random() * 4)::int END)
    | ((CASE WHEN random() < 0.5 THEN 0 ELSE (random() * 4)::int END) << 3)
    | ((CASE WHEN random() < 0.9 THEN 0 ELSE 1 END) << 6) | ((CASE WHEN random() < 0.8 THEN 0 ELSE 1 END) << 12)
    | (CASE WHEN random() < 0.5 THEN {traits.SUBSCRIBED} ELSE 0 END) | ((random() * 7)::int << {traits.LANGUAGE_SHIFT})
    | (CASE WHEN random() < 0.8 THEN {traits.LATEST} ELSE 0 END)"""

ROWS = f"""
    INSERT INTO audiences_presence (contact_id, country, cell, last_seen_at, source_id, traits)
    SELECT n, %(country)s, (%(cells)s::bigint[])[1 + (n * 7919) %% %(many)s], %(until)s - random() * %(span)s,
           %(source)s, {TRAITS}
      FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""


def fill(contacts: int, sightings: int) -> datetime:
    """Fill the database that is there, as the owner of its tables. Returns the instant that all of it is seen from."""
    at, dice = now(), Random(2015)
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT setseed(0.2015)")
        cursor.execute("INSERT INTO audiences_source (name, owner, legal_basis, retention_days, active)"
                       " VALUES ('bench', 'bench', 'invented', 90, true) RETURNING id")  # fmt: skip
        source = cursor.fetchone()[0]
        cursor.execute("INSERT INTO audiences_contact (language) SELECT 'ru' FROM generate_series(1, %s)", [contacts])
        again = _without_indexes(cursor)
        window = timedelta(hours=HOURS)
        left = sightings
        for country, share in SHARES.items():
            people, cells = max(int(sightings * share), 1), _cells(country, dice)
            for until, span, first in ((at, window, 1), (at - window * 1.01, window, people + 1)):
                last = min(first + people - 1, contacts)
                values = {"country": country, "cells": cells, "many": len(cells), "until": until, "span": span}
                cursor.execute(ROWS, {**values, "source": source, "first": first, "last": last})
                left -= last - first + 1
        for country in OTHERS:
            people, cells = min(left // len(OTHERS), contacts), _cells(country, dice)
            values = {"country": country, "cells": cells, "many": len(cells), "until": at, "span": timedelta(days=60)}
            cursor.execute(ROWS, {**values, "source": source, "first": contacts - people + 1, "last": contacts})
        for statement in again:
            cursor.execute(statement)
    settle()
    return at


def settle() -> None:
    """What autovacuum does some time after so many rows came."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE audiences_presence, audiences_contact, audiences_address")
        cursor.execute("CHECKPOINT")


def _without_indexes(cursor: CursorWrapper) -> list[str]:
    """Take the indexes away, which would make filling ten times longer. Returns the statements that bring them back."""
    cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'audiences_presence' AND indexname !~ 'pkey$'")
    found = dict(cursor.fetchall())
    for name in found:
        cursor.execute(f"DROP INDEX {name}")
    cursor.execute("ALTER TABLE audiences_presence DROP CONSTRAINT audiences_presence_pkey")
    key = "ALTER TABLE audiences_presence ADD CONSTRAINT audiences_presence_pkey PRIMARY KEY (contact_id, country)"
    return [key, *found.values()]


def _cells(country: str, dice: Random) -> list[int]:
    """Cells to spread people over. In Egypt a share of them lies inside the circle that is measured."""
    if country != "EG":
        return [latlng_to_cell(dice.uniform(36.0, 41.0), dice.uniform(27.0, 43.0), RESOLUTION) for _n in range(2_000)]
    places = [_near(HURGHADA, 49.0 * sqrt(dice.random()), dice) for _n in range(int(5_000 * INSIDE))]
    places += [(dice.uniform(29.0, 31.0), dice.uniform(29.5, 32.0)) for _n in range(int(5_000 * (1 - INSIDE)))]
    return [latlng_to_cell(*place, RESOLUTION) for place in places]


def _near(place: tuple[float, float], km: float, dice: Random) -> tuple[float, float]:
    bearing = dice.uniform(0, 2 * pi)
    lat = place[0] + km / 111.2 * cos(bearing)
    return lat, place[1] + km / 111.2 / cos(radians(lat)) * sin(bearing)
