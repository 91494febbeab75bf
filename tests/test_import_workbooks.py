"""XLSX files: weighed before they are opened, read as the CSV they would have been, refused whole when they are dangerous."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from openpyxl import Workbook

from audiences.imports import as_csv, is_workbook, read, workbooks
from crisis.refusal import Refused

MOST_BYTES = 30 << 20
SHEET = "xl/worksheets/sheet1.xml"


def workbook(rows: Iterable[Iterable[Any]], sheets: int = 1) -> bytes:
    book, out = Workbook(), BytesIO()
    for row in rows:
        book.active.append([*row])  # type: ignore[union-attr]
    for _more in range(1, sheets):
        book.create_sheet()
    book.save(out)
    return out.getvalue()


PEOPLE = workbook([["contact", "language"], ["c-1", "ru"]])


def altered(name: str, content: bytes | Callable[[bytes], bytes]) -> bytes:
    """PEOPLE with one part put in or changed."""
    out = BytesIO()
    with ZipFile(BytesIO(PEOPLE)) as old, ZipFile(out, "w", ZIP_DEFLATED) as new:
        for part in old.namelist():
            if part != name:
                new.writestr(part, old.read(part))
        new.writestr(name, content(old.read(name)) if callable(content) else content)
    return out.getvalue()


def written(content: bytes, most: int = MOST_BYTES) -> bytes:
    with as_csv(BytesIO(content), most) as file:
        file.seek(0)
        return file.read()


def text(content: bytes) -> str:
    return written(content).decode()


def refusal(content: bytes) -> str:
    with pytest.raises(Refused) as refused:
        written(content)
    assert [problem.field for problem in refused.value.problems] == ["file"]
    return str(refused.value)


def test_a_workbook_becomes_the_csv_it_would_have_been_saved_as() -> None:
    rows: list[list[Any]] = [
        ["a", "b", "c"],
        [1, 30.5, True],
        [2.0, None, datetime(2015, 11, 8)],
        [None, "x;,", datetime(2015, 11, 8, 9)],
    ]
    assert text(workbook(rows)) == 'a,b,c\n1,30.5,yes\n2,,2015-11-08\n,"x;,",2015-11-08T09:00:00\n'


def test_a_line_of_the_report_is_a_row_of_the_sheet() -> None:
    content = written(workbook([["contact", "language"], ["a\nb", "ru"], [], ["c", "1"]]))
    parsed = read("contacts", BytesIO(content))
    assert [(error.line, error.column) for error in parsed.errors] == [(2, "contact"), (4, "language")]


@pytest.mark.parametrize("formula", ['=HYPERLINK("http://x")', "=1+1", "+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1"])
def test_a_formula_is_a_bad_cell_and_is_never_reckoned(formula: str) -> None:
    content = written(workbook([["contact", "language"], [formula, "ru"]]))
    (error,) = read("contacts", BytesIO(content)).errors
    assert "looks like a formula" in error.sentence


def test_a_huge_cell_is_a_bad_cell() -> None:
    content = written(workbook([["contact", "language"], ["x" * 32_000, "ru"]]))
    (error,) = read("contacts", BytesIO(content)).errors
    assert "longer than 4096" in error.sentence


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ZipFile, "open", lambda *_args, **_more: pytest.fail("something was unpacked"))
    assert "far too large" in refusal(BOMB)


BOMB = altered(SHEET, bytes(20 << 20))


def test_a_cell_of_a_hundred_megabytes_is_refused() -> None:
    cell = b"<sst><si><t>" + bytes(range(33, 60)) * (100 * (1 << 20) // 27) + b"</t></si></sst>"
    assert "far too large" in refusal(altered("xl/sharedStrings.xml", cell))


def test_an_archive_of_archives_is_no_workbook() -> None:
    out = BytesIO()
    with ZipFile(out, "w") as outer:
        for number in range(16):
            outer.writestr(f"lib {number}.zip", PEOPLE)
    assert "This is an archive and no workbook" in refusal(out.getvalue())


def test_a_workbook_of_a_thousand_parts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "MOST_PARTS", 3)
    assert "too many parts" in refusal(PEOPLE)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE x SYSTEM "http://example.org/x.dtd">',
    ],
)
def test_entities_of_any_kind_are_refused(doctype: str, encoding: str) -> None:
    assert "document type or entities" in refusal(altered(SHEET, doctype.encode(encoding) + b"<worksheet/>"))


def test_a_document_type_across_two_pieces_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "CHUNK", 16)
    assert "document type" in refusal(altered(SHEET, b" " * 10 + b"<!DOCTYPE x><worksheet/>"))


def test_macros_are_refused_also_under_another_name() -> None:
    assert "holds macros" in refusal(altered("xl/vbaProject.bin", b"Sub AutoOpen()"))


def test_several_sheets_are_refused() -> None:
    assert "several sheets" in refusal(workbook([["contact"]], sheets=2))


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "MOST_ROWS", 2)
    assert "up to 2 rows. Save it as CSV" in refusal(workbook([["contact"], *([str(n)] for n in range(9))]))


def test_a_row_of_a_million_cells_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "MOST_TAGS", 1_000)
    monkeypatch.setattr(workbooks, "load_workbook", lambda *_args, **_more: pytest.fail("the workbook was read"))
    assert "Save it as CSV" in refusal(altered(SHEET, b"<worksheet><row>" + b"<c/>" * 1_000 + b"</row></worksheet>"))


def test_more_text_than_a_file_may_have_is_refused() -> None:
    with pytest.raises(Refused, match="is larger than"):
        written(workbook([["contact"], ["x" * 100]]), 50)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(PEOPLE[:-200], id="end cut off"),  # by name: a workbook holds the second it was made in
        pytest.param(PEOPLE[:100], id="beginning only"),
        pytest.param(b"PK\x03\x04" + bytes(500), id="signature only"),
    ],
)
def test_a_broken_archive_is_refused(broken: bytes) -> None:
    assert "cannot be read" in refusal(broken)


@pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml", "[Content_Types].xml", "xl/sharedStrings.xml", "xl/styles.xml"])
@pytest.mark.parametrize("content", [b"", b"<", b"<a/>", bytes(50), b'<worksheet xmlns="x"><row r="x"/></worksheet>'])
def test_a_workbook_of_broken_parts_is_never_more_than_refused(part: str, content: bytes) -> None:
    try:
        found = text(altered(part, content))
    except Refused:
        found = ""
    assert found in {"contact,language\nc-1,ru\n", ""}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("people.csv", PEOPLE, "This is a spreadsheet. Save it as XLSX"),
        ("people.xlsx", b"contact,language\n", "it is none"),
        ("people.xls", b"\xd0\xcf\x11\xe0" + bytes(90), "of the old kind or one with a password"),
        ("people.xlsx", b"\xd0\xcf\x11\xe0" + bytes(90), "of the old kind or one with a password"),
    ],
)
def test_a_name_that_says_something_else_than_the_content_is_refused(name: str, content: bytes, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        is_workbook(name, content)
