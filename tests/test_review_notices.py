"""What one person sent alone: everybody who may review it is told at once, and again at half time unless somebody has."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from crisis.clock import now
from crisis.models import Duty, User
from messaging import escalation, workflow
from messaging.models import Campaign, GlassBreak, Notice
from messaging.workflow.breaking_glass import review
from tests import prepared, visits, world
from tests.night import REASON, Night, alone
from tests.stages import ahead

EMAIL, SCREEN, SMS = Notice.Way.EMAIL, Notice.Way.SCREEN, Notice.Way.SMS
REVIEW = Notice.About.REVIEW
MARK = "RELEASED – REVIEW NEEDED"


@pytest.fixture(autouse=True)
def _by_mail(settings: Any) -> None:
    settings.NOTICE_EMAIL, settings.NOTICE_SMS_URL = True, "https://sms.test/"
    settings.PUBLIC_URL = "https://console.test"


def watched() -> Night:
    """A night on which all have mail; Vera has also told her phone."""
    night = Night()
    for row in (night.anna, night.boris, night.vera, night.zoya):
        User.objects.filter(pk=row.pk).update(email=f"{row.username}@ministry.test")
    at = now() - timedelta(days=2)
    Duty.objects.create(person=night.vera, from_at=at, until_at=at + timedelta(hours=8), phone="+7 495 000-00-01")
    return night


@pytest.fixture
def night(db: None) -> Night:
    return watched()


@pytest.fixture
def dark(committed: str) -> Night:
    """The same in a database whose clock can be moved."""
    return watched()


def released(night: Night) -> Campaign:
    """Sent alone; what was told before that is forgotten."""
    campaign = alone(night.submitted(), night.boris)
    mail.outbox.clear()
    return campaign


def told() -> list[str]:
    return sorted(address.partition("@")[0] for message in mail.outbox for address in message.to)


def planned(step: int) -> set[tuple[str, str]]:
    return set(Notice.objects.filter(about=REVIEW, step=step).values_list("person__username", "way"))


def test_everybody_who_may_review_is_told_by_every_way_they_have(night: Night) -> None:
    released(night)
    every = {("vera", "screen"), ("vera", "email"), ("vera", "sms"), ("zoya", "screen"), ("zoya", "email")}
    assert planned(1) == every == planned(2)


def test_whoever_sent_what_another_wrote_does_not_review_it(night: Night) -> None:
    written = prepared.draft(night.version, night.incident, night.account, by=night.anna)
    alone(workflow.submit(written, by=night.anna), night.boris)
    assert {person for person, _way in planned(1)} == {"vera", "zoya"}


def test_they_are_told_at_once_in_one_round_of_the_teller(night: Night) -> None:
    released(night)
    escalation.tell(EMAIL)
    assert told() == ["vera", "zoya"]
    assert not Notice.objects.filter(about=REVIEW, way=SCREEN, step=1, sent_at=None).exists()


def test_unreviewed_they_are_told_again_after_half_the_time_and_no_third_time(dark: Night) -> None:
    released(dark)
    found = []
    for minutes in (0, 29, 31, 59, 300):
        ahead(minutes=minutes)
        escalation.tell(EMAIL)
        found.append(len(told()))
    assert found == [2, 2, 4, 4, 4]


def test_once_it_is_reviewed_nobody_is_told_again(dark: Night) -> None:
    released(dark)
    escalation.tell(EMAIL)
    review(GlassBreak.objects.get(), "right", "Nobody answered.", by=dark.vera)
    ahead(minutes=31)
    assert escalation.tell(EMAIL) == 0
    assert told() == ["vera", "zoya"]


def test_the_notice_says_first_that_it_is_released_then_who_why_and_where_to_review_it(night: Night) -> None:
    campaign = released(night)
    escalation.tell(EMAIL)
    message = mail.outbox[0]
    body = str(message.body)
    assert (message.subject.startswith(MARK), body.startswith(MARK)) == (True, True)
    for part in (
        "Boris released this alone: alert to 3 people",
        REASON,
        f"https://console.test/campaigns/{campaign.pk}/review/",
    ):
        assert part in body
    assert "NOT RELEASED" not in message.subject + body


def test_the_notice_of_a_drill_says_so(night: Night) -> None:
    night.incident = world.incident(night.boris, drill=True)
    alone(night.submitted(ways=[world.account(drill=True)]), night.boris)
    mail.outbox.clear()
    escalation.tell(EMAIL)
    assert mail.outbox[0].subject.startswith(f"{MARK} · DRILL · ")


def test_the_review_page_shows_who_was_told(night: Night) -> None:
    campaign = released(night)
    escalation.tell(EMAIL)
    page = visits.page(night.vera, "campaign_review", campaign.pk)
    assert "Who was told to review it" in page
    assert "Zoya — by e-mail" in page
