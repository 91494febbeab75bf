"""The TEST: the same words to a closed list of colleagues approved by another person, and nobody else gets it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from audiences import staff
from audiences.models import Address, AddressKind, Contact, StaffMember
from crisis.models import AuditEntry, User
from crisis.refusal import Forbidden, Refused
from messaging import checking, tracing, workflow
from messaging.models import Account, Batch, Campaign, Delivery, ReachException, Status, Text
from messaging.public.register import used
from tests import visits, world
from tests.engine import TOKEN, Engine
from tests.stages import Cast, expect_refusal
from tests.wire import Simulator
from tests.world import sql

ENGINEER = {"name": "Инженер связи", "kind": AddressKind.VK}
QUEUE = """INSERT INTO messaging_batch (campaign_id, account_id, text_id, number, rank, people, total, status, key, fence,
           attempt, in_doubt, reason, accepted, failed, uncertain, delivered, read)
           SELECT campaign_id, account_id, text_id, number + 100, rank, %s, 1, 'queued', 7, 0, 0, false, '', 0, 0, 0, 0, 0
             FROM messaging_batch WHERE campaign_id = %s LIMIT 1"""


@pytest.fixture
def cast(db: None) -> Cast:
    return Cast()


def colleagues(by: User, *peers: int) -> list[StaffMember]:
    return [staff.add(f"Colleague {peer}", AddressKind.VK, str(peer), by=by) for peer in peers]


def submitted(cast: Cast, *peers: int) -> Campaign:
    colleagues(cast.approver, *(peers or (2, 70)))
    return workflow.send_test(world.incident(cast.author), [cast.account], by=cast.author)


def queue(campaign: Campaign, *people: int) -> None:
    with transaction.atomic():
        sql(QUEUE, [*people], campaign.pk)


@pytest.mark.parametrize(("language", "word"), [("ru", "ПРОВЕРКА"), ("en", "TEST"), ("ar", "TEST"), ("es", "TEST")])
def test_it_says_in_every_language_that_it_is_a_test(language: str, word: str) -> None:
    text = Text(language=language, headline="Связь", body="Слова.")
    assert checking.render(text, Account(slug="vk-direct"), drill=False, test=True).startswith(f"{word}. Связь")
    said = Text(language=language, headline=f"{word} связи", body="Слова.")
    assert checking.render(said, Account(slug="vk-direct"), drill=False, test=True) == said.whole


def test_what_is_stored_for_sending_begins_with_the_word(cast: Cast) -> None:
    bodies = submitted(cast).renderings.values_list("body", flat=True)
    assert {body.split()[0] for body in bodies} == {"ПРОВЕРКА", "TEST"}


@pytest.mark.usefixtures("committed")
def test_the_platform_hears_of_the_staff_and_of_nobody_else(
    vk: Simulator, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CHANNEL_URLS = {**settings.CHANNEL_URLS, "vk-direct": vk.url}
    monkeypatch.setenv("VK_MINISTRY", TOKEN)
    engine = Engine(vk)
    campaign = world.approve(submitted(engine, 2, 70), engine.approver)
    engine.pump()
    (batch,) = Batch.objects.filter(campaign=campaign)
    assert sorted(engine.heard(batch)) == [("accepted", 2), ("accepted", 70)]
    assert {*Delivery.objects.values_list("contact", flat=True)} == {*StaffMember.objects.values_list("contact_id", flat=True)}


def test_somebody_removed_or_opted_out_gets_none(cast: Cast) -> None:
    gone, denied, _left = colleagues(cast.approver, 1, 2, 3)
    staff.remove(gone, by=cast.approver)
    Address.objects.filter(contact=denied.contact).update(denied=True)
    campaign = workflow.send_test(world.incident(cast.author), [cast.account], by=cast.author)
    assert (campaign.reach or {})["addressed"] == 1


def test_the_database_lets_nobody_in_who_is_not_on_the_list(cast: Cast) -> None:
    campaign = world.approve(submitted(cast, 1, 2), cast.approver)
    stranger = Contact.objects.exclude(pk__in=StaffMember.objects.values("contact_id")).first()
    gone, member = StaffMember.objects.all()
    staff.remove(gone, by=cast.approver)
    for people in ([stranger and stranger.pk], [gone.contact_id], [member.contact_id, gone.contact_id]):
        with pytest.raises(IntegrityError, match="colleagues on the list of staff"):
            queue(campaign, *people)
    queue(campaign, member.contact_id)


def test_the_database_holds_it_to_two_hundred_people(cast: Cast) -> None:
    campaign = world.approve(submitted(cast, 1), cast.approver)
    rows = world.contacts([*range(1000, 1200)])
    for row in rows:
        StaffMember.objects.create(name="x", contact=row, added_by=cast.approver)
    queue(campaign, *(row.pk for row in rows[:99]))
    with pytest.raises(IntegrityError, match="at most 200 people"), transaction.atomic():
        sql(QUEUE.replace("+ 100", "+ 200"), [row.pk for row in rows[99:199]] + [rows[199].pk], campaign.pk)


def test_the_list_takes_two_hundred_colleagues_and_not_one_more(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staff, "MOST", 2)
    colleagues(cast.approver, 1, 2, 2)
    with expect_refusal("The list is full"):
        colleagues(cast.approver, 3)


@pytest.mark.parametrize("other", [
    {"drill": True}, {"kind": "update"}, {"pace": 5}, {"starts_at": datetime(2030, 1, 1, tzinfo=UTC)},
    {"audience_version": True}, {"refers_to": True},
])  # fmt: skip
def test_a_test_is_nothing_else_too(cast: Cast, other: dict[str, Any]) -> None:
    other = dict(other)
    if "audience_version" in other:
        other["audience_version"] = world.audience(cast.author)
    if "refers_to" in other:
        other["refers_to"] = cast.draft()
    incident = world.incident(cast.author, drill="drill" in other)
    with pytest.raises(IntegrityError, match="a_test_is_nothing_else"), workflow.acting(cast.author):
        Campaign.objects.create(incident=incident, test=True, created_by=cast.author, **other)


@pytest.mark.parametrize("to", [True, False])
def test_an_alert_and_a_test_are_never_turned_into_each_other(cast: Cast, to: bool) -> None:
    campaign = cast.draft() if to else submitted(cast)
    if not to:
        workflow.withdraw(campaign, by=cast.author)
    with pytest.raises(IntegrityError, match="never turned into"), transaction.atomic(), workflow.acting(cast.author):
        sql("UPDATE messaging_campaign SET test = %s, audience_version_id = NULL WHERE id = %s", to, campaign.pk)


@pytest.mark.usefixtures("committed")
def test_nobody_sends_a_test_alone() -> None:
    cast = Cast()
    both = world.grant(cast.approver, "operator", "supervisor")
    colleagues(both, 1)
    campaign = workflow.send_test(world.incident(both), [cast.account], by=both)
    with expect_refusal("wrote"):
        world.approve(campaign, both)
    assert Campaign.objects.get().status == Status.SUBMITTED


def test_no_way_that_finds_people_by_itself_carries_a_test(cast: Cast) -> None:
    platform, incident = world.account("vk-geo"), world.incident(cast.author)
    with expect_refusal("write to each person"):
        workflow.send_test(incident, [platform], by=cast.author)
    campaign = submitted(cast)
    workflow.withdraw(campaign, by=cast.author)
    with pytest.raises(IntegrityError, match="write to each person"), workflow.acting(cast.author):
        campaign.accounts.add(platform)


@pytest.mark.parametrize("case", ["drill", "closed"])
def test_a_test_is_begun_at_a_real_incident_that_is_open(cast: Cast, case: str) -> None:
    incident = world.incident(cast.author, drill=case == "drill")
    if case == "closed":
        sql("UPDATE crisis_incident SET status = 'closed' WHERE id = %s", incident.pk)
        incident.refresh_from_db()
    with expect_refusal("drill" if case == "drill" else "closed"):
        workflow.send_test(incident, [cast.account], by=cast.author)


def test_without_a_colleague_on_the_list_nothing_is_begun(cast: Cast) -> None:
    incident = world.incident(cast.author)
    with expect_refusal("no colleague on the list"):
        workflow.send_test(incident, [cast.account], by=cast.author)


def test_its_words_cannot_be_changed(cast: Cast) -> None:
    campaign = submitted(cast)
    workflow.withdraw(campaign, by=cast.author)
    campaign.refresh_from_db()
    with expect_refusal("always says the same"):
        workflow.reword(campaign, world.WORDS, "", seen_at=campaign.updated_at, by=cast.author)


def test_nothing_follows_a_test(cast: Cast) -> None:
    campaign = world.approve(submitted(cast), cast.approver)
    with expect_refusal("nothing to correct"):
        workflow.correct(campaign, by=cast.author)
    sql("UPDATE messaging_batch SET status = 'done'")
    sql("UPDATE messaging_campaign SET status = 'sent' WHERE id = %s", campaign.pk)
    with expect_refusal("TEST to colleagues"):
        workflow.top_up(campaign, by=cast.author)
    content = world.content(cast.account, version=world.audience(cast.author), kind="update", refers_to=campaign)
    with expect_refusal("so nothing follows it"), transaction.atomic():
        workflow.submit(workflow.draft(campaign.incident, content, by=cast.author), by=cast.author)


def test_it_counts_as_nothing_that_was_sent_about_the_incident(cast: Cast) -> None:
    campaign = world.approve(submitted(cast), cast.approver)
    sql("UPDATE messaging_batch SET accepted = 2 WHERE campaign_id = %s", campaign.pk)
    assert "Nobody yet: nothing has been sent." in visits.page(cast.author, "incident_detail", campaign.incident_id)
    assert not used().exists()
    assert not ReachException.objects.exists()


def test_a_search_for_a_citizen_finds_no_test_and_one_for_a_colleague_does(cast: Cast) -> None:
    campaign = world.approve(submitted(cast, 2), cast.approver)
    member = StaffMember.objects.get()
    stranger = Contact.objects.exclude(pk=member.contact_id).earliest("pk")
    assert [row.campaign for row in tracing.trace(member.contact_id, by=cast.approver)] == [campaign]
    assert tracing.trace(stranger.pk, by=cast.approver) == []


def test_every_page_of_a_test_says_what_it_is(cast: Cast) -> None:
    campaign = submitted(cast)
    decision = visits.page(cast.approver, "campaign_decision", campaign.pk)
    assert ("Send the TEST to 2 colleagues" in decision, "colleagues really get this TEST" in decision) == (True, True)
    world.approve(campaign, cast.approver)
    pages = [decision, *(visits.page(cast.author, f"campaign_{name}", campaign.pk) for name in ("preview", "live", "report"))]
    assert ["<strong>TEST</strong>" in page for page in pages] == [True] * 4
    assert "No citizen received this" in pages[-1]


@pytest.mark.parametrize("name", ["campaign_list", "situation", "incident_detail"])
def test_wherever_it_stands_beside_live_campaigns_it_says_test(cast: Cast, name: str) -> None:
    incident = submitted(cast).incident_id
    page = visits.page(cast.approver, name, *([incident] if name == "incident_detail" else []))
    assert re.search(r'<span class="tag tone-wait">.{1,200}TEST</span>', page, re.S)


def test_the_page_of_an_account_begins_one_by_this_account(cast: Cast) -> None:
    incident = world.incident(cast.author)
    begun = f"{reverse('campaign_test', args=[incident.pk])}?accounts={cast.account.pk}"
    assert begun in visits.page(cast.author, "account_detail", cast.account.pk)
    chosen = visits.page(cast.author, "campaign_test", incident.pk, accounts=str(cast.account.pk))
    assert re.search(rf'value="{cast.account.pk}"[^>]* checked', chosen)


def test_it_is_begun_on_a_page_and_returned_as_a_draft_that_can_only_go_or_be_discarded(cast: Cast) -> None:
    colleagues(cast.approver, 2)
    incident = world.incident(cast.author)
    assert "TEST of our connection" in visits.page(cast.author, "campaign_test", incident.pk)
    visits.post(cast.author, "campaign_test", incident.pk, accounts=[cast.account.pk])
    campaign = Campaign.objects.get()
    assert (campaign.test, campaign.status) == (True, Status.SUBMITTED)
    workflow.withdraw(campaign, by=cast.author)
    page = visits.page(cast.author, "campaign_preview", campaign.pk)
    assert ("Submit the TEST for approval" in page, "Discard the TEST" in page) == (True, True)


def test_the_list_is_kept_on_a_page_and_audited_without_an_address(cast: Cast, client_of: Callable[[User], Client]) -> None:
    client_of(cast.approver).post(reverse("staff_list"), {"address": "7001", **ENGINEER})
    member = StaffMember.objects.get()
    assert "Инженер связи" in visits.page(cast.author, "staff_list")
    visits.post(cast.approver, "staff_remove", member.pk)
    assert "Инженер связи" not in visits.page(cast.author, "staff_list")
    rows = AuditEntry.objects.filter(action__startswith="staff.").order_by("id")
    assert [row.action for row in rows] == ["staff.add", "staff.remove"]
    assert "7001" not in json.dumps([row.data for row in rows])
    assert b"7001" not in bytes(Address.objects.get(contact=member.contact).value_encrypted)


def test_an_address_we_know_is_found_and_one_that_opted_out_is_refused(cast: Cast) -> None:
    before = Contact.objects.count()
    (member,) = colleagues(cast.approver, 2)
    assert Contact.objects.count() == before
    Address.objects.filter(contact=member.contact).update(denied=True)
    with expect_refusal("opted out"):
        colleagues(cast.approver, 2)


def test_an_operator_does_not_write_the_list(cast: Cast, client_of: Callable[[User], Client]) -> None:
    with pytest.raises(Forbidden):
        staff.add("Anna", AddressKind.VK, "9", by=cast.author)
    assert client_of(cast.author).post(reverse("staff_list"), {"address": "9", **ENGINEER}).status_code == 403
    (member,) = colleagues(cast.approver, 3)
    with pytest.raises(Forbidden):
        staff.remove(member, by=cast.author)


def test_a_wrong_address_is_named_in_the_form(cast: Cast, client_of: Callable[[User], Client]) -> None:
    answer = client_of(cast.approver).post(reverse("staff_list"), {"address": "somebody", **ENGINEER})
    assert (answer.status_code, "This is not the number of a person" in answer.content.decode()) == (422, True)
    with pytest.raises(Refused):
        staff.add("  ", AddressKind.VK, "9", by=cast.approver)
