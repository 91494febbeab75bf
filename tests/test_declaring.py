"""The declare page and its holding message: one form, nothing typed but a country, and nothing lost when something is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from crisis.models import Category, Country, Incident, User
from messaging.beginning import Facts, filled
from messaging.models import Account, Campaign, Status
from messaging.wording import TEMPLATES, blanks
from tests import world

pytestmark = pytest.mark.django_db
ANSWERS = {"countries": ["Egypt"], "category": "Transport", "severity": "Severe", "urgency": "Immediate",
           "certainty": "Observed", "minutes": "60"}  # fmt: skip


@pytest.fixture
def account() -> Account:
    world.contacts([1, 2, 3])
    return world.account()


@pytest.fixture
def desk(client_of: Callable[[User], Client]) -> Client:
    return client_of(world.person("anna", "operator"))


def shown(desk: Client, query: str = "") -> dict[str, Any]:
    """What the page offers for the holding message, as a browser would send it back."""
    form = desk.get(reverse("incident_declare") + query).context["message"]
    return {form.add_prefix(name): form[name].value() for name in form.fields}


def post(desk: Client, go: str = "submit", query: str = "", **changes: Any) -> Any:
    return desk.post(reverse("incident_declare") + query, {**ANSWERS, **shown(desk, query), "go": go, **changes})


def test_one_form_leads_from_a_country_to_a_submitted_message(desk: Client, account: Account) -> None:
    answer = post(desk)
    campaign = Campaign.objects.get()
    assert answer.url == reverse("campaign_preview", args=[campaign.pk])
    assert (campaign.status, campaign.incident.title_en) == (Status.SUBMITTED, "Egypt: transport")
    assert "waits for approval" in desk.get(answer.url).content.decode()


def test_the_message_says_who_what_is_safe_and_when_the_next_comes(desk: Client, account: Account) -> None:
    post(desk, hotline="+7 495 000-00-00")
    text = Campaign.objects.get().texts.get(language="en")
    assert text.headline == "Russian Foreign Ministry. Egypt: reports of disrupted transport"
    assert re.search(r"The next message follows: \d+ \w+ \d{4}, \d\d:\d\d \(Moscow\)\.", text.body)
    assert re.search(r"valid until: \d+ \w+ \d{4}, \d\d:\d\d \(Moscow\)\.", text.body)
    assert text.instruction.startswith("Do not go to the airport")
    assert text.instruction.endswith("Hotline: +7 495 000-00-00.")


def test_it_goes_to_those_last_seen_there_for_twelve_hours_by_every_way_that_works(desk: Client, account: Account) -> None:
    paused = world.account("vk-geo")
    Account.objects.filter(pk=paused.pk).update(paused_at="2015-11-08T00:00:00Z", paused_reason="manual")
    post(desk)
    campaign = Campaign.objects.get()
    assert campaign.audience_version is not None
    assert campaign.audience_version.criteria == world.audience(campaign.created_by).criteria
    assert [*campaign.accounts.all()] == [account]
    assert campaign.not_after is not None
    assert timedelta(hours=11, minutes=59) < campaign.not_after - campaign.created_at <= timedelta(hours=12)


def test_a_message_that_cannot_be_submitted_leaves_the_incident_and_a_draft_with_what_is_wrong(desk: Client) -> None:
    answer = post(desk)
    campaign = Campaign.objects.get()
    page = desk.get(answer.url).content.decode()
    assert (Incident.objects.count(), campaign.status) == (1, Status.DRAFT)
    assert "The incident is declared. The holding message was not submitted" in page
    assert "No way of sending is chosen" in page


@pytest.mark.parametrize("wrong", [
    {"countries": ["Egipt"]}, {"holding-hours": "0"}, {"holding-headline_en": "x" * 161}, {"holding-accounts": ["999"]},
    {"title_ru": "я" * 170},
])  # fmt: skip
def test_an_answer_that_is_wrong_declares_nothing_and_keeps_what_was_typed(
    desk: Client, account: Account, wrong: dict[str, Any]
) -> None:
    answer = post(desk, **{"holding-body_en": "My own words.", "hotline": "+20 100", **wrong})
    page = answer.content.decode()
    assert (answer.status_code, Incident.objects.count()) == (422, 0)
    assert "My own words." in page
    assert 'value="+20 100"' in page
    assert 'class="error-summary"' in page


def test_words_that_were_changed_are_sent_as_they_were_typed(desk: Client, account: Account) -> None:
    post(desk, **{"holding-body_en": "Stay in [country] until told otherwise."})
    assert Campaign.objects.get().texts.get(language="en").body == "Stay in Egypt until told otherwise."


def test_declaring_alone_sends_nothing_and_minds_nothing_of_the_message(desk: Client) -> None:
    answer = post(desk, "declare", **{"holding-hours": "nonsense"})
    assert answer.url == reverse("incident_detail", args=[Incident.objects.get().pk])
    assert not Campaign.objects.exists()


def test_the_message_and_its_reach_are_shown_before_anything_is_declared(desk: Client, account: Account) -> None:
    page = post(desk, "count").content.decode()
    assert "Egypt: reports of disrupted transport" in page
    assert re.search(r"3 people.*known to us in this audience", page, re.DOTALL)
    assert not Incident.objects.exists()


def test_a_page_with_scripts_gets_only_the_part_that_changes(desk: Client, account: Account) -> None:
    typed = {**ANSWERS, **shown(desk), "go": "count", "severity": ""}
    answer = desk.post(reverse("incident_declare"), typed, headers={"HX-Request": "true"})
    assert "reports of disrupted transport" in answer.content.decode()
    assert "<form" not in answer.content.decode()


def test_a_drill_is_declared_with_its_message_on_drill_accounts_only(desk: Client) -> None:
    world.account()
    world.contacts([1])
    drill = world.account(drill=True)
    post(desk, query="?drill")
    campaign = Campaign.objects.get()
    assert (campaign.drill, [*campaign.accounts.all()], campaign.status) == (True, [drill], Status.SUBMITTED)


@pytest.mark.parametrize("category", Category.values)
@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_holding_message_has_no_blank_left_whatever_is_unknown(category: str, language: str) -> None:
    facts = Facts(places=[*Country.objects.filter(pk="EG")], category=category, valid_until=world.now())
    words = filled(TEMPLATES["holding"].words[language], facts.known(language))
    assert blanks(f"{words.headline}{words.body}{words.instruction}") == []
    assert "  " not in words.body + words.instruction


@pytest.mark.parametrize("slug", sorted(TEMPLATES))
def test_every_template_has_a_correction_in_both_languages_that_says_so(slug: str) -> None:
    correction = TEMPLATES[slug].correction
    assert "исправление" in correction.words["ru"].headline.lower()
    assert "correction" in correction.words["en"].headline.lower()
