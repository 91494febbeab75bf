"""Playbooks: written by one, approved by two others, used by filling blanks and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, transaction
from django.test import Client
from django.urls import reverse

from audiences import staff
from audiences.models import AddressKind
from crisis.models import User
from crisis.refusal import Forbidden, Refused
from messaging import workflow
from messaging.models import Campaign, Kind, Playbook, PlaybookApproval, Status
from messaging.playbooks import usable
from messaging.wording import Words
from messaging.workflow.preparing import approve_playbook, prepare, retire, revise
from tests import prepared, world
from tests.world import sql

pytestmark = pytest.mark.django_db


@pytest.fixture
def vera() -> User:
    return world.person("vera", "supervisor")


@pytest.fixture
def ready(anna: User, boris: User, vera: User) -> Playbook:
    return prepared.playbook(anna, boris, vera)


def in_use() -> list[int]:
    return [version.number for version in usable()]


# Writing and approving


def test_it_is_in_use_once_two_others_have_approved_it(anna: User, boris: User, vera: User) -> None:
    book = prepared.playbook(anna, boris)
    assert in_use() == []
    approve_playbook(book.versions.get(), by=vera)
    assert in_use() == [1]


def test_its_writer_does_not_approve_it_whatever_door_they_take(boris: User) -> None:
    version = prepared.playbook(boris).versions.get()
    with pytest.raises(Refused, match="You wrote this version"):
        approve_playbook(version, by=boris)
    with pytest.raises(IntegrityError, match="wrote a version"), workflow.acting(boris):
        PlaybookApproval.objects.create(version=version, by=boris)


def test_one_person_approves_once(anna: User, boris: User) -> None:
    version = prepared.playbook(anna, boris).versions.get()
    with pytest.raises(Refused, match="approved this version already"):
        approve_playbook(version, by=boris)


def test_an_operator_does_not_approve(anna: User) -> None:
    version, other = prepared.playbook(anna).versions.get(), world.person("olga", "operator")
    with pytest.raises(Forbidden):
        approve_playbook(version, by=other)
    with pytest.raises(IntegrityError, match="Supervisors approve"), workflow.acting(other):
        PlaybookApproval.objects.create(version=version, by=other)


def test_nobody_approves_in_another_name(anna: User, boris: User, vera: User) -> None:
    version = prepared.playbook(anna).versions.get()
    with pytest.raises(IntegrityError, match="another person's name"), workflow.acting(boris):
        PlaybookApproval.objects.create(version=version, by=vera)


@pytest.mark.parametrize("statement", [
    "UPDATE messaging_playbookversion SET texts = '{}'", "DELETE FROM messaging_playbookapproval",
    "DELETE FROM messaging_playbook",
])  # fmt: skip
def test_what_was_approved_is_never_changed(ready: Playbook, statement: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        sql(statement)


def test_the_approved_version_stays_in_use_until_the_next_one_is_approved(ready: Playbook, anna: User, boris: User) -> None:
    next_one = revise(ready, "Leaving", [], prepared.content(hours=72), by=anna)
    approve_playbook(next_one, by=boris)
    assert in_use() == [1]


def test_an_old_version_is_approved_no_more(anna: User, boris: User) -> None:
    book = prepared.playbook(anna)
    old = book.versions.get()
    revise(book, "Leaving", [], prepared.content(hours=72), by=anna)
    with pytest.raises(Refused, match="newer version"):
        approve_playbook(old, by=boris)


def test_a_retired_one_is_offered_and_changed_no_more(ready: Playbook, anna: User, boris: User) -> None:
    retire(ready, by=boris)
    assert in_use() == []
    with pytest.raises(Refused, match="retired"):
        revise(ready, "Leaving", [], prepared.content(), by=anna)


@pytest.mark.parametrize(("changes", "field"), [
    ({"ways": []}, "ways"),
    ({"texts": {"ru": Words("", "")}}, "body_ru"),
    ({"texts": {"en": Words("A [[nested] blank]", "Text.")}}, "headline_en"),
])  # fmt: skip
def test_a_version_that_cannot_be_used_is_not_saved(anna: User, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        prepare("Leaving", [], prepared.content(**changes), by=anna)
    assert [problem.field for problem in refused.value.problems] == [field]
    assert not Playbook.objects.exists()


# Filling


def test_the_database_fills_blanks_and_leaves_no_gap() -> None:
    said = "A [one]  and [two]. [none] "
    assert sql("SELECT messaging_fill(%s, %s::jsonb)", said, '{"one": "1", "none": ""}') == [("A 1 and [two].",)]


# Using


@pytest.fixture
def desk(anna: User, client_of: Callable[[User], Client]) -> Client:
    return client_of(anna)


def test_using_one_asks_for_its_unknown_blanks_and_nothing_else(ready: Playbook, anna: User, desk: Client) -> None:
    incident = world.incident(anna)
    answer = desk.get(reverse("playbook_use", args=[incident.pk, ready.pk]))
    assert [str(field.label) for field in answer.context["form"]] == ["место сбора (Russian)", "meeting point (English)"]
    assert "Leaving Egypt" in answer.content.decode()


def test_one_that_follows_an_earlier_message_is_offered_no_test(anna: User, boris: User, vera: User, desk: Client) -> None:
    book, incident = prepared.playbook(anna, boris, vera, kind=Kind.ALL_CLEAR), world.incident(anna)
    staff.add("Engineer", AddressKind.VK, "2", by=boris)
    workflow.send_test(incident, [world.account()], by=anna)
    offered = desk.get(reverse("playbook_use", args=[incident.pk, book.pk])).context["form"].fields["refers_to"].queryset
    assert [*offered] == []


def test_using_one_makes_a_draft_that_says_where_it_comes_from(ready: Playbook, anna: User, desk: Client) -> None:
    world.contacts([1, 2])
    account, incident = world.account(), world.incident(anna)
    address = reverse("playbook_use", args=[incident.pk, ready.pk])
    answer = desk.post(address, {"ru_0": "посольство", "en_0": "the embassy"})
    campaign = Campaign.objects.get()
    text = campaign.texts.get(language="en")
    assert answer.url == reverse("campaign_preview", args=[campaign.pk])
    assert (text.body, text.playbook_version, text.values["meeting point"]) == (
        "Gather at: the embassy, 10:00 (Moscow).", ready.versions.get(), "the embassy",
    )  # fmt: skip
    assert [*campaign.accounts.all()] == [account]
    desk.post(reverse("campaign_submit", args=[campaign.pk]))
    assert Campaign.objects.get().status == Status.SUBMITTED


@pytest.mark.parametrize("typed", ["", "a [blank] in it", "x" * 301])
def test_a_blank_that_is_filled_badly_makes_no_draft(ready: Playbook, anna: User, desk: Client, typed: str) -> None:
    address = reverse("playbook_use", args=[world.incident(anna).pk, ready.pk])
    answer = desk.post(address, {"ru_0": "посольство", "en_0": typed})
    assert (answer.status_code, Campaign.objects.count()) == (422, 0)
    assert "посольство" in answer.content.decode()


def test_a_text_edited_later_no_longer_comes_from_the_playbook(ready: Playbook, anna: User) -> None:
    campaign = prepared.draft(ready.versions.get(), world.incident(anna), world.account(), by=anna)
    same = {text.language: Words.of(text) for text in campaign.texts.all()}
    changed = {**same, "en": Words("Leaving Egypt", "Gather elsewhere.", "Wait.")}
    edited = workflow.edit(campaign, world.content(version=None, texts=changed), seen_at=campaign.updated_at, by=anna)
    assert {text.language: text.playbook_version for text in edited.texts.all()} == {"ru": ready.versions.get(), "en": None}


def test_a_new_alert_offers_those_that_fit_the_kind_of_incident(ready: Playbook, anna: User, desk: Client) -> None:
    incident = world.incident(anna)
    address = reverse("playbook_use", args=[incident.pk, ready.pk])
    assert address in desk.get(reverse("campaign_new", args=[incident.pk])).content.decode()
    Playbook.objects.update(categories=["Fire"])
    assert address not in desk.get(reverse("campaign_new", args=[incident.pk])).content.decode()


# Pages


def test_it_is_written_approved_and_retired_by_its_pages(anna: User, client_of: Callable[[User], Client]) -> None:
    typed = {"name": "Storm", "kind": "alert", "hours": "72", "mode": "last_seen_there", "ways": ["vk-direct"],
             "body_ru": "Шторм: [где]."}  # fmt: skip
    answer = client_of(anna).post(reverse("playbook_new"), typed)
    book = Playbook.objects.get()
    assert answer.url == reverse("playbook_detail", args=[book.pk])
    for name in ("boris", "vera"):
        screen = client_of(world.person(name, "supervisor"))
        assert "Approve version 1" in screen.get(answer.url).content.decode()
        screen.post(reverse("playbook_approve", args=[book.pk]), {"version": "1"})
    assert in_use() == [1]
    assert "version 1 is in use" in screen.get(answer.url).content.decode()
    client_of(anna).post(reverse("playbook_edit", args=[book.pk]), {**typed, "hours": "48"})
    screen.post(reverse("playbook_retire", args=[book.pk]))
    assert (book.versions.count(), in_use()) == (2, [])


def test_a_refused_version_keeps_what_was_typed(desk: Client) -> None:
    answer = desk.post(reverse("playbook_new"), {"name": "Storm", "body_en": "My words [", "hours": "72", "kind": "alert"})
    assert (answer.status_code, Playbook.objects.count()) == (422, 0)
    assert "My words [" in answer.content.decode()
