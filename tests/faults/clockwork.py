"""Virtual processes in virtual time: threads of which exactly one runs, in an order that the seed alone decides.

Whoever runs holds the baton. It is handed on at every point where a real process could be interrupted: before a statement,
around a COMMIT, in a request. The database's clock is a sequence that only the clockwork sets.
"""

from __future__ import annotations

import hashlib
import math
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

import psycopg
from django.db import OperationalError, connections

NEVER = math.inf
LOOK_AGAIN = 0.004  # real seconds after which a statement is suspected of waiting for somebody's lock
PATIENCE = 30.0  # real seconds in which the database has to answer
UNSEEN = ("SAVEPOINT", "RELEASE", "ROLLBACK TO")
WRITES = re.compile(r"\b(INSERT INTO|UPDATE|DELETE FROM)\b")

_here = threading.local()


class Crash(BaseException):
    """The virtual process has died at this point. Nothing of it touches the world any more."""


class Clockwork:
    """All virtual processes of one run. `now` is what each of them takes for monotonic time."""

    def __init__(self, seed: int, admin: psycopg.Connection[Any], epoch: float) -> None:
        self.seed, self.random = seed, Random(seed)
        self.admin, self.epoch = admin, epoch
        self.now = self.skew = 0.0
        self.jumps: list[tuple[float, float]] = [(0.0, 0.0)]
        self.limit = 0.0
        self.processes: list[Process] = []
        self.running: Process | None = None
        self.home = threading.Semaphore(0)
        self.digest = hashlib.sha256()
        self.last: deque[str] = deque(maxlen=4000)
        self.steps = 0
        self.failure: BaseException | None = None
        self.hazard: Callable[[Process, str], None] = lambda process, point: None
        self.over = False
        self.platforms: Any = None
        self._told = -1
        self._looked: tuple[Process | None, int] = (None, 0)

    # Time

    def jump(self, seconds: float) -> None:
        """The database's clock jumps forward; processes do not notice."""
        self.skew += seconds
        self.jumps.append((self.now, self.skew))

    def stand_still(self, seconds: float) -> None:
        """The whole machine sleeps and wakes, unless somebody stands between a look and its request: no program could tell."""
        if not any(process.where.endswith("request") for process in self.processes if process.status != "ended"):
            self.now += seconds

    def reached_at(self, instant: float) -> float:
        """When (by `now`) the database's clock came to this instant, given in seconds since the epoch."""
        for (began, skew), (ended, _) in zip(self.jumps, [*self.jumps[1:], (NEVER, 0.0)], strict=True):
            if instant - self.epoch - skew < ended:
                return max(began, instant - self.epoch - skew)
        return NEVER

    def tell_time(self) -> None:
        micros = round((self.epoch + self.now + self.skew) * 1_000_000)
        if micros != self._told:
            self._told = micros
            self.admin.execute(f"SELECT setval('sim_clock', {micros})")

    # Whose turn it is

    def start(self, name: str, act: Callable[[], None], *, after: float = 0.0) -> Process:
        process = Process(self, name, act, self.now + after)
        self.processes.append(process)
        process.thread.start()
        return process

    def run_until(self, at: float) -> None:
        """Let everything happen that happens until this instant."""
        self.limit = at
        chosen = self._choose()
        while chosen is not None:
            self._hand(chosen)
            while not self.home.acquire(timeout=LOOK_AGAIN):
                if self._waits_for_a_lock():
                    break
            else:
                break
            chosen = self._choose()
        if self.failure:
            raise self.failure
        self.now = max(self.now, at)

    def end(self) -> None:
        """Every process dies where it stands."""
        self.over = True
        for process in self.processes:
            if process.status != "ended":
                process.die()
        for process in [*self.processes]:
            while process.thread.is_alive():
                process.turn.release()
                process.thread.join(0.05)

    def note(self, who: str, what: str) -> None:
        line = f"{self.now:.4f} {who} {what}"
        self.digest.update(line.encode())
        self.last.append(line)

    def _choose(self) -> Process | None:
        while True:
            self._settle()
            ready = [p for p in self.processes if p.status == "ready"]
            soonest = min((p.ready_at for p in ready), default=NEVER)
            if soonest <= self.limit:
                break
            if not any(p.status == "blocked" for p in self.processes) or soonest < NEVER:
                return None
            time.sleep(0.001)  # those who wait for each other: the database ends one of them
        if self.failure:
            return None
        self.now = max(self.now, soonest)
        due = [p for p in ready if p.ready_at <= self.now]
        chosen = due[self.random.randrange(len(due))]
        self.steps += 1
        return chosen

    def _hand(self, process: Process) -> None:
        process.status, self.running = "running", process
        process.turn.release()

    def _waits_for_a_lock(self) -> bool:
        """Whether the running process waits for one that does not run. Then it has lost the baton."""
        process = self.running
        seen, self._looked = self._looked, (process, process.statements if process else 0)
        if process is None or self._looked != seen or not process.in_statement or not self._blockers(process):
            return False
        process.status, process.lost = "blocked", True
        return True

    def _blockers(self, process: Process) -> set[int]:
        row = self.admin.execute("SELECT pg_blocking_pids(%s)", [process.pid]).fetchone()
        return {*row[0]} & {p.pid for p in self.processes if p is not process} if row else set()

    def _settle(self) -> None:
        """Find out of everybody blocked whether they still are, for certain."""
        for process in self.processes:
            if process.status == "blocked":
                while process.in_statement and not self._blockers(process):
                    time.sleep(0.0002)
                if not process.in_statement:
                    process.status, process.ready_at = "ready", self.now

    def forget(self, pid: int) -> None:
        """Wait until a backend is gone, with its locks."""
        until = time.monotonic() + PATIENCE
        while self.admin.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone():
            if time.monotonic() > until:
                raise TimeoutError(f"backend {pid} does not end")
            time.sleep(0.0002)


class Process:
    """One virtual process: a thread with a connection of its own."""

    def __init__(self, clockwork: Clockwork, name: str, act: Callable[[], None], ready_at: float) -> None:
        self.clockwork, self.name, self.act, self.ready_at = clockwork, name, act, ready_at
        self.status = "ready"  # ready | running | blocked | ended
        self.turn = threading.Semaphore(0)
        self.in_statement = self.dead = self.lost = False
        self.statements = 0
        self.stalled_until = 0.0
        self.pid = 0
        self.where = ""
        self.committed: Callable[[], None] = lambda: None
        self.respawn: Callable[[], None] = lambda: None
        self.thread = threading.Thread(target=self._live, name=name, daemon=True)

    # Called in the process's own thread

    def point(self, what: str) -> None:
        """Somebody else may run now, and a fault may strike."""
        if self.dead:
            raise Crash
        self.clockwork.note(self.name, what)
        self.where = what
        self._give_way()
        self.clockwork.hazard(self, what)

    def sleep(self, seconds: float) -> None:
        if self.dead:
            raise Crash
        self.ready_at = self.clockwork.now + max(0.0, seconds)
        self._give_way()

    def stall(self, seconds: float) -> None:
        self.stalled_until = self.clockwork.now + seconds
        self.sleep(seconds)

    def wake(self) -> None:
        """Called by whoever holds the baton."""
        self.ready_at = min(self.ready_at, self.clockwork.now)

    def crash(self) -> None:
        self.die()
        raise Crash

    def die(self) -> None:
        """Drop the connection and do nothing more."""
        self.dead = True
        self.cut()

    def cut(self) -> None:
        """The connection is gone: what was not committed has not happened."""
        if self.pid:
            self.clockwork.admin.execute("SELECT pg_terminate_backend(%s)", [self.pid])
            self.clockwork.forget(self.pid)
            self.pid = 0

    def _give_way(self) -> None:
        chosen = self._next()
        if chosen is self:
            self.status = "running"
            return
        if chosen is None:
            self.clockwork.home.release()
        else:
            self.clockwork._hand(chosen)
        self.turn.acquire()
        if self.dead:
            raise Crash

    def _next(self) -> Process | None:
        self.status = "ready"
        return self.clockwork._choose()

    def _live(self) -> None:
        self.turn.acquire()
        _here.process = self
        try:
            if not self.dead:
                self._rig()
                self.act()
        except Crash:
            pass
        except BaseException as error:
            self.clockwork.failure = self.clockwork.failure or error
        self._end()

    def _end(self) -> None:
        connection = connections["default"]
        pid, self.pid = self.pid, 0
        if connection.connection is not None:
            connection.connection.close()
            connection.connection = None
        if pid:
            self.clockwork.forget(pid)
        self.status = "ended"
        if self.clockwork.over:
            return
        if self.dead:
            self.respawn()
        chosen = self.clockwork._choose()
        if chosen is None:
            self.clockwork.home.release()
        else:
            self.clockwork._hand(chosen)

    # The connection

    def _rig(self) -> None:
        connection: Any = connections["default"]
        connect, commit = connection.get_new_connection, connection._commit
        connection.execute_wrappers.append(self._statement)
        connection.get_new_connection = lambda params: self._connect(connect, params)
        connection._commit = lambda: self._commit(commit)

    def _connect(self, connect: Callable[[Any], Any], params: Any) -> Any:
        if self.dead:
            raise Crash
        raw = connect(params)
        self.pid = raw.info.backend_pid
        raw.autocommit = True
        raw.execute("SELECT setseed(%s)", [self.clockwork.random.random()])
        return raw

    def _statement(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if str(sql).startswith(UNSEEN):
            return self._run(execute, sql, params, many, context)
        self.point(" ".join(str(sql)[:70].split()))
        commits = connections["default"].get_autocommit() and WRITES.search(str(sql))
        if not commits:
            return self._run(execute, sql, params, many, context)
        self.point("commit")
        found = self._run(execute, sql, params, many, context)
        self.point("committed")
        return found

    def _commit(self, commit: Callable[[], None]) -> None:
        self.point("commit")
        self._run(commit)
        self.committed()
        self.point("committed")

    def _run(self, act: Callable[..., Any], *args: Any) -> Any:
        """Ask the database; while it waits for somebody's lock, others run."""
        if self.dead:
            raise Crash
        self.clockwork.tell_time()
        self.statements += 1
        self.in_statement = True
        try:
            return act(*args)
        finally:
            self.in_statement = False
            if self.lost:
                self.turn.acquire()
                self.lost = False

    def lose_answer(self) -> None:
        """What was asked is done, and the connection is gone before anybody hears of it."""
        self.cut()
        raise OperationalError("the connection was lost; nobody knows whether COMMIT was heard")


def current() -> Process | None:
    return getattr(_here, "process", None)
