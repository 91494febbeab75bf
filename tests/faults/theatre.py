"""A theatre of its own for tests that kill: servers, a simulated VK, workers and a sweeper as real processes, nothing shared.

The test's own connections point at its database meanwhile. Times are short: a lease lasts 4 s, a request 1.5 s.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from crisis import embedded
from crisis.clock import now
from crisis.supervisor import Command, Supervisor
from messaging.models import Batch, Campaign, Status
from messaging.stage import Stage
from tests import world
from tests.conftest import OWNERS_HAND
from tests.simulated import status
from tests.wire import Simulator

SHORT = {"CRISIS_LEASE_SECONDS": "4", "CRISIS_SWEEP_SECONDS": "0.5", "CRISIS_REQUEST_SECONDS": "1.5"}
LONG = 40.0  # seconds after which something has not happened


class Theatre:
    """Use `open` and `close`; in between everything runs, restarted when it dies."""

    people, lanes = 250, 1  # a worker for each lane
    rate: int | None = None

    def __init__(self, data_dir: Path) -> None:
        self.stage = Stage.at(data_dir)
        self.vk = Simulator(f"http://127.0.0.1:{self.stage.vk}", self.stage.journal("vk"))
        self.campaign = Campaign()

    def open(self) -> None:
        """Migrate, people the database, start every process."""
        self.stage.secrets()
        call_command("migrate", database="owner", verbosity=0, interactive=False)
        with connections["owner"].cursor() as cursor:
            cursor.execute(OWNERS_HAND)
        self.author, self.approver = world.person("anna", "operator"), world.person("boris", "supervisor")
        self.account = world.account(lanes=self.lanes, rate=self.rate)
        world.contacts([1000 * n for n in range(1, self.people + 1)])
        self.supervisor = Supervisor([self._under_short_times(one) for one in self.commands()])
        self.supervisor.start()
        assert self.until(self._vk_answers), "the simulated VK did not start"
        assert self.until(lambda: redis_of(self).scard("rq:workers") == self.lanes), "a worker did not start"

    def commands(self) -> list[Command]:
        hooks = dict.fromkeys(("VK_MINISTRY", "DRILL_VK_MINISTRY"), "http://127.0.0.1:9/nobody")
        vk = self.stage.simulators(now(), hooks, lively=False)[0]
        return [vk, *self.stage.console({"vk-direct": self.lanes})[1:]]

    def _under_short_times(self, command: Command) -> Command:
        ring = {"CRISIS_KEY_RING": str(settings.KEY_RING_FILE)}
        return replace(command, env={**self.stage.environment(), **SHORT, **ring, **command.env})

    def _vk_answers(self) -> bool:
        try:
            return bool(status(self.vk))
        except OSError:
            return False

    def close(self) -> None:
        self.supervisor.stop()

    def begin(self) -> None:
        """Let the platform hold its first accepted request unanswered, and start a sending."""
        self.vk.control(hold=1)
        self.campaign = world.approve(world.submitted(self.author, self.account), self.approver)
        assert self.until(lambda: status(self.vk)["held"] == 1), "no request was held"

    def until(self, true: Callable[[], Any]) -> bool:
        """Let everything run until this is so."""
        return bool(self.supervisor.run_until(lambda: bool(true()), LONG))

    def finish(self) -> None:
        assert self.until(self.is_sent), [*Batch.objects.values_list("number", "status", "attempt", "reason")]

    def is_sent(self) -> bool:
        try:
            return Campaign.objects.filter(pk=self.campaign.pk, status=Status.SENT).exists()
        except Exception:
            connections.close_all()
            return False

    @property
    def worker(self) -> int:
        return self.supervisor.pids["worker-vk-direct-1"]

    def kill(self, pid: int, signum: int = signal.SIGKILL) -> None:
        os.kill(pid, signum)

    def accepted(self) -> Counter[int]:
        """How often the platform took a message for each person."""
        return Counter(line["peer_id"] for line in self.vk.lines("accepted"))

    def nothing_was_written(self) -> bool:
        """Whether a worker has said that it came too late."""
        return "nothing was written" in (self.stage.data_dir / "logs" / "workers.log").read_text()

    def repeated_keys(self) -> set[int]:
        return {line["random_id"] for line in self.vk.lines("repeat")}

    def expect_everybody_once(self) -> None:
        """Nobody lost, nobody twice, by the platform's journal; and our ledger says the same."""
        assert self.accepted() == Counter({1000 * n: 1 for n in range(1, self.people + 1)})
        assert sum(Batch.objects.values_list("accepted", flat=True)) == self.people

    def expect_a_repeat_with_the_same_key(self) -> None:
        """What had been accepted without an answer was asked again, under the key stored before the first request."""
        assert len(self.repeated_keys()) == 1
        (key,) = self.repeated_keys()
        assert {line["random_id"] for line in self.vk.lines("accepted")} >= {key}
        assert key in Batch.objects.values_list("key", flat=True)


def redis_of(theatre: Theatre) -> redis.Redis:
    return redis.Redis.from_url(embedded.redis_url(theatre.stage.data_dir))
