"""How long freezing who gets it takes, beside a bare INSERT … SELECT of one row a person into a table without any index.

Both read the people by the same index of presence, and both commit.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from statistics import median
from typing import Any

from django.db import connection, connections, transaction

from crisis import embedded
from crisis.clock import now
from messaging import delivery
from messaging.models import Campaign
from tests.benchmarks.ground import VK, Ground, Ready, platforms
from tests.benchmarks.rounds import Measured, honesty, memory_mb, milliseconds, ratio, rounds, times

NOBODY = "http://127.0.0.1:9"  # nothing is sent
TABLE = """
    CREATE TABLE bench_row (campaign bigint, account bigint, contact bigint, status text, at timestamptz);
    GRANT INSERT ON bench_row TO {role}
"""
BARE = """
    INSERT INTO bench_row (campaign, account, contact, status, at)
    SELECT 1, 1, contact_id, 'queued', now() FROM audiences_presence
     WHERE country = %s AND last_seen_at >= now() - interval '14 days' AND last_seen_at <= now()
"""


def measure(people: int, wanted: int, servers: embedded.Servers) -> dict[str, Any]:
    """Seconds of the snapshot of everybody and of a few of them."""
    with platforms(NOBODY):
        launches = Launches(Ground(people))
        measured = rounds(launches.steps(), wanted)
    each = _by_person(measured, {"snapshot": people, "snapshot of few": launches.ground.few})
    return {
        "bench": "launch",
        **honesty(measured),
        "ratios": {
            "people a second, snapshot / bare INSERT … SELECT": ratio(measured, "bare", "snapshot"),
            f"cost of a person, {people:,} / {launches.ground.few:,}": ratio(each, "snapshot", "snapshot of few"),
        },
        "absolute": {
            **{name: milliseconds(measured, name) for name in ("snapshot", "snapshot of few", "bare")},
            "snapshot, people a second": {"median": round(1 / median(times(each, "snapshot"))), "unit": "people/s"},
        },
        "memory_mb": memory_mb(),
    }


def _by_person(measured: Measured, people: dict[str, int]) -> Measured:
    return measured._replace(rounds=[{name: each[name] / n for name, n in people.items()} for each in measured.rounds])


class Launches:
    """Campaigns that were approved and wait for their time, and what starts them."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.ready: Ready | None = None
        with connections["owner"].cursor() as cursor:
            cursor.execute(TABLE.format(role=connection.settings_dict["USER"]))

    def steps(self) -> dict[str, Callable[[], None]]:
        return {
            "ready few": partial(self._approve, few=True), "snapshot of few": self._start,
            "ready": partial(self._approve, few=False), "snapshot": self._start,
            "empty": self._empty, "bare": self._bare,
        }  # fmt: skip

    def _approve(self, *, few: bool) -> None:
        self.ready = self.ground.ready(VK, few=few, starts_at=now() + timedelta(hours=1))
        self.ground.launch(self.ready)

    def _start(self) -> None:
        assert self.ready is not None
        with transaction.atomic():
            locked = Campaign.objects.select_for_update(of=("self",)).select_related("incident").get(pk=self.ready.campaign.pk)
            delivery.start(locked, self.ready.seen["reach"], by=None)

    def _empty(self) -> None:
        with connections["owner"].cursor() as cursor:
            cursor.execute("TRUNCATE bench_row")

    def _bare(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(BARE, ["EG"])
            if cursor.rowcount != self.ground.people:
                raise RuntimeError(f"{cursor.rowcount} rows of {self.ground.people} people")
