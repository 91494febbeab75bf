"""The life of an order at a delegated platform: a person decides, then it is carried out step by step, in totals.

accepted → sending → done, or refused by the person or a rule, or cancelled. What leaves here is rounded and thresholded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from messaging.simulators.population import Match

THRESHOLD: Final = 100  # fewer people are not counted for anybody
STEPS: Final = 10
ENDED: Final = frozenset({"done", "refused", "cancelled"})
OFFICER: Final = "duty officer"


@dataclass
class Pace:
    """Seconds: until the officer decides, and from the first message to the last."""

    decision: float = 6.0
    duration: float = 10.0


def estimate(match: Match) -> dict[str, Any]:
    """Bounds of ± 5 % rounded to 100, or a refusal to say anything about a small group."""
    if match.people < THRESHOLD:
        return {"withheld": True, "reason": "below_threshold"}
    return {"estimate": {"lower": _round(match.people * 0.95, 100), "upper": _round(match.people * 1.05, 100)}}


@dataclass
class Order:
    """One order. `refusal` is the officer's reason, when a test has ordered one."""

    order_id: str
    match: Match
    not_before: datetime
    not_after: datetime
    refusal: str = ""
    status: str = "accepted"
    reason: str = ""
    answered_by: str = ""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    sent: int = 0
    delivered: int = 0
    read: int = 0
    failed: int = 0
    decided: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    def shown(self) -> dict[str, Any]:
        """The status object: totals only, `matched` to 100, the others to 10, nothing under 10."""
        begun = self.status == "sending" or self.sent
        counters = {"matched": _round(self.match.people, 100) if begun else None}
        counters |= {name: _counter(getattr(self, name)) for name in ("sent", "delivered", "read", "failed")}
        body = {"order_id": self.order_id, "status": self.status, "at": self.at.isoformat(timespec="milliseconds")}
        bounds = estimate(self.match).get("estimate")
        return body | {"reason": self.reason, "answered_by": self.answered_by, "estimate": bounds, "counters": counters}

    def become(self, status: str, *, reason: str = "", by: str = "") -> None:
        self.status, self.reason, self.at = status, reason, datetime.now(UTC)
        self.answered_by = by or self.answered_by

    def cancel(self) -> None:
        """Best effort: what has gone has gone. An order that ended stays as it ended."""
        if not self.ended:
            self.become("cancelled", reason="on request")
        self.decided.set()

    async def live(self, pace: Pace, tell: Callable[[Order], None]) -> None:
        """From acceptance to its end; `tell` hears every change."""
        await self._wait_for_decision(pace)
        if not self.ended:
            self._decide()
            tell(self)
        for step in range(1, STEPS + 1):
            if self.ended:
                return
            await asyncio.sleep(pace.duration / STEPS)
            if not self.ended:
                self._advance(step)
                tell(self)

    async def _wait_for_decision(self, pace: Pace) -> None:
        early = (self.not_before - datetime.now(UTC)).total_seconds()
        try:
            await asyncio.wait_for(self.decided.wait(), max(pace.decision, early))
        except TimeoutError:
            return

    def _decide(self) -> None:
        if self.match.people < THRESHOLD:
            self.become("refused", reason="below_threshold", by="rule")
        elif self.refusal:
            self.become("refused", reason=self.refusal, by=OFFICER)
        else:
            self.become("sending", by=OFFICER)

    def _advance(self, step: int) -> None:
        """One step of ten: messages go out evenly, are delivered a little later, and are read by some."""
        if datetime.now(UTC) > self.not_after:
            self.become("cancelled", reason="window over")
            return
        self.sent = self.match.reachable * step // STEPS
        self.failed = (self.match.people - self.match.reachable) * step // STEPS
        self.delivered = self.sent * 97 // 100 if step == STEPS else self.match.reachable * (step - 1) // STEPS
        self.read = self.delivered * step * 6 // 100
        self.become("done" if step == STEPS else "sending")


def _round(number: float, to: int) -> int:
    return round(number / to) * to


def _counter(number: int) -> int | None:
    return None if number < 10 else _round(number, 10)
