"""Before what cannot be undone a person proves once more who they are, and nothing is done until then."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from messaging.models import Campaign, Status
from tests import world
from tests.desk import Desk, url
from tests.visits import proof, remember
from tests.world import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quick_hashes")]


@pytest.fixture(scope="module")
def made(once: Callable[[type[Desk]], Desk]) -> Desk:
    return once(Desk)


@pytest.fixture
def desk(made: Desk) -> Desk:
    found = deepcopy(made)
    world.known(found.chief)
    return found


def grow_stale(desk: Desk) -> None:
    remember(desk.at_chief, **proof(desk.chief, time.time() - 301))


def approve(desk: Desk, campaign: Campaign) -> Any:
    seen = desk.at_chief.get(url(campaign, "decision/")).context["seen"]
    return desk.at_chief.post(url(campaign, "approve/"), {"seen": seen, "understood": "1"})


def status_of(campaign: Campaign) -> str:
    return Campaign.objects.get(pk=campaign.pk).status


def test_an_approval_by_somebody_who_logged_in_long_ago_sends_nothing_and_asks_who_is_there(desk: Desk) -> None:
    campaign = desk.submitted()
    grow_stale(desk)
    before = world.counts()
    answer = approve(desk, campaign)
    assert answer.headers["Location"] == f"/reauthenticate/?next={url(campaign, 'decision/')}%3Fconfirmed%3D1"
    assert (status_of(campaign), world.counts()) == (Status.SUBMITTED, before)
    assert "Nothing was sent. Confirm that it is you" in desk.at_chief.get(answer.headers["Location"]).content.decode()


def test_a_password_leads_back_to_the_decision_and_the_second_press_sends(desk: Desk) -> None:
    campaign = desk.submitted()
    grow_stale(desk)
    there = approve(desk, campaign).url
    back = desk.at_chief.post(there, {"password": PASSWORD})
    assert back.headers["Location"] == url(campaign, "decision/?confirmed=1")
    assert status_of(campaign) == Status.SUBMITTED
    assert (
        "You confirmed that it is you. Nothing has been done yet"
        in desk.at_chief.get(back.headers["Location"]).content.decode()
    )
    assert approve(desk, campaign).url == url(campaign, "live/")


def test_a_wrong_password_confirms_nothing(desk: Desk) -> None:
    campaign = desk.submitted()
    grow_stale(desk)
    page = desk.at_chief.post("/reauthenticate/", {"password": "not the password"}).content.decode()
    assert "Nothing was done yet." in page
    assert approve(desk, campaign).url.startswith("/reauthenticate/")


def test_the_decision_page_says_beforehand_that_it_will_ask(desk: Desk) -> None:
    page, words = url(desk.submitted(), "decision/"), "You will be asked to confirm that it is you."
    assert words not in desk.at_chief.get(page).content.decode()
    grow_stale(desk)
    assert words in desk.at_chief.get(page).content.decode()


def test_the_proof_of_another_person_in_the_same_browser_counts_for_nothing(desk: Desk) -> None:
    campaign = desk.submitted()
    remember(desk.at_chief, **proof(desk.author, time.time()))
    assert approve(desk, campaign).url.startswith("/reauthenticate/")
    assert status_of(campaign) == Status.SUBMITTED


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"])
def test_a_confirmation_never_leads_to_another_site(desk: Desk, target: str) -> None:
    answer = desk.at_chief.post("/reauthenticate/", {"password": PASSWORD, "next": target})
    assert answer.headers["Location"] == "/"
