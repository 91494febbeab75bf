"""Conditions joined: all of them, any of them, none of them. And the reading of any condition from JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

from django.utils.translation import gettext as _

from audiences.criteria.checks import keys_of, list_of, shown
from audiences.criteria.clauses import Clause, Narrowing, Node, joined
from audiences.criteria.leaves import LEAVES
from crisis.refusal import Refused

DEEPEST = 4  # groups inside one another
MOST_LEAVES = 20


@dataclass(frozen=True, init=False, slots=True)
class Group:
    """Conditions that stand together. Each counts once, however often it is given. Raises Refused when empty or too deep."""

    op: ClassVar[str]
    of: tuple[Node, ...]

    def __init__(self, *of: Node) -> None:
        object.__setattr__(self, "of", tuple(dict.fromkeys(of)))
        if not of:
            raise Refused(_("A group of conditions needs at least one."), field="of")
        if self.depth > DEEPEST:
            raise Refused(_("Conditions stand inside one another at most %(n)d deep.") % {"n": DEEPEST}, field="of")

    @property
    def depth(self) -> int:
        return 1 + max(node.depth if isinstance(node, Group) else 0 for node in self.of)

    def clauses(self, at: datetime, name: str) -> list[Clause]:
        return [node.clause(at, f"{name}_{number}") for number, node in enumerate(self.of)]

    def sentences(self) -> str:
        """The conditions inside, each in brackets of its own where there are several."""
        words = [_lowered(node.sentence()) for node in self.of]
        return words[0] if len(words) == 1 else ", ".join(f"({each})" for each in words)

    def to_json(self) -> dict[str, Any]:
        return {"op": self.op, "of": [node.to_json() for node in self.of]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        keys_of(data, "of")
        return cls(*(node_from_json(item) for item in list_of(data, "of")))


class AllOf(Group):
    __slots__ = ()
    op = "all_of"

    def clause(self, at: datetime, name: str) -> Clause:
        return joined(self.clauses(at, name), "AND")

    @property
    def bounded(self) -> bool:
        return any(node.bounded for node in self.of)

    def people(self, at: datetime, name: str) -> Clause:
        first = next((node for node in self.of if node.bounded), self.of[0])
        return first.people(at, f"{name}_in")

    def sentence(self) -> str:
        return _("all of these: %(conditions)s") % {"conditions": self.sentences()}


class AnyOf(Group):
    __slots__ = ()
    op = "any_of"

    def clause(self, at: datetime, name: str) -> Clause:
        return joined(self.clauses(at, name), "OR")

    @property
    def bounded(self) -> bool:
        return all(node.bounded for node in self.of)

    def people(self, at: datetime, name: str) -> Clause:
        return joined([node.people(at, f"{name}_{number}_in") for number, node in enumerate(self.of)], "UNION")

    def sentence(self) -> str:
        return _("at least one of these: %(conditions)s") % {"conditions": self.sentences()}


class Except(Narrowing, Group):
    """None of the conditions: it takes people away and cannot begin an audience."""

    __slots__ = ()
    op = "except"

    def clause(self, at: datetime, name: str) -> Clause:
        inner = joined(self.clauses(at, name), "OR")
        return Clause(f"NOT ({inner.text}) AND {inner.known}", inner.params, inner.known)

    def sentence(self) -> str:
        return _("but not: %(conditions)s") % {"conditions": self.sentences()}


def refuse_too_deep(data: object) -> None:
    """Look at JSON level by level, before anything is made of it: reading it is recursive. Raises Refused."""
    level, depth = [data], 0
    while level:
        if depth > DEEPEST + 1:
            raise Refused(_("Conditions stand inside one another at most %(n)d deep.") % {"n": DEEPEST}, field="of")
        groups = [item["of"] for item in level if isinstance(item, Mapping) and isinstance(item.get("of"), list)]
        level, depth = [inner for group in groups for inner in group], depth + 1
        if len(level) > MOST_LEAVES:
            raise Refused(_("An audience has at most %(n)d conditions.") % {"n": MOST_LEAVES}, field="of")


GROUPS: dict[str, type[AllOf | AnyOf | Except]] = {group.op: group for group in (AllOf, AnyOf, Except)}


def node_from_json(data: object) -> Node:
    """Read what a condition's to_json() wrote. Raises Refused, naming the field, for anything else."""
    if not isinstance(data, Mapping):
        raise Refused(_("A condition of an audience has to be an object."), field="of")
    op = data.get("op")
    known: Mapping[str, type[Node]] = {**LEAVES, **GROUPS}
    if not isinstance(op, str) or op not in known:
        raise Refused(_("“%(value)s” is no condition known here.") % {"value": shown(op)}, field="op")
    return known[op].from_json(data)


def leaves_of(node: Node, *, taken_away: bool = True) -> Iterator[Node]:
    """Every condition that is no group, at any depth; without `taken_away` none of those inside an Except."""
    if not isinstance(node, AllOf | AnyOf | Except):
        yield node
    elif taken_away or not isinstance(node, Except):
        for inner in node.of:
            yield from leaves_of(inner, taken_away=taken_away)


def ordered(data: Mapping[str, Any]) -> str:
    """A condition's JSON as text; those inside a group in an order of their own."""
    inside = {"of": sorted(map(ordered, data["of"]))} if "of" in data else {}
    return json.dumps({**data, **inside}, sort_keys=True)


def taken_away(node: Node) -> Iterator[Node]:
    """The conditions inside every Except, at any depth."""
    if isinstance(node, Except):
        yield from leaves_of(node)
    elif isinstance(node, AllOf | AnyOf):
        for inner in node.of:
            yield from taken_away(inner)


def _lowered(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
