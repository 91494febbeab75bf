"""How many people several ways reach together, when one person may be reached by several of them. Numbers in, numbers out.

A platform that finds people by itself tells totals and no person, so nobody can know who was reached twice. Nothing is added
up as if people were distinct: what is said here are bounds, and they hold whatever the overlap is. Where it is known exactly,
since we hold the people ourselves, it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Bounds = tuple[int, int | None]  # at least and at most so many people; None = nobody can say
Overlap = Mapping[frozenset[int], int]  # people by the set of accounts, of those whose people we hold, that reach them


@dataclass(frozen=True, slots=True)
class Part:
    """What is known of one way. `minutes` is how long the decision to use it took; None = none was needed or made."""

    account: int
    least: int
    most: int | None
    minutes: float | None = None

    @property
    def per_minute(self) -> float | None:
        """People reached, at least, for a minute of decision. A decision within a minute counts as one: haste adds nothing."""
        return None if self.minutes is None else self.least / max(1.0, self.minutes)


@dataclass(frozen=True, slots=True)
class Added:
    """People whom one way reaches and no other way does."""

    part: Part
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Joint:
    """People whom any way reaches. `most_told` is `most` without the ways that have told no number, when there are such."""

    least: int
    most: int | None
    most_told: int
    ways: tuple[Added, ...]

    @property
    def untold(self) -> tuple[int, ...]:
        """The accounts of the ways of which nobody can say how many people they reach at most."""
        return tuple(way.part.account for way in self.ways if way.part.most is None)


def reported(people: int | None, *, step: int = 0, threshold: int = 0, within: int | None = None) -> Bounds:
    """What a platform's number says. It rounds to `step`, up, down or to the nearest, and may say 0 below its `threshold`.

    Not said is not none: then it is known only that it was `within` those it found, if that much is.
    """
    if people is None:
        return 0, within
    slack = max(0, step - 1)
    least = max(0, people - slack) if people >= threshold else 0
    most = max(people + slack, threshold - 1 if people < threshold else 0)
    return least, most if within is None else max(least, min(most, within))


def in_turn(orders: Iterable[tuple[Bounds, bool]]) -> Bounds:
    """Several orders by one way as they were given, each with whether it left out everybody whom the earlier ones reached."""
    least, most, told = 0, 0, True
    for (at_least, at_most), only_others in orders:
        least = least + at_least if only_others else max(least, at_least)
        most, told = most + (at_most or 0), told and at_most is not None
    return least, most if told else None


def join(parts: Sequence[Part], overlap: Overlap | None = None) -> Joint:
    """All ways together, and what each adds to all the others. `overlap` covers every account that it names at all."""
    held = overlap or {}
    least, most = _together(parts, held)
    told = [part for part in parts if part.most is not None]
    return Joint(least, most, _together(told, held)[1] or 0, tuple(_added(part, parts, held) for part in parts))


def _together(parts: Sequence[Part], held: Overlap) -> Bounds:
    """At least the largest part, at most the sum of all; those whose overlap is known are one part, and exact."""
    known = frozenset[int]().union(*held) & {part.account for part in parts}
    ours = sum(people for accounts, people in held.items() if accounts & known)
    others = [part for part in parts if part.account not in known]
    most = [part.most for part in others if part.most is not None]
    return max(ours, *(part.least for part in parts), 0), ours + sum(most) if len(most) == len(others) else None


def _added(part: Part, parts: Sequence[Part], held: Overlap) -> Added:
    known = frozenset[int]().union(*held) & {one.account for one in parts}
    if part.account in known:
        alone = sum(people for accounts, people in held.items() if accounts & known == {part.account})
        return _beside(part, (alone, alone), [one for one in parts if one.account not in known], held)
    return _beside(part, (part.least, part.most), [one for one in parts if one is not part], held)


def _beside(part: Part, own: Bounds, others: Sequence[Part], held: Overlap) -> Added:
    """At least those left when the others reach nobody else, at most all of its own."""
    taken = _together(others, held)[1]
    return Added(part, 0 if taken is None else max(0, own[0] - taken), own[1])


def percent_at_least(people: int, nationals: int) -> int:
    """In hundredths, rounded down: what is said to be at least so much is no less."""
    return 100 * people // nationals


def percent_at_most(people: int, nationals: int) -> int:
    """In hundredths, rounded up: what is said to be at most so much is no more."""
    return -(-100 * people // nationals)
