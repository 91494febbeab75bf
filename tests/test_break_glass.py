"""Break-glass: everything that one person alone may not send, by the verb and by raw SQL; and the review."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import IntegrityError, ProgrammingError

from crisis.clock import now
from crisis.models import Duty, Incident, User
from crisis.refusal import Refused
from messaging import fuses, workflow
from messaging.channels import CHANNELS, channel_class
from messaging.models import Approval, Campaign, GlassBreak, Kind, Status
from messaging.workflow.breaking_glass import break_glass, review
from messaging.workflow.preparing import approve_playbook, revise
from tests import prepared, world
from tests.night import Night, alone, alone_by_sql
from tests.world import sql

pytestmark = pytest.mark.django_db


@pytest.fixture
def night() -> Night:
    return Night()


def test_the_database_lets_in_the_channels_that_publish_and_no_others() -> None:
    whole = sql("SELECT pg_get_functiondef('messaging_glass_content(bigint)'::regprocedure)")[0][0]
    (listed,) = re.findall(r"address_kind IS NULL AND a.slug <> ALL \(ARRAY\[(.*?)\]::text\[\]\)", whole)
    assert re.findall(r"'(.+?)'", listed) == [slug for slug in CHANNELS if channel_class(slug).kind == "published"]


def expect_no_glass(campaign: Campaign, by: User, sentence: str) -> None:
    """Neither the verb nor raw SQL sends it alone."""
    with pytest.raises(Refused, match=sentence):
        alone(campaign, by)
    with pytest.raises(IntegrityError, match="One person alone may not send this"):
        alone_by_sql(campaign, by)
    assert Campaign.objects.get(pk=campaign.pk).status == Status.SUBMITTED
    assert not Approval.objects.filter(campaign=campaign).exists()


# The one way that is open


def test_a_drill_can_practise_it(night: Night) -> None:
    night.incident = world.incident(night.boris, drill=True)
    campaign = night.submitted(ways=[world.account(drill=True)])
    assert alone(campaign, night.boris).status == Status.SENDING


# Everything else is closed


def test_not_with_another_word_in_the_text(night: Night) -> None:
    words = {"ru": world.WORDS["ru"], "en": world.WORDS["en"]}
    expect_no_glass(night.submitted(texts=words), night.boris, "changed since it was made from the playbook")


@pytest.mark.parametrize("part", ["headline", "body", "instruction"])
def test_not_with_one_part_of_it_changed(night: Night, part: str) -> None:
    words = prepared.filled_words(night.version, prepared.VALUES)
    words["en"] = words["en"]._replace(**{part: "Leave by the coast road, 10:00 (Moscow)."})
    expect_no_glass(night.submitted(texts=words), night.boris, "changed since it was made from the playbook")


def test_not_with_a_link_that_the_playbook_does_not_have(night: Night) -> None:
    expect_no_glass(night.submitted(link="https://mid.ru/x"), night.boris, "changed since it was made from the playbook")


def test_not_as_another_kind_of_message(night: Night) -> None:
    first = world.approve(night.submitted(), night.vera)
    expect_no_glass(night.submitted(kind=Kind.UPDATE, refers_to=first), night.boris, "changed since it was made")


def test_not_to_people_who_did_not_subscribe(night: Night) -> None:
    night.book = prepared.playbook(night.anna, night.vera, night.zoya, ways=["vk-geo"])
    grounds = {"exception_reason": "People may die in the next hours.", "exception_expires_at": now() + timedelta(hours=2)}
    expect_no_glass(night.submitted(ways=[world.account("vk-geo")], **grounds), night.boris, "people who did not subscribe")


def test_not_in_a_closed_incident(night: Night) -> None:
    campaign = night.submitted()
    Incident.objects.update(status=Incident.Status.CLOSED)
    with pytest.raises(Refused, match="closed"):
        alone(campaign, night.boris)
    with pytest.raises(IntegrityError, match="One person alone may not send this: closed"):
        alone_by_sql(campaign, night.boris)


@pytest.mark.parametrize("value", ["the [country]", "a\nb", "x" * 301])
def test_not_with_a_blank_filled_as_no_page_lets_it(night: Night, value: str) -> None:
    campaign = prepared.draft(night.version, night.incident, night.account, by=night.boris)
    with workflow.acting(night.boris):
        sql("UPDATE messaging_text SET values = values || jsonb_build_object('meeting point', %s::text),"
            " body = messaging_fill('Gather at: [meeting point], 10:00 (Moscow).',"
            " jsonb_build_object('meeting point', %s::text))"
            " WHERE language = 'en'", value, value)  # fmt: skip
        sql("UPDATE messaging_campaign SET status = 'submitted', submitted_at = now() WHERE id = %s", campaign.pk)
    with pytest.raises(IntegrityError, match="One person alone may not send this: changed"):
        alone_by_sql(campaign, night.boris)


def test_not_without_one_of_its_languages(night: Night) -> None:
    texts = {"ru": prepared.filled_words(night.version, prepared.VALUES)["ru"]}
    expect_no_glass(night.submitted(texts=texts), night.boris, "changed since")


def test_not_with_a_text_of_ones_own_beside_the_playbook_s(night: Night) -> None:
    campaign = night.submitted(playbook_version=None, values={})
    expect_no_glass(campaign, night.boris, "do not all come from one playbook")


def test_not_to_a_foreign_country(night: Night) -> None:
    expect_no_glass(
        night.submitted(audience_version=world.audience(night.boris, countries=("EG", "SD"))),
        night.boris,
        "country that is not",
    )


def test_not_to_other_people_than_the_playbook_says(night: Night) -> None:
    expect_no_glass(
        night.submitted(audience_version=world.audience(night.boris, mode="was_there")), night.boris, "other people"
    )


def test_not_by_a_platform_that_sends_by_itself(night: Night) -> None:
    night.book = prepared.playbook(night.anna, night.vera, night.zoya, ways=["vk-direct", "vk-geo"])
    expect_no_glass(night.submitted(ways=[night.account, world.account("vk-geo")]), night.boris, "may not use")


def test_not_when_only_one_has_approved_the_playbook(night: Night) -> None:
    night.book = prepared.playbook(night.anna, night.vera)
    expect_no_glass(night.submitted(), night.boris, "not approved by two people")


def test_not_when_its_writer_is_one_of_the_two(night: Night) -> None:
    night.book = prepared.playbook(night.vera, night.zoya)
    with pytest.raises(IntegrityError, match="does not approve"), workflow.acting(night.vera):
        sql(
            "INSERT INTO messaging_playbookapproval (version_id, by_id, at) VALUES (%s, %s, now())",
            night.version.pk,
            night.vera.pk,
        )
    expect_no_glass(night.submitted(), night.boris, "not approved by two people")


def test_not_off_duty(night: Night) -> None:
    campaign = night.submitted()
    Duty.objects.all().delete()
    expect_no_glass(campaign, night.boris, "not on duty")


def test_not_when_the_shift_is_over_or_to_come(night: Night) -> None:
    campaign = night.submitted()
    for hours in (-3, 3):
        Duty.objects.update(from_at=now() + timedelta(hours=hours), until_at=now() + timedelta(hours=hours + 2))
        expect_no_glass(campaign, night.boris, "not on duty")


def test_not_as_an_operator_on_duty(night: Night) -> None:
    night.on_duty(night.anna)
    campaign = workflow.submit(prepared.draft(night.version, night.incident, night.account, by=night.anna), by=night.anna)
    with pytest.raises(Refused, match="Your role"):
        alone(campaign, night.anna)
    with pytest.raises(IntegrityError, match="no_supervisor"):
        alone_by_sql(campaign, night.anna)


def test_not_later_and_not_with_an_outdated_playbook(night: Night) -> None:
    expect_no_glass(night.submitted(starts_at=now() + timedelta(hours=1)), night.boris, "starts later")
    newer = revise(night.book, "Leaving", [], prepared.content(hours=72), by=night.anna)
    for person in (night.vera, night.zoya):
        approve_playbook(newer, by=person)
    expect_no_glass(night.submitted(), night.boris, "newer version")


def test_not_a_second_time_before_the_first_was_reviewed(night: Night) -> None:
    alone(night.submitted(), night.boris)
    second = night.submitted()
    expect_no_glass(second, night.boris, "has not been reviewed yet")
    review(GlassBreak.objects.get(), "right", "It had to go at once.", by=night.vera)
    spite = {doubt.key: "They have to be told again." for doubt in fuses.blown(second, second.reach or {}, now())}
    assert alone(second, night.boris, overrides=spite).status == Status.SENDING


def test_not_without_a_reason_in_a_sentence(night: Night) -> None:
    campaign = night.submitted()
    with pytest.raises(Refused, match="why nobody else"):
        break_glass(campaign, "urgent", fingerprint=campaign.fingerprint(), reach={}, by=night.boris)


# Reviewing


def test_another_supervisor_reviews_it_in_words(night: Night) -> None:
    alone(night.submitted(), night.boris)
    review(GlassBreak.objects.get(), "wrong", "The border was open.", by=night.vera)
    found = GlassBreak.objects.get()
    assert (found.review, found.review_words, found.reviewed_by) == ("wrong", "The border was open.", night.vera)
    with pytest.raises(Refused, match="reviewed already"):
        review(found, "right", "Second thoughts.", by=night.zoya)


def test_the_database_keeps_the_first_review(night: Night) -> None:
    alone(night.submitted(), night.boris)
    review(GlassBreak.objects.get(), "wrong", "The border was open.", by=night.vera)
    with pytest.raises(IntegrityError, match="reviewed once"), workflow.acting(night.zoya):
        sql("UPDATE messaging_glassbreak SET review = 'right', review_words = 'Fine.', reviewed_by_id = %s", night.zoya.pk)


def test_nobody_reviews_themselves(night: Night) -> None:
    alone(night.submitted(), night.boris)
    with pytest.raises(Refused, match="Another supervisor"):
        review(GlassBreak.objects.get(), "right", "I was right.", by=night.boris)
    with pytest.raises(IntegrityError, match="Another supervisor"), workflow.acting(night.boris):
        sql(
            "UPDATE messaging_glassbreak SET review = 'right', review_words = 'I was right.', reviewed_by_id = %s",
            night.boris.pk,
        )


@pytest.mark.parametrize("statement", [
    "UPDATE messaging_glassbreak SET reason = 'Another reason, long enough.'",
    "UPDATE messaging_glassbreak SET reviewed_at = now()",
])  # fmt: skip
def test_the_row_is_not_changed_otherwise(night: Night, statement: str) -> None:
    alone(night.submitted(), night.boris)
    with pytest.raises(IntegrityError), workflow.acting(night.vera):
        sql(statement)
    with pytest.raises(ProgrammingError, match="permission denied"):
        sql("DELETE FROM messaging_glassbreak")
