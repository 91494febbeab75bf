"""How long the answer to "who is there now" takes, beside the bare count of the same rows by the same index."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from statistics import quantiles
from typing import Any

from django.db import connection, connections

from audiences import definitions
from audiences.criteria import Circle, Criteria, Seen
from audiences.models import AddressKind
from audiences.reach import reach
from crisis import embedded
from tests import visits, world
from tests.benchmarks import population
from tests.benchmarks.rounds import memory_mb, milliseconds, ratio, rounds
from tests.conftest import OWNERS_HAND

KINDS = AddressKind.values
BARE = """SELECT count(*) FROM audiences_presence
           WHERE country = %s AND last_seen_at >= %s AND last_seen_at <= %s"""
UPDATE = "UPDATE audiences_presence SET traits = traits # 1 WHERE contact_id %% 10 < 3"
VACUUMED = {1_000_000: 10.0, 10**12: 400.0}  # seconds that autovacuum is waited for, by the size of the table
OPENED = 40  # times that the page is opened


def measure(contacts: int, sightings: int, wanted: int, servers: embedded.Servers) -> dict[str, Any]:
    """Ratios and times of one country, a circle and three countries; cold; after updates; and of the page."""
    at = population.fill(contacts, sightings)
    steps = _steps(at)
    measured, noise = rounds(steps, wanted)
    page = _page(at)
    waited = _update(sightings)
    after, noise_after = rounds(steps, wanted)
    cold = _cold(at, servers)
    return {
        "bench": "reach",
        "rounds": len(measured),
        "noise": round(max(noise, noise_after), 3),
        "ratios": {
            **{name: ratio(measured, *pair) for name, pair in PAIRS.items()},
            **{f"{name}, after 30 % were updated": ratio(after, *pair) for name, pair in PAIRS.items()},
            "one country cold / warm": _over(cold, measured, "Egypt"),
            "a large country cold / warm": _over(cold, measured, "Türkiye"),
        },
        "absolute": {
            **{f"reach of {name}": milliseconds(measured, name) for name in REACHES},
            **{f"bare count of {code}": milliseconds(measured, code) for code in ("EG", "TR")},
            **{name: {"median": round(value, 1), "unit": "ms"} for name, value in page.items()},
            "waited for autovacuum": {"median": round(waited), "unit": "s"},
            **_sizes(at),
        },
        "memory_mb": memory_mb(),
    }


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


def _steps(at: datetime) -> dict[str, Any]:
    bare = {code: (lambda code=code: _bare(code, at)) for code in (*THREE, *TURKIYE)}
    ours = {name: (lambda seen=seen: reach(Criteria(seen), KINDS, at=at)) for name, seen in REACHES.items()}
    return {**bare, **ours}


def _bare(country: str, at: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(BARE, [country, at - timedelta(hours=population.HOURS), at])
        return int(cursor.fetchone()[0])


def _sizes(at: datetime) -> dict[str, Any]:
    found = {name: reach(Criteria(seen), KINDS, at=at).people for name, seen in REACHES.items()}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT traits) FROM audiences_presence WHERE country = 'TR'")
        found["distinct traits in Türkiye"] = cursor.fetchone()[0]
    return {f"people: {name}": {"median": number, "unit": "people"} for name, number in found.items()}


def _page(at: datetime) -> dict[str, float]:
    """The 95th percentile of the whole page of an audience, answered by the application without a server before it."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(OWNERS_HAND)
    anna = world.person("anna", "operator")
    found = {}
    for name, seen in (("Egypt", REACHES["Egypt"]), ("Türkiye", REACHES["Türkiye"])):
        audience = definitions.define(name, Criteria(seen), by=anna).audience
        browser, path, seconds = visits.screen_of(anna), f"/audiences/{audience.pk}/", []
        for _turn in range(OPENED):
            started = time.perf_counter()
            assert browser.get(path).status_code == 200
            seconds.append(time.perf_counter() - started)
        found[f"page of {name}, 95th percentile"] = 1000 * quantiles(seconds, n=20)[-1]
    return found


def _update(sightings: int) -> float:
    """Change 30 % of the rows, then wait for autovacuum; nobody runs VACUUM. Returns the seconds waited."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(UPDATE.replace("%%", "%"))
        began = time.monotonic()
        most = next(seconds for size, seconds in VACUUMED.items() if sightings < size)
        while time.monotonic() < began + most:
            cursor.execute("SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'audiences_presence'")
            if cursor.fetchone()[0] < 2_000:
                break
            time.sleep(1)
        return time.monotonic() - began


def _cold(at: datetime, servers: embedded.Servers) -> dict[str, float]:
    """Seconds of the first look after PostgreSQL was started again. What the machine's own cache holds stays there."""
    found = {}
    for name in ("Egypt", "Türkiye"):
        for each in connections.all():
            each.close()
        _start_again(servers)
        started = time.perf_counter()
        reach(Criteria(REACHES[name]), KINDS, at=at)
        found[name] = time.perf_counter() - started
    return found


def _start_again(servers: embedded.Servers) -> None:
    if servers.process:
        servers.process.terminate()
        servers.process.wait(timeout=60)
    servers.tend()


def _over(cold: dict[str, float], warm: list[dict[str, float]], name: str) -> dict[str, float]:
    found = sorted(cold[name] / seconds[name] for seconds in warm)
    return {"median": round(found[len(found) // 2], 3), "min": round(found[0], 3)}
