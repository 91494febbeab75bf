"""How long the answer to "who is there now" takes, beside the bare count of the same rows by the same index."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Any

from django.db import connection, connections
from django.test import Client

from audiences import definitions
from audiences.criteria import Circle, Criteria, Seen
from audiences.models import AddressKind
from audiences.reach import reach
from crisis import embedded
from crisis.clock import now
from tests import visits, world
from tests.benchmarks import population
from tests.benchmarks.rounds import beside, honesty, memory_mb, milliseconds, ratio, rounds, times
from tests.conftest import OWNERS_HAND

KINDS = AddressKind.values
BARE = """SELECT count(*) FROM audiences_presence
           WHERE country = %s AND last_seen_at >= %s AND last_seen_at <= %s"""
UPDATE = "UPDATE audiences_presence SET traits = traits # 1 WHERE contact_id % 10 < 3"
VACUUMED = {1_000_000: 10.0, 10**12: 400.0}  # seconds that autovacuum is waited for, by the size of the table
LEAST = 0.05  # seconds that each step takes in a round
OPENED = 8  # times a round that the page is opened

EGYPT, TURKIYE, THREE = ("EG",), ("TR",), ("EG", "IL", "JO")
REACHES = {
    "Egypt": Seen(EGYPT, population.HOURS), "Türkiye": Seen(TURKIYE, population.HOURS),
    "three countries": Seen(THREE, population.HOURS),
    "a circle of 50 km": Seen(EGYPT, population.HOURS, area=Circle(*population.HURGHADA, 50, "Hurghada")),
}  # fmt: skip
PAIRS = {
    "one country / bare count": ("Egypt", "EG"),
    "a large country / bare count": ("Türkiye", "TR"),
    "a circle of 50 km / bare count of its country": ("a circle of 50 km", "EG"),
    "three countries / their bare counts": ("three countries", "EG", "IL", "JO"),
}


def measure(contacts: int, sightings: int, wanted: int, servers: embedded.Servers) -> dict[str, Any]:
    """Ratios and times of one country, a circle and three countries: among a twentieth of the sightings, among all, after
    updates and cold; and of the page."""
    at = now()
    source, (first, rest) = population.register(contacts), population.crowds(contacts, sightings, at)
    steps = _steps(at)
    population.fill(source, first)
    begun = rounds(steps, wanted, least=LEAST)
    population.fill(source, rest)
    full = rounds(steps, wanted, least=LEAST)
    page = _page(OPENED * wanted)
    waited = _update(sightings)
    after = rounds(steps, wanted, least=LEAST)
    cold = {name: _cold(steps[name], servers, wanted) for name in ("Egypt", "Türkiye")}
    return {
        "bench": "reach",
        **honesty(begun, full, after),
        "ratios": {
            **{name: ratio(full, *pair) for name, pair in PAIRS.items()},
            **{f"{name}, after 30 % were updated": ratio(after, *pair) for name, pair in PAIRS.items()},
            "one country cold / warm": beside(cold["Egypt"], times(after, "Egypt")),
            "a large country cold / warm": beside(cold["Türkiye"], times(after, "Türkiye")),
            "one country among all / among a twentieth": beside(times(full, "Egypt"), times(begun, "Egypt")),
        },
        "absolute": {
            **{f"reach of {name}": milliseconds(full, name) for name in REACHES},
            **{f"bare count of {code}": milliseconds(full, code) for code in ("EG", "TR")},
            **{name: {"median": round(value, 1), "unit": "ms"} for name, value in page.items()},
            "waited for autovacuum": {"median": round(waited), "unit": "s"},
            **_sizes(at),
        },
        "memory_mb": memory_mb(),
    }


def _steps(at: datetime) -> dict[str, Callable[[], Any]]:
    bare = {code: partial(_bare, code, at) for code in (*THREE, *TURKIYE)}
    ours = {name: partial(reach, Criteria(seen), KINDS, at=at) for name, seen in REACHES.items()}
    return {**bare, **ours}


def _bare(country: str, at: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(BARE, [country, at - timedelta(hours=population.HOURS), at])
        return int(cursor.fetchone()[0])


def _sizes(at: datetime) -> dict[str, Any]:
    found = {f"people: {name}": reach(Criteria(seen), KINDS, at=at).people for name, seen in REACHES.items()}
    with connection.cursor() as cursor:
        for code in ("EG", "TR"):
            query = "SELECT count(DISTINCT traits) FROM audiences_presence WHERE country = %s AND last_seen_at >= %s"
            cursor.execute(query, [code, at - timedelta(hours=population.HOURS)])
            found[f"distinct traits: {code}"] = cursor.fetchone()[0]
    return {name: {"median": number, "unit": name.partition(":")[0]} for name, number in found.items()}


def _page(times: int) -> dict[str, float]:
    """The 95th percentiles on the screen, answered by the application without a server before it: the count beside a form that
    is being filled in, and the whole page of an audience, which counts also by days."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(OWNERS_HAND)
    anna = world.person("anna", "operator")
    browser, found = visits.screen_of(anna), {}
    for name in ("Egypt", "Türkiye"):
        audience = definitions.define(name, Criteria(REACHES[name]), by=anna).audience
        typed = {"countries": [name], "mode": "was_there", "window": population.HOURS, "unit": "hours", "until": ""}
        found[f"count on the screen, {name}, 95th percentile"] = _opened(browser, "/audiences/reach/", typed, times)
        found[f"page of {name}, 95th percentile"] = _opened(browser, f"/audiences/{audience.pk}/", {}, times)
    return found


def _opened(browser: Client, path: str, query: dict[str, Any], times: int) -> float:
    seconds = []
    for _turn in range(times + 1):
        started = time.perf_counter()
        assert browser.get(path, query).status_code == 200
        seconds.append(time.perf_counter() - started)
    return 1000 * quantiles(seconds[1:], n=20)[-1]


def _update(sightings: int) -> float:
    """Change 30 % of the rows, then wait for autovacuum; nobody runs VACUUM. Returns the seconds waited."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(UPDATE)
        began = time.monotonic()
        most = next(seconds for size, seconds in VACUUMED.items() if sightings < size)
        while time.monotonic() < began + most:
            cursor.execute("SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'audiences_presence'")
            if cursor.fetchone()[0] < 2_000:
                break
            time.sleep(1)
        return time.monotonic() - began


def _cold(step: Callable[[], Any], servers: embedded.Servers, wanted: int) -> list[float]:
    """Seconds of first looks, each after PostgreSQL was started again and the machine forgot what it had read of the files."""
    found = []
    for _look in range(wanted):
        for each in connections.all():
            each.close()
        _start_again(servers)
        _forget(servers.data_dir / "pg" / "base")
        connection.ensure_connection()
        started = time.perf_counter()
        step()
        found.append(time.perf_counter() - started)
    return found


def _start_again(servers: embedded.Servers) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("CHECKPOINT")
    connections["owner"].close()
    if servers.process:  # not those of somebody else
        servers.process.terminate()
        servers.process.wait(timeout=60)
        servers.tend()


def _forget(directory: Path) -> None:
    """Have the machine drop its copies of these files. It keeps what is not on the disk yet, therefore that first."""
    for path in (Path(folder) / name for folder, _folders, names in os.walk(directory) for name in names):
        with suppress(OSError), path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
