"""Correction: what is wrong is stopped first, who got it is told that it was wrong, everybody else gets the right text."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError

from audiences.models import Address
from crisis import incidents
from crisis.clock import now
from crisis.models import AuditEntry, Incident
from crisis.refusal import Refused
from messaging import delivery, workflow
from messaging.models import Batch, Campaign, Delivery, Kind, Part, Reached, Status, Text
from messaging.wording import Words
from tests import world
from tests.correcting import RIGHT, corrected, parts, peers_of, put_right, reached
from tests.engine import Engine, on_the_wire, while_waiting
from tests.stages import expect_refusal, set_clock, unguarded
from tests.world import sql

pytestmark = pytest.mark.usefixtures("committed")


def half_sent(engine: Engine, **changes: Any) -> Campaign:
    """A campaign to three Russian speakers, who got it, and two English ones, who have not yet."""
    english = world.contacts([4, 5], language="en")
    campaign = engine.sending(**changes)
    Batch.objects.filter(campaign=campaign, people__contains=[english[0].pk]).update(not_before=now() + timedelta(hours=1))
    engine.pump()
    return campaign


def bodies(campaign: Campaign) -> dict[tuple[str, str], str]:
    return {(t.part, t.language): t.body for t in Text.objects.filter(campaign=campaign)}


def test_it_stops_what_is_wrong_and_begins_a_draft_with_everything_taken_over(engine: Engine) -> None:
    campaign = half_sent(engine)
    begun = workflow.correct(campaign, by=engine.author)
    wrong = Campaign.objects.get(pk=campaign.pk)
    assert (wrong.status, {*Batch.objects.values_list("status", flat=True)}) == (Status.STOPPED, {"done", "stopped"})
    assert (begun.status, begun.kind, begun.corrects, begun.refers_to) == (Status.DRAFT, Kind.UPDATE, wrong, wrong)
    same = ("incident_id", "drill", "audience_version_id", "not_after", "pace", "exception_reason")
    assert [getattr(begun, name) for name in same] == [getattr(wrong, name) for name in same]
    assert ([*begun.accounts.all()], begun.author_ids()) == ([engine.account], {engine.author.pk})
    assert begun.found_wrong_at is not None
    assert AuditEntry.objects.latest("id").action == "campaign.correct"


def test_the_draft_says_what_was_said_and_that_it_was_wrong(engine: Engine) -> None:
    said = bodies(workflow.correct(half_sent(engine), by=engine.author))
    assert (said["main", "ru"], said["main", "en"]) == (world.WORDS["ru"].body, world.WORDS["en"].body)
    assert "была ошибка" in said["corrected", "ru"]
    assert said["corrected", "en"].endswith("This is right:\n\n[the right text]")


def test_the_right_text_is_written_once_and_takes_its_place_in_the_correction(engine: Engine) -> None:
    said = bodies(put_right(engine, half_sent(engine)))
    assert said["main", "en"] == "The right text."
    assert said["corrected", "en"].endswith("This is right:\n\nThe right text.")


def test_who_got_the_wrong_one_gets_the_correction_and_the_others_the_right_text(engine: Engine) -> None:
    wrong = half_sent(engine)
    campaign = corrected(engine, wrong)
    engine.pump()
    got = {batch.text.part: peers_of(engine, batch) for batch in Batch.objects.filter(campaign=campaign) if batch.text}
    assert got == {Part.CORRECTED: {1, 2, 3}, Part.MAIN: {4, 5}}
    assert Campaign.objects.get(pk=campaign.pk).status == Status.SENT


def test_nothing_of_the_wrong_one_is_sent_after_it_was_found_wrong(engine: Engine) -> None:
    wrong = half_sent(engine)
    corrected(engine, wrong)
    engine.pump(later=7200)
    stopped = Batch.objects.get(campaign=wrong, status="stopped")
    assert engine.heard(stopped) == []


def test_the_approver_sees_both_numbers(engine: Engine) -> None:
    campaign = put_right(engine, half_sent(engine))
    entry = (campaign.reach or {})["accounts"][str(engine.account.pk)]
    assert (entry["people"], entry["got"], entry["others"]) == (5, 3, 2)


def test_one_approval_carries_both_texts_word_for_word(engine: Engine) -> None:
    campaign = put_right(engine, half_sent(engine))
    assert campaign.renderings.count() == 4
    assert {text.part for text in Text.objects.filter(renderings__campaign=campaign)} == {"main", "corrected"}


def test_who_may_have_got_it_is_told_that_it_was_wrong(engine: Engine) -> None:
    wrong = half_sent(engine)
    doubtful = Delivery.objects.filter(campaign=wrong).first()
    assert doubtful is not None
    Delivery.objects.filter(pk=doubtful.pk).update(status="uncertain")
    assert parts(corrected(engine, wrong))[Part.CORRECTED] == reached(wrong)


def test_who_could_not_be_reached_gets_the_right_text(engine: Engine) -> None:
    wrong = half_sent(engine)
    failed = Delivery.objects.filter(campaign=wrong).first()
    assert failed is not None
    Delivery.objects.filter(pk=failed.pk).update(status="failed")
    assert failed.contact in parts(corrected(engine, wrong))[Part.MAIN]


def test_who_got_it_and_has_left_since_is_told_too(engine: Engine) -> None:
    wrong = half_sent(engine)
    gone = min(reached(wrong))
    sql("DELETE FROM audiences_presence WHERE contact_id = %s", gone)
    campaign = corrected(engine, wrong)
    assert parts(campaign) == {Part.CORRECTED: reached(wrong), Part.MAIN: parts(campaign)[Part.MAIN]}


def test_who_got_it_and_opted_out_since_is_left_alone(engine: Engine) -> None:
    wrong = half_sent(engine)
    gone = min(reached(wrong))
    sql("DELETE FROM audiences_presence WHERE contact_id = %s", gone)
    Address.objects.filter(contact=gone).update(denied=True)
    assert parts(corrected(engine, wrong))[Part.CORRECTED] == reached(wrong) - {gone}


def test_a_correction_is_corrected_for_everybody_who_got_either(engine: Engine) -> None:
    wrong = half_sent(engine)
    second = corrected(engine, wrong)
    Batch.objects.filter(campaign=second, text__part=Part.CORRECTED).update(not_before=now() + timedelta(hours=1))
    engine.pump()
    third = corrected(engine, second, texts={**RIGHT, "en": Words("Headline", "At last the right text.", "Leave.")})
    assert parts(third) == {Part.CORRECTED: reached(wrong) | reached(second)}
    assert len(reached(wrong) | reached(second)) == 5


def test_it_waits_until_it_is_known_who_got_the_wrong_one(engine: Engine) -> None:
    wrong = engine.sending()
    with on_the_wire(engine):
        campaign = corrected(engine, wrong)
        delivery.sweep(pump_for=0)
        assert (campaign.status, Batch.objects.filter(campaign=campaign).count()) == (Status.APPROVED, 0)
    delivery.sweep(pump_for=0)
    assert parts(campaign) == {Part.CORRECTED: reached(wrong)}


def test_nobody_gets_the_correction_before_a_request_whose_answer_is_lost_is_given_up(engine: Engine) -> None:
    wrong = engine.sending()
    Batch.objects.filter(campaign=wrong).update(
        status="sending", lease_until=now() + timedelta(seconds=60), asked_at=now(), fence=7
    )
    campaign = corrected(engine, wrong)
    delivery.sweep(pump_for=0)
    assert Campaign.objects.get(pk=campaign.pk).status == Status.APPROVED
    set_clock("statement_timestamp() + interval '90 seconds'")
    delivery.sweep(pump_for=0)
    delivery.sweep(pump_for=0)
    uncertain = {*Delivery.objects.filter(campaign=wrong, status="uncertain").values_list("contact", flat=True)}
    assert (len(uncertain), parts(campaign)) == (3, {Part.CORRECTED: uncertain})


def test_it_follows_an_update_only_after_its_original_has_gone_out(engine: Engine) -> None:
    first = half_sent(engine)
    update = engine.submitted(kind=Kind.UPDATE, refers_to=first)
    Incident.objects.update(urgency="Expected")
    world.approve(update, engine.approver)
    engine.pump()
    assert [*Delivery.objects.filter(campaign=update)] == []
    Batch.objects.filter(campaign=first, status="queued").update(not_before=None)
    engine.pump()
    assert len(reached(first)) == len(reached(update)) == 5


def test_an_urgent_update_takes_the_place_of_what_still_waits(engine: Engine) -> None:
    first = half_sent(engine)
    update = engine.sending(kind=Kind.UPDATE, refers_to=first)
    engine.pump()
    first.refresh_from_db()
    assert (first.status, len(reached(first)), len(reached(update))) == (Status.STOPPED, 3, 5)
    assert AuditEntry.objects.filter(action="campaign.supersede").count() == 1


@pytest.mark.parametrize(("whom", "people"), [(Reached.ONLY, 3), (Reached.ALSO, 5), (Reached.AS_IS, 4)])
def test_an_end_goes_to_those_who_got_the_alert_as_its_author_chose(engine: Engine, whom: Reached, people: int) -> None:
    first = half_sent(engine)
    sql("DELETE FROM audiences_presence WHERE contact_id = %s", min(reached(first)))
    workflow.stop(first, by=engine.author)
    end = engine.sending(kind=Kind.ALL_CLEAR, refers_to=first, to_reached=whom)
    engine.pump()
    assert len(reached(end)) == people == (end.reach or {})["accounts"][str(engine.account.pk)]["people"]


def test_two_people_at_once_get_the_same_draft(engine: Engine) -> None:
    campaign = half_sent(engine)
    found: list[Campaign] = []
    while_waiting(
        lambda: found.append(workflow.correct(campaign, by=engine.approver)),
        lambda: found.append(workflow.correct(campaign, by=engine.author)),
    )
    assert (found[0].pk, Campaign.objects.filter(corrects=campaign).count()) == (found[1].pk, 1)


def test_a_second_correction_is_begun_after_the_first_was_discarded(engine: Engine) -> None:
    campaign = half_sent(engine)
    first = workflow.correct(campaign, by=engine.author)
    workflow.reject(first, "another one is better", by=engine.author)
    assert workflow.correct(campaign, by=engine.author).pk != first.pk


def test_what_was_corrected_is_not_corrected_again(engine: Engine) -> None:
    campaign = half_sent(engine)
    corrected(engine, campaign)
    with expect_refusal("correct that one"):
        workflow.correct(campaign, by=engine.author)


@pytest.mark.parametrize("status", [Status.DRAFT, Status.SUBMITTED, Status.APPROVED, Status.REJECTED])
def test_what_was_never_sent_is_not_corrected(engine: Engine, status: str) -> None:
    campaign = engine.at(status)
    with expect_refusal("nothing to correct"):
        workflow.correct(campaign, by=engine.author)


def test_the_database_lets_nothing_correct_what_was_never_sent(engine: Engine) -> None:
    campaign = engine.at(Status.SUBMITTED)
    names = ", ".join(field.column for field in Campaign._meta.local_concrete_fields if field.column != "id")
    taken = names.replace("corrects_id", str(campaign.pk)).replace("status", "'draft'")
    with pytest.raises(IntegrityError, match="something that was sent"), workflow.acting(engine.author):
        sql(f"INSERT INTO messaging_campaign ({names}) SELECT {taken} FROM messaging_campaign WHERE id = %s", campaign.pk)


@pytest.mark.parametrize("status", [Status.SENT, Status.STOPPED, Status.EXPIRED, Status.PAUSED])
def test_what_has_ended_can_be_corrected(engine: Engine, status: str) -> None:
    campaign = engine.at(status)
    begun = workflow.correct(campaign, by=engine.author)
    ended = Status.STOPPED if status == Status.PAUSED else status
    assert (begun.corrects, Campaign.objects.get(pk=campaign.pk).status) == (campaign, ended)


def test_a_closed_incident_gets_no_correction(engine: Engine) -> None:
    campaign = engine.at(Status.SENT)
    incidents.move(campaign.incident, Incident.Status.CLOSED, by=engine.author)
    with expect_refusal("Declare a new one"):
        workflow.correct(campaign, by=engine.author)


def test_an_approver_who_found_the_fault_does_not_approve_its_correction(engine: Engine) -> None:
    begun = workflow.correct(half_sent(engine), by=engine.approver)
    assert engine.approver.pk in begun.author_ids()


def test_the_database_lets_no_correction_begin_beside_what_it_corrects(engine: Engine) -> None:
    wrong = half_sent(engine)
    campaign = put_right(engine, wrong)
    unguarded("UPDATE messaging_campaign SET status = 'sending' WHERE id = %s", wrong.pk)
    unguarded("UPDATE messaging_campaign SET status = 'approved' WHERE id = %s", campaign.pk)
    with pytest.raises(IntegrityError, match="begins after what it corrects"):
        sql("UPDATE messaging_campaign SET status = 'sending' WHERE id = %s", campaign.pk)


def test_the_database_keeps_what_a_correction_corrects(engine: Engine) -> None:
    begun = workflow.correct(half_sent(engine), by=engine.author)
    with pytest.raises(IntegrityError, match="never changes"), workflow.acting(engine.author):
        sql("UPDATE messaging_campaign SET corrects_id = NULL WHERE id = %s", begun.pk)


def test_only_a_correction_has_a_text_for_those_who_got_a_wrong_one(engine: Engine) -> None:
    with pytest.raises(Refused, match="corrects nothing"):
        engine.draft(corrected=RIGHT)
