"""The Russian catalogue: whole, compiled, and in the words that were agreed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import polib
import pytest

from crisis.management.commands import catalogue
from tests.reading import foreign

FORBIDDEN = ("кампани", "охват")
CELLS = frozenset({"DRILL_", "yes", "no", "true", "false", "ru"})  # what can be typed, whatever the language
# Names of the JSON interface, said to programmers, and HTTP's own.
INTERFACE = frozenset({
    "Authorization", "Bearer", "Idempotency-Key", "ASCII", "Content-Type", "application", "json", "openapi.json", "incidents",
    "audience_version", "audience_rule", "link", "https", "sources", "SHA-256", "CRISIS_ORDER_LAW",
    "XA", "XB", "XC", "XD", "XE", "order_id", "event_id", "webhook-id", "Standard", "Webhooks", "listen",
})  # fmt: skip
BLANK = re.compile(r"\[[^\]]*\]")  # a blank is quoted in the language of the text it stands in
PLACEHOLDER = re.compile(r"%\(\w+\)0?\d*[a-z]|%[sd%]|\{\w+\}|</?\w+[^>]*>")


@pytest.fixture(scope="module")
def entries() -> list[polib.POEntry]:
    return [*polib.pofile(str(catalogue.po_file()))]


def strings(entry: polib.POEntry) -> list[str]:
    return [*entry.msgstr_plural.values()] if entry.msgid_plural else [entry.msgstr]


def pairs(entries: list[polib.POEntry]) -> Iterator[tuple[str, str]]:
    """Every English sentence with every Russian one that stands for it."""
    for entry in entries:
        if entry.msgid_plural:
            yield from ((entry.msgid_plural, string) for string in strings(entry))
        else:
            yield entry.msgid, entry.msgstr


def placeholders(text: str) -> set[str]:
    return {*PLACEHOLDER.findall(text)}


def test_no_sentence_is_empty_in_russian(entries: list[polib.POEntry]) -> None:
    assert [entry.msgid for entry in entries if not all(strings(entry))] == []


def test_nothing_in_it_is_doubtful_or_left_over(entries: list[polib.POEntry]) -> None:
    assert [entry.msgid for entry in entries if entry.fuzzy or entry.obsolete] == []


def test_a_plural_has_the_three_forms_of_russian(entries: list[polib.POEntry]) -> None:
    assert [entry.msgid for entry in entries if entry.msgid_plural and sorted(entry.msgstr_plural) != [0, 1, 2]] == []


def test_every_placeholder_stands_in_every_translation_and_no_other(entries: list[polib.POEntry]) -> None:
    assert [(english, russian) for english, russian in pairs(entries) if placeholders(english) != placeholders(russian)] == []


def test_it_begins_and_ends_with_the_same_spaces_and_lines(entries: list[polib.POEntry]) -> None:
    def edges(text: str) -> tuple[str, str]:
        return text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]

    assert [english for english, russian in pairs(entries) if edges(english) != edges(russian)] == []


def test_no_word_that_was_ruled_out_is_used(entries: list[polib.POEntry]) -> None:
    assert [russian for _english, russian in pairs(entries) if any(word in russian.lower() for word in FORBIDDEN)] == []


def test_no_english_word_was_left_in_a_translation(entries: list[polib.POEntry]) -> None:
    known = CELLS | INTERFACE
    said = {
        russian: foreign(PLACEHOLDER.sub(" ", BLANK.sub(" ", russian)), known=known) for _english, russian in pairs(entries)
    }
    assert {russian: words for russian, words in said.items() if words} == {}


def test_it_holds_exactly_what_the_code_says() -> None:
    assert catalogue.problems(catalogue.extracted(), catalogue.stored()) == []


def test_it_is_written_as_the_command_writes_it() -> None:
    assert catalogue.po_file().read_bytes() == catalogue.as_po(catalogue.merged(catalogue.extracted(), catalogue.stored()))


def test_what_is_compiled_is_what_is_written() -> None:
    assert catalogue.po_file().with_suffix(".mo").read_bytes() == catalogue.as_mo(catalogue.stored())
