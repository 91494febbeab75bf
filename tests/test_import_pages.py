"""Pages of files: nothing is imported before the confirmation, everything wrong is shown in the file's own rows."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from audiences import uploads
from audiences.models import Address, Contact, ContactList, Presence, Source, Upload, UploadPart
from audiences.uploads import keeping
from audiences.uploads.parts import rows_of
from crisis.clock import now
from crisis.models import AuditEntry, User
from tests import world
from tests.test_import_workbooks import workbook

pytestmark = pytest.mark.django_db

CONTACTS = "contact,language\nc-1,ru\nc-2,en\n"
ADDRESSES = "contact,kind,value,subscribed,permitted,denied\nc-1,vk,1001,yes,yes,no\n"
SIGHTINGS = "kind,value,country,lat,lon,seen_at\nvk,1001,EG,27.2579,33.8116,2015-11-08T12:00:00+03:00\n"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 8


@pytest.fixture
def operator(person: Callable[..., User]) -> User:
    return person("anna", "operator")


@pytest.fixture
def browser(operator: User, client_of: Callable[[User], Client]) -> Client:
    return client_of(operator)


@pytest.fixture
def source() -> Source:
    return Source.objects.create(name="Carrier", owner="Carrier", legal_basis="agreement")


def choose(browser: Client, kind: str, content: str | bytes | None, name: str = "people.csv", **more: Any) -> Any:
    """Choose a file and follow to the page that shows it."""
    data = {"kind": kind, "source": "", **more}
    if content is not None:
        raw = content.encode() if isinstance(content, str) else content
        data["file"] = SimpleUploadedFile(name, raw, "text/csv")
    return browser.post(reverse("import_new"), data, follow=True)


def confirm(browser: Client, upload: Upload) -> Any:
    return browser.post(reverse("import_apply", args=[upload.pk]), follow=True)


def test_nothing_is_imported_before_the_confirmation(browser: Client) -> None:
    answer = choose(browser, "contacts", CONTACTS)
    assert "Nothing has been imported yet." in answer.content.decode()
    assert "Import 2 rows" in answer.content.decode()
    assert Contact.objects.count() == 0


def test_a_confirmed_file_is_imported_and_its_result_stays_on_the_page(browser: Client) -> None:
    choose(browser, "contacts", CONTACTS)
    answer = confirm(browser, Upload.objects.get())
    assert [*Contact.objects.order_by("reference").values_list("reference", "language")] == [("c-1", "ru"), ("c-2", "en")]
    assert {"label": "added", "value": "2"} in answer.context["counts"]


def test_contacts_addresses_and_sightings_come_in_one_after_the_other(browser: Client, source: Source) -> None:
    for kind, content in (("contacts", CONTACTS), ("addresses", ADDRESSES), ("sightings", SIGHTINGS)):
        choose(browser, kind, content, source=source.pk)
        confirm(browser, Upload.objects.get(result__isnull=True))
    assert Address.objects.get().contact.reference == "c-1"
    assert Presence.objects.get().source == source


def test_the_file_is_kept_encrypted_and_only_until_it_is_imported(browser: Client) -> None:
    choose(browser, "addresses", ADDRESSES)
    upload, part = Upload.objects.get(), UploadPart.objects.get()
    assert b"1001" not in bytes(part.content)
    assert rows_of(upload, part) == [[2, ["c-1", "vk", "1001", "yes", "yes", "no"]]]
    confirm(browser, upload)
    assert not UploadPart.objects.exists()


def test_bad_cells_stand_in_their_own_rows_with_the_sentence_of_each(browser: Client) -> None:
    answer = choose(browser, "contacts", "contact,language\nc-1,ru\n,en\nc-3,12\nc-4\n=SUM(A1),ru\n")
    shown = {row.line: row for row in answer.context["rows"]}
    assert [line for line, row in shown.items() if row.problem] == [3, 4, 5, 6]
    assert [bool(cell.problem) for cell in shown[4].cells] == [False, True]
    page = answer.content.decode()
    for sentence in ("The contact&#x27;s reference has 1 to 64 characters.", "A language is a code of two or three letters",
                     "Cells in this row: 1 instead of 2.", "The cell looks like a formula."):  # fmt: skip
        assert sentence in page
    assert "4 rows cannot be used and will be left out." in page
    assert "Import 1 row" in page


def test_columns_in_another_order_are_marked_where_they_stand(browser: Client) -> None:
    answer = choose(browser, "contacts", "language;contact\nru;c-1\n12;c-2\n")
    row = answer.context["rows"][1]
    assert [(cell.value, bool(cell.problem)) for cell in row.cells] == [("12", True), ("c-2", False)]


def test_good_rows_are_imported_and_bad_ones_left_out(browser: Client) -> None:
    choose(browser, "contacts", "contact,language\nc-1,ru\nc-3,12\n")
    confirm(browser, Upload.objects.get())
    assert Contact.objects.get().reference == "c-1"


def test_rows_refused_while_storing_are_named(browser: Client) -> None:
    choose(browser, "addresses", ADDRESSES)
    answer = confirm(browser, Upload.objects.get())
    assert "There is no such contact. Import the contacts first." in answer.content.decode()
    assert Address.objects.count() == 0


def test_a_huge_cell_is_shortened_and_its_row_left_out(browser: Client) -> None:
    answer = choose(browser, "contacts", f"contact,language\nc-1,ru\n{'x' * 5000},ru\n")
    assert "The cell is longer than 4096 characters." in answer.content.decode()
    assert "x" * 100 not in answer.content.decode()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
def test_any_common_encoding_is_read_and_shown(browser: Client, encoding: str) -> None:
    answer = choose(browser, "contacts", "contact,language\nИванов-1,ru\n".encode(encoding))
    assert [cell.value for cell in answer.context["rows"][0].cells] == ["Иванов-1", "ru"]
    assert answer.context["upload"].header == ["contact", "language"]
    confirm(browser, Upload.objects.get())
    assert Contact.objects.get().reference == "Иванов-1"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "Choose a file."),
        (b"", "The file is empty. Nothing was imported. Choose another one."),
        (b" \n\n", "The file is empty."),
        ("contact,language\n", "The file has a header and no rows."),
        ("name,tongue\na,b\n", "The column “contact” is missing."),
        ("contact,language,language\na,ru,ru\n", "The column “language” stands there twice."),
        (PNG, "Save it as CSV in UTF-8 and choose it again."),
        (b"PK\x03\x04" + PNG, "This is a spreadsheet. Save it as XLSX, with a name that ends so, or as CSV"),
        ('contact,language\n"c-1,ru\n', "a quotation mark is not closed"),
        ("contact,language\n" + "x" * 3_000_000 + ",ru\n", "A line of the file is longer than a million characters."),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_a_sentence_and_keeps_nothing(
    browser: Client, content: str | bytes | None, sentence: str
) -> None:
    before = world.counts()
    answer = choose(browser, "contacts", content)
    assert answer.status_code == 422
    assert sentence in " ".join(answer.context["form"].errors["file"])
    assert world.counts() == before


def test_a_file_that_is_too_large_is_refused(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST_BYTES", 10)
    before = world.counts()
    assert "is larger than" in " ".join(choose(browser, "contacts", CONTACTS).context["form"].errors["file"])
    assert world.counts() == before


@pytest.mark.parametrize("kind", ["", "campaigns"])
def test_a_file_of_no_known_kind_is_refused(browser: Client, kind: str) -> None:
    before = world.counts()
    assert choose(browser, kind, CONTACTS).context["form"].errors["kind"]
    assert world.counts() == before


def test_sightings_need_a_source(browser: Client) -> None:
    before = world.counts()
    errors = choose(browser, "sightings", SIGHTINGS).context["form"].errors["source"]
    assert errors == ["Name the source of these sightings. Nothing was imported."]
    assert world.counts() == before


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"active": False}, "The source “Carrier” is switched off. Nothing was imported."),
        ({"legal_basis": " "}, "The source “Carrier” has no legal basis noted. Nothing was imported."),
    ],
)
def test_sightings_of_a_source_that_cannot_be_used_are_refused(
    browser: Client, source: Source, change: dict[str, Any], sentence: str
) -> None:
    Source.objects.update(**change)
    before = world.counts()
    assert choose(browser, "sightings", SIGHTINGS, source=source.pk).context["form"].errors["source"] == [sentence]
    assert world.counts() == before


def test_a_source_switched_off_meanwhile_is_refused_at_the_confirmation(browser: Client, source: Source) -> None:
    choose(browser, "sightings", SIGHTINGS, source=source.pk)
    Source.objects.update(active=False)
    before = world.counts()
    answer = confirm(browser, Upload.objects.get())
    assert (answer.status_code, world.counts()) == (409, before)
    assert "switched off" in answer.content.decode()
    assert Upload.objects.get().result is None


def test_a_second_confirmation_imports_nothing_twice(browser: Client) -> None:
    choose(browser, "contacts", CONTACTS)
    upload = Upload.objects.get()
    confirm(browser, upload)
    before = world.counts()
    answer = confirm(browser, upload)
    assert (answer.status_code, world.counts()) == (409, before)
    assert "This file was imported already. It was not imported a second time." in answer.content.decode()


def test_another_person_can_neither_see_nor_confirm_a_file(
    browser: Client, person: Callable[..., User], client_of: Callable[[User], Client]
) -> None:
    choose(browser, "addresses", ADDRESSES)
    upload, other = Upload.objects.get(), client_of(person("boris", "supervisor"))
    before = world.counts()
    for answer in (other.get(reverse("import_check", args=[upload.pk])), confirm(other, upload)):
        assert answer.status_code == 404
        assert "1001" not in answer.content.decode()
    assert world.counts() == before


def test_a_file_is_forgotten_after_an_hour(browser: Client) -> None:
    choose(browser, "contacts", CONTACTS)
    Upload.objects.update(kept_until=now() - timedelta(seconds=1))
    upload, before = Upload.objects.get(), world.counts()
    for answer in (confirm(browser, upload), browser.get(reverse("import_check", args=[upload.pk]))):
        assert answer.status_code == 410
        assert "Choose the file again." in answer.content.decode()
    assert world.counts() == {**before, "audiences_uploadpart": 0}


def test_forgetting_leaves_a_fresh_file_and_drops_what_is_a_day_old(browser: Client) -> None:
    choose(browser, "contacts", CONTACTS)
    choose(browser, "contacts", CONTACTS)
    old, fresh = Upload.objects.order_by("pk")
    Upload.objects.filter(pk=old.pk).update(kept_until=now() - timedelta(days=1, seconds=1))
    uploads.forget()
    assert Upload.objects.get() == fresh
    assert UploadPart.objects.get().upload == fresh


def test_a_stored_file_that_was_tampered_with_is_not_imported(browser: Client) -> None:
    choose(browser, "contacts", CONTACTS)
    UploadPart.objects.update(content=b"x" * 60)
    assert confirm(browser, Upload.objects.get()).status_code == 410
    assert Contact.objects.count() == 0


def test_a_file_without_one_good_row_cannot_be_confirmed(browser: Client) -> None:
    answer = choose(browser, "contacts", "contact,language\n,ru\n")
    assert "No row of this file can be used." in answer.content.decode()
    before = world.counts()
    assert confirm(browser, Upload.objects.get()).status_code == 409
    assert world.counts() == before


def test_unknown_files_are_not_found(browser: Client) -> None:
    for pk in (4711, 10**30):
        assert browser.get(reverse("import_check", args=[pk])).status_code == 404
        assert browser.post(reverse("import_apply", args=[pk])).status_code == 404


def test_a_file_is_imported_by_a_post_alone(browser: Client) -> None:
    choose(browser, "contacts", CONTACTS)
    assert browser.get(reverse("import_apply", args=[Upload.objects.get().pk])).status_code == 405
    assert Contact.objects.count() == 0


@pytest.mark.parametrize("role", ["admin", "auditor"])
def test_those_who_may_not_import_see_no_page_of_it(
    browser: Client, person: Callable[..., User], client_of: Callable[[User], Client], role: str
) -> None:
    choose(browser, "contacts", CONTACTS)
    pk, looker = Upload.objects.get().pk, client_of(person("olga", role))
    before = world.counts()
    answers = [looker.get(reverse("import_new")), looker.post(reverse("import_new")),
               looker.get(reverse("import_check", args=[pk])), looker.post(reverse("import_apply", args=[pk]))]  # fmt: skip
    assert [answer.status_code for answer in answers] == [403] * 4
    assert world.counts() == before


def test_the_audit_names_the_file_and_no_address(browser: Client) -> None:
    choose(browser, "contacts", CONTACTS)
    confirm(browser, Upload.objects.get())
    choose(browser, "addresses", ADDRESSES)
    confirm(browser, Upload.objects.get(result__isnull=True))
    entries = AuditEntry.objects.filter(action__in=["contacts.upload", "contacts.import"])
    assert entries.count() == 4
    assert "1001" not in str([*entries.values_list("data", flat=True)])


def test_a_workbook_is_shown_and_imported_like_any_file(browser: Client) -> None:
    content = workbook([["contact", "language"], ["c-1", "ru"], ["=SUM(A1)", "ru"]])
    answer = choose(browser, "contacts", content, name="../../etc/people.xlsx")
    assert [row.line for row in answer.context["rows"] if row.problem] == [3]
    assert answer.context["upload"].name == "people.xlsx"
    confirm(browser, Upload.objects.get())
    assert Contact.objects.get().reference == "c-1"


def test_a_list_is_named_shown_and_made(browser: Client, source: Source) -> None:
    choose(browser, "contacts", CONTACTS)
    confirm(browser, Upload.objects.get())
    answer = choose(browser, "lists", "contact,kind,value\nc-1,,\n", source=source.pk, list_name=" Flight 9268 ")
    assert "Flight 9268" in answer.content.decode()
    confirm(browser, Upload.objects.get(result__isnull=True))
    made = ContactList.objects.get()
    assert (made.name, made.source, made.members.count()) == ("Flight 9268", source, 1)


@pytest.mark.parametrize(("more", "field"), [({}, "source"), ({"list_name": "Flight"}, "source"), ({"source": 1}, "list_name")])
def test_a_list_needs_a_name_and_somebody_who_answers_for_it(
    browser: Client, source: Source, more: dict[str, Any], field: str
) -> None:
    named = {**more, "source": source.pk} if "source" in more else more
    before = world.counts()
    assert choose(browser, "lists", "contact,kind,value\nc-1,,\n", **named).context["form"].errors[field]
    assert world.counts() == before


def test_an_address_is_shown_as_it_will_be_written(browser: Client) -> None:
    rows = "c-1,phone,8 (916) 123-45-67,no,yes,no\nc-1,vk,1001,yes,yes,no\n"
    answer = choose(browser, "addresses", ADDRESSES.partition("\n")[0] + "\n" + rows)
    assert [row.cells[2].stored for row in answer.context["rows"]] == ["+79161234567", ""]
    assert "will be +79161234567" in answer.content.decode()


def test_when_half_the_rows_are_bad_the_first_hundred_are_shown_and_nothing_is_imported(browser: Client) -> None:
    answer = choose(browser, "contacts", "contact,language\n" + "".join(f"c-{n},ru\n,ru\n" for n in range(150)))
    assert [row.line for row in answer.context["rows"] if row.problem] == [3 + 2 * n for n in range(100)]
    assert "The first 100 of 150 rows that cannot be used" in answer.content.decode()
    assert not Contact.objects.exists()


def test_a_file_of_more_rows_than_one_import_takes_is_refused(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audiences.imports.reading.MOST_ROWS", 1)
    before = world.counts()
    assert "more than 1 rows. Split it." in " ".join(choose(browser, "contacts", CONTACTS).context["form"].errors["file"])
    assert world.counts() == before


def bad(browser: Client, upload: Upload) -> Any:
    return browser.post(reverse("import_bad", args=[upload.pk]))


def test_bad_rows_are_taken_away_to_be_corrected_and_no_spreadsheet_runs_them(browser: Client) -> None:
    choose(browser, "contacts", "contact,language\nc-1,ru\n=SUM(A1),ru\nc-3\n")
    answer = bad(browser, Upload.objects.get())
    header, *rows = csv.reader(answer.content.decode("utf-8-sig").splitlines())
    assert header == ["contact", "language", "line", "problem"]
    assert [row[:3] for row in rows] == [["'=SUM(A1)", "ru", "3"], ["c-3", "", "4"]]
    assert "attachment" in answer.headers["Content-Disposition"]


def test_taking_rows_away_is_written_down_without_them(browser: Client) -> None:
    choose(browser, "addresses", ADDRESSES.replace("yes,yes,no", "yes,perhaps,no"))
    bad(browser, Upload.objects.get())
    assert AuditEntry.objects.get(action="contacts.bad_rows").data == {"file": "addresses", "rows": 1}


def test_a_file_without_a_bad_row_has_nothing_to_take_away(browser: Client) -> None:
    choose(browser, "contacts", CONTACTS)
    before = world.counts()
    assert (bad(browser, Upload.objects.get()).status_code, world.counts()) == (409, before)


def test_nobody_else_takes_rows_of_a_file_away(
    browser: Client, person: Callable[..., User], client_of: Callable[[User], Client]
) -> None:
    choose(browser, "contacts", "contact,language\n,ru\n")
    upload = Upload.objects.get()
    others = [client_of(person(name, role)) for name, role in (("boris", "supervisor"), ("dina", "auditor"))]
    before = world.counts()
    answers = [bad(other, upload) for other in others]
    assert [answer.status_code for answer in answers] == [404, 403]
    assert world.counts() == before
    assert bad(browser, upload).status_code == 200


def test_rows_of_a_file_no_longer_kept_cannot_be_taken_away(browser: Client) -> None:
    choose(browser, "contacts", "contact,language\n,ru\n")
    Upload.objects.update(kept_until=now() - timedelta(seconds=1))
    assert bad(browser, Upload.objects.get()).status_code == 410
