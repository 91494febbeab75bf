"""The life of an order at a delegated platform: a person decides, then it is carried out step by step, in totals.

accepted → sending → done, or refused by the person or a rule, or cancelled. What leaves here is rounded and thresholded.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from messaging.simulators.population import Match

THRESHOLD: Final = 100  # fewer people are not counted for anybody
MATCHED_STEP: Final = 100
STEP: Final = 10
STEPS: Final = 10  # from the first message to the last
COUNTERS: Final = ("sent", "delivered", "read", "failed", "opted_out")
ENDED: Final = frozenset({"done", "refused", "cancelled"})
OFFICER: Final = "duty officer"


@dataclass
class Pace:
    """Seconds: until the officer decides, and from the first message to the last."""

    decision: float = 6.0
    duration: float = 10.0


def estimate(match: Match) -> dict[str, Any]:
    """Bounds of ± 5 % in whole hundreds that hold the true number, or a refusal to say anything about a small group."""
    if match.people < THRESHOLD:
        return {"withheld": True, "reason": "below_threshold"}
    whole = match.people // MATCHED_STEP * MATCHED_STEP
    lower, upper = _round(match.people * 0.95, MATCHED_STEP), _round(match.people * 1.05, MATCHED_STEP)
    return {"estimate": {"lower": min(lower, whole), "upper": max(upper, whole + MATCHED_STEP)}}


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the officer says of an order: yes, no, yes to the part that `match` counts, or nothing ever ("")."""

    outcome: str = "accepted"
    reason: str = ""
    narrowed: tuple[str, ...] = ()
    match: Match | None = None


SANDBOX: Final = {
    "XC": Ruling("refused", "The officer refuses every order for this country."),
    "XD": Ruling("partial", "The officer accepts half of every order for this country.", ("fewer_people",)),
    "XE": Ruling(""),
}
SANDBOX_PACE: Final = Pace(decision=1.0, duration=3.0)


@dataclass
class Order:
    """One order. `ruling` is what the officer will say of it; `people_per_second` is the ministry's wish, not our pace."""

    order_id: str
    match: Match
    not_before: datetime
    not_after: datetime
    ruling: Ruling = Ruling()
    people_per_second: float = math.inf
    status: str = "accepted"
    reason: str = ""
    decision: dict[str, Any] | None = None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    sent: int = 0
    delivered: int = 0
    read: int = 0
    failed: int = 0
    opted_out: int = 0
    decided: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.bounds = estimate(self.match).get("estimate")

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    def shown(self) -> dict[str, Any]:
        """The status object: totals only, `matched` to 100, the others to 10, nothing under 10."""
        begun = self.status == "sending" or self.sent
        counters = {"matched": _round(self.match.people, MATCHED_STEP) if begun else None}
        counters |= {name: _counter(getattr(self, name)) for name in COUNTERS}
        body: dict[str, Any] = {"order_id": self.order_id, "status": self.status, "at": stamp(self.at), "reason": self.reason}
        body |= {"decision": self.decision, "estimate": self.bounds, "counters": counters}
        return body | {"rounding": {"matched": MATCHED_STEP, "counters": STEP, "threshold": STEP}}

    def become(self, status: str, *, reason: str = "") -> None:
        self.status, self.reason, self.at = status, reason, datetime.now(UTC)

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
            await asyncio.sleep(max(pace.duration, self.match.reachable / self.people_per_second) / STEPS)
            if not self.ended:
                self._advance(step)
                tell(self)

    async def _wait_for_decision(self, pace: Pace) -> None:
        early, late = ((at - datetime.now(UTC)).total_seconds() for at in (self.not_before, self.not_after))
        try:
            await asyncio.wait_for(self.decided.wait(), max(pace.decision, early) if self.ruling.outcome else late)
        except TimeoutError:
            return

    def _decide(self) -> None:
        if not self.ruling.outcome:
            self.become("cancelled", reason="window over")
            return
        self.match = self.ruling.match or self.match
        few = self.match.people < THRESHOLD
        ruling = Ruling("refused", "below_threshold") if few else self.ruling
        self.become("refused" if ruling.outcome == "refused" else "sending")
        by = "rule" if few else OFFICER
        self.decision = {"outcome": ruling.outcome, "at": stamp(self.at), "by": by, "reason": ruling.reason}
        self.decision["narrowed"] = [*ruling.narrowed]

    def _advance(self, step: int) -> None:
        """One step of ten: messages go out evenly, are delivered a little later, and are read by some."""
        if datetime.now(UTC) > self.not_after:
            self.become("cancelled", reason="window over")
            return
        self.sent = self.match.reachable * step // STEPS
        self.failed = (self.match.people - self.match.reachable) * step // STEPS
        self.delivered = self.sent * 97 // 100 if step == STEPS else self.match.reachable * (step - 1) // STEPS
        self.read = self.delivered * step * 6 // 100
        self.opted_out = self.delivered * step * 15 // 100_000
        self.become("done" if step == STEPS else "sending")


def stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def _round(number: float, to: int) -> int:
    return round(number / to) * to


def _counter(number: int) -> int | None:
    return None if number < STEP else _round(number, STEP)
