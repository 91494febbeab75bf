"""Signs that do not belong into a public text: invisible ones, turned reading order, letters of another alphabet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from unicodedata import category, name

ALPHABETS = ("LATIN", "CYRILLIC", "GREEK")
WORD = re.compile(r"[^\W\d_]+")
LINE = frozenset("\n\r\t")
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
BROKEN = "\ufffd"  # what a decoder writes for bytes it could not read


class Odd(NamedTuple):
    """`at` counts from 1. `quote` is the sign as a code point, or the word."""

    at: int
    quote: str


def unstorable(text: str) -> int:
    """The place, from 1, of the first sign that no database and no platform takes: NUL or half of a pair. 0 without one."""
    return next((at for at, sign in enumerate(text, 1) if sign == "\0" or category(sign) == "Cs"), 0)


def odd_signs(text: str, *, lines: bool) -> Iterator[Odd]:
    """Control signs, turned reading order, undecoded bytes, and signs without a width inside a word."""
    for at, sign in enumerate(text):
        if _control(sign, lines=lines) or sign in TURNING or sign == BROKEN or _hidden(text, at):
            yield Odd(at + 1, f"U+{ord(sign):04X}")


def _control(sign: str, *, lines: bool) -> bool:
    return category(sign) in ("Cc", "Cs", "Co", "Zl", "Zp") and not (lines and sign in LINE)


def _hidden(text: str, at: int) -> bool:
    return category(text[at]) == "Cf" and 0 < at < len(text) - 1 and text[at - 1].isalnum() and text[at + 1].isalnum()


def mixed_words(text: str) -> Iterator[Odd]:
    """Words written in letters of more than one alphabet."""
    for found in WORD.finditer(text):
        if len({alphabet(sign) for sign in found[0]} & {*ALPHABETS}) > 1:
            yield Odd(found.start() + 1, found[0])


def alphabet(letter: str) -> str:
    """The first word of the letter's Unicode name: LATIN, CYRILLIC."""
    return name(letter, "").partition(" ")[0]
