"""The pace of one lane: never more than n requests begin in a second, however the network stretches or squeezes them."""

from __future__ import annotations

import asyncio
import heapq
from time import monotonic

SECOND = 1.0


class Pace:
    """`permits` requests a second, None = no limit; the first one not before `wait` seconds from now.

    A permit is free again one second after its request was ANSWERED. The platform counts arrivals, and an arrival lies
    somewhere between the beginning of a request and its answer: counted from the beginning, jitter could squeeze n + 1 arrivals
    into a second.
    """

    def __init__(self, permits: int | None, wait: float = 0.0) -> None:
        self.permits = permits
        self._free_at = [monotonic() + wait] * (permits or 0)

    async def take(self) -> None:
        """Wait for a permit. No more may be taken at once than there are."""
        if self.permits:
            await asyncio.sleep(heapq.heappop(self._free_at) - monotonic())

    def give(self, *, used: bool = True) -> None:
        """Give a permit back once its request was answered, or at once when none was made with it."""
        if self.permits:
            heapq.heappush(self._free_at, monotonic() + (SECOND if used else 0.0))
