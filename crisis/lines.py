"""What has to stay in one line: names on pages and in mails, and the lines of the log."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

from crisis.refusal import Problem

# Control signs, ends of lines, signs that turn the reading order or have no width; Python and PostgreSQL read it alike.
STRAY = r"\u0001-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff"
ONE_LINE = rf"^[^{STRAY}]*$"
_STRAY = re.compile(rf"[{STRAY}]")


def problems(row: Any, fields: Iterable[str]) -> list[Problem]:
    """Signs in these fields of an unsaved row that break its line or turn it round, each named with its place."""
    return [Problem(name, sentence) for name in fields if (sentence := stray(row._meta.get_field(name), getattr(row, name)))]


def stray(field: Any, text: str) -> str:
    """What is wrong with the line of a model's field, in a sentence that names the field; empty when nothing is."""
    found = _STRAY.search(text or "")
    if found is None:
        return ""
    sentence = _("%(field)s, character %(at)s: %(quote)s does not belong into one line. Delete it.")
    return sentence % {"field": field.verbose_name, "at": found.start() + 1, "quote": f"U+{ord(found[0]):04X}"}


class OneLine(logging.Formatter):
    """A record begins one line, whatever somebody typed: control signs are written as codes, a fault's own lines are set in.

    Its time is UTC and says so: the lines of several machines can be laid beside each other.
    """

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = escaped(record.message)
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        first, *more = super().format(record).split("\n")
        return "\n".join([escaped(first), *(f"    {escaped(line)}" for line in more)])


def escaped(text: str) -> str:
    """The text with every sign that would move a terminal or a line written as a code."""
    return _STRAY.sub(lambda found: ascii(found[0])[1:-1], text)
