"""Where a process may be struck: at every public function of the engine and of the workflow, wrapped from outside.

The functions are found by walking the modules, methods of public classes among them; the product knows nothing of it.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from importlib import import_module
from inspect import isclass, iscoroutinefunction, isfunction
from pkgutil import walk_packages
from types import ModuleType
from typing import Any

from django.db import OperationalError, connection

PACKAGES = ("messaging.delivery", "messaging.workflow")
OUTCOMES = KILLED_BEFORE, KILLED_AFTER, LOST = ("killed before", "killed after", "connection lost")


@dataclass(frozen=True, slots=True)
class Strike:
    """What befalls a process at the n-th `call` of a point. `statement`: which one since then is done and never answered."""

    point: str
    outcome: str
    call: int = 1
    statement: int = 1


@dataclass
class Watch:
    """Sees every call of a point, and strikes at one of them. `struck` is told at the last moment before."""

    strike: Strike | None = None
    struck: Callable[[], None] = lambda: None
    calls: Counter[str] = field(default_factory=Counter)
    statements: dict[str, int] = field(default_factory=dict)  # asked within the first call of a point
    within: Counter[str] = field(default_factory=Counter)
    until_lost: int = 0

    @contextmanager
    def at(self, point: str) -> Iterator[None]:
        self.calls[point] += 1
        now = self.strike if self.strike and self.strike.point == point and self.calls[point] == self.strike.call else None
        if now and now.outcome == KILLED_BEFORE:
            self.kill()
        if now and now.outcome == LOST:
            self.until_lost = now.statement
        first = self.calls[point] == 1
        if first:
            self.within[point] = 0
        try:
            yield
        finally:
            if first:
                self.statements[point] = self.within.pop(point)
            if now and now.outcome == KILLED_AFTER:
                self.kill()

    def kill(self) -> None:
        self.struck()
        os.kill(os.getpid(), signal.SIGKILL)

    def rig(self) -> None:
        """See what this process's connection to PostgreSQL is asked, COMMIT included."""
        ours: Any = connection
        commit = ours._commit
        ours.execute_wrappers.append(self._ask)
        ours._commit = lambda: self._ask(commit)

    def _ask(self, act: Callable[..., Any], *asked: Any) -> Any:
        """Ask the database. Of the one that is to be lost nobody hears whether it was done."""
        for point in self.within:
            self.within[point] += 1
        found = act(*asked)
        if self.until_lost:
            self.until_lost -= 1
            if not self.until_lost:
                self.struck()
                _hang_up()
                raise OperationalError("The connection to PostgreSQL was lost.")
        return found


def _hang_up() -> None:
    raw = connection.connection
    assert raw is not None
    with socket.socket(fileno=os.dup(raw.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)


def wrapped(watch: Watch, where: Iterable[ModuleType]) -> list[str]:
    """Let every point of these modules report to this watch, wherever it was imported to. Returns the names of all points."""
    new = {}
    names = []
    for module in where:
        for name, found in [*vars(module).items()]:
            if _is_ours(module, name, found) and isfunction(found):
                point = f"{module.__name__}.{name}"
                names.append(point)
                new[found] = _around(watch, point, found)
            elif _is_ours(module, name, found) and isclass(found):
                names += _wrap_methods(watch, f"{module.__name__}.{name}", found)
    for module in [*sys.modules.values()]:
        for name, found in [*vars(module).items()] if isinstance(module, ModuleType) else []:
            if isfunction(found) and found in new:
                setattr(module, name, new[found])
    return sorted(names)


def modules() -> list[ModuleType]:
    packages = [import_module(name) for name in PACKAGES]
    found = [one.name for package in packages for one in walk_packages(package.__path__, f"{package.__name__}.")]
    return [import_module(name) for name in sorted(found)]


def _is_ours(module: ModuleType, name: str, found: Any) -> bool:
    return not name.startswith("_") and getattr(found, "__module__", None) == module.__name__


def _wrap_methods(watch: Watch, of: str, owner: type) -> list[str]:
    points = []
    for name, found in [*vars(owner).items()]:
        function = getattr(found, "__func__", found)
        if not name.startswith("_") and isfunction(function):
            point = f"{of}.{name}"
            points.append(point)
            wrapper: Any = _around(watch, point, function)
            setattr(owner, name, type(found)(wrapper) if function is not found else wrapper)
    return points


def _around(watch: Watch, point: str, function: Any) -> Any:
    if iscoroutinefunction(function):

        @wraps(function)
        async def later(*args: Any, **values: Any) -> Any:
            with watch.at(point):
                return await function(*args, **values)

        return later

    @wraps(function)
    def now(*args: Any, **values: Any) -> Any:
        with watch.at(point):
            return function(*args, **values)

    return now
