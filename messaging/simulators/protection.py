"""What keeps totals of many from telling about one: equal questions get equal answers, different ones are few and far between.

Two audiences that differ by little would tell about the few in between. So a window is counted in whole hours, an answer is
remembered, an issuer waits between different audiences, and asks about so many of them in an hour and no more.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from messaging.simulators.delegated_rules import Refusal

HOUR: Final = 3600.0
MOST: Final = 20
LAST: Final = datetime.max.replace(tzinfo=UTC) - timedelta(hours=2)
Answer = dict[str, Any]


def whole_hours(audience: Mapping[str, Any]) -> dict[str, Any]:
    """The audience as it is counted: its window ends with the hour of `until`."""
    hour = min(datetime.fromisoformat(audience["until"]), LAST).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return {**audience, "until": (hour + timedelta(hours=1)).isoformat()}


class Protection:
    """What each issuer asked in the last hour, and what it was told."""

    def __init__(self, interval: float = 1.0, most: int = MOST) -> None:
        self.interval, self.most = interval, most
        self._told: dict[str, dict[str, tuple[float, Answer]]] = {}  # issuer → question → when it was new, the answer

    def answer(self, issuer: str, question: str, count: Callable[[], Answer]) -> Answer:
        """What was told before, or a new count. Raises Refusal 429."""
        now = time.monotonic()
        told = {one: known for one, known in self._told.get(issuer, {}).items() if known[0] + HOUR > now}
        self._told[issuer] = told
        if question not in told:
            self._demand_patience(now, [at for at, _ in told.values()])
            told[question] = now, count()
        return told[question][1]

    def _demand_patience(self, now: float, asked: list[float]) -> None:
        wait = max(asked, default=-math.inf) + self.interval - now
        if wait > 0:
            raise Refusal(429, "too_soon", "Different audiences need some time between them.", retry_after=math.ceil(wait))
        if len(asked) >= self.most:
            wait = min(asked) + HOUR - now
            raise Refusal(429, "too_many", "So many different audiences are too many.", retry_after=math.ceil(wait))
