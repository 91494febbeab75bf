"""Files of any length: read a block at a time, held a part at a time, and stored without a look at anybody they do not name."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from audiences import imports, presence, uploads
from audiences.imports import FileKind, reading
from audiences.models import Contact, Source, Upload, UploadPart
from audiences.uploads import looking, parts, storing, working
from crisis.clock import now
from crisis.models import User
from crisis.refusal import Refused
from tests import world

db = pytest.mark.django_db
HEADER = "contact,language\n"
# A row about the n-th person.
ROWS = {
    "contacts": "c-{n},ru",
    "addresses": "c-{n},vk,{n},yes,yes,no",
    "trips": "c-{n},,,EG,2015-11-01,2015-11-14",
}
# Rows that are good, that cannot be used, that repeat the first one, and that name nobody known.
ANY = [("addresses", ROWS["addresses"]), ("contacts", "c-{n},russian"), ("contacts", "c-1,ru"), ("lists", "nobody-{n},,")]


def rows_of(text: str) -> list[tuple[int, list[str]]]:
    with imports.opened(FileKind.CONTACTS, io.BytesIO(text.encode())) as table:
        return [*table.rows]


@pytest.mark.parametrize("block", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_file_says_the_same_however_its_blocks_are_cut(block: int, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK", block)
    text = end.join(["contact,language", "c-1,ru", "", f'"c{end}-2",en', "c\u20283,ar", "c-4,"])
    assert rows_of(text) == [(2, ["c-1", "ru"]), (5, [f"c{end}-2", "en"]), (6, ["c\u20283", "ar"]), (7, ["c-4", ""])]


def test_a_row_of_too_many_lines_is_refused_before_it_fills_the_memory() -> None:
    row = '"\n",' * (reading.LONGEST_ROW // 4 + reading.BLOCK)
    with pytest.raises(Refused, match="longer than a million"):
        rows_of(f"{HEADER}c-1,ru\n{row}")


def test_any_number_of_lines_may_be_empty_before_a_row() -> None:
    lines = reading.LONGEST_ROW + 2 * reading.BLOCK
    assert rows_of(HEADER + "\n" * lines + "c-1,ru\n") == [(lines + 2, ["c-1", "ru"])]


@db
def test_no_row_is_taken_from_a_file_before_the_parts_before_it_are_stored(anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "ROWS", 3)
    upload = Upload.objects.create(kind="contacts", by=anna, kept_until=now(), key="k1", encoding="utf-8", header=[])
    held = []

    def rows() -> Iterator[parts.Row]:
        for n in range(20):
            held.append(n - sum(UploadPart.objects.values_list("rows", flat=True)))
            yield n + 2, [f"c-{n}", "ru"]

    assert (parts.store_parts(upload, rows()), max(held)) == (20, 2)


@db
def test_of_bad_rows_only_the_first_are_noted_however_many_there_are(anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "AT_ONCE", 3)
    monkeypatch.setattr(parts, "ROWS", 2)
    monkeypatch.setattr(looking, "SHOWN", 3)
    file = SimpleUploadedFile("people.csv", (HEADER + "c-1,russian\n" * 10).encode())
    uploads.keep(FileKind.CONTACTS, file, None, by=anna)
    for _step in range(4):
        working.work()
    found = Upload.objects.get().found
    assert (found["bad"], len(found["wrong"])) == (8, 3)


def peak(by: User, kind: FileKind, row: str, people: range) -> int:
    """The most that Python held while a file about these people was taken in, looked at and imported."""
    lines = [",".join(imports.COLUMNS[kind]), *(row.format(n=n) for n in people)]
    file = SimpleUploadedFile("people.csv", "\n".join(lines).encode())
    source = Source.objects.create(name=f"Source {people}", owner="o", legal_basis="law")
    tracemalloc.start()
    try:
        upload = uploads.keep(kind, file, source, by=by, list_name=f"List {people}")
        work()
        if Upload.objects.get().found["good"]:
            uploads.confirm(upload, by=by)
            work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        Upload.objects.all().delete()


def work() -> None:
    for _step in range(100):
        if not working.work():
            break


@db
@pytest.mark.parametrize(("kind", "row"), ANY)
def test_five_times_as_many_rows_take_no_more_memory(kind: str, row: str, anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (uploads, storing, working):
        monkeypatch.setattr(module, "AT_ONCE", 3)
    monkeypatch.setattr(storing, "PIECE", 1)
    monkeypatch.setattr(parts, "ROWS", 100)
    monkeypatch.setattr(reading, "BLOCK", 500)
    Contact.objects.bulk_create(Contact(reference=f"c-{n}") for n in range(1, 1_201))
    few = peak(anna, FileKind(kind), row, range(1, 201))
    assert peak(anna, FileKind(kind), row, range(201, 1_201)) < 1.5 * few


@db
@pytest.mark.parametrize("kind", ROWS)
def test_storing_reads_nobody_the_rows_do_not_name(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "MANY", 20)
    many = 20_000
    world.sql("INSERT INTO audiences_contact (reference, language) SELECT 'c-' || n, '' FROM generate_series(1, %s) n", many)
    world.sql("SELECT audiences_refresh_statistics()")
    lines = [",".join(imports.COLUMNS[FileKind(kind)]), *(ROWS[kind].format(n=n) for n in range(1, 31))]
    parsed = imports.read(kind, io.BytesIO("\n".join(lines).encode()))
    source = Source.objects.create(name="Carrier", owner="Carrier", legal_basis="agreement")
    before = walked()
    assert imports.apply(parsed, source, None).counts["refused"] == 0
    assert walked() - before < many


def walked() -> int:
    """Contacts read so far by going through their whole table."""
    return int(world.sql("SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'audiences_contact'")[0][0])
