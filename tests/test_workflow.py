"""The verbs of people on a campaign: what each does, and that a refused one says why and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from django.db import IntegrityError

from crisis.clock import now
from crisis.models import AuditEntry, Incident, LogEntry, User
from crisis.refusal import Forbidden, Refused
from crisis.templatetags.console import number
from messaging import workflow
from messaging.models import Account, Approval, Batch, Campaign, Rendering, Status
from messaging.wording import Words
from tests import world
from tests.stages import Cast, everything, expect_refusal, person_named

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made(once: Callable[[type[Cast]], Cast]) -> Cast:
    return once(Cast)


@pytest.fixture
def cast(made: Cast) -> Cast:
    return deepcopy(made)


def fresh(campaign: Campaign) -> Campaign:
    return Campaign.objects.get(pk=campaign.pk)


def last_deed() -> tuple[str, User | None]:
    entry = AuditEntry.objects.select_related("by").latest("pk")
    return entry.action, entry.by


def content_of(campaign: Campaign, **changes: Any) -> workflow.Draft:
    return world.content(*campaign.accounts.all(), version=campaign.audience_version, **changes)


# Who may do what. The roles a verb is refused to are all others.
MAY = {
    "draft": {"operator", "supervisor"},
    "edit": {"operator", "supervisor"},
    "submit": {"operator", "supervisor"},
    "withdraw": {"operator", "supervisor"},
    "approve": {"supervisor"},
    "send_back": {"supervisor"},
    "reject": {"supervisor"},
    "pause": {"operator", "supervisor"},
    "resume": {"supervisor"},
    "stop": {"operator", "supervisor", "admin"},
}
VERBS: dict[str, Callable[[Campaign, User], Any]] = {
    "draft": lambda c, by: workflow.draft(c.incident, content_of(c), by=by),
    "edit": lambda c, by: workflow.edit(c, content_of(c), seen_at=c.updated_at, by=by),
    "submit": lambda c, by: workflow.submit(c, by=by),
    "withdraw": lambda c, by: workflow.withdraw(c, by=by),
    "approve": lambda c, by: workflow.approve(c, fingerprint=c.fingerprint(), reach=c.reach or {}, by=by),
    "send_back": lambda c, by: workflow.send_back(c, "unclear", by=by),
    "reject": lambda c, by: workflow.reject(c, "wrong", by=by),
    "pause": lambda c, by: workflow.pause(c, by=by),
    "resume": lambda c, by: workflow.resume(c, by=by),
    "stop": lambda c, by: workflow.stop(c, by=by),
}
BEFORE = {"edit": "draft", "submit": "draft", "pause": "sending", "resume": "paused", "stop": "sending"}  # else submitted
ROLES = ("operator", "supervisor", "admin", "auditor")


@pytest.mark.parametrize(("verb", "role"), [(verb, role) for verb in MAY for role in ROLES if role not in MAY[verb]])
def test_it_refuses_a_verb_to_a_role_without_it(cast: Cast, verb: str, role: str) -> None:
    campaign, stranger = cast.at(BEFORE.get(verb, "submitted")), person_named(role)
    before = everything()
    with pytest.raises(Forbidden, match="Your role does not allow this"):
        VERBS[verb](campaign, stranger)
    assert everything() == before


@pytest.mark.parametrize(("verb", "role"), [(verb, role) for verb in MAY for role in sorted(MAY[verb])])
def test_it_grants_a_verb_to_a_role_with_it(cast: Cast, verb: str, role: str) -> None:
    campaign, stranger = cast.at(BEFORE.get(verb, "submitted")), person_named(role)
    VERBS[verb](campaign, stranger)
    assert last_deed() == (f"campaign.{verb}", stranger)


@pytest.mark.parametrize("verb", sorted(MAY))
def test_it_refuses_every_verb_to_somebody_who_was_switched_off(cast: Cast, verb: str) -> None:
    campaign, gone = cast.at(BEFORE.get(verb, "submitted")), person_named("supervisor")
    User.objects.filter(pk=gone.pk).update(is_active=False, is_superuser=True)
    with pytest.raises(Forbidden):
        VERBS[verb](campaign, User.objects.get(pk=gone.pk))


# Which verbs a status refuses, whoever asks. "already" tells what the campaign is now.
TOO_LATE = {
    "edit": set(Status) - {Status.DRAFT},
    "submit": set(Status) - {Status.DRAFT},
    "withdraw": set(Status) - {Status.SUBMITTED, Status.APPROVED},
    "approve": set(Status) - {Status.SUBMITTED},
    "send_back": set(Status) - {Status.SUBMITTED},
    "reject": set(Status) - {Status.DRAFT, Status.SUBMITTED},
    "pause": set(Status) - {Status.SENDING},
    "resume": set(Status) - {Status.PAUSED},
    "stop": set(Status) - {Status.APPROVED, Status.SENDING, Status.PAUSED, Status.STOPPED},
}


@pytest.mark.parametrize("status", Status)
def test_it_refuses_the_verbs_that_come_too_late_or_too_early(cast: Cast, status: Status) -> None:
    campaign, chief = cast.at(status), person_named("supervisor")
    for verb, statuses in TOO_LATE.items():
        if status in statuses:
            with expect_refusal("nothing to stop" if verb == "stop" else "This is already"):
                VERBS[verb](campaign, chief)


def test_it_drafts_what_was_written(cast: Cast) -> None:
    campaign = cast.draft(link="https://example.org/flights")
    texts = {text.language: text for text in campaign.texts.all()}
    assert (campaign.status, campaign.drill, campaign.created_by, campaign.round) == (Status.DRAFT, False, cast.author, 0)
    assert (texts["en"].headline, texts["ru"].link) == ("Headline", "https://example.org/flights")
    assert [*campaign.accounts.all()] == [cast.account]


def test_it_drafts_nothing_about_a_closed_incident(cast: Cast) -> None:
    incident = world.incident(cast.author)
    Incident.objects.filter(pk=incident.pk).update(status=Incident.Status.CLOSED)
    with expect_refusal("The incident is closed. Declare a new one"):
        workflow.draft(Incident.objects.get(pk=incident.pk), workflow.Draft(), by=cast.author)


def test_a_drill_incident_makes_a_drill(cast: Cast) -> None:
    incident = world.incident(cast.author, drill=True)
    assert workflow.draft(incident, workflow.Draft(), by=cast.author).drill


def test_it_saves_an_edit_and_notes_its_writer(cast: Cast) -> None:
    campaign = cast.draft()
    words = {"ru": Words("Новый", "Другой текст."), "en": Words("", " ", "")}
    edited = workflow.edit(campaign, content_of(campaign, texts=words), seen_at=campaign.updated_at, by=cast.approver)
    assert [(text.language, text.body) for text in edited.texts.all()] == [("ru", "Другой текст.")]
    assert edited.author_ids() == {cast.author.pk, cast.approver.pk}


def test_it_refuses_an_edit_of_what_a_colleague_has_changed_meanwhile(cast: Cast) -> None:
    campaign = cast.draft()
    workflow.edit(campaign, content_of(campaign), seen_at=campaign.updated_at, by=cast.author)
    with expect_refusal("A colleague has changed this draft since you opened it"):
        workflow.edit(campaign, content_of(campaign, texts={}), seen_at=campaign.updated_at, by=cast.approver)


def test_an_edit_that_is_refused_in_its_middle_leaves_nothing_behind(cast: Cast) -> None:
    campaign, drill = cast.draft(), world.account(drill=True)
    with expect_refusal("drill accounts are for drills only"):
        workflow.edit(campaign, content_of(campaign, accounts=[drill], texts={}), seen_at=campaign.updated_at, by=cast.author)


def test_it_takes_the_name_off_again_when_a_verb_is_over(cast: Cast) -> None:
    campaign = cast.draft()
    with pytest.raises(IntegrityError, match="named person"):
        Campaign.objects.filter(pk=campaign.pk).update(exception=None, starts_at=now())


def test_it_stores_at_submit_word_for_word_what_will_be_sent(cast: Cast) -> None:
    campaign = cast.at("submitted")
    assert {(row.text.language, row.body) for row in Rendering.objects.select_related("text")} == {
        ("ru", "Заголовок\n\nМИД гражданам в Египте, 8 ноября. Текст по-русски.\n\nОставайтесь."),
        ("en", "Headline\n\nThe ministry to citizens in Egypt, 8 November. A text in English.\n\nStay."),
    }
    assert campaign.reach is not None
    assert campaign.reach["accounts"][str(cast.account.pk)]["people"] == 3


def test_it_stores_the_renderings_anew_at_every_submit(cast: Cast) -> None:
    campaign = cast.at("submitted")
    workflow.withdraw(campaign, by=cast.author)
    draft = fresh(campaign)
    workflow.edit(draft, content_of(draft, texts={"en": Words("New", "Words.")}), seen_at=draft.updated_at, by=cast.author)
    workflow.submit(draft, by=cast.author)
    assert "New\n\nWords." in Rendering.objects.values_list("body", flat=True)
    assert Rendering.objects.count() == 2


def test_submitting_counts_as_writing(cast: Cast) -> None:
    campaign = workflow.submit(cast.draft(), by=cast.approver)
    with expect_refusal("You wrote part of this"):
        world.approve(campaign, cast.approver)


def test_it_names_every_problem_of_a_draft_at_once(cast: Cast) -> None:
    campaign = workflow.draft(world.incident(cast.author), workflow.Draft(), by=cast.author)
    with pytest.raises(Refused) as refusal:
        workflow.submit(campaign, by=cast.author)
    assert [problem.field for problem in refusal.value.problems] == ["texts", "accounts", "audience", "not_after"]
    assert fresh(campaign).status == Status.DRAFT


def test_it_writes_a_submit_into_the_log_of_the_incident(cast: Cast) -> None:
    campaign = cast.at("submitted")
    newest = LogEntry.objects.filter(incident=campaign.incident).latest("pk")
    assert newest.by == cast.author
    assert campaign.headline in newest.text


def test_every_round_has_a_fingerprint_of_its_own(cast: Cast) -> None:
    campaign = cast.at("submitted")
    first = campaign.fingerprint()
    workflow.withdraw(campaign, by=cast.author)
    again = workflow.submit(campaign, by=cast.author)
    assert (again.round, again.fingerprint() == first) == (2, False)


def test_it_withdraws_what_was_approved_but_has_not_begun(cast: Cast) -> None:
    campaign = cast.at("approved")
    workflow.withdraw(campaign, by=cast.author)
    assert fresh(campaign).status == Status.DRAFT


def test_an_approval_is_void_once_its_campaign_was_withdrawn(cast: Cast) -> None:
    campaign = cast.at("approved")
    workflow.withdraw(campaign, by=cast.author)
    again = workflow.submit(campaign, by=cast.author)
    assert (again.status, again.approvals.get().round, again.round) == (Status.SUBMITTED, 1, 2)
    assert world.approve(again, cast.approver).approvals.count() == 2


def test_whoever_sent_it_back_may_still_approve_it(cast: Cast) -> None:
    campaign = cast.at("submitted")
    workflow.send_back(campaign, "  name the airports  ", by=cast.approver)
    assert (fresh(campaign).status, fresh(campaign).status_reason) == (Status.DRAFT, "Returned: name the airports")
    workflow.submit(campaign, by=cast.author)
    assert world.approve(campaign, cast.approver).status == Status.SENDING


def test_the_reason_goes_when_it_is_submitted_again(cast: Cast) -> None:
    campaign = cast.at("submitted")
    workflow.send_back(campaign, "name the airports", by=cast.approver)
    assert workflow.submit(campaign, by=cast.author).status_reason == ""


@pytest.mark.parametrize("verb", [workflow.send_back, workflow.reject])
def test_it_demands_a_reason(cast: Cast, verb: Any) -> None:
    campaign = cast.at("submitted")
    with expect_refusal("Say why"):
        verb(campaign, " \n ", by=cast.approver)


def test_it_rejects_for_good(cast: Cast) -> None:
    campaign = cast.at("submitted")
    workflow.reject(campaign, "a rumour", by=cast.approver)
    assert (fresh(campaign).status, fresh(campaign).status_reason) == (Status.REJECTED, "a rumour")
    assert fresh(campaign).ended_at is not None


def test_an_operator_discards_a_draft(cast: Cast) -> None:
    campaign = cast.draft()
    workflow.reject(campaign, "written twice", by=cast.author)
    assert fresh(campaign).status == Status.REJECTED


def test_it_starts_at_once_when_approved(cast: Cast) -> None:
    campaign = world.approve(cast.at("submitted"), cast.approver)
    assert (campaign.status, campaign.started_at is None) == (Status.SENDING, False)
    assert (Batch.objects.get().total, Approval.objects.get().by) == (3, cast.approver)


def test_it_refuses_a_second_approval(cast: Cast) -> None:
    campaign, second = world.approve(cast.at("submitted"), cast.approver), person_named("supervisor")
    with expect_refusal("This is already sending; nothing was done twice"):
        world.approve(campaign, second)


def test_it_waits_for_its_time_when_approved_early(cast: Cast) -> None:
    campaign = cast.at("approved")
    assert (campaign.status, campaign.started_at, Batch.objects.count()) == (Status.APPROVED, None, 0)


def test_it_refuses_approval_of_what_an_account_was_changed_in(cast: Cast) -> None:
    campaign = cast.at("submitted")
    seen = campaign.fingerprint()
    world.rename(cast.account, "100000009")
    with expect_refusal("This was changed after you opened it. Nothing was sent."):
        workflow.approve(campaign, fingerprint=seen, reach=campaign.reach or {}, by=cast.approver)


def test_it_refuses_approval_while_an_account_is_paused(cast: Cast) -> None:
    campaign = cast.at("submitted")
    Account.objects.filter(pk=cast.account.pk).update(paused_at=now(), paused_reason="5")
    with expect_refusal("vk-direct is paused"):
        world.approve(campaign, cast.approver)


def test_it_refuses_approval_once_the_incident_is_closed(cast: Cast) -> None:
    campaign = cast.at("submitted")
    Incident.objects.filter(pk=campaign.incident_id).update(status=Incident.Status.CLOSED)
    with expect_refusal("The incident is closed"):
        world.approve(campaign, cast.approver)


def people_seen(campaign: Campaign, cast: Cast, people: int) -> dict[str, Any]:
    """The reach of a campaign as if its approver had seen another number."""
    return {**(campaign.reach or {}), "accounts": {str(cast.account.pk): {"basis": "counted", "people": people}}}


def approve_having_seen(campaign: Campaign, cast: Cast, people: int) -> Campaign:
    reach = people_seen(campaign, cast, people)
    return workflow.approve(campaign, fingerprint=campaign.fingerprint(), reach=reach, by=cast.approver)


@pytest.mark.parametrize(("there", "seen"), [(204, 103), (1111, 1009)])
def test_it_is_held_when_reach_grew_by_more_than_a_tenth_and_a_hundred(cast: Cast, there: int, seen: int) -> None:
    world.contacts([*range(1001, 1001 + there - 3)])
    campaign = cast.at("submitted")
    told = f"would now reach {number(there // 10 * 10)} people; the approver saw {number(seen // 10 * 10)}"
    with pytest.raises(Refused, match=told):
        approve_having_seen(campaign, cast, seen)


@pytest.mark.parametrize(("there", "seen"), [(203, 103), (1111, 1010)])
def test_it_is_not_held_at_the_edge_of_the_rule(cast: Cast, there: int, seen: int) -> None:
    world.contacts([*range(1001, 1001 + there - 3)])
    assert approve_having_seen(cast.at("submitted"), cast, seen).status == Status.SENDING


def test_it_is_not_held_when_reach_shrank(cast: Cast) -> None:
    assert approve_having_seen(cast.at("submitted"), cast, 5000).status == Status.SENDING


def test_it_is_held_when_the_approver_did_not_see_an_account(cast: Cast) -> None:
    campaign = workflow.submit(cast.draft(accounts=[cast.account, world.account("vk-geo")]), by=cast.author)
    reach = {**(campaign.reach or {}), "accounts": {}}
    with pytest.raises(Refused, match="vk-direct was not part of what the approver saw"):
        workflow.approve(campaign, fingerprint=campaign.fingerprint(), reach=reach, by=cast.approver)


def test_a_held_campaign_stays_submitted_with_the_reason_and_without_an_approval(cast: Cast) -> None:
    world.contacts([*range(1001, 1201)])
    campaign = cast.at("submitted")
    with pytest.raises(Refused):
        approve_having_seen(campaign, cast, 50)
    held = fresh(campaign)
    assert (held.status, held.round, held.status_reason[:9]) == (Status.SUBMITTED, 1, "vk-direct")
    assert (Approval.objects.count(), Batch.objects.count(), last_deed()) == (0, 0, ("campaign.hold", cast.approver))


def test_it_pauses_and_goes_on(cast: Cast) -> None:
    campaign = cast.at("sending")
    workflow.pause(campaign, by=cast.author)
    assert fresh(campaign).status == Status.PAUSED
    workflow.resume(campaign, by=cast.approver)
    assert (fresh(campaign).status, Batch.objects.get().status) == (Status.SENDING, Batch.Status.QUEUED)


@pytest.mark.parametrize("status", ["approved", "sending", "paused"])
def test_it_stops_for_good_by_one_person(cast: Cast, status: str) -> None:
    campaign = cast.at(status)
    numbers = workflow.stop(campaign, by=cast.author)
    assert numbers == {"gone": 0, "left": 0 if status == "approved" else 3}
    assert (fresh(campaign).status, last_deed()) == (Status.STOPPED, ("campaign.stop", cast.author))
    assert {*Batch.objects.values_list("status", flat=True)} <= {Batch.Status.STOPPED}


def test_stopping_twice_is_harmless_and_tells_the_same_numbers(cast: Cast) -> None:
    campaign = cast.at("sending")
    numbers = workflow.stop(campaign, by=cast.author)
    before = everything()
    assert workflow.stop(campaign, by=cast.approver) == numbers
    assert everything() == before


def test_a_stop_leaves_what_is_under_way_to_its_pump(cast: Cast) -> None:
    campaign = cast.at("sending")
    Batch.objects.update(status=Batch.Status.SENDING)
    assert workflow.stop(campaign, by=cast.author) == {"gone": 0, "left": 0}
    assert Batch.objects.get().status == Batch.Status.SENDING
