"""Invented people and sightings in any number, written by PostgreSQL itself: no list is read, nobody is real.

Of the sightings 0.1 % are of people in Egypt, Israel and Jordan each and 7.5 % of people in Türkiye within the last 14 days: at
20,000,000 these are 20,000 and 1,500,000 people. As many again were seen in each of the four before that. The rest is spread
evenly over other countries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from math import cos, pi, radians, sin, sqrt
from random import Random
from typing import NamedTuple

from django.db import connections
from django.db.backends.utils import CursorWrapper
from h3.api.basic_int import latlng_to_cell

from audiences import traits
from audiences.criteria.cells import RESOLUTION

HURGHADA = (27.2579, 33.8116)
SMALL, LARGE = {"EG": 0.001, "IL": 0.001, "JO": 0.001}, {"TR": 0.075}  # shares of the sightings, within the window
OTHERS = ("RU", "GE", "AM", "TH", "AE", "CY", "GR", "IT", "ES", "FR", "DE", "VN", "CN", "IN", "LK", "MV", "CU", "ME", "RS")
HOURS = 14 * 24
INSIDE = 0.4  # of Egypt's people, up to 50 km from Hurghada
KEY = "audiences_presence_pkey"
WINDOW, LONG = timedelta(hours=HOURS), timedelta(days=60)

# Bits as they occur: for each kind mostly nothing or a live address, seven languages, one in two follows us. That makes at most
# 1,600 different ones, and more than 1,000 among 20,000 people.
TRAITS = f"""(CASE WHEN random() < 0.7 THEN 1 ELSE (random() * 4)::int END)
    | ((CASE WHEN random() < 0.5 THEN 0 ELSE (random() * 4)::int END) << 3)
    | ((CASE WHEN random() < 0.8 THEN 0 ELSE 1 END) << 12)
    | (CASE WHEN random() < 0.5 THEN {traits.SUBSCRIBED} ELSE 0 END) | ((random() * 7)::int << {traits.LANGUAGE_SHIFT})
    | (CASE WHEN random() < 0.8 THEN {traits.LATEST} ELSE 0 END)"""

ROWS = f"""
    INSERT INTO audiences_presence (contact_id, country, cell, last_seen_at, source_id, traits)
    SELECT n, %(country)s, (%(cells)s::bigint[])[1 + (n * 7919) %% %(many)s], %(until)s - random() * %(span)s,
           %(source)s, {TRAITS}
      FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""


class Crowd(NamedTuple):
    """The contacts `first` to `last`, each seen in the country at some instant of the `span` that ends at `until`."""

    country: str
    first: int
    last: int
    until: datetime
    span: timedelta

    @property
    def people(self) -> int:
        return self.last - self.first + 1


def register(contacts: int) -> int:
    """Make a source and so many contacts, as the owner of the tables. Returns the source's number."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT setseed(0.2015)")
        cursor.execute("INSERT INTO audiences_source (name, owner, legal_basis, retention_days, active)"
                       " VALUES ('bench', 'bench', 'invented', 90, true) RETURNING id")  # fmt: skip
        source = int(cursor.fetchone()[0])
        cursor.execute("INSERT INTO audiences_contact (language) SELECT 'ru' FROM generate_series(1, %s)", [contacts])
    return source


def crowds(contacts: int, sightings: int, at: datetime) -> tuple[list[Crowd], list[Crowd]]:
    """A twentieth of the sightings, with all those in the small countries among them; and all the others."""
    small, large = ([*_twice(shares, contacts, sightings, at)] for shares in (SMALL, LARGE))
    begun = _each_of_others(sightings // 20 - _total(small), contacts)
    ended = _each_of_others(sightings - _total(small) - _total(large), contacts)
    first = [Crowd(country, contacts - begun + 1, contacts, at, LONG) for country in OTHERS]
    rest = [Crowd(country, contacts - ended + 1, contacts - begun, at, LONG) for country in OTHERS]
    return [*small, *first], [*large, *rest]


def fill(source: int, crowds: Sequence[Crowd]) -> None:
    dice = Random(2015)
    with connections["owner"].cursor() as cursor, without_indexes(cursor):
        for crowd in crowds:
            cells = _cells(crowd.country, dice)
            cursor.execute(ROWS, {**crowd._asdict(), "cells": cells, "many": len(cells), "source": source})
    settle()


def settle() -> None:
    """What autovacuum does some time after so many rows came."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE audiences_presence, audiences_contact, audiences_address")
        cursor.execute("CHECKPOINT")


@contextmanager
def without_indexes(cursor: CursorWrapper) -> Iterator[None]:
    """Take the indexes of presence away meanwhile: with them, filling would take ten times as long."""
    cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'audiences_presence' AND indexname !~ 'pkey$'")
    found = dict(cursor.fetchall())
    for name in found:
        cursor.execute(f"DROP INDEX {name}")
    cursor.execute(f"ALTER TABLE audiences_presence DROP CONSTRAINT {KEY}")
    yield
    with memory(cursor):
        cursor.execute(f"ALTER TABLE audiences_presence ADD CONSTRAINT {KEY} PRIMARY KEY (contact_id, country)")
        for definition in found.values():
            cursor.execute(definition)


@contextmanager
def memory(cursor: CursorWrapper) -> Iterator[None]:
    """Room to sort whole indexes in."""
    cursor.execute("SET maintenance_work_mem = '1GB'")
    yield
    cursor.execute("RESET maintenance_work_mem")


def _twice(shares: dict[str, float], contacts: int, sightings: int, at: datetime) -> Iterator[Crowd]:
    """For each country those within the window, and as many others before it."""
    for country, share in shares.items():
        people = min(max(int(sightings * share), 1), contacts // 2)
        yield Crowd(country, 1, people, at, WINDOW)
        yield Crowd(country, people + 1, 2 * people, at - WINDOW * 1.01, WINDOW)


def _total(crowds: Sequence[Crowd]) -> int:
    return sum(crowd.people for crowd in crowds)


def _each_of_others(sightings: int, contacts: int) -> int:
    return min(max(sightings // len(OTHERS), 0), contacts)


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
