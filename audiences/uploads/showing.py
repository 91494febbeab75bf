"""The file's own rows for the screen, and those to be corrected. They are judged again, in the language of whoever looks."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO

from django.db import transaction
from django.utils.translation import gettext as _

from audiences import keys
from audiences.criteria.checks import shown
from audiences.imports.columns import COLUMNS, KINDS, BadCell, FileKind, reader
from audiences.imports.reading import FORMULA, LONGEST_CELL, NUMBER, contradiction, judge, order_of
from audiences.models import Upload
from audiences.uploads.parts import demand_kept, demand_own, rows_of
from crisis import audit
from crisis.models import User
from crisis.permissions import demand
from crisis.refusal import Refused


@dataclass(frozen=True, slots=True)
class ShownCell:
    """A cell as it stands in the file, shortened; `problem` is empty when it is good.

    `stored` is how an address will be written, when that is not how it stands there: "+79161234567" for "8 (916) 123-45-67".
    """

    value: str
    problem: str
    stored: str = ""


@dataclass(frozen=True, slots=True)
class ShownRow:
    """`problem` is what is wrong with the row as a whole, or with one of its cells."""

    line: int
    cells: Sequence[ShownCell]
    problem: str


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    cells: list[str]
    column: str = ""
    problem: str = ""


def shown_rows(upload: Upload) -> list[ShownRow]:
    """The first few good rows and the first bad ones, in the order of the file. Raises Refused when it is kept no longer."""
    return [_shown(row, upload.header) for row in _rows(upload, [*upload.found["first"], *upload.found["wrong"]])]


def _rows(upload: Upload, places: Sequence[tuple[int, int, int | None]]) -> Iterator[_Row]:
    demand_kept(upload)
    kind = FileKind(upload.kind)
    judged = judge(reader(kind), kind, order_of(COLUMNS[kind], upload.header))
    wanted = {line: before for _number, line, before in places}
    for part in upload.parts.filter(number__in={place[0] for place in places}).order_by("number").iterator(chunk_size=1):
        for line, cells in rows_of(upload, part):
            if line in wanted:
                try:
                    if before := wanted[line]:
                        raise contradiction(before)
                    judged(cells)
                    yield _Row(line, cells)
                except BadCell as bad:
                    yield _Row(line, cells, bad.column, bad.sentence)


def _shown(row: _Row, header: list[str]) -> ShownRow:
    padded = _padded(row.cells, header)
    spelling = "" if row.problem else _spelling(dict(zip(header, padded, strict=False)))
    marked = [
        ShownCell(shown(value), row.problem if name and name == row.column else "", spelling if name == "value" else "")
        for value, name in zip(padded, [*header, *[""] * (len(padded) - len(header))], strict=True)
    ]
    return ShownRow(row.line, marked, row.problem)


def _padded(cells: list[str], header: list[str]) -> list[str]:
    return [*cells, *[""] * (len(header) - len(cells))]


def _spelling(row: Mapping[str, str]) -> str:
    """How the address of a good row will be written; empty when it stands there so, or the row has none."""
    kind, value = KINDS.get(row.get("kind", "").strip().lower()), row.get("value", "").strip()
    stored = keys.canonical(kind, value) if kind and value else value
    return shown(stored) if stored != value else ""


@transaction.atomic
def bad_rows(upload: Upload, *, by: User) -> str:
    """The first rows that cannot be used, as CSV to be corrected, each with its line and what is wrong. Raises Refused."""
    demand(by, "contacts.import")
    demand_own(upload, by)
    demand_kept(upload)
    places = upload.found.get("wrong", [])
    if not places:
        raise Refused(_("All rows of this file can be used. There is nothing to correct."))
    sheet = StringIO()
    writer = csv.writer(sheet)
    writer.writerow([_safe(name) for name in (*upload.header, "line", "problem")])
    for row in _rows(upload, places):
        cells = [cell[:LONGEST_CELL] for cell in _padded(row.cells, upload.header)]
        writer.writerow([_safe(cell) for cell in (*cells, str(row.line), row.problem)])
    audit.record("contacts.bad_rows", by=by, about=upload, data={"file": upload.kind, "rows": len(places)})
    return "\ufeff" + sheet.getvalue()


def _safe(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if FORMULA.match(cell) and not NUMBER.fullmatch(cell) else cell
