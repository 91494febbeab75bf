"""Whom an audience means: frozen values that become SQL, a platform's plain dict, a sentence and JSON.

`Criteria` is all of its conditions together; AnyOf, AllOf and Except stand inside it. Nothing here counts or sends, and nothing
defaults to everybody: what cannot be understood is Refused, never left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Any, ClassVar, Self

from django.utils.translation import gettext as _

from audiences import traits
from audiences.criteria.areas import Area, Circle, Polygon
from audiences.criteria.checks import keys_of, list_of
from audiences.criteria.clauses import Clause, Node, Told, joined
from audiences.criteria.groups import (
    MOST_LEAVES,
    AllOf,
    AnyOf,
    Except,
    leaves_of,
    node_from_json,
    ordered,
    refuse_too_deep,
    taken_away,
)
from audiences.criteria.leaves import LEAVES, Listed, Permitted, Speaks, Subscribed, Travelling
from audiences.criteria.seen import MODES, Mode, Seen
from crisis.refusal import Refused

__all__ = [
    "LEAVES",
    "MODES",
    "AllOf",
    "AnyOf",
    "Area",
    "Circle",
    "Clause",
    "Criteria",
    "Except",
    "Listed",
    "Mode",
    "Node",
    "Permitted",
    "Polygon",
    "Scan",
    "Seen",
    "Speaks",
    "Subscribed",
    "Travelling",
]


@dataclass(frozen=True, slots=True)
class Scan:
    """What to read: `FROM rows WHERE where`, rows `p` with contact_id and traits; with a place also last_seen_at."""

    rows: str
    where: str
    params: Mapping[str, Any]


@dataclass(frozen=True, init=False, slots=True)
class Criteria:
    """All of the conditions. The first `Seen` among them is the place whose sightings are scanned.

    Raises Refused when empty, when it could mean everybody, or when no person could meet all of it.
    """

    op: ClassVar[str] = "all_of"
    of: tuple[Node, ...]

    def __init__(self, *of: Node) -> None:
        object.__setattr__(self, "of", tuple(dict.fromkeys(of)))
        if not any(node.bounded for node in of):
            raise Refused(_("Say where people were seen: an audience never means everybody."), field="countries")
        if len([*self.leaves()]) > MOST_LEAVES:
            raise Refused(_("An audience has at most %(n)d conditions.") % {"n": MOST_LEAVES}, field="of")
        for one, other in combinations(self.of, 2):
            _refuse_contradiction(one, other)

    def leaves(self, *, taken_away: bool = True) -> Iterator[Node]:
        """Every condition at any depth; without `taken_away` none of those that exclude people."""
        for node in self.of:
            yield from leaves_of(node, taken_away=taken_away)

    def silent(self, at: datetime) -> Clause | None:
        """A query of the names of sources switched off by which people would be taken away: so nobody is meant. None if none is
        asked."""
        told = [leaf for node in self.of for leaf in taken_away(node) if isinstance(leaf, Told)]
        return joined([leaf.silent(at, f"audience{n}") for n, leaf in enumerate(told)], "UNION") if told else None

    @property
    def place(self) -> Seen | None:
        """Where everybody in the audience was seen; None when it begins with a list, a trip or a choice of places."""
        return next((node for node in self.of if isinstance(node, Seen)), None)

    @property
    def countries(self) -> tuple[str, ...]:
        """Every country the audience may reach into by a sighting or a trip, for rules about one that gained a country."""
        places = [leaf for leaf in self.leaves(taken_away=False) if isinstance(leaf, Seen | Travelling)]
        return tuple(sorted({code for leaf in places for code in leaf.countries}))

    @property
    def one_row_each(self) -> bool:
        """Whether no person can have two rows in the scan: presence keeps one row for a person and country."""
        return self.place is None or len(self.place.countries) == 1

    @property
    def in_order_of_time(self) -> bool:
        """Whether the scan reads one country in the order of its sightings and leaves nobody out: its ends are at hand then."""
        return len(self.of) == 1 and self.place is not None and self.one_row_each and self.place.area is None

    def scan(self, at: datetime, *, any_mode: bool = False, all_in_use: bool = False) -> Scan:
        """The people meant, seen from the instant `at`. `any_mode`: also those who were at the place and have left.

        `all_in_use`: the caller has just seen that every source is in use.
        """
        if at.utcoffset() is None:
            raise ValueError("An audience is looked at at an instant with a time zone.")
        place, others = self.place, [node for node in self.of if node is not self.place]
        clauses = [node.clause(at, f"audience{number}") for number, node in enumerate(others, 1)]
        if place is None:
            people = AllOf(*self.of).people(at, "audience0")
            rest = joined(clauses, "AND")
            return Scan(f"({traits.traits_sql(people.text)}) p", rest.text, {**people.params, **rest.params})
        scope = place.scope(at, "audience0", all_in_use=all_in_use)
        where = Clause(scope.text + ("" if any_mode else place.mode_text()), scope.params)
        whole = joined([where, *clauses], "AND")
        return Scan(place.rows("audience0"), whole.text, whole.params)

    def platform(self, at: datetime) -> dict[str, Any]:
        """What a platform that finds people itself is asked: place and window alone. Raises Refused unless that is one country.

        The other conditions are not told to it: who follows us is the order's own question, the rest is `unknown_to_platform`.
        """
        places = [leaf for leaf in self.leaves() if isinstance(leaf, Seen)]
        if len(places) != 1 or self.place is None:
            raise Refused(_("A platform takes one country an order. Make one audience for each country."), field="countries")
        return self.place.platform(at)

    @property
    def unknown_to_platform(self) -> tuple[Node, ...]:
        """Conditions no platform is told of: with any of these it would reach more people than the audience means."""
        return tuple(node for node in self.of if not _is_told(node))

    def sentence(self) -> str:
        """The audience in one sentence, in the reader's language."""
        place = self.place
        nodes = [*([place] if place else []), *(node for node in self.of if node is not place)]
        words = "; ".join(node.sentence() for node in nodes)
        return f"{words[:1].upper()}{words[1:]}."

    @property
    def meaning(self) -> str:
        """The same text for rules that say the same in another order. Which place comes first is no order: it is scanned."""
        place = self.place
        rest = sorted(ordered(node.to_json()) for node in self.of if node is not place)
        return json.dumps([place and ordered(place.to_json()), *rest])

    def to_json(self) -> dict[str, Any]:
        return {"op": self.op, "of": [node.to_json() for node in self.of]}

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Read what to_json() wrote. Raises Refused, naming the field, for anything else."""
        if not isinstance(data, Mapping) or data.get("op") != cls.op:
            raise Refused(_("This is not the rule of an audience."), field="op")
        keys_of(data, "of")
        refuse_too_deep(data)
        return cls(*(node_from_json(item) for item in list_of(data, "of")))


def _is_told(node: Node) -> bool:
    return isinstance(node, Subscribed) or (isinstance(node, Seen) and not (node.area or node.sources))


def _refuse_contradiction(one: Node, other: Node) -> None:
    match one, other:
        case (Subscribed(), Subscribed()) | (Permitted(), Permitted()) if one.kind == other.kind:  # type: ignore[attr-defined]
            field = "yes"
        case Speaks(), Speaks() if not {*one.languages} & {*other.languages}:
            field = "languages"
        case Seen(mode="last_seen_there"), Seen(mode="last_seen_there") if not {*one.countries} & {*other.countries}:
            field = "countries"
        case (node, Except() as taken) | (Except() as taken, node) if node in taken.of:
            field = "of"
        case _:
            return
    both = {"one": one.sentence(), "other": other.sentence()}
    raise Refused(_("Nobody can meet both: “%(one)s” and “%(other)s”.") % both, field=field)
