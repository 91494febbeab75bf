"""Large files: looked at and imported a piece at a time by a process of their own, which may die at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse

from audiences import uploads
from audiences.imports import FileKind
from audiences.models import Contact, ContactList, Source, Trip, Upload, UploadPart
from audiences.uploads import parts, storing, working
from crisis.clock import now
from crisis.models import AuditEntry, User
from crisis.receiving import NamelessFileUploadHandler
from crisis.refusal import Refused
from tests import world

db = pytest.mark.django_db
HEADER = "contact,language\n"
PEOPLE = 20
ENOUGH = 100  # steps for all of them
ROWS = "".join(f"c-{n:02},ru\n" for n in range(PEOPLE))
Status = Upload.Status

# What a process does that is killed in the middle of its third piece: two are stored, the third is on its way.
KILLED = """
import os, signal, sys, django
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
from audiences.uploads import storing, working
working.AT_ONCE = storing.AT_ONCE = 3
storing.PIECE = 1
stored, store = [], storing.store
def dying(*rows):
    stored.append(store(*rows))
    if len(stored) == 3: os.kill(os.getpid(), signal.SIGKILL)
    return stored[-1]
storing.store = dying
while True: working.work_alone()
"""


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four rows are many, two are a part, one part is a piece."""
    for module in (uploads, storing, working):
        monkeypatch.setattr(module, "AT_ONCE", 3)
    monkeypatch.setattr(storing, "PIECE", 1)
    monkeypatch.setattr(parts, "ROWS", 2)


def keep(by: User, text: str = HEADER + ROWS, kind: FileKind = FileKind.CONTACTS, **more: Any) -> Upload:
    file = SimpleUploadedFile("people.csv", text.encode())
    source = more.pop("source", None)
    return uploads.keep(kind, file, source, by=by, **more)


def work(upload: Upload, steps: int = ENOUGH) -> Upload:
    """Let the importer take so many steps, or all it can."""
    for _step in range(steps):
        if not working.work():
            break
    return Upload.objects.get(pk=upload.pk)


def looked_at(by: User, *args: Any, **more: Any) -> Upload:
    return work(keep(by, *args, **more))


def under_way(by: User, steps: int, *args: Any, **more: Any) -> Upload:
    """A file of which so many pieces are imported."""
    return work(uploads.confirm(looked_at(by, *args, **more), by=by), steps)


def carrier(**changes: Any) -> Source:
    return Source.objects.create(name="Carrier", owner="Carrier", legal_basis="agreement", **changes)


def page(client: Client, name: str, upload: Upload) -> str:
    return client.get(reverse(name, args=[upload.pk])).content.decode()


@db
def test_a_large_file_is_not_looked_at_within_the_request(anna: User) -> None:
    upload = keep(anna)
    assert (upload.status, upload.rows, upload.rows_done) == (Status.CHECKING, PEOPLE, 0)
    assert (work(upload, 3).rows_done, Contact.objects.count()) == (6, 0)


@db
def test_looking_at_a_large_file_writes_nothing_but_what_it_found(anna: User) -> None:
    upload = keep(anna)
    before = world.counts()
    assert (work(upload).status, world.counts()) == (Status.WAITING, before)


@db
def test_rows_that_repeat_or_contradict_one_of_another_part_are_found(anna: User) -> None:
    upload = looked_at(anna, HEADER + "1,ru\n2,ru\n1,ru\n3,ru\n2,en\n,ru\n4,ru\n")
    assert {name: upload.found[name] for name in ("good", "bad", "repeated")} == {"good": 4, "bad": 2, "repeated": 1}
    shown = {row.line: row.problem for row in uploads.shown_rows(upload)}
    assert [*shown] == [2, 3, 5, 6, 7, 8]
    assert "Line 3 says something else" in shown[6]


@db
@pytest.mark.parametrize("piece", [1, 2, 3, 100])
def test_a_large_file_ends_as_a_small_one_would(piece: int, anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "PIECE", piece)
    upload = under_way(anna, ENOUGH, HEADER + "1,ru\n2,ru\n1,ru\n3,ru\n2,en\n,ru\n4,ru\n")
    assert upload.status == Status.IMPORTED
    assert dict(Contact.objects.values_list("reference", "language")) == dict.fromkeys("1234", "ru")
    expected = {"rows": 7, "refused": 2, "repeated": 1, "added": 4, "changed": 0, "unchanged": 0}
    assert upload.outcome["counts"] == expected
    assert not UploadPart.objects.exists()


@db
def test_nothing_is_imported_before_the_confirmation_and_only_begun_with_it(anna: User) -> None:
    upload = uploads.confirm(looked_at(anna), by=anna)
    assert (upload.status, Contact.objects.count()) == (Status.IMPORTING, 0)
    assert (work(upload, 2).rows_done, Contact.objects.count()) == (4, 4)


@db
def test_a_file_that_is_still_being_looked_at_cannot_be_confirmed(anna: User) -> None:
    upload = work(keep(anna), 1)
    before = world.counts()
    with pytest.raises(Refused, match="still being looked at"):
        uploads.confirm(upload, by=anna)
    assert world.counts() == before


@db
@pytest.mark.parametrize("steps", [0, 3, 100])
def test_a_second_confirmation_is_refused_whenever_it_comes(anna: User, steps: int) -> None:
    upload = under_way(anna, steps)
    before = world.counts()
    with pytest.raises(Refused, match="not imported a second time"):
        uploads.confirm(upload, by=anna)
    assert world.counts() == before


@pytest.mark.usefixtures("committed")
def test_after_kill_9_in_the_middle_of_a_piece_it_goes_on_where_it_was(committed: str, anna: User) -> None:
    upload = under_way(anna, 0)
    child = [sys.executable, "-c", KILLED, committed]
    died = subprocess.run(child, env={**os.environ, "DJANGO_SETTINGS_MODULE": "crisis.settings"}, timeout=120, check=False)
    assert died.returncode == -signal.SIGKILL
    assert (Upload.objects.get().rows_done, Contact.objects.count()) == (4, 4)
    ended = work(upload)
    assert (ended.status, ended.outcome["counts"]["added"], Contact.objects.count()) == (Status.IMPORTED, PEOPLE, PEOPLE)


@db
def test_a_piece_that_is_not_stored_is_not_counted(anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = under_way(anna, 2)
    monkeypatch.setattr(storing, "_added", lambda *_: 1 / 0)
    assert (work(upload, 1).rows_done, Contact.objects.count()) == (4, 4)


@db
def test_a_step_that_another_process_took_meanwhile_is_undone(anna: User) -> None:
    upload = under_way(anna, 2)
    late = Upload.objects.select_related("by", "source").get()
    work(upload, 1)
    with pytest.raises(parts.Overtaken):
        storing.go_on(late)
    assert Contact.objects.count() == 6


@db
def test_a_cancelled_import_keeps_what_it_imported_and_says_how_much(anna: User, client_of: Callable[[User], Client]) -> None:
    upload, browser = under_way(anna, 3), client_of(anna)
    browser.post(reverse("import_cancel", args=[upload.pk]))
    assert (work(upload).status, Contact.objects.count(), UploadPart.objects.exists()) == (Status.CANCELLED, 6, False)
    assert "Cancelled after 6 of 20 rows." in page(browser, "import_check", upload)


@db
def test_a_piece_on_its_way_when_the_import_is_cancelled_is_not_stored(anna: User) -> None:
    upload = under_way(anna, 3)
    late = Upload.objects.select_related("by", "source").get()
    uploads.cancel(upload, by=anna)
    UploadPart.objects.create(
        upload=upload, number=late.done, rows=2, content=parts._sealed(late, late.done, [(9, ["x", "ru"])])
    )
    with pytest.raises(parts.Overtaken):
        storing.go_on(late)
    assert not Contact.objects.filter(reference="x").exists()


@db
def test_a_look_that_is_cancelled_imports_nothing(anna: User, client_of: Callable[[User], Client]) -> None:
    upload = uploads.cancel(work(keep(anna), 2), by=anna)
    assert (work(upload).status, Contact.objects.count()) == (Status.CANCELLED, 0)
    assert "Cancelled. Nothing was imported." in page(client_of(anna), "import_check", upload)


@db
def test_what_has_ended_is_not_cancelled(anna: User) -> None:
    upload = under_way(anna, 100)
    before = world.counts()
    with pytest.raises(Refused, match="has ended already"):
        uploads.cancel(upload, by=anna)
    assert world.counts() == before


def named_list(anna: User, steps: int) -> Upload:
    """A list of all of them and of one nobody knows."""
    under_way(anna, 100)
    rows = "contact,kind,value\n" + "".join(f"c-{n:02},,\n" for n in range(PEOPLE)) + "nobody,,\n"
    return under_way(anna, steps, rows, FileKind.LISTS, source=carrier(), list_name="Flight")


@db
def test_a_list_is_there_whole_or_not_at_all(anna: User) -> None:
    upload = named_list(anna, 11)
    assert (upload.rows_done, ContactList.objects.count()) == (21, 0)
    ended = work(upload, 1)
    assert (ended.status, ContactList.objects.get().members.count()) == (Status.IMPORTED, PEOPLE)
    counts = {name: ended.outcome["counts"][name] for name in ("added", "unchanged", "refused")}
    assert counts == {"added": PEOPLE, "unchanged": 0, "refused": 1}


@db
@pytest.mark.parametrize(("piece", "steps"), [(3, 4), (100, 1)])
def test_a_list_of_larger_pieces_holds_all_of_them_too(
    piece: int, steps: int, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "PIECE", piece)
    upload = named_list(anna, steps)
    assert (upload.rows_done, ContactList.objects.count()) == (21, 0)
    assert (work(upload).status, ContactList.objects.get().members.count()) == (Status.IMPORTED, PEOPLE)


@db
def test_a_cancelled_list_is_none(anna: User, client_of: Callable[[User], Client]) -> None:
    upload = uploads.cancel(named_list(anna, 5), by=anna)
    assert (work(upload).status, ContactList.objects.exists()) == (Status.CANCELLED, False)
    assert "Cancelled. No list was made." in page(client_of(anna), "import_check", upload)


@db
def test_a_name_taken_meanwhile_ends_the_import_of_a_list_with_a_sentence(anna: User) -> None:
    upload = named_list(anna, 5)
    ContactList.objects.create(name="Flight", source=Source.objects.get())
    ended = work(upload)
    assert (ended.status, ContactList.objects.count()) == (Status.CANCELLED, 1)
    assert "There is a list of this name already" in ended.outcome["why"]


@db
def test_a_source_switched_off_meanwhile_ends_the_import(anna: User) -> None:
    under_way(anna, 100)
    rows = "".join(f"c-{n:02},,,EG,2015-11-01,2015-11-14\n" for n in range(PEOPLE))
    upload = under_way(anna, 3, "contact,kind,value,country,starts_on,ends_on\n" + rows, FileKind.TRIPS, source=carrier())
    Source.objects.update(active=False)
    ended = work(upload)
    assert (ended.status, Trip.objects.count()) == (Status.CANCELLED, 6)
    assert "switched off" in ended.outcome["why"]


@db
def test_parts_that_changed_places_are_not_imported(anna: User) -> None:
    upload = uploads.confirm(looked_at(anna), by=anna)
    first, second = UploadPart.objects.order_by("number")[:2]
    UploadPart.objects.filter(pk=first.pk).update(content=second.content)
    ended = work(upload)
    assert (ended.status, Contact.objects.count()) == (Status.CANCELLED, 0)
    assert "can be read no longer" in ended.outcome["why"]


@db
@pytest.mark.parametrize("number", [0, 4, PEOPLE // 2 - 1])
def test_a_file_of_which_a_part_is_missing_is_never_taken_for_whole(anna: User, number: int) -> None:
    upload = keep(anna)
    UploadPart.objects.filter(number=number).delete()
    ended = work(upload)
    assert (ended.status, Contact.objects.count()) == (Status.CANCELLED, 0)


@db
def test_an_import_of_which_a_part_was_lost_does_not_end_as_a_whole_one(anna: User) -> None:
    upload = under_way(anna, 3)
    UploadPart.objects.filter(number=5).delete()
    assert work(upload).status == Status.CANCELLED


@db
@pytest.mark.parametrize("steps", [0, 3])
def test_an_import_nobody_went_on_with_for_an_hour_is_cancelled(anna: User, steps: int) -> None:
    upload = under_way(anna, steps)
    Upload.objects.update(kept_until=now() - timedelta(seconds=1))
    ended = work(upload)
    assert (ended.status, Contact.objects.count(), UploadPart.objects.exists()) == (Status.CANCELLED, 2 * steps, False)


@db
def test_every_step_lets_the_file_be_kept_for_another_hour(anna: User) -> None:
    upload = under_way(anna, 0)
    Upload.objects.update(kept_until=now() + timedelta(minutes=1))
    assert work(upload, 1).kept_until > now() + timedelta(minutes=59)


@db
def test_nobody_else_sees_how_far_it_is_or_cancels_it(anna: User, client_of: Callable[[User], Client]) -> None:
    upload = under_way(anna, 3)
    boris, dina = client_of(world.person("boris", "supervisor")), client_of(world.person("dina", "auditor"))
    before = world.counts()
    answers = [who.get(reverse("import_progress", args=[upload.pk])).status_code for who in (boris, dina)]
    answers += [who.post(reverse("import_cancel", args=[upload.pk])).status_code for who in (boris, dina)]
    assert (answers, world.counts()) == ([404, 403, 404, 403], before)
    assert Upload.objects.get().status == Status.IMPORTING


@db
def test_the_page_says_how_far_the_look_and_the_import_are(anna: User, client_of: Callable[[User], Client]) -> None:
    browser, upload = client_of(anna), work(keep(anna), 3)
    assert "6 of 20 rows looked at" in page(browser, "import_check", upload)
    uploads.confirm(work(upload), by=anna)
    work(upload, 2)
    assert "4 of 20 rows imported" in page(browser, "import_progress", upload)


@db
def test_the_moving_part_says_when_it_has_ended(anna: User, client_of: Callable[[User], Client]) -> None:
    browser, upload = client_of(anna), keep(anna)
    path = reverse("import_progress", args=[upload.pk])
    assert "X-Poll" not in browser.get(path).headers
    work(upload)
    assert browser.get(path).headers["X-Poll"] == "over"
    assert "See what was found" in page(browser, "import_progress", upload)


@db
def test_the_confirmation_of_a_large_file_says_that_it_comes_in_pieces(anna: User, client_of: Callable[[User], Client]) -> None:
    assert "what was imported by then stays" in page(client_of(anna), "import_check", looked_at(anna))


@db
def test_the_audit_tells_of_begin_and_end_or_cancellation_with_their_counts(anna: User) -> None:
    under_way(anna, 100)
    uploads.cancel(under_way(anna, 2, HEADER + ROWS.replace("c-", "d-")), by=anna)
    told = AuditEntry.objects.filter(action__startswith="contacts.").order_by("pk")
    actions = ["contacts.upload", "contacts.import_begin", "contacts.import", "contacts.upload", "contacts.import_begin",
               "contacts.import_cancel"]  # fmt: skip
    assert [entry.action for entry in told] == actions
    assert [told[2].data["added"], told[5].data["added"], {entry.by for entry in told}] == [PEOPLE, 4, {anna}]


@db
def test_what_is_refused_while_storing_is_told_in_the_language_of_who_chose_the_file(anna: User) -> None:
    User.objects.filter(pk=anna.pk).update(language="ru")
    rows = "".join(f"nobody,vk,{n},yes,yes,no\n" for n in range(1, 6))
    upload = under_way(anna, 100, "contact,kind,value,subscribed,permitted,denied\n" + rows, FileKind.ADDRESSES)
    assert [error[3] for error in upload.outcome["errors"]] == ["Такого контакта нет. Сначала импортируйте контакты."] * 5


@pytest.mark.usefixtures("committed")
def test_two_processes_never_work_at_once(anna: User) -> None:
    keep(anna)
    other = connection.copy()
    other.cursor().execute(f"SELECT pg_advisory_lock({working.LOCK})")
    assert (uploads.work_alone(), Upload.objects.get().rows_done) == (0, 0)
    other.cursor().execute(f"SELECT pg_advisory_unlock({working.LOCK})")
    other.close()
    assert uploads.work_alone() == 1


def test_a_file_too_large_for_memory_has_no_name_on_the_disk_while_it_comes_in() -> None:
    handler = NamelessFileUploadHandler()
    handler.new_file("file", "people.csv", "text/csv", None)
    handler.receive_data_chunk(b"c-1,ru", 0)
    with handler.file_complete(6) as file:
        assert os.readlink(f"/proc/self/fd/{file.fileno()}").endswith("(deleted)")
        assert (file.name, file.read()) == ("people.csv", b"c-1,ru")
