"""Rounds in which every step runs once, beside a fixed unit of work that tells whether the machine was quiet meanwhile."""

from __future__ import annotations

import hashlib
import resource
from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter
from typing import Any

NOISE = 0.15  # how much the fixed unit may move before a round does not count
TRIES = 4  # times as many rounds as wanted, then whatever was quietest counts

Step = Callable[[], Any]


def rounds(steps: Mapping[str, Step], wanted: int, *, warm: bool = True) -> tuple[list[dict[str, float]], float]:
    """Seconds of each step in each round that counts, and the noise of the worst one of these."""
    if warm:
        for step in steps.values():
            step()
    found: list[tuple[float, dict[str, float]]] = []
    for _round in range(wanted * TRIES):
        before = _unit()
        seconds = {name: _timed(step) for name, step in steps.items()}
        found.append((abs(_unit() / before - 1), seconds))
        if sum(noise <= NOISE for noise, _seconds in found) >= wanted:
            break
    found.sort(key=lambda pair: pair[0])
    return [seconds for _noise, seconds in found[:wanted]], found[min(wanted, len(found)) - 1][0]


def _timed(step: Step) -> float:
    started = perf_counter()
    step()
    return perf_counter() - started


def _unit() -> float:
    return _timed(lambda: [hashlib.sha256(b"a fixed unit of work" * 50).digest() for _n in range(20_000)])


def ratio(measured: list[dict[str, float]], above: str, *below: str) -> dict[str, float]:
    """Median and smallest of one step's time over that of others together, round by round."""
    found = [seconds[above] / sum(seconds[name] for name in below) for seconds in measured]
    return {"median": round(median(found), 3), "min": round(min(found), 3)}


def milliseconds(measured: list[dict[str, float]], name: str) -> dict[str, Any]:
    return {"median": round(1000 * median(seconds[name] for seconds in measured), 3), "unit": "ms"}


def memory_mb() -> int:
    """The most memory this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
