"""A theatre in trouble: two platforms with two workers each, one worker of each on wires of its own, and everything breaks.

Times are short, as in every theatre. A trouble ends by itself after a while, or when everything is healed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from unittest.mock import patch

import psycopg
import redis
from django.core.management import call_command
from django.db import Error, connections

from audiences.models import AddressKind
from crisis import embedded
from crisis.supervisor import Command, Supervisor
from messaging.channels import CHANNELS
from messaging.delivery import turns
from messaging.models.accounts import address_kind_of
from messaging.stage import free_ports
from tests import push, world
from tests.conftest import OWNERS_HAND
from tests.faults import naive
from tests.faults.stage import PUSH, SLUGS, VK
from tests.faults.theatre import Theatre
from tests.faults.wires import Server, Wires
from tests.simulated import status
from tests.wire import Simulator

Found = TypeVar("Found")
RATES = {VK: 2, PUSH: 40}  # requests a second: a campaign lasts long enough for troubles in the middle of it
TURN = 20  # people in a batch
LOOK = 0.05  # seconds between two looks


class Troubled(Theatre):
    """Use `open` and `close`."""

    people, lanes = 300, 2

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self.push = Simulator(f"http://127.0.0.1:{self.stage.platforms['delegated']}", self.stage.journal("push"))
        self.platforms = {VK: self.vk, PUSH: self.push}
        # The same platforms once more, for what is put beside ours: they have the same troubles.
        self.others = {slug: self._other(slug, port) for slug, port in zip(SLUGS, free_ports(2), strict=True)}
        self.wires = {f"worker-{slug}-2": Wires(self._servers(slug)) for slug in SLUGS}
        self.running = ExitStack()
        self.due: list[tuple[float, Callable[[], object]]] = []  # when a trouble ends, and how

    def _other(self, slug: str, port: int) -> Simulator:
        return Simulator(f"http://127.0.0.1:{port}", self.stage.journal(f"other-{slug}"))

    def _servers(self, slug: str) -> dict[str, Server]:
        data_dir, platform = self.stage.data_dir, self.stage.vk if slug == VK else self.stage.platforms["delegated"]
        return {"postgresql": embedded.postgres_socket(data_dir), "redis": embedded.valkey_socket(data_dir), slug: platform}

    def open(self) -> None:
        self.stage.secrets()
        call_command("migrate", database="owner", verbosity=0, interactive=False)
        with connections["owner"].cursor() as cursor:
            cursor.execute(OWNERS_HAND)
            cursor.execute(naive.TABLE)
        CHANNELS[PUSH] = "tests.push.PushTest"
        self.running.callback(CHANNELS.pop, PUSH)
        self.running.enter_context(patch.object(turns, "MOST", TURN))
        for wires in self.wires.values():
            self.running.enter_context(wires)
        self._people()
        self.supervisor = Supervisor([self._under_short_times(one) for one in self.commands()])
        self.supervisor.start()
        assert self.until(lambda: all(map(_answers, [*self.platforms.values(), *self.others.values()]))), (
            "a platform did not start"
        )
        assert self.until(lambda: self.valkey().scard("rq:workers") == 2 * len(SLUGS) + 2), "a worker did not start"

    def _people(self) -> None:
        self.author, self.approver = world.person("anna", "operator"), world.person("boris", "supervisor")
        self.peers: dict[tuple[str, str], int] = {}
        for slug in SLUGS:
            world.account(slug, lanes=self.lanes, rate=RATES[slug])
            numbers = [1000 * n for n in range(1, self.people + 1)]
            rows = world.contacts(numbers, kind=AddressKind(address_kind_of(slug) or 0))
            self.peers |= {(slug, str(number)): row.pk for number, row in zip(numbers, rows, strict=True)}

    def commands(self) -> list[Command]:
        vk, *console = super().commands()
        workers = [one for one in self.stage.console({VK: self.lanes, PUSH: self.lanes}) if one.name.startswith("worker")]
        others = [one for one in console if one.name == "sweeper"]
        return [vk, _platform(PUSH, self.push), *(self._wired(one) for one in [*others, *workers]), *self._beside()]

    def _beside(self) -> list[Command]:
        platforms = [_platform(slug, one) for slug, one in self.others.items()]
        argv, log = [sys.executable, "-m", "tests.faults.naive"], self.stage.data_dir / "logs" / "naive.log"
        return [*platforms, *(Command(f"naive-{number}", argv, self.naive_environment(), log) for number in (1, 2))]

    def naive_environment(self) -> dict[str, str]:
        urls = {"VK_URL": self.others[VK].url, "PUSH_TEST_URL": self.others[PUSH].url}
        return {"DJANGO_SETTINGS_MODULE": "tests.push_settings", **urls}

    def recover_naive(self) -> None:
        """Have what is put beside ours do at once what RQ does in time by itself."""
        command = self._under_short_times(Command("recovery", [sys.executable, "-m", "tests.faults.naive", "--recover"]))
        env = {**os.environ, **command.env, **self.naive_environment()}
        subprocess.run(command.argv, env=env, stderr=subprocess.DEVNULL, timeout=300, check=False)

    def _wired(self, command: Command) -> Command:
        env = {"DJANGO_SETTINGS_MODULE": "tests.push_settings", "PUSH_TEST": push.TOKEN, "PUSH_TEST_URL": self.push.url}
        if wires := self.wires.get(command.name):
            query = f"passfile={embedded.passfile(self.stage.data_dir)}"
            env["DATABASE_URL"] = f"postgres://crisis_app@127.0.0.1:{wires.ports['postgresql']}/crisis?{query}"
            env["REDIS_URL"] = f"redis://127.0.0.1:{wires.ports['redis']}/0"
            slug = next(slug for slug in SLUGS if slug in wires.ports)
            env["VK_URL" if slug == VK else "PUSH_TEST_URL"] = f"http://127.0.0.1:{wires.ports[slug]}"
        return replace(command, env=env)

    def close(self) -> None:
        self.heal()
        super().close()
        self.running.close()

    # Time

    def pass_time(self, seconds: float) -> None:
        """Let everything run; troubles end when they are to end."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.supervisor.tick()
            self._end_troubles(time.monotonic())
            time.sleep(LOOK)

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        self.due.append((time.monotonic() + seconds, act))

    def heal(self) -> None:
        """End every trouble at once."""
        self._end_troubles(float("inf"))
        for slug in SLUGS:
            with suppress(OSError):
                self.control(slug, reset=True)

    def _end_troubles(self, now: float) -> None:
        ended = [one for one in self.due if one[0] <= now]
        self.due = [one for one in self.due if one[0] > now]
        for _, act in ended:
            with suppress(OSError, redis.RedisError, psycopg.Error):
                act()

    # What troubles need

    def workers(self, whose: str = "worker") -> list[int]:
        return [pid for name, pid in self.supervisor.pids.items() if name.startswith(whose)]

    def signal(self, number: int, draw: Random) -> list[int]:
        """One of our workers gets this signal, and one of what is put beside ours."""
        pids = [draw.choice(self.workers()), draw.choice(self.workers("naive"))]
        for pid in pids:
            os.kill(pid, number)
        return pids

    def control(self, slug: str, **orders: Any) -> None:
        """Order a trouble of a platform."""
        for one in (self.platforms[slug], self.others[slug]):
            one.control(**orders)

    def valkey(self) -> redis.Redis:
        return redis.Redis.from_url(embedded.redis_url(self.stage.data_dir), socket_timeout=2.0)

    @contextmanager
    def admin(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A connection to PostgreSQL that nobody else has."""
        parameters = connections["owner"].get_connection_params()
        kept = {name: parameters[name] for name in ("dbname", "user", "host", "port", "passfile") if name in parameters}
        with psycopg.connect(**kept, autocommit=True, connect_timeout=5) as admin:
            yield admin

    # People

    def insist(self, act: Callable[[], Found], seconds: float = 60.0) -> Found:
        """Press again as long as the console does not answer."""
        until = time.monotonic() + seconds
        while True:
            try:
                return act()
            except (OSError, Error) as error:
                if time.monotonic() > until:
                    raise TimeoutError("the console does not answer") from error
                connections.close_all()
                self.pass_time(0.3)


def _platform(slug: str, one: Simulator) -> Command:
    where = ["--port", one.url.rpartition(":")[2], "--log", str(one.log)]
    log = one.log.with_suffix(".out")
    if slug == PUSH:
        return Command(f"simulator-{one.log.stem}", [sys.executable, "-m", "tests.push", *where], log=log)
    argv = [sys.executable, "-m", "messaging.simulators.vk", *where, "--no-limit"]
    return Command(f"simulator-{one.log.stem}", argv, {"VK_SIM_TOKENS": '{"t0ken": 100000001}'}, log)


def _answers(platform: Simulator) -> bool:
    try:
        return bool(status(platform))
    except OSError:
        return False
