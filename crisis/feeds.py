"""What the key of a program may feed. Sources belong to an app above, which says here which ones there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Feed:
    """A source as a key names it. One that is not `usable` takes nothing in at present."""

    number: int
    name: str
    usable: bool


_READERS: list[Callable[[], list[Feed]]] = []


def register(reader: Callable[[], list[Feed]]) -> None:
    _READERS.append(reader)


def known() -> list[Feed]:
    return [feed for reader in _READERS for feed in reader()]


def names() -> dict[int, str]:
    return {feed.number: feed.name for feed in known()}
