"""Rounds in which every step runs once, beside a fixed unit of work that tells whether the machine was quiet meanwhile."""

from __future__ import annotations

import hashlib
import resource
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

NOISE = 0.15  # how much the fixed unit may move before a round does not count
TRIES = 4  # times as many rounds as wanted, then whatever was quietest counts, and it is said how many were quiet

Step = Callable[[], Any]
Seconds = Mapping[str, float]


class Measured(NamedTuple):
    """Seconds of each step in each round that counts; how many of these were quiet; and the noise of the worst one."""

    rounds: Sequence[Seconds]
    quiet: int
    noise: float


def rounds(steps: Mapping[str, Step], wanted: int, *, warm: bool = True, least: float = 0.0) -> Measured:
    """Run the steps in turn until enough rounds were quiet. A step shorter than `least` seconds is repeated for that long in
    each round and its median counts: else it would pay for the caches that the step before it emptied."""
    if warm:
        for step in steps.values():
            step()
    found: list[tuple[float, Seconds]] = []
    for _round in range(wanted * TRIES):
        before = _timed(_unit)
        seconds = {name: _repeated(step, least) for name, step in steps.items()}
        found.append((abs(_timed(_unit) / before - 1), seconds))
        if _quiet(found) >= wanted:
            break
    found.sort(key=lambda pair: pair[0])
    counting = found[:wanted]
    return Measured([seconds for _noise, seconds in counting], _quiet(counting), counting[-1][0])


def _quiet(found: Sequence[tuple[float, Seconds]]) -> int:
    return sum(noise <= NOISE for noise, _seconds in found)


def _repeated(step: Step, least: float) -> float:
    found = [_timed(step)]
    while sum(found) < least:
        found.append(_timed(step))
    return median(found)


def _timed(step: Step) -> float:
    started = perf_counter()
    step()
    return perf_counter() - started


def _unit() -> None:
    for _n in range(20_000):
        hashlib.sha256(b"a fixed unit of work" * 50).digest()


def ratio(measured: Measured, above: str, *below: str) -> dict[str, float]:
    """Median and smallest of one step's time over that of others together, round by round."""
    return _of([seconds[above] / sum(seconds[name] for name in below) for seconds in measured.rounds])


def beside(now: Sequence[float], before: Sequence[float]) -> dict[str, float]:
    """The same of times that were not measured in the same rounds: each over the median of the others."""
    return _of([each / median(before) for each in now])


def _of(found: Sequence[float]) -> dict[str, float]:
    return {"median": round(median(found), 3), "min": round(min(found), 3)}


def times(measured: Measured, name: str) -> list[float]:
    return [seconds[name] for seconds in measured.rounds]


def milliseconds(measured: Measured, name: str) -> dict[str, Any]:
    return {"median": round(1000 * median(times(measured, name)), 3), "unit": "ms"}


def honesty(*measured: Measured) -> dict[str, Any]:
    """How many rounds every figure stands for at least, how many of them were quiet, and the noise of the worst one."""
    return {
        "rounds": min(len(each.rounds) for each in measured),
        "quiet_rounds": min(each.quiet for each in measured),
        "noise": round(max(each.noise for each in measured), 3),
    }


def memory_mb() -> int:
    """The most memory this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
