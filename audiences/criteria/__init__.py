"""Whom an audience means: frozen values that become SQL, a platform's plain dict, a sentence and JSON.

`Criteria` is all of its leaves together; "or" and "except" would be further nodes beside it. Nothing here counts or sends, and
nothing defaults to everybody: what cannot be understood is Refused, never left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Any, ClassVar, Self

from django.utils.translation import gettext as _
from django.utils.translation import override

from audiences.criteria.checks import keys_of, list_of, shown
from audiences.criteria.leaves import LEAVES, MODES, Clause, Leaf, Mode, Permitted, Seen, Speaks, Subscribed
from crisis.refusal import Refused

__all__ = ["LEAVES", "MODES", "Clause", "Criteria", "Leaf", "Mode", "Permitted", "Seen", "Speaks", "Subscribed"]

MOST_LEAVES = 20


@dataclass(frozen=True, init=False, slots=True)
class Criteria:
    """All of the leaves. The first `Seen` is the place whose sightings are scanned.

    Raises Refused when empty, without a place, or when no person could meet all of it.
    """

    op: ClassVar[str] = "all_of"
    leaves: tuple[Leaf, ...]

    def __init__(self, *leaves: Leaf) -> None:
        object.__setattr__(self, "leaves", tuple(dict.fromkeys(leaves)))
        if not any(isinstance(leaf, Seen) for leaf in leaves):
            raise Refused(_("Say where people were seen: an audience never means everybody."), field="countries")
        if len(leaves) > MOST_LEAVES:
            raise Refused(_("An audience has at most %(n)d conditions.") % {"n": MOST_LEAVES}, field="of")
        for one, other in combinations(self.leaves, 2):
            _refuse_contradiction(one, other)

    @property
    def place(self) -> Seen:
        return next(leaf for leaf in self.leaves if isinstance(leaf, Seen))

    @property
    def countries(self) -> tuple[str, ...]:
        """Every country named, for rules about an audience that gained one."""
        return tuple(sorted({code for leaf in self.leaves if isinstance(leaf, Seen) for code in leaf.countries}))

    @property
    def one_row_each(self) -> bool:
        """Whether no person can have two rows in the scope: presence keeps one row for a person and country."""
        return len(self.place.countries) == 1

    def scope(self, at: datetime) -> Clause:
        """Everything but the mode of the place scanned: what `reach` scans, to tell who was there and has left."""
        if at.utcoffset() is None:
            raise ValueError("An audience is looked at at an instant with a time zone.")
        clauses = [self.place.scope(at, "audience0"), *self._others(at)]
        return Clause(" AND ".join(c.text for c in clauses), {k: v for c in clauses for k, v in c.params.items()})

    def where(self, at: datetime) -> Clause:
        """SQL over `audiences_presence p`: the people meant, seen from the instant `at`."""
        scope = self.scope(at)
        return Clause(scope.text + self.place.mode_text(), scope.params)

    def _others(self, at: datetime) -> Iterator[Clause]:
        others = [leaf for leaf in self.leaves if leaf is not self.place]
        return (leaf.clause(at, f"audience{number}") for number, leaf in enumerate(others, 1))

    def platform(self, at: datetime) -> dict[str, Any]:
        """What a platform that finds people itself is asked: place and window alone. Raises Refused unless that is one country.

        The other conditions are not told to it: who follows us is the order's own question, the rest is `unknown_to_platform`.
        """
        places = [leaf for leaf in self.leaves if isinstance(leaf, Seen)]
        if len(places) != 1:
            raise Refused(_("A platform takes one country an order. Make one audience for each country."), field="countries")
        return self.place.platform(at)

    @property
    def unknown_to_platform(self) -> tuple[Leaf, ...]:
        """Conditions no platform is told of: with any of these it would reach more people than the audience means."""
        return tuple(leaf for leaf in self.leaves if not isinstance(leaf, Seen | Subscribed))

    def sentence(self, language: str) -> str:
        """The audience in one sentence, in "en" or "ru"."""
        with override(language):
            words = "; ".join([self.place.sentence(), *(leaf.sentence() for leaf in self.leaves if leaf is not self.place)])
            return f"{words}."

    def to_json(self) -> dict[str, Any]:
        return {"op": self.op, "of": [leaf.to_json() for leaf in self.leaves]}

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Read what to_json() wrote. Raises Refused, naming the field, for anything else."""
        if not isinstance(data, Mapping) or data.get("op") != cls.op:
            raise Refused(_("This is not the rule of an audience."), field="op")
        keys_of(data, "of")
        return cls(*(_leaf(item) for item in list_of(data, "of")))


def _leaf(data: object) -> Leaf:
    if not isinstance(data, Mapping):
        raise Refused(_("A condition of an audience has to be an object."), field="of")
    op = data.get("op")
    if not isinstance(op, str) or op not in LEAVES:
        raise Refused(_("“%(value)s” is no condition known here.") % {"value": shown(op)}, field="op")
    return LEAVES[op].from_json(data)


def _refuse_contradiction(one: Leaf, other: Leaf) -> None:
    match one, other:
        case (Subscribed(), Subscribed()) | (Permitted(), Permitted()) if one.kind == other.kind:  # type: ignore[attr-defined]
            raise Refused(_("Nobody can meet both: “%(one)s” and “%(other)s”.") % _both(one, other), field="yes")
        case Speaks(), Speaks() if not {*one.languages} & {*other.languages}:
            raise Refused(_("Nobody can meet both: “%(one)s” and “%(other)s”.") % _both(one, other), field="languages")
        case Seen(mode="last_seen_there"), Seen(mode="last_seen_there") if not {*one.countries} & {*other.countries}:
            raise Refused(_("Nobody can meet both: “%(one)s” and “%(other)s”.") % _both(one, other), field="countries")


def _both(one: Leaf, other: Leaf) -> dict[str, str]:
    return {"one": one.sentence(), "other": other.sentence()}
