"""Invented people who can be written to by both ways of a bench, the campaigns that write to them, and the workers that send.

Everybody was in Egypt, a few of them within the last hour. The processes are those of an installation: `serve worker`.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, connections
from django.test import override_settings
from rq import Worker

from audiences import keys, traits
from audiences.models import AddressKind
from crisis import embedded
from crisis.clock import now
from crisis.supervisor import dies_with_parent
from messaging import bell, workflow
from messaging.models import Campaign, Lane
from messaging.reaching import reach_of
from tests import push, world
from tests.benchmarks import population
from tests.conftest import OWNERS_HAND

ROOT = Path(__file__).resolve().parents[2]
VK, PUSH = "vk-direct", push.SLUG
KINDS = {VK: AddressKind.VK, PUSH: AddressKind.PUSH}
SHARE, FEW = 20, 20_000  # of the people one in so many was there within the last hour, and never more
AUTHORS = count(1)
READY = 60.0  # seconds that workers have to start in
CELL = 609083437906657279

COPY = """COPY audiences_address (contact_id, kind, value_encrypted, value_hmac, subscribed, permitted, denied, dead)
          FROM STDIN (FORMAT BINARY)"""
TYPES = ("int8", "int2", "bytea", "bytea", "bool", "bool", "bool", "bool")
BITS = (
    sum(traits.LIVE << traits.shift(kind) for kind in KINDS.values())
    | traits.LANGUAGES["ru"] << traits.LANGUAGE_SHIFT
    | traits.LATEST
)
SEEN = """
    INSERT INTO audiences_presence (contact_id, country, cell, last_seen_at, source_id, traits)
    SELECT id, 'EG', %(cell)s, %(at)s, %(source)s, %(traits)s
      FROM audiences_contact ORDER BY id OFFSET %(after)s LIMIT %(people)s
"""


@dataclass(frozen=True, slots=True)
class Ready:
    """A submitted campaign with everything its approver has seen."""

    campaign: Campaign
    seen: dict[str, Any]
    people: int


class Ground:
    """People, an author and an approver, an account of each way, and the two audiences."""

    def __init__(self, people: int) -> None:
        logging.getLogger("crisis.audit").setLevel(logging.WARNING)  # a head of the audit for every launch
        self.people, self.few = people, max(min(people // SHARE, FEW), 1)
        with connections["owner"].cursor() as cursor:
            cursor.execute(OWNERS_HAND)
        self.author, self.approver = world.person("anna", "operator"), world.person("boris", "supervisor")
        self.accounts = {slug: world.account(slug) for slug in KINDS}
        _populate(people, self.few)
        self.everybody, self.some = world.audience(self.author), world.audience(self.author, hours=1)

    def ready(self, slug: str, *, few: bool = False, **changes: Any) -> Ready:
        """A campaign that lacks nothing but the approver's click. Each has its own author: nobody may write so many an hour."""
        author, version = world.person(f"author-{next(AUTHORS)}", "operator"), self.some if few else self.everybody
        campaign = world.submitted(author, self.accounts[slug], version=version, **changes)
        campaign = Campaign.objects.get(pk=campaign.pk)
        seen = {
            "fingerprint": campaign.fingerprint(),
            "reach": reach_of(campaign, now(), {}),
            "overrides": world.overrides(campaign),
        }
        return Ready(campaign, seen, self.few if few else self.people)

    def launch(self, ready: Ready) -> None:
        """The approver's click."""
        workflow.approve(ready.campaign, by=self.approver, **ready.seen)

    def lanes(self, slug: str, wanted: int) -> None:
        """Give an account so many lanes."""
        account = self.accounts[slug]
        Lane.objects.filter(account=account, number__gt=wanted).delete()
        known = {*Lane.objects.filter(account=account).values_list("number", flat=True)}
        for number in {*range(1, wanted + 1)} - known:
            Lane.objects.create(account=account, number=number)


def _populate(people: int, few: int) -> None:
    source = population.register(people)
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT id FROM audiences_contact ORDER BY id")
        contacts = [row[0] for row in cursor.fetchall()]
        with cursor.copy(COPY) as copy:
            copy.set_types(TYPES)
            for row in _addresses(contacts):
                copy.write_row(row)
        seen = {"cell": CELL, "source": source, "traits": BITS}
        cursor.execute(SEEN, {**seen, "at": now(), "after": 0, "people": few})
        cursor.execute(SEEN, {**seen, "at": now() - timedelta(hours=10), "after": few, "people": people - few})
    population.settle()


def _addresses(contacts: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    ring = keys.ring()
    sealed = ring.sealer(len(contacts))
    for kind in KINDS.values():
        for contact in contacts:
            value = str(contact)
            yield contact, kind, sealed(kind, value), ring.fingerprint(kind, value), True, True, False, False


@contextmanager
def platforms(url: str) -> Iterator[None]:
    """This process sends by both ways to `url`, until the block is left. Before it there is no ground."""
    with push.registered(url), override_settings(CHANNEL_URLS={**settings.CHANNEL_URLS, VK: url, PUSH: url}):
        os.environ["VK_MINISTRY"] = push.TOKEN
        yield
        del os.environ["VK_MINISTRY"]


@contextmanager
def workers(url: str, wanted: Mapping[str, int]) -> Iterator[Workers]:
    """So many worker processes of each way, ready to hear the bell, until the block is left. All platforms are at `url`."""
    with ExitStack() as stack:
        env = {**os.environ, **environment(url)}
        found = Workers([stack.enter_context(_worker(slug, env)) for slug, number in wanted.items() for _ in range(number)])
        found.await_ready()
        yield found


class Workers:
    def __init__(self, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        self.processes = processes

    def await_ready(self) -> None:
        ours, ends = {process.pid for process in self.processes}, time.monotonic() + READY
        while not ours <= {worker.pid for worker in Worker.all(connection=bell.redis())}:
            dead = [process.args for process in self.processes if process.poll() is not None]
            if dead or time.monotonic() > ends:
                raise RuntimeError(f"Workers did not start: {dead}")
            time.sleep(0.05)

    def forget_memory(self) -> None:
        for process in self.processes:
            Path(f"/proc/{process.pid}/clear_refs").write_text("5")

    def memory_kb(self) -> int:
        """The most memory that any of them had since it was forgotten."""
        return max(_most(process.pid) for process in self.processes)


def _most(pid: int) -> int:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])


@contextmanager
def _worker(slug: str, env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, str(ROOT / "manage.py"), "serve", "worker", slug]
    with subprocess.Popen(command, env=env, cwd=ROOT, preexec_fn=dies_with_parent(9)) as process:
        try:
            yield process
        finally:
            process.kill()


def environment(url: str) -> dict[str, str]:
    """What another process needs to be one of this installation."""
    database, name = embedded.database_url(settings.DATA_DIR, "crisis_app"), connection.settings_dict["NAME"]
    return {
        "DJANGO_SETTINGS_MODULE": "tests.push_settings", "PUSH_TEST_URL": url, "PUSH_TEST": push.TOKEN, "VK_URL": url,
        "VK_MINISTRY": push.TOKEN, "DATABASE_URL": database.replace("/crisis?", f"/{name}?"),
        "CRISIS_KEY_RING": str(settings.KEY_RING_FILE), "REDIS_URL": settings.REDIS_URL, "CRISIS_DEMO": "1",
        "CRISIS_DATA_DIR": str(settings.DATA_DIR),
    }  # fmt: skip
