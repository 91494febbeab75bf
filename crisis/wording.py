"""What changed between two wordings, word by word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

LONGEST = 3_000  # words of a text that are compared one by one; a longer one is shown whole, before and after
SAME, GONE, NEW = "same", "del", "ins"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words, and whether they stayed, went or came."""

    op: str
    text: str


def words(old: str, new: str) -> list[Piece]:
    """A diff of words, whatever spaces stand after them. Put together, what stayed and came are the words of the new text."""
    before, after = (re.findall(r"\S+\s*|^\s+", text) for text in (old, new))
    if max(len(before), len(after)) > LONGEST:
        return [Piece(op, text) for op, text in ((GONE, old), (NEW, new)) if text]
    pieces = [*_pieces(before, after)]
    last = len(pieces) - 1
    return [
        piece if n == last or piece.text[-1:].isspace() else Piece(piece.op, f"{piece.text} ") for n, piece in enumerate(pieces)
    ]


def _pieces(before: list[str], after: list[str]) -> Iterator[Piece]:
    old, new = ([token.strip() for token in tokens] for tokens in (before, after))
    for op, a, b, c, d in SequenceMatcher(None, old, new).get_opcodes():
        if op == "equal":
            yield Piece(SAME, "".join(after[c:d]))
            continue
        if a < b:
            yield Piece(GONE, "".join(before[a:b]))
        if c < d:
            yield Piece(NEW, "".join(after[c:d]))
