"""The layers of the faults suite. Each is a function from options to one result; to add one, add its line here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

LAYERS = {
    "sim": "tests.faults.simulation.layer",
    "crash": "tests.faults.crash.layer",
    "stop": "tests.faults.stopping.layer",
    "chaos": "tests.faults.chaos.layer",
}
WRONGS = (
    "lost", "duplicated", "duplicated_unflagged", "unexpected", "sent_after_stop", "sent_after_expiry",
    "overtaken", "needless_doubt", "open_rows", "wrong_counters", "unapproved", "broken_chain",
)  # fmt: skip

BESIDE = ("faults", "deliveries", "lost", "duplicated", "duplicated_unflagged")


@dataclass(frozen=True)
class Options:
    """`seed` is the first one, `seeds` how many, `faults` the most in one run (None = the layer's own number)."""

    seed: int = 1
    seeds: int | None = None
    faults: int | None = None
    processes: int = 2


@dataclass
class Result:
    """What a layer came to. `wrongs` counts broken promises by name; all are 0 when every promise was kept."""

    layer: str
    seeds: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    deliveries: int = 0
    wrongs: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)  # how to see each again, and what was wrong
    beside: Counter[str] = field(default_factory=Counter)  # what the same came to with one RQ job a person
    most: dict[str, float] = field(default_factory=dict)  # the largest of whatever was measured

    @property
    def kept(self) -> bool:
        return not self.failures and not any(self.wrongs.values())

    def add(self, other: Result) -> None:
        self.seeds += other.seeds
        self.faults += other.faults
        self.deliveries += other.deliveries
        self.wrongs += other.wrongs
        self.failures += other.failures
        self.beside += other.beside
        self.most |= {name: max(value, self.most.get(name, value)) for name, value in other.most.items()}

    def as_json(self) -> dict[str, Any]:
        return {
            "layer": self.layer,
            "seeds": self.seeds,
            "faults": self.faults.total(),
            "faults_by_kind": dict(self.faults.most_common()),
            "deliveries": self.deliveries,
            **{name: self.wrongs[name] for name in WRONGS},
            "failures": self.failures,
            **({"one_rq_job_a_person": {name: self.beside[name] for name in BESIDE}} if self.beside else {}),
            **({"most": self.most} if self.most else {}),
        }


def layer(name: str) -> Callable[[Options], Result]:
    module, _, function = LAYERS[name].rpartition(".")
    found: Callable[[Options], Result] = getattr(import_module(module), function)
    return found
