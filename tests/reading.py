"""Reading a page as a Russian-speaking person does: what stands or is spoken on it, and which words of it are not Russian.

Code and whatever is marked as another language (`lang`) is left out: nobody expects Russian there, and a screen reader knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html.parser import HTMLParser

import pytest
from django.http import HttpResponse

from audiences.criteria.checks import known_countries

# Names, abbreviations and signs that stand in Russian sentences as they are.
NAMES = frozenset({"VK", "MAX", "Telegram", "Redis", "Django"})
SIGNS = frozenset(
    {"API", "CSV", "XLSX", "JSON", "UTF-8", "CP1251", "NUL", "UTC", "GeoJSON", "WKT", "CAP", "URL", "DEMO", "RU", "EN"}
)
SHOWN = 40  # lines of what is not Russian that are worth reading at once
HASH = re.compile(r"(api-)?[0-9a-f]{12}|[0-9a-f]{64}")  # also the user name of a program
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
FILLED = re.compile(r"\{\w+\}")  # places that a script fills
WORD = re.compile(r"[\w@.+-]+")
LATIN = re.compile(r"[A-Za-zÀ-ɏ]{2}")
SILENT = frozenset({"script", "style", "code", "kbd", "samp", "template"})
VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
SPOKEN = ("aria-label", "aria-description", "title", "placeholder", "alt", "label")
TYPED = frozenset({"", "text", "search", "submit", "button", "reset"})  # kinds of inputs whose value a person reads


class Reader(HTMLParser):
    """Collects what a person reads. `open` holds the open elements, each with whether it is left out."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, bool]] = []
        self.read: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        silent = self._silent() or tag in SILENT or "code" in given.get("class", "").split()
        silent = silent or given.get("lang", "ru") != "ru"
        if tag not in VOID:
            self.open.append((tag, silent))
        if not silent:
            self.read.extend(given[name] for name in SPOKEN if name in given)
            self.read.extend(_worded(tag, given))

    def handle_endtag(self, tag: str) -> None:
        while self.open and any(name == tag for name, _silent in self.open):
            if self.open.pop()[0] == tag:
                break

    def handle_data(self, data: str) -> None:
        if not self._silent():
            self.read.append(data)

    def _silent(self) -> bool:
        return bool(self.open) and self.open[-1][1]


def _worded(tag: str, given: dict[str, str]) -> list[str]:
    """Values that are read: what is typed, what a list suggests, the words that scripts say."""
    if tag == "input" and given.get("type", "") in TYPED:
        return [given.get("value", "")]
    if given.get("id") == "words":
        return [FILLED.sub(" ", value) for name, value in given.items() if name.startswith("data-")]
    return []


def text_of(page: str) -> str:
    """What a person reads of a page."""
    reader = Reader()
    reader.feed(page)
    reader.close()
    return "\n".join(reader.read)


def foreign(text: str, *, known: frozenset[str] = frozenset()) -> list[str]:
    """The words that are not Russian, in their order, each once. `known` are further words that may stand there."""
    words = (found.group().strip(".-+") for found in WORD.finditer(text))
    return [*dict.fromkeys(word for word in words if LATIN.search(word) and not _allowed(word, known))]


def _allowed(word: str, known: frozenset[str]) -> bool:
    named = word in NAMES | SIGNS or word in known or word in known_countries()
    return named or bool(EMAIL.fullmatch(word) or HASH.fullmatch(word))


def unread(answer: HttpResponse, *, known: frozenset[str] = frozenset()) -> list[str]:
    """Words of an answer that are not Russian; of what only machines read, none."""
    body = "" if answer.streaming else answer.content.decode()
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    return foreign({"text/html": text_of(body), "text/csv": body}.get(kind, ""), known=known)


def expect_russian(lines: Iterable[str]) -> None:
    """Fail with lines of "route … → words", the same words of the same route once."""
    found = [*{line.partition(" ")[0] + (line.partition("→")[2] or line): line for line in lines}.values()]
    if found:
        pytest.fail("\n".join([f"{len(found)} pages are not Russian", *found[:SHOWN]]), pytrace=False)
