"""The kinds of change that take two persons. A kind is words and a function; whoever owns what it changes registers it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from crisis.models import AdminAction, User


@dataclass(frozen=True, slots=True)
class Shown:
    """What the one who confirms is shown once, and nobody ever again: a link, a key."""

    words: Any
    secret: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of change.

    `sentence` says what will happen, for the page. `check` raises Refused for a change that cannot be made; it is asked when it
    is proposed and again when it is confirmed. `apply` stamps the confirmation and makes the change, in one transaction.
    `action` is what proposing and confirming demands.
    """

    name: str
    label: Any
    sentence: Callable[[AdminAction], str]
    check: Callable[[AdminAction], None]
    apply: Callable[[AdminAction, User], Shown | None]
    action: str = "power.change"


KINDS: dict[str, Kind] = {}


def register(*kinds: Kind) -> None:
    """Let changes of these kinds be proposed."""
    KINDS.update({kind.name: kind for kind in kinds})


def kind_of(change: AdminAction) -> Kind:
    return KINDS[change.kind]
