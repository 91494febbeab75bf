"""A file between upload and confirmation: kept encrypted for its importer alone, for an hour; imported once, or forgotten."""

from __future__ import annotations

import csv
import os
import zlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO, StringIO, TextIOWrapper

from cryptography.exceptions import InvalidTag
from django.core.files.base import File
from django.db import transaction
from django.utils.translation import gettext as _

from audiences import imports, keys
from audiences.criteria.checks import shown
from audiences.imports import (
    FileKind,
    Imported,
    Parsed,
    RowError,
    as_csv,
    demand_list_name,
    demand_source,
    is_workbook,
)
from audiences.imports.columns import KINDS
from audiences.imports.reading import FORMULA, LONGEST_CELL, NUMBER
from audiences.models import Source, Upload
from crisis import audit
from crisis.clock import now
from crisis.models import User
from crisis.permissions import demand
from crisis.refusal import Forbidden, Refused

KEPT = timedelta(hours=1)
REMEMBERED = timedelta(days=1)  # how long it is still known that a file was imported already
MOST_BYTES = 30 * 1024 * 1024
FIRST_ROWS = 5  # good rows shown above the bad ones


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


def keep(kind: FileKind, file: File[bytes], source: Source | None, *, by: User, list_name: str = "") -> Upload:
    """Read a file and keep it for its importer; a workbook is kept as the CSV it becomes.

    Raises Refused, and keeps nothing, when it could never be imported.
    """
    demand(by, "contacts.import")
    if kind.sourced:
        demand_source(kind, source)
    if kind == FileKind.LISTS:
        demand_list_name(list_name)
    if (file.size or 0) > MOST_BYTES:
        raise Refused(_("The file is larger than %(n)d MB. Split it.") % {"n": MOST_BYTES >> 20}, field="file")
    content = file.read()
    if is_workbook(file.name or "", content):
        content = as_csv(content, MOST_BYTES)
    parsed = imports.read(kind, BytesIO(content))
    forget()
    ring = keys.ring()
    upload = Upload(
        kind=kind.value,
        name=shown(file.name or ""),
        source=source if kind.sourced else None,
        list_name=list_name.strip() if kind == FileKind.LISTS else "",
        by=by,
        key=ring.current,
        content=_seal(ring, content),
    )
    with transaction.atomic():
        upload.save()
        audit.record("contacts.upload", by=by, about=upload, data={"file": kind.value, "rows": parsed.total})
    return upload


@transaction.atomic
def confirm(upload: Upload, *, by: User) -> Imported:
    """Import the good rows and forget the file. Raises Refused for a stranger, a second time, too late, or no good row."""
    demand(by, "contacts.import")
    locked = Upload.objects.select_for_update().get(pk=upload.pk)
    demand_own(locked, by)
    if locked.result is not None:
        raise Refused(_("This file was imported already. It was not imported a second time."))
    parsed = read(locked)
    if not parsed.rows:
        raise Refused(_("No row of this file can be used. Nothing was imported. Correct the file and choose it again."))
    imported = imports.apply(parsed, locked.source, by, list_name=locked.list_name)
    errors = [[error.line, error.column, error.value, error.sentence] for error in imported.errors]
    Upload.objects.filter(pk=locked.pk).update(content=b"", result={"counts": dict(imported.counts), "errors": errors})
    return imported


@transaction.atomic
def forget() -> int:
    """Drop files nobody confirmed within the hour, and a day later that they were ever there. Returns how many it dropped."""
    at = now()
    Upload.objects.filter(at__lt=at - REMEMBERED).delete()
    return Upload.objects.filter(at__lt=at - KEPT).exclude(content=b"").update(content=b"")


def demand_own(upload: Upload, by: User) -> None:
    """Raises Forbidden unless this person chose the file."""
    if upload.by_id != by.pk:
        raise Forbidden(_("Only the person who chose this file can see and import it. Nothing was imported."))


def read(upload: Upload) -> Parsed:
    """What the kept file says. Raises Refused when it is kept no longer."""
    return imports.read(upload.kind, BytesIO(content_of(upload)))


def content_of(upload: Upload) -> bytes:
    """The file's own bytes. Raises Refused (410) when it is kept no longer."""
    sealed, cipher = bytes(upload.content), keys.ring().ciphers.get(upload.key)
    gone = Refused(
        _("A file is kept for one hour, and this one is no longer kept. Nothing was imported. Choose the file again."),
        status=410,
    )
    if not sealed or cipher is None or upload.at < now() - KEPT:
        raise gone
    try:
        return zlib.decompress(cipher.decrypt(sealed[: keys.NONCE], sealed[keys.NONCE :], b"upload"))
    except InvalidTag:
        raise gone from None


def first_rows(upload: Upload, parsed: Parsed) -> tuple[list[str], list[ShownRow]]:
    """The header and the file's own rows: the first few good ones and the bad ones of `parsed`, in the order of the file."""
    bad = {error.line: error for error in parsed.errors}
    header, rows = _rows(upload, parsed, {*bad, *parsed.lines[:FIRST_ROWS]})
    return header, [_shown_row(line, cells, header, bad.get(line)) for line, cells in rows]


def _rows(upload: Upload, parsed: Parsed, wanted: Set[int]) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header and, as they stand in the file, the rows that end on these lines."""
    text = TextIOWrapper(BytesIO(content_of(upload)), encoding=parsed.encoding, newline="")
    rows = csv.reader(text, delimiter=parsed.separator)
    header = [shown(name.strip().lstrip("\ufeff").lower()) for name in next(rows)]
    found: list[tuple[int, list[str]]] = []
    for cells in filter(None, rows):
        if rows.line_num in wanted:  # as the reader counts
            found.append((rows.line_num, cells))
            if len(found) == len(wanted):
                break
    return header, found


def _shown_row(line: int, cells: list[str], header: list[str], error: RowError | None) -> ShownRow:
    column = error.column if error else ""
    problem = error.sentence if error else ""
    padded = [*cells, *[""] * (len(header) - len(cells))]
    spelling = "" if error else _spelling(dict(zip(header, padded, strict=False)))
    marked = [
        ShownCell(shown(value), problem if name and name == column else "", spelling if name == "value" else "")
        for value, name in zip(padded, [*header, *[""] * (len(padded) - len(header))], strict=True)
    ]
    return ShownRow(line, marked, problem)


def _spelling(row: Mapping[str, str]) -> str:
    """How the address of a good row will be written; empty when it stands there so, or the row has none."""
    kind, value = KINDS.get(row.get("kind", "").strip().lower()), row.get("value", "").strip()
    stored = keys.canonical(kind, value) if kind and value else value
    return shown(stored) if stored != value else ""


def bad_rows(upload: Upload, *, by: User) -> str:
    """The first rows that cannot be used, as CSV to be corrected, each with its line and what is wrong. Raises Refused."""
    demand(by, "contacts.import")
    demand_own(upload, by)
    parsed = read(upload)
    if not parsed.errors:
        raise Refused(_("All rows of this file can be used. There is nothing to correct."))
    header, rows = _rows(upload, parsed, {error.line for error in parsed.errors})
    sentences = {error.line: error.sentence for error in parsed.errors}
    sheet = StringIO()
    writer = csv.writer(sheet)
    writer.writerow([_safe(name) for name in (*header, "line", "problem")])
    for line, cells in rows:
        padded = [cell[:LONGEST_CELL] for cell in (*cells, *[""] * (len(header) - len(cells)))]
        writer.writerow([_safe(cell) for cell in (*padded, str(line), sentences[line])])
    audit.record("contacts.bad_rows", by=by, about=upload, data={"file": upload.kind, "rows": len(parsed.errors)})
    return "\ufeff" + sheet.getvalue()


def _safe(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if FORMULA.match(cell) and not NUMBER.fullmatch(cell) else cell


def _seal(ring: keys.Ring, content: bytes) -> bytes:
    nonce = os.urandom(keys.NONCE)
    return nonce + ring.ciphers[ring.current].encrypt(nonce, zlib.compress(content, 1), b"upload")
