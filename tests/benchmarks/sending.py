"""How fast a campaign goes out, from the approver's click to the last outcome in the ledger, beside a bare client of the same
platform with as many connections.

Real worker processes, PostgreSQL, Redis and sockets; the platform takes everything. What it counted must stand in the ledger,
or nothing is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from statistics import median
from typing import Any

from django.db import connection

from crisis import embedded
from messaging.channels import channel_class
from messaging.models import Account
from tests.benchmarks import bare
from tests.benchmarks import peers as others
from tests.benchmarks.ground import PUSH, VK, Ground, Ready, Workers, platforms, workers
from tests.benchmarks.peers import Peers
from tests.benchmarks.rounds import Measured, honesty, memory_mb, ratio, rounds, times
from tests.benchmarks.sink import Sink, sink

LANES = (1, 2, 4)
LOOK = 0.005  # seconds between two looks at whether a campaign is sent
PATIENCE = 600.0  # seconds after which it never will be
LIMIT = 20  # calls a second that VK takes
MANY = 100_000  # people from which on the way of one person a request writes to the few alone
PEERS_PEOPLE = 2_000  # people to whom other products send in a round
CALLED = {VK: "100 people a request", PUSH: "1 person a request"}
BARE: dict[str, Callable[[str, int, int], None]] = {VK: bare.to_hundred, PUSH: bare.to_one}
STATUS = "SELECT status FROM messaging_campaign WHERE id = %s"
ACCEPTED = "SELECT sum(accepted) FROM messaging_batch WHERE campaign_id = %s"


def measure(people: int, only: int | None, peers: bool, wanted: int, servers: embedded.Servers) -> dict[str, Any]:
    """Rates of both ways by their lanes, beside the bare client and, when asked for, beside other products; the cost by size;
    the pace at a platform's own limit."""
    lanes = [only] if only else [number for number in LANES if number <= max(people // 100, 1)]
    with ExitStack() as stack:
        platform = stack.enter_context(sink())
        stack.enter_context(platforms(platform.url))
        ground = Ground(people)
        running = stack.enter_context(workers(platform.url, {VK: lanes[-1], PUSH: lanes[-1]}))
        scene = Scene(ground, platform, running)
        scene.add(lanes)
        if peers:
            scene.add_peers(stack.enter_context(others.peers(platform.url)))
        measured = scene.by_person(rounds(scene.steps, wanted))
        pace = scene.pace()
    beside = {f"{ours} / bare client": ratio(measured, floor, ours) for ours, floor in scene.floors.items()}
    products = {f"{ours} / {peer}": ratio(measured, peer, ours) for peer in scene.peers for ours in scene.floors}
    sizes, largest = f"{people:,} / {ground.few:,}", max(map(max, scene.memory.values())) // 1024
    grown = {f"cost of a person, {sizes}": ratio(measured, *scene.sizes), f"memory of a worker, {sizes}": scene.grown()}
    return {
        "bench": "send",
        **honesty(measured),
        "ratios": {**beside, **products, **grown, **pace},
        "absolute": {
            **{name: _rate(measured, name) for name in scene.people},
            "memory of a worker at most": {"median": largest, "unit": "MB"},
        },
        "memory_mb": max(memory_mb(), largest),
    }


def _rate(measured: Measured, name: str) -> dict[str, Any]:
    return {"median": round(1 / median(times(measured, name))), "unit": "people/s"}


class Scene:
    """A ground, a platform and workers, and the steps of a round: `people` of each step that counts, `floors` of ours; and the
    kilobytes that a worker had at most, each time it sent."""

    def __init__(self, ground: Ground, platform: Sink, running: Workers) -> None:
        self.ground, self.platform, self.running = ground, platform, running
        self.memory: dict[str, list[int]] = {}
        self.steps: dict[str, Callable[[], None]] = {}
        self.people: dict[str, int] = {}
        self.floors: dict[str, str] = {}
        self.peers: list[str] = []
        self.ready: Ready | None = None
        self.heard: dict[str, Any] = {}

    def add(self, lanes: list[int]) -> None:
        least = self._add_ours(VK, lanes[-1], few=True)
        for slug in CALLED:
            few = slug == PUSH and self.ground.people >= MANY
            for number in lanes:
                connections = number * channel_class(slug).concurrency
                ours = self._add_ours(slug, number, few=few)
                self.floors[ours] = self._add_bare(slug, connections, self.people[ours])
        self.sizes = f"{CALLED[VK]}, {_lanes(lanes[-1])}", least

    def add_peers(self, peers: Peers) -> None:
        people = min(self.ground.people, PEERS_PEOPLE)
        for name, step in peers.steps(people).items():
            self.steps[name], self.people[name] = step, people
            self.peers.append(name)

    def _add_ours(self, slug: str, lanes: int, *, few: bool) -> str:
        people = self.ground.few if few else self.ground.people
        name = f"{CALLED[slug]}, {_lanes(lanes)}" + (f", {people:,} people" if few else "")
        self.steps[f"ready: {name}"] = partial(self._prepare, slug, lanes, few=few)
        self.steps[name], self.people[name] = partial(self._send, name), people
        return name

    def _add_bare(self, slug: str, connections: int, people: int) -> str:
        name = f"{CALLED[slug]}, bare client, {connections} connection{'s' * (connections > 1)}"
        self.steps[name], self.people[name] = partial(self._bare, slug, people, connections), people
        return name

    def _prepare(self, slug: str, lanes: int, *, few: bool) -> None:
        self.ground.lanes(slug, lanes)
        self.ready = self.ground.ready(slug, few=few)
        self.platform.counted()

    def _send(self, name: str) -> None:
        assert self.ready is not None
        self.running.forget_memory()
        self.ground.launch(self.ready)
        self.heard = self._await_sent(self.ready)
        self.memory.setdefault(name, []).append(self.running.memory_kb())

    def _await_sent(self, ready: Ready) -> dict[str, Any]:
        """Returns what the platform counted. Looks at the campaign alone: to add up its batches takes time from the sending."""
        ends = time.monotonic() + PATIENCE
        while _asked(STATUS, ready) != "sent" and time.monotonic() < ends:
            time.sleep(LOOK)
        heard, accepted = self.platform.counted(), _asked(ACCEPTED, ready)
        if not heard["people"] == accepted == ready.people:
            raise RuntimeError(f"{ready.people} people, {heard} heard of, {accepted} in the ledger")
        return heard

    def _bare(self, slug: str, people: int, connections: int) -> None:
        BARE[slug](self.platform.url, people, connections)
        if self.platform.counted()["people"] != people:
            raise RuntimeError("The bare client lost somebody.")

    def by_person(self, measured: Measured) -> Measured:
        """Seconds for one person of every step that counts."""
        rounds = [{name: seconds[name] / people for name, people in self.people.items()} for seconds in measured.rounds]
        return measured._replace(rounds=rounds)

    def grown(self) -> dict[str, float]:
        """The most that a worker ever had while it wrote to all, over what it had when it had written to nobody but few."""
        everybody, few = (self.memory[name] for name in self.sizes)
        share = round(max(everybody) / few[0], 3)
        return {"median": share, "min": share}

    def pace(self) -> dict[str, dict[str, float]]:
        """Seconds that VK's own limit asks for, from the first call to the last one, over those that it took; once. Nothing of
        a campaign that the limit does not touch."""
        few = self.ground.people >= MANY
        least = ((self.ground.few if few else self.ground.people) // 100 - 1) // LIMIT
        if not least:
            return {}
        self._prepare(VK, 1, few=few)
        Account.objects.filter(slug=VK).update(rate=LIMIT)
        self._send("pace")
        Account.objects.filter(slug=VK).update(rate=None)
        share = round(least / self.heard["seconds"], 3)
        return {f"pace / a limit of {LIMIT} calls a second": {"median": share, "min": share}}


def _asked(question: str, ready: Ready) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(question, [ready.campaign.pk])
        return cursor.fetchone()[0]


def _lanes(number: int) -> str:
    return f"{number} lane{'s' * (number > 1)}"
