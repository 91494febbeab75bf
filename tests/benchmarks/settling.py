"""How many receipts a second are applied, beside a bare UPDATE … FROM of as many rows whose numbers come by COPY.

The floor is told which rows they are. A receipt names a person and a message: what it is about has to be found.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from statistics import median
from typing import Any

from django.db import connection, connections, transaction

from crisis import embedded
from messaging import delivery
from tests.benchmarks.ground import KINDS, VK, Ground, platforms
from tests.benchmarks.rounds import Measured, honesty, memory_mb, ratio, rounds, times
from tests.benchmarks.sink import sink

ROUND = count(1)
AGAIN = """
    UPDATE messaging_delivery SET status = 'accepted' WHERE status = 'read';
    UPDATE messaging_batch SET read = 0 WHERE read > 0;
    VACUUM ANALYZE messaging_delivery, messaging_batch, messaging_receipt
"""
RECEIPTS = """
    INSERT INTO messaging_receipt (account_id, event_id, kind, at, person_hmac, provider_ref, data)
    SELECT d.account_id, %s || d.id, 'read', now(), a.value_hmac, f.provider_ref, '{}'
      FROM messaging_delivery d JOIN messaging_deliveryref f ON f.delivery_id = d.id
      JOIN audiences_address a ON a.contact_id = d.contact AND a.kind = %s
     ORDER BY hashint8(d.id)
"""
UPDATE = "UPDATE bench_delivery d SET status = 'read' FROM told t WHERE d.id = t.id AND d.status = 'accepted'"


def measure(people: int, wanted: int, servers: embedded.Servers) -> dict[str, Any]:
    """Receipts a second: everybody to whom one campaign went has read it."""
    with sink() as platform, platforms(platform.url):
        receipts = Receipts(people)
        measured = rounds(receipts.steps(), wanted)
    return {
        "bench": "receipts",
        **honesty(measured),
        "ratios": {"receipts a second, applied / bare COPY and UPDATE": ratio(measured, "bare", "applied")},
        "absolute": {name: _rate(people, measured, name) for name in ("applied", "bare")},
        "memory_mb": memory_mb(),
    }


def _rate(people: int, measured: Measured, name: str) -> dict[str, Any]:
    return {"median": round(people / median(times(measured, name))), "unit": "receipts/s"}


class Receipts:
    """A campaign that was sent to everybody, and a twin of its deliveries for the floor."""

    def __init__(self, people: int) -> None:
        self.people, ground = people, Ground(people)
        ground.lanes(VK, 1)
        ground.launch(ground.ready(VK))
        delivery.pump(ground.accounts[VK].lanes.get().pk)
        with connections["owner"].cursor() as cursor:
            cursor.execute("CREATE TABLE bench_delivery (LIKE messaging_delivery INCLUDING ALL)")
            cursor.execute("INSERT INTO bench_delivery OVERRIDING SYSTEM VALUE SELECT * FROM messaging_delivery")
            cursor.execute(f"GRANT SELECT, UPDATE ON bench_delivery TO {connection.settings_dict['USER']}")
            cursor.execute("SELECT id FROM bench_delivery ORDER BY hashint8(id)")
            self.told = [row[0] for row in cursor.fetchall()]

    def steps(self) -> dict[str, Callable[[], None]]:
        return {"again": self._again, "applied": self._applied, "bare again": self._bare_again, "bare": self._bare}

    def _again(self) -> None:
        """Nobody has read it, and then everybody tells so once more."""
        with connections["owner"].cursor() as cursor:
            for statement in AGAIN.split(";"):
                cursor.execute(statement)
            cursor.execute(RECEIPTS, [f"{next(ROUND)}-", KINDS[VK]])

    def _applied(self) -> None:
        if (applied := delivery.settle()) != self.people:
            raise RuntimeError(f"{applied} receipts of {self.people} people")

    def _bare_again(self) -> None:
        with connections["owner"].cursor() as cursor:
            cursor.execute("SELECT sum(read) FROM messaging_batch")
            if (read := cursor.fetchone()[0]) != self.people:
                raise RuntimeError(f"{read} of {self.people} people have read it")
            cursor.execute("UPDATE bench_delivery SET status = 'accepted'")
            cursor.execute("VACUUM ANALYZE bench_delivery")

    def _bare(self) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE told (id bigint) ON COMMIT DROP")
            with cursor.copy("COPY pg_temp.told FROM STDIN") as copy:
                for number in self.told:
                    copy.write_row((number,))
            cursor.execute(UPDATE)
