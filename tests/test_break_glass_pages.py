"""Break-glass on the screen: offered folded or said why not, a red bar for all until another has reviewed it, counted after."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crisis.clock import now
from crisis.models import Duty, User
from messaging import glass
from messaging.models import Campaign, GlassBreak, Status
from messaging.views.reports import report_of
from tests import world
from tests.night import REASON, Night, alone
from tests.visits import proof, remember

pytestmark = pytest.mark.django_db
FOLD = "Nobody else can be reached"


@pytest.fixture
def night() -> Night:
    return Night()


@pytest.fixture
def screen(client_of: Callable[[User], Client]) -> Callable[[User], Client]:
    return client_of


def send(client: Client, campaign: Campaign, **changes: Any) -> Any:
    seen = client.get(reverse("campaign_decision", args=[campaign.pk])).context["seen"]
    typed = {"seen": seen, "understood": "1", "glass_reason": REASON, **changes}
    return client.post(reverse("campaign_break_glass", args=[campaign.pk]), typed)


def test_the_author_on_duty_sends_it_from_the_decision_page(night: Night, screen: Callable[[User], Client]) -> None:
    campaign, desk = night.submitted(), screen(night.boris)
    page = desk.get(reverse("campaign_decision", args=[campaign.pk])).content.decode()
    assert FOLD in page
    assert "Send alone now to 3 people in Egypt" in page
    assert send(desk, campaign).url == reverse("campaign_live", args=[campaign.pk])
    assert Campaign.objects.get(pk=campaign.pk).status == Status.SENDING


def test_whoever_proved_long_ago_who_they_are_sends_nothing_alone(night: Night, screen: Callable[[User], Client]) -> None:
    campaign, desk = night.submitted(), screen(night.boris)
    remember(desk, **proof(night.boris, time.time() - 301))
    assert send(desk, campaign).url.startswith("/reauthenticate/")
    assert Campaign.objects.get(pk=campaign.pk).status == Status.SUBMITTED


@pytest.mark.parametrize("changes", [{"understood": ""}, {"glass_reason": "urgent"}, {"seen": "forged"}])
def test_a_refused_one_sends_nothing_and_keeps_the_reason(
    night: Night, screen: Callable[[User], Client], changes: dict[str, str]
) -> None:
    campaign = night.submitted()
    answer = send(screen(night.boris), campaign, **changes)
    assert answer.status_code in {409, 422}
    assert changes.get("glass_reason", REASON) in answer.content.decode()
    assert Campaign.objects.get(pk=campaign.pk).status == Status.SUBMITTED


def test_the_page_says_why_not_instead_of_offering_it(night: Night, screen: Callable[[User], Client]) -> None:
    campaign = night.submitted(texts=world.WORDS)
    Duty.objects.all().delete()
    page = screen(night.boris).get(reverse("campaign_decision", args=[campaign.pk])).content.decode()
    assert "Something in it was changed since it was made from the playbook." in page
    assert "You are not on duty now." in page
    assert "Send alone now" not in page


def test_whoever_may_approve_it_is_not_offered_the_exception(night: Night, screen: Callable[[User], Client]) -> None:
    campaign = night.submitted()
    assert FOLD not in screen(night.vera).get(reverse("campaign_decision", args=[campaign.pk])).content.decode()


def test_everybody_sees_a_red_bar_until_another_has_reviewed_it(night: Night, screen: Callable[[User], Client]) -> None:
    campaign = alone(night.submitted(), night.boris)
    desks = [screen(person) for person in (night.anna, night.boris, night.vera)]
    address = reverse("campaign_review", args=[campaign.pk])
    assert all("Boris sent a campaign alone" in desk.get("/").content.decode() for desk in desks)
    assert desks[2].post(address, {"review": "right", "review_words": "It had to go."}).status_code == 302
    assert all("sent a campaign alone" not in desk.get("/").content.decode() for desk in desks)


def test_the_bar_says_when_the_review_is_overdue(night: Night, screen: Callable[[User], Client]) -> None:
    alone(night.submitted(), night.boris)
    row = GlassBreak.objects.get()
    assert (row.overdue, row.review_due_at - row.at) == (False, timedelta(minutes=60))
    row.at = now() - timedelta(minutes=61)
    assert row.overdue


def test_the_bar_costs_one_query(night: Night) -> None:
    alone(night.submitted(), night.boris)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        rows = glass.found(night.anna)
        assert [(str(row.by), row.approval.campaign.drill) for row in rows] == [("Boris", False)]
    assert len(asked) == 1


def test_the_sender_and_an_operator_read_the_review_page_and_cannot_review(
    night: Night, screen: Callable[[User], Client]
) -> None:
    campaign = alone(night.submitted(), night.boris)
    address, typed = reverse("campaign_review", args=[campaign.pk]), {"review": "right", "review_words": "Fine."}
    for person in (night.boris, night.anna):
        desk = screen(person)
        assert "It was right" not in desk.get(address).content.decode()
        assert desk.post(address, typed).status_code == 403
    assert GlassBreak.objects.get().reviewed_at is None


def test_a_review_without_words_keeps_its_page(night: Night, screen: Callable[[User], Client]) -> None:
    campaign = alone(night.submitted(), night.boris)
    address = reverse("campaign_review", args=[campaign.pk])
    assert screen(night.vera).post(address, {"review": "wrong", "review_words": " "}).status_code == 422
    assert screen(night.vera).post(address, {"review": "perhaps", "review_words": "Hm, so."}).status_code == 422


def test_the_report_counts_it(night: Night, screen: Callable[[User], Client]) -> None:
    campaign = alone(night.submitted(), night.boris)
    screen(night.vera).post(
        reverse("campaign_review", args=[campaign.pk]), {"review": "wrong", "review_words": "The border was open."}
    )
    page = screen(night.anna).get(reverse("campaign_report", args=[campaign.pk])).content.decode()
    assert "Sent by Boris alone" in page
    assert "Reviewed by Vera after" in page
    assert "was wrong" in page
    assert [(one["reason"], one["review"]) for one in report_of(campaign)["sent_by_one_person_alone"]] == [(REASON, "wrong")]
