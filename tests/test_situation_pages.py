"""Situation, incident and coverage pages, and what waits for whom."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from crisis import incidents
from crisis.models import Incident, Mission, User
from messaging import board, waiting, workflow
from messaging.models import Account, Batch, Campaign, Receipt, Reply
from tests import world
from tests.visits import expect_status, page, post

pytestmark = pytest.mark.django_db
PAGES = ("situation", "incident_list", "coverage", "account_list")


@pytest.fixture(autouse=True)
def _token(quiet: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VK_MINISTRY", "a token")


@pytest.fixture
def operator() -> User:
    return world.person("anna", "operator")


@pytest.fixture
def supervisor() -> User:
    return world.person("boris", "supervisor")


@pytest.fixture
def account() -> Account:
    return world.account()


@pytest.fixture
def campaign(operator: User, account: Account) -> Campaign:
    """Submitted, meant for three people."""
    world.contacts([1000, 2000, 3000])
    return world.submitted(operator, account)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("role", ["operator", "supervisor", "admin", "auditor"])
def test_it_shows_every_role_its_empty_pages(name: str, role: str) -> None:
    expect_status(200, world.person("gleb", role), name)


@pytest.mark.parametrize("name", PAGES)
def test_it_shows_nothing_to_a_person_without_a_role(name: str) -> None:
    expect_status(403, world.person("gleb"), name)


@pytest.mark.parametrize("name", PAGES)
def test_it_sends_a_stranger_to_the_login(name: str) -> None:
    assert Client().get(reverse(name)).status_code == 302


@pytest.mark.parametrize("name", ["incident_detail", "account_detail"])
def test_it_answers_404_for_what_is_not_there(name: str, operator: User) -> None:
    expect_status(404, operator, name, 999_999)


def test_it_offers_to_declare_when_nothing_burns(operator: User) -> None:
    assert "Declare an incident" in page(operator, "situation")


def test_it_offers_an_auditor_nothing_to_declare() -> None:
    assert "Declare an incident" not in page(world.person("gleb", "auditor"), "situation")


def test_it_opens_the_decision_for_another_supervisor(campaign: Campaign, supervisor: User) -> None:
    html = page(supervisor, "situation")
    assert "Decide about the campaign" in html
    assert reverse("campaign_decision", args=[campaign.pk]) in html
    assert "3 people" in html


def test_it_does_not_ask_the_author_to_decide(supervisor: User, account: Account) -> None:
    world.contacts([1000])
    campaign = world.submitted(supervisor, account)
    assert reverse("campaign_decision", args=[campaign.pk]) not in page(supervisor, "situation")


def test_it_shows_a_sending_with_its_numbers(campaign: Campaign, supervisor: User, operator: User) -> None:
    world.approve(campaign, supervisor)
    Batch.objects.update(accepted=2)
    html = page(operator, "situation")
    assert "vk-direct: accepted for 2 of 3 people" in html
    assert "Watch the sending" in html


def test_it_answers_a_poll_with_the_sendings_alone(campaign: Campaign, supervisor: User, operator: User) -> None:
    world.approve(campaign, supervisor)
    client = Client()
    client.force_login(operator)
    html = client.get(reverse("situation"), headers={"HX-Request": "true"}).content.decode()
    assert "accepted for 0 of 3 people" in html
    assert "<html" not in html


def test_it_shows_an_account_in_trouble_in_words(operator: User, account: Account, supervisor: User) -> None:
    Account.objects.update(paused_at=world.now(), paused_reason="5")
    assert "does not accept our token" in page(operator, "situation")


def test_it_names_silent_missions_until_they_have_told(operator: User) -> None:
    incident, mission = world.incident(operator), embassy()
    assert str(mission) in page(operator, "situation")
    incidents.tick(incident, mission, posted=True, link="https://vk.example/1", by=operator)
    assert str(mission) not in page(operator, "situation")
    assert "https://vk.example/1" in page(operator, "coverage")


def test_a_mission_silent_about_two_incidents_is_named_once(operator: User) -> None:
    mission = embassy()
    for _n in range(2):
        world.incident(operator)
    rows = board.silent(board.posts(board.open_incidents(by=operator)))
    assert [row.mission for row in rows].count(mission) == 1


def embassy() -> Mission:
    names = {"name_ru": "Посольство в Каире", "name_en": "Embassy in Cairo", "city_ru": "Каир", "city_en": "Cairo"}
    return Mission.objects.create(country_id="EG", kind="embassy", **names)


def test_it_notes_a_mission_from_the_board(operator: User) -> None:
    incident, mission = world.incident(operator), embassy()
    post(operator, "incident_coverage", incident.pk, mission.pk, posted="on", link="")
    assert "0 of 1 missions silent" in page(operator, "coverage")


def test_it_shows_an_incident_in_words(operator: User) -> None:
    incident = world.incident(operator)
    html = page(operator, "incident_detail", incident.pk)
    assert "serious harm is likely" in html
    assert "Severe" not in html
    assert reverse("campaign_new", args=[incident.pk]) in html


def test_it_takes_a_line_into_the_log(operator: User) -> None:
    incident = world.incident(operator)
    answer = post(operator, "incident_note", incident.pk, text="Airport closed")
    assert "Airport closed" in answer.content.decode()


def test_it_offers_no_alert_about_a_closed_incident(operator: User) -> None:
    incident = world.incident(operator)
    incidents.move(incident, "closed", by=operator)
    html = page(operator, "incident_detail", incident.pk)
    assert "This incident is closed" in html
    assert reverse("campaign_new", args=[incident.pk]) not in html


def test_it_frames_a_drill(operator: User) -> None:
    drill, live = world.incident(operator, drill=True), world.incident(operator)
    assert "mode-drill" in page(operator, "incident_detail", drill.pk)
    assert "mode-drill" not in page(operator, "incident_detail", live.pk)


def test_it_does_not_add_up_people_who_may_be_the_same(campaign: Campaign, operator: User, supervisor: User) -> None:
    world.approve(campaign, supervisor)
    Batch.objects.update(accepted=3)
    html = page(operator, "incident_detail", campaign.incident_id)
    assert "In all: 3 people." in html


def test_it_filters_incidents_by_the_url(operator: User) -> None:
    world.incident(operator)
    Incident.objects.update(status="closed")
    assert "Flights suspended" not in page(operator, "incident_list")
    assert "Flights suspended" in page(operator, "incident_list", status="closed")
    assert "Flights suspended" in page(operator, "incident_list", status="all", drill="0")
    assert "No incident passes" in page(operator, "incident_list", status="all", drill="1")


def test_it_asks_little_of_the_database_on_the_situation_page(
    campaign: Campaign, supervisor: User, operator: User, django_assert_max_num_queries: Any
) -> None:
    world.approve(campaign, supervisor)
    embassy()
    client = Client()
    client.force_login(operator)
    client.get(reverse("situation"))
    with django_assert_max_num_queries(26):
        client.get(reverse("situation"))


# What waits for whom


def texts(user: User) -> list[str]:
    return [item["text"] for item in waiting.found(User.objects.get(pk=user.pk))]


def test_it_tells_the_approver_what_waits(campaign: Campaign, supervisor: User, operator: User) -> None:
    assert texts(supervisor) == ["1 campaign waits for your approval"]
    assert texts(operator) == ["Waits for another person: Headline"]
    assert texts(world.person("clara", "operator")) == ["1 campaign waits for approval"]
    assert "1 campaign waits for your approval" in page(supervisor, "situation")


def test_it_counts_no_campaign_of_ones_own(supervisor: User, account: Account) -> None:
    world.contacts([1000])
    world.submitted(supervisor, account)
    assert texts(supervisor) == ["Waits for another person: Headline"]


def test_it_counts_no_campaign_whose_audience_is_ones_own(operator: User, supervisor: User, account: Account) -> None:
    world.contacts([1000])
    world.submitted(operator, account, version=world.audience(supervisor))
    assert texts(supervisor) == ["Waits for another person: Headline"]


def test_it_tells_the_author_what_was_returned(campaign: Campaign, supervisor: User, operator: User) -> None:
    workflow.send_back(campaign, "Name the hotline", by=supervisor)
    assert texts(operator) == ["Returned to you: Headline"]


def test_it_tells_the_author_what_was_held(campaign: Campaign, operator: User) -> None:
    Campaign.objects.update(status_reason="It would now reach 500 people")
    assert texts(operator) == ["Held: Headline"]


def test_it_marks_a_drill_that_waits(operator: User, supervisor: User) -> None:
    world.contacts([1000])
    world.submitted(operator, world.account(drill=True), drill=True)
    assert texts(supervisor) == ["DRILL · 1 campaign waits for your approval"]


def test_it_puts_an_overdue_update_first(campaign: Campaign, supervisor: User) -> None:
    world.sql("UPDATE crisis_incident SET next_update_at = crisis_now() - interval '5 minutes'")
    assert texts(supervisor) == ["Update overdue: Flights suspended", "1 campaign waits for your approval"]


def test_it_names_a_campaign_in_the_language_of_the_reader(campaign: Campaign, operator: User) -> None:
    with override("ru"):
        assert texts(operator) == ["Ждёт другого человека: Заголовок"]


def test_it_counts_unread_replies(campaign: Campaign, account: Account, operator: User) -> None:
    receipt = Receipt.objects.create(account=account, event_id="e", kind="reply", at=world.now())
    Reply.objects.create(account=account, receipt=receipt, campaign=campaign, text="help", key=1)
    assert texts(operator) == ["Waits for another person: Headline", "1 unread reply"]


def test_it_reads_at_most_six_times_what_waits(
    campaign: Campaign, supervisor: User, django_assert_max_num_queries: Any
) -> None:
    user = User.objects.get(pk=supervisor.pk)
    assert user.roles
    with django_assert_max_num_queries(6):
        waiting.found(user)


def test_it_waits_for_nobody_before_the_login(rf: Any) -> None:
    assert waiting.waiting(rf.get("/")) == {"waiting": []}
