"""Reading a CSV file as it comes: any common encoding and separator, every bad cell named, nothing stored."""

from __future__ import annotations

import csv
import gc
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, getincrementaldecoder
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO, TextIOWrapper
from itertools import chain
from operator import itemgetter
from typing import IO, Any

from django.utils.translation import gettext as _

from audiences.criteria.checks import shown
from audiences.imports.columns import COLUMNS, BadCell, FileKind, Reader, Row, reader
from audiences.imports.workbooks import OLD, ZIP
from crisis.refusal import Problem, Refused

SHOWN = 100  # bad rows kept with their sentences; the others are counted
MOST_ROWS = 1_000_000
LONGEST_CELL = 4_096
LONGEST_ROW = 1_000_000  # letters, give or take a block
BLOCK = 1 << 16  # letters
CHUNK = 1 << 20  # bytes
SPREADSHEETS = (ZIP, OLD)

# A row is looked at cell by cell only when something in it is suspicious: most are not. A letter before every cell lets `re`
# jump from cell to cell instead of trying every letter. A number with its sign is none: phones would all be looked at.
BEFORE = "\x1f"
SUSPICIOUS = re.compile(r"\x1f[ ]*(?:[=@\t\r]|[+-](?!\d[\d ().-]*(?:\x1f|\Z)))")
FORMULA = re.compile(r"[ ]*[=+\-@\t\r]")
NUMBER = re.compile(r"\s*[+-]\d[\d ().-]*")


@dataclass(frozen=True, slots=True)
class RowError:
    """One bad cell, or with `column` empty a bad row. `value` is shortened and safe to show."""

    line: int
    column: str
    value: str
    sentence: str


@dataclass(slots=True)
class Parsed:
    """What a file says. `rows` are the good ones, with their `lines`; `total` counts all rows but the header."""

    kind: FileKind
    encoding: str
    separator: str
    rows: list[Row] = field(default_factory=list, repr=False)
    lines: list[int] = field(default_factory=list, repr=False)
    total: int = 0
    repeated: int = 0
    errors: list[RowError] = field(default_factory=list)
    error_count: int = 0

    def reject(self, error: RowError) -> None:
        self.error_count += 1
        if len(self.errors) < SHOWN:
            self.errors.append(error)


@dataclass(slots=True)
class Table:
    """A file opened row by row. `order` says where each column stands; `rows` gives every row but empty ones, with its line."""

    kind: FileKind
    encoding: str
    separator: str
    names: list[str]
    order: list[int]
    rows: Iterator[tuple[int, list[str]]] = field(default_factory=lambda: iter(()))
    last: int = 1  # the line of the row given last


def read(kind: str, file: IO[bytes]) -> Parsed:
    """Check a whole file, which must be seekable. Raises Refused when it cannot be read at all; bad rows are in the result."""
    with opened(FileKind(kind), file) as table, uncollected():
        parsed = Parsed(table.kind, table.encoding, table.separator)
        _judge_all(parsed, table)
        return parsed


@contextmanager
def opened(kind: FileKind, file: IO[bytes]) -> Iterator[Table]:
    """A seekable file as a table, read while its rows are asked for. Raises Refused, then or later, when it cannot be read."""
    encoding = _encoding(file)
    text = TextIOWrapper(file, encoding=encoding, newline="")
    blocks = _Blocks(text)
    lines = iter(blocks)
    table = Table(kind, encoding.removesuffix("-sig"), ",", [], [])
    try:
        header = next(lines, "")
        table.separator = ";" if header.count(";") > header.count(",") else ","
        rows = csv.reader(chain([header], lines), delimiter=table.separator, strict=True)
        table.names = [name.strip().lower() for name in next(rows)]
        table.order = order_of(COLUMNS[kind], table.names)
        table.rows = _rows(table, rows, blocks)
        yield table
    except csv.Error:
        sentence = _("Near line %(line)d a quotation mark is not closed or stands inside a cell, or a cell is far too long.")
        raise _refused(sentence % {"line": table.last + 1}) from None
    except UnicodeDecodeError:
        raise _refused(_("The file's letters cannot be read. Save it as CSV in UTF-8 and choose it again.")) from None
    finally:
        text.detach()


class _Blocks:
    """The lines of a text, read many at once, as long as no row is longer than a person could mean."""

    def __init__(self, text: TextIOWrapper) -> None:
        self.text, self.taken = text, 0  # letters since a row ended

    def __iter__(self) -> Iterator[str]:
        begun = ""
        while block := self.text.read(BLOCK):
            self.taken += len(block)
            if self.taken > LONGEST_ROW:
                raise _refused(_("A line of the file is longer than a million characters."))
            *lines, begun = StringIO(begun + block, newline="")
            yield from lines
        if begun:
            yield begun


def _rows(table: Table, rows: Any, blocks: _Blocks) -> Iterator[tuple[int, list[str]]]:
    total = 0
    for row in rows:
        blocks.taken = 0
        if row:
            total, table.last = total + 1, rows.line_num
            yield table.last, row
        if total > MOST_ROWS:
            raise _refused(_("The file has more than %(n)d rows. Split it.") % {"n": MOST_ROWS})
    if not total:
        raise _refused(_("The file has a header and no rows."))


@contextmanager
def uncollected() -> Iterator[None]:
    """Rows are values without cycles: the collector would walk through all of them again and again, a quarter of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def judge(rules: Reader, kind: FileKind, order: Sequence[int]) -> Callable[[list[str]], Any]:
    """What makes the cells of a row into what is stored. It raises BadCell."""
    make, pick, cells = rules.make, itemgetter(*order), len(order)

    def judged(row: list[str]) -> Any:
        text = BEFORE + BEFORE.join(row)
        if not len(row) == text.count(BEFORE) == cells or len(text) > LONGEST_CELL or "\x00" in text or SUSPICIOUS.search(text):
            _look_at(row, kind, order)
        return make(*pick(row))

    return judged


def _judge_all(parsed: Parsed, table: Table) -> None:
    rules = reader(table.kind)
    judged, (_make, key, rest) = judge(rules, table.kind, table.order), rules
    seen = dict[Any, tuple[int, Any]]()
    for line, row in table.rows:
        parsed.total += 1
        try:
            made = judged(row)
            if key and _known(seen, key(made), line, rest(made)):
                parsed.repeated += 1
            else:
                parsed.rows.append(made)
                parsed.lines.append(line)
        except BadCell as bad:
            parsed.reject(RowError(line, bad.column, shown(bad.value), bad.sentence))


def _known(seen: dict[Any, tuple[int, Any]], key: Any, line: int, rest: Any) -> bool:
    """Whether an equal row came before. Raises BadCell when one about the same thing says something else."""
    before, said = seen.setdefault(key, (line, rest))
    if said != rest:
        raise contradiction(before)
    return before != line


def contradiction(before: int) -> BadCell:
    return BadCell("", "", _("Line %(line)d says something else about the same contact or address.") % {"line": before})


def _look_at(row: list[str], kind: FileKind, order: Sequence[int]) -> None:
    columns = COLUMNS[kind]
    if len(row) != len(columns):
        raise BadCell("", "", _("Cells in this row: %(found)d instead of %(n)d.") % {"found": len(row), "n": len(columns)})
    for column, place in zip(columns, order, strict=True):
        look_at_cell(column, row[place])


def look_at_cell(column: str, value: str) -> None:
    if len(value) > LONGEST_CELL:
        raise BadCell(column, value, _("The cell is longer than %(n)d characters.") % {"n": LONGEST_CELL})
    if "\x00" in value:
        raise BadCell(column, value, _("The cell holds a NUL character. Save the file again from the program it comes from."))
    if FORMULA.match(value) and not NUMBER.fullmatch(value):
        raise BadCell(column, value, _("The cell looks like a formula. Only plain values are imported."))


def order_of(columns: Sequence[str], names: list[str]) -> list[int]:
    """Where each column stands in the file. Raises Refused naming every column missing, doubled or unknown."""
    allowed = {"columns": ", ".join(columns)}
    missing = [_("The column “%(column)s” is missing.") % {"column": c} for c in columns if c not in names]
    doubled = [_("The column “%(column)s” stands there twice.") % {"column": c} for c in columns if names.count(c) > 1]
    unknown = [_("The column “%(column)s” is not known.") % {"column": shown(name)} for name in names if name not in columns]
    if missing or doubled or unknown:
        sentences = [*missing, *doubled, *unknown[:10], _("The columns are: %(columns)s.") % allowed]
        raise Refused(problems=[Problem("file", sentence) for sentence in sentences])
    return [names.index(column) for column in columns]


def _encoding(file: IO[bytes]) -> str:
    """UTF-8, UTF-16 by its mark or its zeros, else CP1251, which Russian spreadsheets write."""
    file.seek(0)
    head = file.read(64)
    if not head.strip():
        raise _refused(_("The file is empty."))
    if head.startswith(SPREADSHEETS):
        raise _refused(_("This is a spreadsheet. Save it as CSV in UTF-8 and choose that file."))
    utf8 = _is_utf8(file)
    file.seek(0)
    if head.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return "utf-16"
    odd, even = head[1::2].count(0), head[::2].count(0)
    if max(odd, even) > len(head) // 3:
        return "utf-16-le" if odd > even else "utf-16-be"
    if not utf8:
        return "cp1251"
    return "utf-8-sig" if head.startswith(BOM_UTF8) else "utf-8"


def _is_utf8(file: IO[bytes]) -> bool:
    decoder = getincrementaldecoder("utf-8")()
    file.seek(0)
    try:
        while chunk := file.read(CHUNK):
            decoder.decode(chunk)
    except UnicodeDecodeError:
        return False
    return not decoder.getstate()[0]


def _refused(sentence: str) -> Refused:
    return Refused(sentence, field="file")
