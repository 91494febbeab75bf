"""The pace of one lane: never more than n requests begin in a second, however the network stretches or squeezes them."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep

SECOND = 1.0


class Pace:
    """`permits` requests a second, None = no limit; the first one not before `wait` seconds from now.

    A permit is free again one second after its request was ANSWERED. The platform counts arrivals, and an arrival lies
    somewhere between the beginning of a request and its answer: counted from the beginning, jitter could squeeze n + 1 arrivals
    into a second.
    """

    def __init__(self, permits: int | None, wait: float = 0.0) -> None:
        self.free_at = None if permits is None else [monotonic() + wait] * permits

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a permit and hold it for one request. No more turns may be taken at once than there are permits."""
        if self.free_at is None:
            yield
            return
        sleep(max(0.0, heapq.heappop(self.free_at) - monotonic()))
        try:
            yield
        finally:
            heapq.heappush(self.free_at, monotonic() + SECOND)
