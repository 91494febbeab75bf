"""The engine at work in tests: a simulated VK as a process, campaigns ready to be pumped, and pumps in threads of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from django.db import connection, transaction

from messaging import delivery
from messaging.models import Batch, Campaign, Delivery
from tests import world
from tests.simulated import status, until
from tests.stages import Cast, ahead
from tests.wire import Simulator
from tests.world import sql

GROUP, TOKEN = 100000001, "t0ken"


class Engine(Cast):
    """Everything that is needed to send, and what the platform wrote down about it."""

    def __init__(self, vk: Simulator, *, lanes: int = 1) -> None:
        super().__init__(lanes=lanes)
        self.vk, self.lane = vk, self.account.lanes.order_by("pk").first()

    def pump(self, *, later: float = 0) -> int:
        """Pump the first lane until nothing is due; `later` seconds from now by the database's clock."""
        if later:
            ahead(seconds=later)
        assert self.lane is not None
        return delivery.pump(self.lane.pk)

    def sending(self, **changes: Any) -> Campaign:
        return world.approve(self.submitted(**changes), self.approver)

    def heard(self, batch: Batch) -> list[tuple[str, int]]:
        """What the platform did with each person of a batch, in its order: (accepted | repeat | refused, peer)."""
        return [(line["kind"], line["peer_id"]) for line in self.vk.lines() if line.get("random_id") == batch.key]

    def calls(self) -> int:
        return int(status(self.vk)["calls"])


def outcomes() -> set[tuple[int, str, str]]:
    return {*Delivery.objects.values_list("contact", "status", "reason")}


@contextmanager
def elsewhere(*acts: Callable[[], object]) -> Iterator[None]:
    """Let these run in threads, each on its own connection to the database, while the block does.

    All have ended after it; what one of them raised is raised here.
    """
    with ThreadPoolExecutor(len(acts)) as pool:
        running = [pool.submit(_run, act) for act in acts]
        yield
        for one in running:
            one.result(timeout=30)


def _run(act: Callable[[], object]) -> None:
    try:
        act()
    finally:
        connection.close()


def while_waiting(act: Callable[[], object], ours: Callable[[], object], *then: Callable[[], object]) -> None:
    """Do ours, let the other run into our lock, do what then follows, and commit only then."""
    with ExitStack() as running, transaction.atomic():
        ours()
        running.enter_context(elsewhere(act))
        until(_waits_for_us)
        for more in then:
            more()


def _waits_for_us() -> bool:
    """Whether another connection waits for a lock of ours."""
    return bool(sql("SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"))


@contextmanager
def on_the_wire(engine: Engine) -> Iterator[None]:
    """The block runs while a pump's request has been taken by the platform and not yet answered."""
    engine.vk.control(hold=1)
    with elsewhere(engine.pump):
        until(lambda: status(engine.vk)["held"])
        try:
            yield
        finally:
            engine.vk.control(release=True)
