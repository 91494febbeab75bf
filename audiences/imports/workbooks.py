"""An XLSX workbook as the CSV it would have been saved as. Nothing in it is believed before it was weighed.

A workbook is a ZIP of XML. What its directory promises is looked at before anything is unpacked, and `zipfile` unpacks no more
than promised. XML with a document type is refused whole, as no spreadsheet program writes one.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from io import TextIOWrapper
from tempfile import TemporaryFile
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

from defusedxml import DefusedXmlException
from django.utils.translation import gettext as _
from openpyxl import load_workbook

from crisis.refusal import Refused

ZIP, OLD = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
MOST_PARTS = 200
MOST_SHEET = 64 << 20  # bytes of one sheet, unpacked: read as a stream
MOST_TAGS = 3_000_000  # of all parts: what a hundred thousand rows of six cells need, some ten seconds of reading
MOST_ROWS = 100_000
MOST_SHARED = 32 << 20  # bytes of the shared texts, unpacked: held in memory, several times as large
MOST_OTHER = 8 << 20  # bytes of any other part
MOST_RATIO = 150  # a sheet of numbers shrinks to a thirtieth, a bomb to a thousandth
SMALL = 1 << 20  # bytes below which the ratio says nothing
MOST_COLUMNS = 64
CHUNK = 1 << 20
# Whatever a broken workbook makes its reader stumble over.
BROKEN = (
    BadZipFile,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    EOFError,
    OSError,
    SyntaxError,
    RuntimeError,
    zlib.error,
)
DOCTYPES = tuple("<!DOCTYPE".encode(name) for name in ("utf-8", "utf-16-le", "utf-16-be"))
LINE_BREAKS = str.maketrans({"\n": "\u2028", "\r": None})  # so that a line of the CSV is a row of the sheet


def is_workbook(name: str, head: bytes) -> bool:
    """Whether it is to be read as XLSX. Raises Refused when the name says one thing and the content another."""
    said, found = name.lower().endswith((".xlsx", ".xlsm", ".xlsb", ".xls")), head.startswith((ZIP, OLD))
    if head.startswith(OLD):
        raise _refused(_("This is a spreadsheet of the old kind or one with a password. Save it as XLSX or CSV without one."))
    if said and not found:
        raise _refused(_("The name says that this is a spreadsheet, and it is none. Save it again as XLSX or CSV."))
    if found and not said:
        raise _refused(_("This is a spreadsheet. Save it as XLSX, with a name that ends so, or as CSV and choose that file."))
    return found


def as_csv(book: IO[bytes], most_bytes: int) -> IO[bytes]:
    """The only sheet of a workbook, row by row, in a file without a name that is gone when it is closed.

    Raises Refused for a workbook that is broken, dangerous or too large.
    """
    try:
        with ZipFile(book) as packed:
            _weigh(packed)
            _demand_plain_xml(packed)
        return _written(_rows(book), most_bytes)
    except DefusedXmlException:
        raise _doctype() from None
    except Refused:
        raise
    except BROKEN as error:
        raise _refused(_("The workbook cannot be read. Save it again as XLSX or CSV and choose that file.")) from error


def _weigh(packed: ZipFile) -> None:
    parts = packed.infolist()
    names = {part.filename.lower() for part in parts}
    if len(parts) > MOST_PARTS:
        raise _refused(_("The workbook has too many parts to be a list of people. Save it as CSV and choose that file."))
    if "xl/workbook.xml" not in names:
        raise _refused(_("This is an archive and no workbook. Unpack it and choose one CSV or XLSX file of it."))
    if any("vbaproject" in name or "macrosheet" in name for name in names):
        raise _refused(_("The workbook holds macros. Save it as XLSX without macros, or as CSV, and choose that file."))
    for part in parts:
        name = part.filename.lower()
        most = MOST_SHARED if "sharedstrings" in name else MOST_SHEET if name.startswith("xl/worksheets/sheet") else MOST_OTHER
        dense = part.file_size > SMALL and part.file_size > MOST_RATIO * max(part.compress_size, 1)
        if part.file_size > most or dense:
            raise _refused(_("Unpacked, the workbook would be far too large. Nothing of it was read. Save it as CSV."))
        if part.flag_bits & 1:
            raise _refused(_("The workbook has a password. Save it without one and choose it again."))


def _demand_plain_xml(packed: ZipFile) -> None:
    """Entities, files from elsewhere and a million laughs all need a document type. Too many tags are refused too."""
    tags = 0
    for part in packed.infolist():
        tail = b""
        with packed.open(part) as stream:
            while chunk := stream.read(CHUNK):
                if any(mark in tail + chunk for mark in DOCTYPES):
                    raise _doctype()
                tail, tags = chunk[-32:], tags + chunk.count(b"<")
                if tags > MOST_TAGS:
                    raise _too_many()


def _rows(packed: IO[bytes]) -> Iterator[list[str]]:
    book = load_workbook(packed, read_only=True, keep_links=False, rich_text=False)
    try:
        if len(book.worksheets) != 1:
            raise _refused(_("The workbook has several sheets. Keep the one with the rows and delete the others."))
        for number, row in enumerate(book.worksheets[0].iter_rows(values_only=True, max_col=MOST_COLUMNS)):
            if number > MOST_ROWS:
                raise _too_many()
            yield [_cell(value) for value in row]
    finally:
        book.close()


def _written(rows: Iterable[list[str]], most_bytes: int) -> IO[bytes]:
    """Cells to the right of the header's last one count only where something stands in them."""
    file, width = TemporaryFile(), 0  # noqa: SIM115 (the caller's)
    text = TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    for cells in rows:
        full = next((place for place in range(len(cells), 0, -1) if cells[place - 1]), 0)
        width = width or full
        writer.writerow(cells[:full] + [""] * (width - full) if full else [])
        if file.tell() > most_bytes:
            raise _refused(_("The file is larger than %(n)d MB. Split it.") % {"n": most_bytes >> 20})
    text.detach()
    return file


def _cell(value: Any) -> str:
    """As a person would have typed it. A formula stays one: the check of its cell refuses it."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
        case datetime():
            return value.date().isoformat() if value.time() == time() else value.isoformat()
        case date() | time():
            return value.isoformat()
    return str(value).translate(LINE_BREAKS)


def _too_many() -> Refused:
    return _refused(_("A workbook is read up to %(n)d rows. Save it as CSV, or split it.") % {"n": MOST_ROWS})


def _doctype() -> Refused:
    return _refused(_("The workbook holds a document type or entities, as no spreadsheet does. Nothing of it was read."))


def _refused(sentence: str) -> Refused:
    return Refused(sentence, field="file")
