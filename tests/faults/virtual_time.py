"""Virtual time for what the product itself waits by: its process's clock, its sleeps and its event loops."""

from __future__ import annotations

import asyncio
import functools
import gc
import selectors
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from tests.faults.clockwork import Process, current


class Loop(asyncio.SelectorEventLoop):
    """An event loop of a virtual process: waiting is virtual."""

    def __init__(self, process: Process) -> None:
        self.process = process
        super().__init__(Waiting(process))

    def time(self) -> float:
        return self.process.clockwork.now


class Waiting(selectors.DefaultSelector):
    def __init__(self, process: Process) -> None:
        super().__init__()
        self.process = process

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout > 0:
            self.process.sleep(0.01 if timeout is None else timeout)
        return super().select(0)


@contextmanager
def virtual_time() -> Iterator[None]:
    """Whatever of the product looks at a process's clock sees the virtual one, in virtual processes."""
    names = {time.monotonic: _monotonic, time.sleep: _sleep}
    product = [m for n, m in sys.modules.items() if n.partition(".")[0] in ("crisis", "audiences", "messaging")]
    found = [
        (module, name, value)
        for module in product
        for name, value in vars(module).items()
        if value is time.monotonic or value is time.sleep
    ]
    make = asyncio.events.new_event_loop
    for module, name, value in found:
        setattr(module, name, names[value])
    asyncio.events.new_event_loop = lambda: Loop(process) if (process := current()) else make()
    try:
        yield
    finally:
        asyncio.events.new_event_loop = make
        for module, name, value in found:
            setattr(module, name, value)


def share_no_locks() -> None:
    """Threads that stand for processes must not wait for each other in Python: until 3.12 a cached property has a lock."""
    for found in gc.get_objects():
        if type(found) is functools.cached_property and hasattr(found, "lock"):
            found.lock = nullcontext()


def _monotonic() -> float:
    process = current()
    return process.clockwork.now if process else time.monotonic()


def _sleep(seconds: float) -> None:
    process = current()
    if process:
        process.sleep(seconds)
    else:
        time.sleep(seconds)
