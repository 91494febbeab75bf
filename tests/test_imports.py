"""Files that people bring: read as they come, refused cell by cell, stored without ever mixing two people."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from audiences import imports, keys, presence
from audiences.criteria import Criteria, Seen
from audiences.imports import Imported, Parsed
from audiences.models import Address, AddressKind, Contact, Presence, Source
from audiences.reach import recipients_sql
from audiences.traits import address_status
from crisis.models import AuditEntry, User
from crisis.refusal import Forbidden, Refused
from messaging.stories import egypt

VK = AddressKind.VK
AT = datetime(2015, 11, 8, 9, tzinfo=UTC)
CONTACTS = "contact,language\n"
ADDRESSES = "contact,kind,value,subscribed,permitted,denied\n"
SIGHTINGS = "kind,value,country,lat,lon,seen_at\n"
SEEN = "vk,42,EG,30.04,31.23,2015-11-08T09:00:00Z\n"

db = pytest.mark.django_db


def read(kind: str, text: str | bytes) -> Parsed:
    return imports.read(kind, io.BytesIO(text if isinstance(text, bytes) else text.encode()))


def bring(kind: str, text: str, source: Source | None = None, by: User | None = None) -> Imported:
    return imports.apply(read(kind, text), source, by)


def source(**changes: Any) -> Source:
    return Source.objects.create(**({"name": "VK", "owner": "VK", "legal_basis": "law"} | changes))


def problem(kind: str, text: str | bytes) -> tuple[int, str, str]:
    """Line, column and sentence of the only bad cell."""
    (error,) = read(kind, text).errors
    return error.line, error.column, error.sentence


def sentences(kind: str, text: str | bytes) -> str:
    with pytest.raises(Refused) as refused:
        read(kind, text)
    assert {p.field for p in refused.value.problems} == {"file"}
    return str(refused.value)


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("cp1251", "cp1251"),
    ],
)
@pytest.mark.parametrize("separator", [",", ";"])
def test_it_reads_what_spreadsheets_write_and_says_what_it_was(encoding: str, name: str, separator: str) -> None:
    text = f"contact{separator}language\r\nИванов-1{separator}ru\r\n"
    parsed = read("contacts", text.encode(encoding))
    assert (parsed.encoding, parsed.separator, parsed.rows) == (name, separator, [("Иванов-1", "ru")])


def test_it_recognises_cp1251_also_when_the_first_megabyte_is_plain() -> None:
    plain = CONTACTS + f"{'x' * 4000},ru\n" * 300
    parsed = read("contacts", plain.encode() + "Ёж,ru\n".encode("cp1251"))
    assert (parsed.encoding, parsed.rows[-1]) == ("cp1251", ("Ёж", "ru"))


def test_columns_may_stand_in_any_order_and_case() -> None:
    assert read("contacts", "\ufeffLanguage; Contact\nen;7\n").rows == [("7", "en")]


def test_empty_lines_are_no_rows() -> None:
    parsed = read("contacts", CONTACTS + "\n1,ru\n\n\n2,en\n")
    assert (parsed.total, parsed.lines) == (2, [3, 6])


@pytest.mark.parametrize("content", [b"", b"\n", b"  \r\n"])
def test_it_refuses_an_empty_file(content: bytes) -> None:
    assert "empty" in sentences("contacts", content)


def test_it_refuses_a_header_without_rows() -> None:
    assert "no rows" in sentences("contacts", CONTACTS)


def test_it_refuses_a_spreadsheet_and_says_what_to_do() -> None:
    assert "Save it as CSV" in sentences("contacts", b"PK\x03\x04 and so on")


def test_it_names_columns_that_are_missing_doubled_and_unknown_and_those_allowed() -> None:
    said = sentences("contacts", "contact,contact,phone\n1,2,3\n")
    assert "“language” is missing" in said
    assert "“contact” stands there twice" in said
    assert "“phone” is not known" in said
    assert "The columns are: contact, language." in said


@pytest.mark.parametrize("rows", ['1,"ru\n2,en\n', '1,"r"u\n', '1,"' + "x" * 200_000 + "\n"])
def test_it_refuses_a_file_whose_quotes_do_not_close(rows: str) -> None:
    assert "line 3 a quotation mark" in sentences("contacts", CONTACTS + "0,ru\n" + rows)


def test_it_refuses_a_line_that_would_fill_the_memory() -> None:
    assert "longer than a million" in sentences("contacts", CONTACTS.encode() + b"x" * (3 << 20))


@pytest.mark.parametrize(
    ("row", "column", "why"),
    [
        ('=HYPERLINK("x"),ru', "contact", "formula"),
        ("=1+1,ru", "contact", "formula"),
        ("+cmd|x,ru", "contact", "formula"),
        ("+1\x1fcmd|x,ru", "contact", "formula"),
        ("@SUM(A1),ru", "contact", "formula"),
        ("\t=1,ru", "contact", "formula"),
        (" -x,ru", "contact", "formula"),
        ("1,=ru", "language", "formula"),
        ("1\x00,ru", "contact", "NUL"),
        ("1,russian", "language", "two or three letters"),
        ("1,р1", "language", "two or three letters"),
        (",ru", "contact", "1 to 64"),
        ("x" * 65 + ",ru", "contact", "1 to 64"),
        ("x" * 5000 + ",ru", "contact", "longer than 4096"),
        ("1", "", "in this row: 1 instead of 2"),
        ("1,ru,", "", "in this row: 3 instead of 2"),
    ],
)
def test_it_names_the_bad_cell_of_a_contact(row: str, column: str, why: str) -> None:
    line, found, sentence = problem("contacts", f"{CONTACTS}0,ru\n{row}\n")
    assert (line, found) == (3, column)
    assert why in sentence


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("1,fax,42,1,1,0", "kind"),
        ("1,vk,id42,1,1,0", "value"),
        ("1,vk,2000000000,1,1,0", "value"),
        ("1,phone,+7,1,1,0", "value"),
        ("1,vk,42,maybe,1,0", "subscribed"),
        ("1,vk,42,1,2,0", "permitted"),
        ("1,vk,42,1,1,x", "denied"),
    ],
)
def test_it_names_the_bad_cell_of_an_address(row: str, column: str) -> None:
    assert problem("addresses", f"{ADDRESSES}{row}\n")[:2] == (2, column)


@db
@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        ("EG", "XX", "country"),
        ("EG", "EGY", "country"),
        ("30.04", "91", "lat"),
        ("30.04", "nan", "lat"),
        ("31.23", "-180.1", "lon"),
        ("31.23", "inf", "lon"),
        ("31.23", "", "lon"),
        ("Z", "", "seen_at"),
        ("2015-11-08T", "", "seen_at"),
        ("2015-11-08", "1999-12-31", "seen_at"),
        ("vk,42", "vk,0", "value"),
    ],
)
def test_it_names_the_bad_cell_of_a_sighting(old: str, new: str, column: str) -> None:
    assert problem("sightings", SIGHTINGS + SEEN.replace(old, new))[:2] == (2, column)


@db
def test_negative_degrees_and_phone_numbers_are_no_formulas() -> None:
    assert read("sightings", SIGHTINGS + SEEN.replace("30.04,31.23", "-33.9,-70.6")).error_count == 0
    assert read("addresses", f"{ADDRESSES}1,phone,+7 (916) 000-00-00,0,1,0\n").error_count == 0


@pytest.mark.parametrize("cell", ["да", "Yes", "TRUE", " 1 "])
def test_it_knows_yes_in_several_spellings(cell: str) -> None:
    assert read("addresses", f"{ADDRESSES}1,vk,42,{cell},no,\n").rows[0][4:] == (True, False, False)


def test_a_bad_value_is_shown_short_and_without_control_characters() -> None:
    (error,) = read("contacts", f"{CONTACTS}=\x1b[31m{'x' * 1000},ru\n").errors
    assert error.value == "=·[31m" + "x" * 33 + "…"


def test_it_keeps_a_hundred_bad_rows_and_counts_the_others() -> None:
    parsed = read("contacts", CONTACTS + "=,ru\n" * 250 + "1,ru\n")
    assert (len(parsed.errors), parsed.error_count, parsed.total, len(parsed.rows)) == (100, 250, 251, 1)


def test_equal_rows_are_counted_and_kept_once() -> None:
    parsed = read("contacts", CONTACTS + "1,ru\n1,RU\n2,ru\n")
    assert (parsed.repeated, parsed.rows) == (1, [("1", "ru"), ("2", "ru")])


@pytest.mark.parametrize("row", ["2,vk,42,1,1,0", "1,vk,042,0,1,0"])
def test_an_address_said_twice_with_a_difference_is_a_bad_row(row: str) -> None:
    line, _column, sentence = problem("addresses", f"{ADDRESSES}1,vk,42,1,1,0\n{row}\n")
    assert line == 3
    assert "Line 2 says something else" in sentence


def test_a_file_read_holds_no_address_in_the_clear() -> None:
    assert b"123456789" not in repr(read("addresses", f"{ADDRESSES}1,vk,123456789,1,1,0\n").rows).encode()


@db
def test_reading_writes_nothing(django_assert_num_queries: Callable[[int], Any]) -> None:
    with django_assert_num_queries(1) as captured:
        read("sightings", SIGHTINGS + SEEN)
    assert captured.captured_queries[0]["sql"].startswith("SELECT")


@db
def test_contacts_are_added_then_known_by_their_reference() -> None:
    assert bring("contacts", CONTACTS + "1,ru\n2,en\n").counts["added"] == 2
    again = bring("contacts", CONTACTS + "1,ru\n2,tr\n3,\n").counts
    assert {key: again[key] for key in ("rows", "added", "changed", "unchanged")} == {
        "rows": 3,
        "added": 1,
        "changed": 1,
        "unchanged": 1,
    }
    assert dict(Contact.objects.values_list("reference", "language")) == {"1": "ru", "2": "tr", "3": ""}


@db
def test_an_empty_cell_does_not_erase_a_language() -> None:
    bring("contacts", CONTACTS + "1,ru\n")
    assert bring("contacts", CONTACTS + "1,\n").counts["unchanged"] == 1
    assert Contact.objects.get().language == "ru"


def someone(*, flags: str = "1,1,0") -> Contact:
    """A contact with the address 42, seen in Egypt."""
    bring("contacts", CONTACTS + "1,ru\n2,ru\n")
    bring("addresses", f"{ADDRESSES}1,vk,42,{flags}\n")
    bring("sightings", SIGHTINGS + SEEN, source())
    return Contact.objects.get(reference="1")


def status() -> int:
    return address_status(Presence.objects.get().traits, VK)


@db
def test_a_new_language_reaches_the_rows_of_presence() -> None:
    someone()
    before = Presence.objects.get().traits
    bring("contacts", CONTACTS + "1,tr\n")
    assert Presence.objects.get().traits != before


@db
def test_an_address_is_stored_encrypted_and_found_by_its_fingerprint() -> None:
    person = someone()
    stored = Address.objects.get()
    assert keys.decrypt(VK, bytes(stored.value_encrypted)) == "42"
    assert presence.find(VK, "42") == person


@db
def test_changed_permission_reaches_the_rows_of_presence() -> None:
    someone()
    done = bring("addresses", ADDRESSES + "1,vk,42,1,0,0\n")
    assert (done.counts["changed"], status()) == (1, 2)
    assert bring("addresses", ADDRESSES + "1,vk,42,1,0,0\n").counts["unchanged"] == 1


@db
def test_an_address_of_another_contact_is_a_bad_row_and_stays_where_it_is() -> None:
    person = someone()
    done = bring("addresses", ADDRESSES + "2,vk,43,1,1,0\n2,vk,42,1,1,1\n")
    assert [(error.line, error.column) for error in done.errors] == [(3, "value")]
    assert (done.counts["refused"], done.counts["added"]) == (1, 1)
    assert presence.addresses([person.pk], VK)[0] == {person.pk: "42"}


@db
def test_an_address_of_an_unknown_contact_is_a_bad_row() -> None:
    (error,) = bring("addresses", ADDRESSES + "nobody,vk,42,1,1,0\n").errors
    assert (error.line, error.column, error.value) == (2, "contact", "nobody")
    assert not Address.objects.exists()


@db
def test_no_file_takes_an_opt_out_back() -> None:
    someone()
    presence.deny(VK, [keys.fingerprint(VK, "42")])
    bring("addresses", ADDRESSES + "1,vk,42,1,1,0\n")
    assert status() == 3


@db
def test_an_opt_out_that_came_before_the_person_is_kept() -> None:
    presence.deny(VK, [keys.fingerprint(VK, "42")])
    person = someone()
    assert status() == 3
    assert presence.addresses([person.pk], VK) == ({}, {person.pk: "denied"})


@db
def test_a_file_may_bring_an_opt_out() -> None:
    someone()
    bring("addresses", ADDRESSES + "1,vk,42,1,1,1\n")
    assert status() == 3


@db
def test_sightings_need_a_source() -> None:
    with pytest.raises(Refused, match="Name the source"):
        bring("sightings", SIGHTINGS + SEEN)


@db
def test_sightings_of_unknown_addresses_are_counted_and_not_stored() -> None:
    someone()
    done = bring("sightings", SIGHTINGS + SEEN.replace("42", "99") + SEEN.replace("EG", "tr"), source(name="other"))
    assert {key: done.counts[key] for key in ("rows", "added", "unknown")} == {"rows": 2, "added": 1, "unknown": 1}
    assert set(Presence.objects.values_list("country", flat=True)) == {"EG", "TR"}


@db
def test_places_are_kept_as_cells_of_some_kilometres() -> None:
    someone()
    assert f"{Presence.objects.get().cell:x}".startswith("87")


@db
def test_it_refuses_a_person_whose_role_does_not_import(person: Callable[..., User]) -> None:
    with pytest.raises(Forbidden):
        bring("contacts", CONTACTS + "1,ru\n", by=person("anna", "auditor"))
    assert not Contact.objects.exists()


@db
def test_the_audit_row_holds_counts_and_no_address(person: Callable[..., User]) -> None:
    anna, by = person("anna", "operator"), source()
    bring("contacts", CONTACTS + "1,ru\n=,ru\n", by=anna)
    bring("addresses", ADDRESSES + "1,vk,123456789,1,1,0\n", by, anna)
    first, last = AuditEntry.objects.order_by("id")
    assert (first.by, first.data) == (
        anna,
        {"file": "contacts", "rows": 2, "refused": 1, "repeated": 0, "added": 1, "changed": 0, "unchanged": 0},
    )
    assert (last.object_type, last.object_id) == ("audiences.source", str(by.pk))
    assert "123456789" not in str(last.data)


@db
@pytest.mark.parametrize("seed", [1, 2])
def test_the_story_read_by_the_import_gives_the_people_it_was_told_to_give(seed: int) -> None:
    story, by = egypt.generate(AT, seed, 300), source()
    files = {kind: io.BytesIO(story.files[f"{kind}.csv"]) for kind in ("sightings", "contacts", "addresses")}
    assert [done.counts["refused"] for done in imports.bring(files, by, None)] == [0, 0, 0]
    expected = csv.DictReader(io.StringIO(story.files["expected.csv"].decode()))
    meant = {row["contact"] for row in expected if row["expect"] in {"accepted", "900", "901", "18"}}
    with connection.cursor() as cursor:
        cursor.execute(*recipients_sql(Criteria(Seen(("EG",), 336, AT, "last_seen_there")), VK, AT))
        found = [row[0] for row in cursor.fetchall()]
    assert set(Contact.objects.filter(pk__in=found).values_list("reference", flat=True)) == meant
    assert len(found) == len(meant)
