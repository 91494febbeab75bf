"""Other products at the same work, in an environment of their own beside the project: installed when they are asked for."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from django.conf import settings
from django.db import connection, connections

from crisis.supervisor import dies_with_parent
from tests.benchmarks.ground import ROOT, environment

WANTED = ("celery[redis]==5.7.0", "rq==3.0.0", "redis==8.1.0", "requests==2.34.2", "psycopg[binary]==3.3.9")
VENV = ROOT / ".venv-peers"
PEERS = {"rq": "RQ, two SimpleWorkers, one job a person", "celery": "Celery, two processes, one task a person"}
WORKERS = ("rq", "rq", "celery")
TABLE = """
    CREATE TABLE bench_peer (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, contact bigint, status text, ref text,
                             at timestamptz);
    GRANT SELECT, INSERT, DELETE ON bench_peer TO {role}
"""
PATIENCE = 120.0  # seconds until something is wrong
LOOK = 0.01


def install() -> None:
    """Make the environment, or bring it to the versions that are wanted."""
    if not VENV.exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    subprocess.run([VENV / "bin" / "pip", "install", "--quiet", *WANTED], check=True, stderr=subprocess.DEVNULL)


@contextmanager
def peers(url: str) -> Iterator[Peers]:
    """Their workers, ready and warm, until the block is left."""
    install()
    with connections["owner"].cursor() as cursor:
        cursor.execute(TABLE.format(role=connection.settings_dict["USER"]))
    ours = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}  # Celery would load ours
    env = {**ours, "PEER_URL": url, "PEER_DATABASE": environment(url)["DATABASE_URL"], "PEER_REDIS": settings.REDIS_URL}
    with ExitStack() as stack:
        for worker in WORKERS:
            stack.enter_context(_process(worker, env))
        found = Peers(stack.enter_context(_process("produce", env)))
        for by in PEERS:
            found.send(by, 1)
        yield found


class Peers:
    def __init__(self, producer: subprocess.Popen[str]) -> None:
        self.producer = producer

    def steps(self, people: int) -> dict[str, Callable[[], None]]:
        return {name: partial(self.send, by, people) for by, name in PEERS.items()}

    def send(self, by: str, people: int) -> None:
        """Hand out so many tasks, and return when all outcomes are in the database."""
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM bench_peer")
        assert self.producer.stdin is not None
        self.producer.stdin.write(f"{by} {people}\n")
        self.producer.stdin.flush()
        ends = time.monotonic() + PATIENCE
        while _written() < people:
            if time.monotonic() > ends:
                raise RuntimeError(f"{by} did not send to {people} people.")
            time.sleep(LOOK)


def _written() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM bench_peer")
        return int(cursor.fetchone()[0])


@contextmanager
def _process(role: str, env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    command = [VENV / "bin" / "python", "-m", "tests.benchmarks.peer", role]
    with subprocess.Popen(
        command, env=env, cwd=ROOT, stdin=subprocess.PIPE, text=True, preexec_fn=dies_with_parent(15)
    ) as running:
        try:
            yield running
        finally:
            running.terminate()
            running.wait(timeout=20)
