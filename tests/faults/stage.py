"""What the stories are played on: a database a play, platforms as processes, and one process that does what it is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import IO, Any
from uuid import uuid4

from django.conf import settings
from django.db import connection, connections

from audiences.models import AddressKind
from messaging.channels import CHANNELS
from messaging.models import Card
from messaging.models.accounts import address_kind_of
from tests import push, world
from tests.faults import naive
from tests.faults.ground import CLOCK, admin, administer, point_at
from tests.faults.points import Strike
from tests.faults.simulation import HEALED, QUIET
from tests.faults.stories import FAULTS, NAIVE, STORIES, Step, Wire
from tests.wire import Simulator, simulator

BEGAN = datetime.now(UTC) - timedelta(minutes=5)  # the platforms have a clock of their own, which is never behind ours
VK, PUSH, GEO, DESK = "vk-direct", "push-test", "vk-geo", "manual"
SLUGS = (VK, PUSH)
SECRETS = {"VK_MINISTRY": "t0ken", "DRILL_VK_MINISTRY": "drill", "PUSH_TEST": push.TOKEN, "VK_GEO": "s3cret"}
GROUPS = {"t0ken": 100000001, "drill": 100000002}
PEOPLE = 12
STOPS = {"stop", "correct", "revoke_exception"}
ROUND = 20.0  # seconds between two looks whether all is quiet
TRIES = 4
ROLES = {"anna": "operator", "boris": "supervisor", "vera": "supervisor", "zoya": "supervisor", "gleb": "admin",
         "inna": "admin", "dina": "auditor"}  # fmt: skip


@dataclass
class Stage:
    """Everything that plays share. `points` are those that the worker's process has wrapped."""

    base: str
    platforms: dict[str, Simulator]
    worker: subprocess.Popen[str]
    points: list[str]
    beside: list[str]  # the same of what is put beside ours
    peers: dict[tuple[str, str], int]

    @contextmanager
    def play(self, story: str, slug: str, strike: Strike | None, *, beside: bool = False) -> Iterator[Play]:
        """A story from the beginning to the end, in a database to which this process's connections point meanwhile."""
        before, name = connections["owner"].settings_dict["NAME"], f"{self.base}_{uuid4().hex[:8]}"
        administer(f'CREATE DATABASE "{name}" TEMPLATE "{self.base}"')
        point_at(name)
        found = Play(self, name, story, slug, strike)
        try:
            found.go_through(NAIVE if beside else STORIES[story])
            if beside:
                found.act("naive_mend")
            else:
                found.heal()
            yield found
        finally:
            found.dismiss()
            for one in self.platforms.values():
                one.control(reset=True)
            point_at(before)
            administer(f'DROP DATABASE "{name}" WITH (FORCE)')

    def tell(self, **told: Any) -> dict[str, Any]:
        """Have the worker's process do something, and hear how it went."""
        said, heard = _pipes(self.worker)
        said.write(json.dumps(told) + "\n")
        said.flush()
        found: dict[str, Any] = {"struck": False}
        while "ended" not in found:
            found |= json.loads(heard.readline())
        return found


@dataclass
class Play:
    """One story, and what came of it."""

    stage: Stage
    database: str
    story: str
    slug: str
    strike: Strike | None
    clock: float = 0.0  # seconds since its beginning
    struck: bool = False
    told: list[tuple[str, str]] = field(default_factory=list)  # acts that were refused, and why
    given_up: list[str] = field(default_factory=list)
    acting: bool = False  # whether a process is at work
    calls: dict[str, int] = field(default_factory=dict)
    statements: dict[str, int] = field(default_factory=dict)
    read_from: dict[str, int] = field(default_factory=dict)
    stopped_at: dict[str, int] = field(default_factory=dict)  # way → what its journal had when something had been stopped

    def __post_init__(self) -> None:
        self.read_from = self._heard()

    def _heard(self) -> dict[str, int]:
        return {slug: len(one.lines("accepted")) for slug, one in self.stage.platforms.items()}

    def go_through(self, steps: Sequence[Step]) -> None:
        for step in steps:
            if isinstance(step, Wire):
                self.stage.platforms[self.slug].control(**FAULTS[self.slug][step.fault])
            elif isinstance(step, float):
                self.clock += step
            else:
                self.act(step)

    def act(self, name: str) -> None:
        """Have somebody do this, again while they die or fail of it."""
        for _ in range(TRIES):
            said = self._once(name)
            if said["ended"] in ("done", "refused"):
                break
            assert said["struck"] or self.struck, (name, said.get("why"))
            self.clock += settings.LEASE_SECONDS + 1
        else:
            self.given_up.append(f"{name} fails again and again: {said.get('why')}")
        if said["ended"] == "refused":
            self.told.append((name, said["why"]))
        if name in STOPS:
            self.stopped_at = self._heard()
        self.clock += 1.0

    def _once(self, name: str) -> dict[str, Any]:
        micros = round((BEGAN.timestamp() + self.clock) * 1_000_000)
        strike = asdict(self.strike) if self.strike and not self.acting and not self.struck else None
        said = self.stage.tell(act=name, database=self.database, slug=self.slug, strike=strike, micros=micros)
        self.acting = said["ended"] != "killed"
        self.struck |= said["struck"]
        self.calls, self.statements = said.get("calls", {}), said.get("statements", {})
        return said

    def heal(self) -> None:
        """Let healthy machines and people do what is left, for as long as is promised."""
        until = self.clock + HEALED
        with connection.cursor() as cursor:
            while self.clock < until:
                self.clock += ROUND
                self.act("mend")
                cursor.execute(QUIET)
                if cursor.fetchone() == (True,):
                    break
        connection.close()

    def dismiss(self) -> None:
        """Let the process that acts end."""
        if not self.acting:
            return
        self.acting = False
        said, _ = _pipes(self.stage.worker)
        said.write(json.dumps({"act": ""}) + "\n")
        said.flush()

    def promised(self) -> int:
        return int(world.sql("SELECT coalesce(sum(total), 0) FROM messaging_batch")[0][0])


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    assert process.stdin
    assert process.stdout
    return process.stdin, process.stdout


@contextmanager
def stage() -> Iterator[Stage]:
    """Platforms, a peopled database to be cloned, and the worker's process, until the block is left."""
    template, logs = connections["owner"].settings_dict["NAME"], Path(mkdtemp(prefix="stage-", dir=settings.DATA_DIR))
    base = f"{template}_{uuid4().hex[:8]}"
    with ExitStack() as stack:
        platforms = {slug: stack.enter_context(running) for slug, running in _platforms(logs).items()}
        administer(f'CREATE DATABASE "{base}" TEMPLATE "{template}"')
        stack.callback(administer, f'DROP DATABASE "{base}" WITH (FORCE)')
        stack.callback(point_at, template)
        point_at(base)
        CHANNELS[PUSH] = "tests.push.PushTest"
        stack.callback(CHANNELS.pop, PUSH)
        peers = _peopled(base)
        worker = stack.enter_context(_worker(platforms))
        said = json.loads(_pipes(worker)[1].readline())
        yield Stage(base, platforms, worker, said["points"], said["beside"], peers)


def _platforms(logs: Path) -> dict[str, Any]:
    geo = {"PLATFORM_SIM_SECRET": SECRETS["VK_GEO"], "PLATFORM_SIM_WEBHOOK_SECRET": "whsec_YSB3ZWJob29rIHNlY3JldA=="}
    quick = ("--population", "2000", "--decision-delay", "0", "--duration", "0.02", "--min-interval", "0")
    return {
        VK: simulator("vk", logs / "vk", "--no-limit", env={"VK_SIM_TOKENS": json.dumps(GROUPS)}),
        PUSH: push.simulator(logs / "push"),
        GEO: simulator("delegated", logs / "geo", *quick, env=geo),
    }


def _peopled(name: str) -> dict[tuple[str, str], int]:
    with admin() as owner:
        owner.execute(naive.TABLE)
        owner.execute(CLOCK.format(name=f'"{name}"'))
        owner.execute(f"GRANT UPDATE ON sim_clock TO PUBLIC; SELECT setval('sim_clock', {int(BEGAN.timestamp() * 1e6)})")
    for username, role in ROLES.items():
        world.person(username, role)
    peers: dict[tuple[str, str], int] = {}
    for slug in SLUGS:
        world.account(slug)
        numbers = [1000 * n for n in range(1, PEOPLE)] + [12850]
        rows = world.contacts(numbers, kind=AddressKind(address_kind_of(slug) or 0))
        peers |= {(slug, str(number)): row.pk for number, row in zip(numbers, rows, strict=True)}
    world.account(GEO)
    Card.objects.create(account=world.account(DESK), role="duty manager")
    world.account(VK, drill=True)
    for one in connections.all():
        one.close()
    return peers


@contextmanager
def _worker(platforms: dict[str, Simulator]) -> Iterator[subprocess.Popen[str]]:
    urls = {"VK_URL": VK, "DRILL_VK_URL": VK, "VK_GEO_URL": GEO, "DRILL_VK_GEO_URL": GEO, "PUSH_TEST_URL": PUSH}
    env = {name: platforms[slug].url for name, slug in urls.items()}
    settled = {"DJANGO_SETTINGS_MODULE": "tests.push_settings", "CRISIS_KEY_RING": str(settings.KEY_RING_FILE)}
    command = [sys.executable, "-m", "tests.faults.worker"]
    with (settings.DATA_DIR / "faults-worker.log").open("a") as log, subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
        env={**os.environ, **env, **SECRETS, **settled},
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
