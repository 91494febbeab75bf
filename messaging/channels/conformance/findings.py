"""What the suite says of a platform: for each rule whether it is kept, what was asked, what came, and why it matters.

Sentences are English here and named values apart from them, so that whoever reports can say them in another language.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from messaging.channels.conformance.trial import Trial

Say = Callable[[str], str]


def marked(text: str) -> str:
    """A sentence of the catalogue; imported as `_`."""
    return text


_ = marked


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence and the values in it."""

    text: str
    values: Mapping[str, object] = field(default_factory=dict)

    def told(self, say: Say) -> str:
        values = {name: value.told(say) if isinstance(value, Said) else value for name, value in self.values.items()}
        return say(self.text) % values


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why a rule is broken: what was asked, what came, and both as they went over the wire."""

    sent: Said
    got: Said
    wire: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the contract: by its number there, where the document says it, and why it matters."""

    code: str
    number: int
    clause: str
    title: str
    means: str
    check: Callable[[Trial], Awaitable[Wrong | None]]
    last: bool = False  # judges what all others heard


@dataclass(frozen=True, slots=True)
class Finding:
    """`passed` is None when the rule could not be judged; `got` says why then."""

    rule: Rule
    passed: bool | None
    sent: Said | None = None
    got: Said | None = None
    wire: tuple[str, ...] = ()


class NotJudgedError(Exception):
    """The rule does not concern this platform, or cannot be looked at now."""

    def __init__(self, why: Said) -> None:
        super().__init__(why.text % why.values)
        self.why = why


class CannotJudgeError(NotJudgedError):
    """The platform cannot be judged at all."""


RULES: Final[list[Rule]] = []


def rule(
    code: str, number: int, clause: str, title: str, means: str, *, last: bool = False
) -> Callable[[Callable[[Trial], Awaitable[Wrong | None]]], Callable[[Trial], Awaitable[Wrong | None]]]:
    """Register a check."""

    def register(check: Callable[[Trial], Awaitable[Wrong | None]]) -> Callable[[Trial], Awaitable[Wrong | None]]:
        RULES.append(Rule(code, number, clause, title, means, check, last))
        return check

    return register


def dig(value: Any, *path: str) -> Any:
    """What stands at a path of an answer, or None: a platform may answer anything."""
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def totals(value: Any) -> dict[str, Any]:
    """The counters of a status."""
    found = dig(value, "counters")
    return found if isinstance(found, dict) else {}


def number(value: Any, *path: str) -> int:
    """A whole number at a path; what is none counts as nothing."""
    found = dig(value, *path)
    return found if type(found) is int else 0
