"""What goes wrong in chaos: each a function of the theatre and of the seed's numbers. Most end by themselves after a while."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from tests.faults.stage import SLUGS, VK
from tests.faults.troubled import Troubled

FROZEN = 6.0  # seconds that a process sleeps: longer than a lease
WHILE = 2.5  # seconds that another trouble lasts
BACKENDS = "SELECT pid FROM pg_stat_activity WHERE usename = 'crisis_app' AND pid <> pg_backend_pid()"

Trouble = Callable[[Troubled, Random], None]


# Processes of ours


def worker_killed(place: Troubled, draw: Random) -> None:
    place.signal(signal.SIGKILL, draw)


def worker_asked_to_stop(place: Troubled, draw: Random) -> None:
    place.signal(signal.SIGTERM, draw)


def worker_frozen(place: Troubled, draw: Random) -> None:
    for pid in place.signal(signal.SIGSTOP, draw):
        place.later(FROZEN, partial(os.kill, pid, signal.SIGCONT))


def all_workers_killed(place: Troubled, draw: Random) -> None:
    for pid in place.workers() + place.workers("naive"):
        os.kill(pid, signal.SIGKILL)


def sweeper_killed(place: Troubled, draw: Random) -> None:
    os.kill(place.supervisor.pids["sweeper"], signal.SIGKILL)


# PostgreSQL


def backends_terminated(place: Troubled, draw: Random) -> None:
    with place.admin() as admin:
        admin.execute(BACKENDS.replace("SELECT pid", "SELECT pg_terminate_backend(pid)"))


def backend_killed(place: Troubled, draw: Random) -> None:
    """The whole server starts again."""
    with place.admin() as admin:
        pids = [row[0] for row in admin.execute(BACKENDS)]
    if pids:
        os.kill(draw.choice(pids), signal.SIGKILL)


def postmaster_killed(place: Troubled, draw: Random) -> None:
    os.kill(int((place.stage.data_dir / "pg" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)


# Redis


def redis_killed(place: Troubled, draw: Random) -> None:
    os.kill(int(place.valkey().info()["process_id"]), signal.SIGKILL)


def redis_emptied(place: Troubled, draw: Random) -> None:
    place.valkey().flushall()


def redis_read_only(place: Troubled, draw: Random) -> None:
    place.valkey().replicaof("127.0.0.1", 1)
    place.later(WHILE, lambda: place.valkey().replicaof("NO", "ONE"))


def redis_full(place: Troubled, draw: Random) -> None:
    place.valkey().config_set("maxmemory", 1)
    place.later(WHILE, lambda: place.valkey().config_set("maxmemory", "256mb"))


def redis_silent(place: Troubled, draw: Random) -> None:
    place.valkey().client_pause(int(1000 * WHILE))


def redis_of_wrong_types(place: Troubled, draw: Random) -> None:
    server = place.valkey()
    for key in server.keys("rq:*"):
        kind = server.type(key)
        server.delete(key)
        if kind == b"string":
            server.lpush(key, "wrong")
        else:
            server.set(key, "wrong")


def redis_restored(place: Troubled, draw: Random) -> None:
    """What was in it some seconds ago is in it again."""
    server = place.valkey()
    old = {key: server.dump(key) for key in server.keys("*")}
    place.later(WHILE, lambda: _restore(place, old))


def _restore(place: Troubled, old: dict[Any, Any]) -> None:
    server = place.valkey()
    server.flushall()
    for key, value in old.items():
        if value is not None:
            server.restore(key, 0, value, replace=True)


# Wires of one host


def wires_silent(place: Troubled, draw: Random) -> None:
    wires = draw.choice([*place.wires.values()])
    wires.cut()
    place.later(2 * WHILE, wires.mend)


def wires_severed(place: Troubled, draw: Random) -> None:
    draw.choice([*place.wires.values()]).sever()


def wires_slow(place: Troubled, draw: Random) -> None:
    wires = draw.choice([*place.wires.values()])
    wires.delay = 0.2
    place.later(WHILE, wires.mend)


# Platforms


def _on_a_platform(**orders: Any) -> Trouble:
    def strike(place: Troubled, draw: Random) -> None:
        place.control(draw.choice(SLUGS), **orders)

    return strike


def platform_silent(place: Troubled, draw: Random) -> None:
    """It takes what it is asked, and answers when everybody has given up."""
    slug = draw.choice(SLUGS)
    place.control(slug, hold=2)
    place.later(WHILE, partial(place.control, slug, release=True))


def platform_slow(place: Troubled, draw: Random) -> None:
    slug = draw.choice(SLUGS)
    place.control(slug, delay_ms=2000)
    place.later(WHILE, partial(place.control, slug, delay_ms=0))


def platform_leaves_people_out(place: Troubled, draw: Random) -> None:
    peers = [1000 * draw.randint(1, place.people) for _ in range(place.people // 4)]
    place.control(VK, omit={"calls": 2, "peers": peers})


def platform_names_strangers(place: Troubled, draw: Random) -> None:
    place.control(VK, strangers={"calls": 2, "peers": [1_999_999_000, 1000]})


TROUBLES: dict[str, Trouble] = {
    "worker killed": worker_killed,
    "worker asked to stop": worker_asked_to_stop,
    "worker frozen": worker_frozen,
    "all workers killed": all_workers_killed,
    "sweeper killed": sweeper_killed,
    "backends terminated": backends_terminated,
    "backend killed": backend_killed,
    "postmaster killed": postmaster_killed,
    "Redis killed": redis_killed,
    "Redis emptied": redis_emptied,
    "Redis read-only": redis_read_only,
    "Redis full": redis_full,
    "Redis silent": redis_silent,
    "Redis of wrong types": redis_of_wrong_types,
    "Redis restored": redis_restored,
    "wires silent": wires_silent,
    "wires severed": wires_severed,
    "wires slow": wires_slow,
    "platform silent": platform_silent,
    "platform slow": platform_slow,
    "answers lost": _on_a_platform(lose_after=3),
    "requests lost": _on_a_platform(lose_before=3),
    "503 before": _on_a_platform(fail={"calls": 3, "status": 503}),
    "503 after": _on_a_platform(fail={"calls": 3, "status": 503, "after": True}),
    "429": _on_a_platform(fail={"calls": 3, "status": 429, "headers": {"Retry-After": "1"}}),
    "garbage": _on_a_platform(garbage={"calls": 3, "form": "truncated"}),
    "people left out": platform_leaves_people_out,
    "strangers named": platform_names_strangers,
}
