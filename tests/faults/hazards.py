"""What goes wrong, where and when: drawn by the seed at every point where something can."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from tests.faults.clockwork import Process

# Chance of each fault at each kind of point.
AT = {
    "statement": {"crash": 0.0015, "connection killed": 0.0015, "stall": 0.0025, "clock jump": 0.0006, "standstill": 0.0006},
    "commit": {"crash": 0.008, "connection killed": 0.008},
    "committed": {"crash": 0.012, "answer of COMMIT lost": 0.012, "stall": 0.01},
    "request": {"crash": 0.01, "stall": 0.01, "connection killed": 0.004},
    "effect": {"crash": 0.02, "stall": 0.006},
    "answer": {"crash": 0.015, "stall": 0.006, "connection killed": 0.006},
}
WIRE = {
    "refused": 3, "timeout before": 3, "timeout after": 4, "503 before": 2, "503 after": 3, "429 sane": 2, "429 absurd": 1,
    "429 past": 1, "slow": 2, "token revoked": 1,
}  # fmt: skip
ANSWERS = {
    "html": 1,
    "truncated": 1,
    "absent": 3,
    "strangers": 2,
    "doubled": 2,
    "unordered": 2,
}  # of a platform with many a request
# After which nobody can know at once whether somebody got it.
DOUBTFUL = {
    "crash", "connection killed", "stall", "clock jump", "standstill", "answer of COMMIT lost", "timeout before",
    "timeout after", "503 before", "503 after", "slow", "html", "truncated", "absent", "strangers", "doubled",
}  # fmt: skip
# Chance that somebody does this to a campaign, and that a platform reports of a person.
PEOPLE = {"stop": 0.4, "pause": 0.3, "correction": 0.15, "receipt": 0.12}
BELL = {"bell lost": 0.25, "bell doubled": 0.12, "bell forged": 0.08}
WIRE_CHANCE = {"sim-keyed": 0.3, "sim-plain": 0.05}


class Hazards:
    """At most `budget` faults; none once it is over."""

    def __init__(self, random: Random, budget: int) -> None:
        self.random, self.left = random, budget
        self.on = True
        self.counts: Counter[str] = Counter()

    def count(self, kind: str) -> None:
        self.counts[kind] += 1

    def at_point(self, process: Process, what: str) -> None:
        kind = what.rpartition(" ")[2] if what.startswith("sim-") else what if what in AT else "statement"
        match self._drawn(AT[kind]):
            case "crash":
                process.crash()
            case "connection killed":
                process.cut()
            case "stall":
                process.stall(self.random.choice([0.5, 5.0, 40.0, 70.0, 130.0]) * self.random.uniform(0.8, 1.2))
            case "clock jump":
                process.clockwork.jump(self.random.uniform(1, 90))
            case "standstill":
                process.clockwork.stand_still(self.random.uniform(2500, 4500))
            case "answer of COMMIT lost":
                process.lose_answer()

    def on_the_wire(self, slug: str) -> tuple[str, float]:
        """What a request meets ("" = nothing), and how long each way takes it."""
        delay = self.random.uniform(0.05, 0.4)
        if not self._may() or self.random.random() > WIRE_CHANCE[slug]:
            return "", delay
        kinds = {**WIRE, **ANSWERS} if slug == "sim-keyed" else WIRE
        fault = self.random.choices([*kinds], [*kinds.values()])[0]
        self._strike(fault)
        if fault == "timeout before":
            delay = 10.0
        if fault == "slow":
            delay = self.random.uniform(40, 130)
        return fault, delay

    def of_the_bell(self) -> str:
        return self._drawn(BELL)

    def _may(self) -> bool:
        return self.on and self.left > 0

    def _drawn(self, chances: dict[str, float]) -> str:
        if not self._may():
            return ""
        drawn = self.random.random()
        for kind, chance in chances.items():
            drawn -= chance
            if drawn < 0:
                self._strike(kind)
                return kind
        return ""

    def _strike(self, kind: str) -> None:
        self.left -= 1
        self.count(kind)


def added(one: Counter[str], *others: Counter[str]) -> dict[str, Any]:
    return dict(sum(others, one).most_common())
