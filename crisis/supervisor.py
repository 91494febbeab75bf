"""Starts a list of commands, reaps them and starts them again when they end; knows nothing of what they do.

Not a queue and not a pump: it never looks into a command's work. Commands are children of the process that
holds the supervisor; when that process dies by any means, Linux tells each of them to stop.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

log = logging.getLogger(__name__)
libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def dies_with_parent(signum: int) -> Callable[[], None]:
    """A `preexec_fn`: the child gets `signum` when the thread that started it ends (Linux; elsewhere nothing).

    Start such children from the main thread only: any other thread takes them with it when it ends.
    """
    parent = os.getpid()

    def prepare() -> None:
        if sys.platform == "linux":
            libc.prctl(_PR_SET_PDEATHSIG, signum)
            if os.getppid() != parent:  # it died before the line above
                os._exit(1)

    return prepare


def become_subreaper() -> None:
    """Orphans among our descendants become our children, not those of process 1 (Linux; elsewhere nothing)."""
    if sys.platform == "linux":
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)


@dataclass(frozen=True, slots=True)
class Command:
    """What to run: `env` is added to our own environment; without `log` it writes where we write."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    log: Path | None = None


@dataclass(slots=True)
class Backoff:
    """How many seconds to wait before the next start: doubles from `first` to `most`, forgets after a long life."""

    first: float = 0.2
    most: float = 5.0
    forget_after: float = 10.0
    ends: int = 0

    def after_a_life_of(self, seconds: float) -> float:
        self.ends = 1 if seconds >= self.forget_after else self.ends + 1
        return min(self.most, self.first * 2.0 ** min(self.ends - 1, 16))


class _Child:
    """One command and its present process, if any."""

    def __init__(self, command: Command, clock: Callable[[], float]) -> None:
        self.command = command
        self.clock = clock
        self.process: subprocess.Popen[bytes] | None = None
        self.backoff = Backoff()
        self.started_at = 0.0
        self.due_at = 0.0

    def tick(self) -> None:
        if self.process is None:
            if self.clock() >= self.due_at:
                self.start()
        elif self.has_ended(self.process):
            self.bury(self.process)

    def start(self) -> None:
        self.started_at = self.clock()
        try:
            self.process = self.spawn()
        except OSError as error:
            self.wait_before_next(f"cannot start: {error}")

    def spawn(self) -> subprocess.Popen[bytes]:
        target = None
        if self.command.log is not None:
            self.command.log.parent.mkdir(parents=True, exist_ok=True)
            target = os.open(self.command.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            return subprocess.Popen(  # noqa: S603
                list(self.command.argv),
                env={**os.environ, **self.command.env},
                stdin=subprocess.DEVNULL,
                stdout=target,
                stderr=target,
                start_new_session=True,  # Ctrl-C reaches us alone; we stop the others in order
                preexec_fn=dies_with_parent(signal.SIGTERM),
            )
        finally:
            if target is not None:
                os.close(target)

    @staticmethod
    def has_ended(process: subprocess.Popen[bytes]) -> bool:
        """True for a zombie too, which stays one: until it is reaped its group cannot be taken for another's."""
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def bury(self, process: subprocess.Popen[bytes]) -> None:
        """Kill what the dead one left in its group (it may hold the port), reap it, set the next start."""
        _signal_group(process.pid, signal.SIGKILL)
        status = process.wait()
        self.process = None
        self.wait_before_next(f"ended with status {status}")

    def wait_before_next(self, why: str) -> None:
        pause = self.backoff.after_a_life_of(self.clock() - self.started_at)
        self.due_at = self.clock() + pause
        log.warning("%s %s; it starts again in %.1f s.", self.command.name, why, pause)


class Supervisor:
    """Keeps `commands` running from `start()` to `stop()`, as often as the main thread calls `tick()`.

    * Any end, status 0 too, is a reason to start again: after 0.2 s, doubling to 5 s, from the beginning after 10 s of life.
    * `run()` ticks until SIGTERM, SIGINT or SIGHUP, then stops. As a context manager: start on entry, stop on exit.
    * `stop()`: SIGTERM to every process group, `grace` seconds, then SIGKILL.
    """

    def __init__(self, commands: Iterable[Command], *, grace: float = 8.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.grace = grace
        self.children = {command.name: _Child(command, clock) for command in commands}
        self.stopping = False

    @property
    def pids(self) -> dict[str, int]:
        """Process id of each command that runs now; it is also the id of its process group."""
        return {name: child.process.pid for name, child in self.children.items() if child.process is not None}

    def start(self) -> None:
        """Start whatever does not run; returns at once."""
        self.stopping = False
        self.tick()

    def tick(self) -> None:
        """Reap the dead, start the due; returns at once. Call it from the main thread, several times a second."""
        for child in self.children.values():
            child.tick()

    def run(self, every: float = 0.1, *, also: Callable[[], None] = lambda: None) -> None:
        """Keep the commands running, and do `also` each time, until a signal asks to stop; returns within 12 s of it."""
        before = {signum: signal.signal(signum, self.ask_to_stop) for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
        try:
            while not self.stopping:
                self.tick()
                also()
                time.sleep(every)
        finally:
            self.stop()
            for signum, handler in before.items():
                signal.signal(signum, handler)

    def run_until(self, true: Callable[[], bool], seconds: float, every: float = 0.05) -> bool:
        """Keep the commands running until `true` says so, for at most `seconds`. Returns its last word."""
        deadline = time.monotonic() + seconds
        while not (done := true()) and time.monotonic() < deadline and not self.stopping:
            self.tick()
            time.sleep(every)
        return done

    def ask_to_stop(self, signum: int = 0, frame: FrameType | None = None) -> None:
        """Make `run()` return soon; safe in a signal handler."""
        self.stopping = True

    def stop(self) -> None:
        """Stop every command and all of its process group; returns when none is left."""
        self.stopping = True
        running = [child.process for child in self.children.values() if child.process is not None]
        for process in running:
            _signal_group(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + self.grace
        while time.monotonic() < deadline and not all(map(_Child.has_ended, running)):
            time.sleep(0.02)
        for process in running:
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()
        for child in self.children.values():
            child.process, child.due_at = None, 0.0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def _signal_group(group: int, signum: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
        os.killpg(group, signum)
