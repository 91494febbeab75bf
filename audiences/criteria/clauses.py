"""What every condition of an audience can do, and the SQL it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol, runtime_checkable

from crisis.models import User
from crisis.refusal import Problem

ALWAYS = "TRUE"


@dataclass(frozen=True, slots=True)
class Clause:
    """SQL with named parameters; the names are unique enough to stand inside another query.

    `known` is SQL that is true as long as everything is still there and in use that the clause asks about. Where it is not,
    whom the clause would take away is not known either, and nobody is meant: what fails never lets anybody in.
    """

    text: str
    params: Mapping[str, Any]
    known: str = ALWAYS


class Node(Protocol):
    """One condition, or several joined. It checks itself when it is made and raises Refused."""

    op: ClassVar[str]

    def clause(self, at: datetime, name: str) -> Clause:
        """True or false, never NULL, for the person of a row `p` with contact_id and traits. `name` begins its parameters."""
        ...

    @property
    def bounded(self) -> bool:
        """Whether an audience can begin with it. What is not bounded could mean everybody."""
        ...

    def people(self, at: datetime, name: str) -> Clause:
        """A query of contact_id that holds everybody who can meet the condition. Raises ValueError for one not bounded."""
        ...

    def sentence(self) -> str: ...
    def to_json(self) -> dict[str, Any]: ...
    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Node: ...


@runtime_checkable
class Pointing(Protocol):
    """A condition that names rows, such as a list."""

    def problems(self, by: User) -> list[Problem]:
        """What it names that is not there, or not for this person to see."""
        ...


@runtime_checkable
class Told(Protocol):
    """A condition that goes by what sources say."""

    def silent(self, at: datetime, name: str) -> Clause:
        """A query of the names of sources switched off by which people would meet it. Taken away, it then means nobody."""
        ...


class Narrowing:
    """A condition that takes people away, such as a language: no audience begins with it."""

    __slots__ = ()

    @property
    def bounded(self) -> bool:
        return False

    def people(self, at: datetime, name: str) -> Clause:
        raise ValueError("Everybody could meet this.")


class Beginning:
    """A condition about known people: an audience can begin with it."""

    __slots__ = ()

    @property
    def bounded(self) -> bool:
        return True


def joined(clauses: list[Clause], word: str) -> Clause:
    """All clauses in brackets with AND, OR or UNION between them."""
    text = f" {word} ".join(f"({clause.text})" for clause in clauses)
    known = " AND ".join(clause.known for clause in clauses if clause.known != ALWAYS)
    return Clause(text, {key: value for clause in clauses for key, value in clause.params.items()}, known or ALWAYS)
