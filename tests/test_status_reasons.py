"""Why a campaign is where it is, as its pages say it: in whole sentences, and returned only where somebody returned it."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from messaging.models import Campaign
from tests.desk import Desk, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return Desk()


def notices(client: Client, address: str) -> list[str]:
    """The page's notices, tags taken out."""
    found = re.findall(r'<div class="notice tone-wait">(.*?)</div>', client.get(address).content.decode(), re.DOTALL)
    return [re.sub("<[^>]+>", "", one).strip() for one in found]


def test_a_returned_draft_shows_its_approver_s_words_as_returned(desk: Desk) -> None:
    campaign = desk.submitted()
    desk.at_chief.post(url(campaign, "send-back/"), {"reason": "w" * 500})
    assert f"Returned: {'w' * 500}" in notices(desk.at_author, url(campaign, "draft/"))


def test_a_draft_that_nobody_returned_is_not_called_returned(desk: Desk) -> None:
    campaign = desk.draft()
    Campaign.objects.filter(pk=campaign.pk).update(status_reason="Restored from a backup.")
    assert "Restored from a backup." in notices(desk.at_author, url(campaign, "draft/"))


def test_a_decision_says_why_it_is_asked_again_in_the_reason_s_own_words(desk: Desk) -> None:
    campaign = desk.submitted()
    Campaign.objects.filter(pk=campaign.pk).update(status_reason="Restored from a backup.")
    assert "Restored from a backup." in notices(desk.at_chief, url(campaign, "decision/"))
