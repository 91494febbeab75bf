"""Drills beside live alerts: other words on every button, texts that never deny what they are, and a copy that starts anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from crisis import incidents
from crisis.clock import now
from crisis.models import Incident
from messaging import drilling, training, workflow
from messaging.models import Campaign
from messaging.models.campaigns import PLAYED
from messaging.wording import Words
from tests import visits, world
from tests.stages import Cast, expect_refusal

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made(once: Callable[[type[Cast]], Cast]) -> Cast:
    return once(Cast)


@pytest.fixture
def cast(made: Cast) -> Cast:
    return deepcopy(made)


def drill(cast: Cast, **changes: Any) -> Campaign:
    content = world.content(world.account(drill=True), version=world.audience(cast.author), **changes)
    return workflow.draft(world.incident(cast.author, drill=True), content, by=cast.author)


@pytest.mark.parametrize("words", [
    "This is not a drill.", "THIS IS  NOT A\u00a0DRILL", "this is not\na drill", "It isn't a drill",
    "It isn’t an exercise", "no drill!", "not an exercise", "This is no test", "not just a drill",
    "n-o-t a drill: not a-drill", "N O T  A  D R I L L", "not\u200b a dr\u00adill", "nоt а drill", "ЭТО НЕ УЧЕНИЕ",
    "это  не\u00a0учения", "не учебная тревога", "Это не является учением", "не тренировка", "не проверка связи",
    "Н Е  У Ч Е Н И Е", "нe учeниe", "не — учение", "Не просто учение", "НЕ УЧЁБНАЯ ТРЕВОГА",
])  # fmt: skip
def test_a_text_that_denies_being_a_drill_is_recognised(words: str) -> None:
    assert drilling.denies(f"Уезжайте. {words} Leave.")


@pytest.mark.parametrize("words", [
    "EXERCISE. This is a check of communications. Nothing has happened.", "УЧЕНИЕ. Это проверка связи. Ничего не произошло.",
    "Вы в зоне учения. Делать ничего не нужно.", "This exercise does not concern you.", "Не звоните, учение скоро закончится.",
    "You do not need to do anything. Drill of 12 May.", "На месте нет связи; учение идёт.",
])  # fmt: skip
def test_a_text_that_only_names_the_drill_is_not(words: str) -> None:
    assert not drilling.denies(words)


@pytest.mark.parametrize("part", ["headline", "body", "instruction"])
def test_a_drill_that_denies_itself_cannot_be_submitted(cast: Cast, part: str) -> None:
    words = {"headline": "Check", "body": "A check.", "instruction": "Do nothing."} | {part: "This is NOT a  drill"}
    campaign = drill(cast, texts={"en": Words(**words)})
    with expect_refusal("never denies that it is one"):
        workflow.submit(campaign, by=cast.author)


def test_a_live_text_may_say_that_it_is_no_drill(cast: Cast) -> None:
    campaign = cast.submitted(texts={"en": Words("Leave now", "This is not a drill.", "")})
    assert campaign.status == "submitted"


def test_a_live_text_that_names_an_exercise_is_warned_of(cast: Cast) -> None:
    campaign = cast.draft(texts={"ru": Words("Учение", "Уезжайте.", ""), "en": Words("EXERCISE", "Exercise caution.", "")})
    assert [sentence.split("“")[1].split("”")[0] for sentence in drilling.warnings(campaign)] == ["Учение", "EXERCISE"]
    assert drilling.warnings(drill(cast)) == []


class Shown(HTMLParser):
    """The words of buttons, and of links that look like one, in the body of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.inside = ""
        self.feed(page.partition("<main")[2])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "button" or (tag == "a" and "button" in (dict(attrs).get("class") or "").split()):
            self.inside = tag
            self.words.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == self.inside:
            self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.words[-1] += data.strip()


# Buttons that do nothing to anybody: they may be called the same.
HARMLESS = {"Cancel", "Save the fact", "Go to the decision", "Count again", "Totals as CSV", "Totals as JSON"}


def walked(cast: Cast, account: Any, incident: Any) -> Iterator[str]:
    """Every page of a campaign's life, as its author and as the second person see it."""

    def pages(campaign: Campaign, *names: str) -> Iterator[str]:
        for user in (cast.author, cast.approver):
            yield from (visits.page(user, f"campaign_{name}", campaign.pk) for name in names)

    begun = world.content(account, version=world.audience(cast.author))
    campaign = workflow.draft(incident, begun, by=cast.author)
    yield from pages(campaign, "draft", "preview", "discard")
    workflow.submit(campaign, by=cast.author)
    yield from pages(campaign, "preview", "decision")
    world.approve(campaign, cast.approver)
    yield from pages(campaign, "live", "preview", "decision", "stop")
    workflow.pause(campaign, by=cast.author)
    yield from pages(campaign, "live", "stop")
    workflow.stop(campaign, by=cast.author)
    yield from pages(campaign, "report")
    later = workflow.draft(incident, replace(begun, starts_at=now() + timedelta(hours=1)), by=cast.author)
    world.approve(workflow.submit(later, by=cast.author), cast.approver)
    yield from pages(later, "live", "preview", "stop")
    yield visits.page(cast.author, "incident_detail", incident.pk).partition("Have the missions")[0]


def test_no_button_of_a_drill_is_called_like_one_of_a_live_alert(cast: Cast) -> None:
    live = {words for page in walked(cast, cast.account, world.incident(cast.author)) for words in Shown(page).words}
    drills = [*walked(cast, world.account(drill=True), world.incident(cast.author, drill=True))]
    played = {words for page in drills for words in Shown(page).words}
    assert live & played - HARMLESS - {"Add to the log"} == set()
    assert {words for words in played - HARMLESS if "drill" not in words.casefold()} == {"Add to the log"}
    assert {page.count("mode-drill") for page in drills[:-1]} == {1}


def test_what_is_ticked_and_asked_before_it_says_that_it_is_a_drill(cast: Cast) -> None:
    campaign = workflow.submit(drill(cast), by=cast.author)
    ticked = visits.page(cast.approver, "campaign_decision", campaign.pk)
    world.approve(campaign, cast.approver)
    asked = visits.page(cast.author, "campaign_stop", campaign.pk)
    assert ("I understand that this is a drill" in ticked, "Stop the drill?" in asked) == (True, True)
    assert ("will get this" in ticked, "Stop sending?" in asked) == (False, False)


def test_no_status_of_a_drill_under_way_reads_like_a_live_one() -> None:
    live, played = ({Campaign(drill=drill, status=status).get_status_display() for status in PLAYED} for drill in (False, True))
    assert live & played == set()


def test_the_end_of_a_drill_says_that_nobody_real_received_it(cast: Cast) -> None:
    campaign = workflow.submit(drill(cast), by=cast.author)
    world.approve(campaign, cast.approver)
    workflow.stop(campaign, by=cast.author)
    assert "<h1>Nobody real received this</h1>" in visits.page(cast.author, "campaign_report", campaign.pk)


def test_a_copy_as_live_draft_begins_anew_with_the_words_alone(cast: Cast) -> None:
    played = drill(cast, texts={"ru": Words("УЧЕНИЕ: пожар", "УЧЕНИЕ. Уходите.", "EXERCISE — EXERCISE. Ждите.")})
    incident = world.incident(cast.author)
    copy = workflow.copy_as_live(played, incident, by=cast.author)
    text = copy.texts.get()
    assert (text.headline, text.body, text.instruction) == ("пожар", "Уходите.", "Ждите.")
    assert (copy.drill, copy.incident, copy.status, copy.audience_version, copy.not_after) == (
        False,
        incident,
        "draft",
        None,
        None,
    )
    assert not copy.accounts.exists()
    assert Campaign.objects.get(pk=played.pk).drill


def test_a_live_message_is_not_copied_as_if_it_were_a_drill(cast: Cast) -> None:
    campaign, incident = cast.draft(), world.incident(cast.author)
    with expect_refusal("This is no drill"):
        workflow.copy_as_live(campaign, incident, by=cast.author)


@pytest.mark.parametrize("case", ["drill", "closed"])
def test_a_copy_needs_an_open_real_incident(cast: Cast, case: str) -> None:
    played, incident = drill(cast), world.incident(cast.author, drill=case == "drill")
    if case == "closed":
        incidents.move(incident, "closed", by=cast.author)
    with expect_refusal("Choose an incident that is real" if case == "drill" else "closed"):
        workflow.copy_as_live(played, Incident.objects.get(pk=incident.pk), by=cast.author)


def test_the_page_of_the_copy_opens_the_live_draft(cast: Cast) -> None:
    played, incident = drill(cast), world.incident(cast.author)
    answer = visits.post(cast.author, "campaign_copy_as_live", played.pk, incident=incident.pk)
    assert answer.redirect_chain[0][0] == f"/campaigns/{Campaign.objects.get(drill=False).pk}/draft/"
    assert "mode-drill" not in answer.content.decode()


def played(cast: Cast) -> Campaign:
    return world.approve(workflow.submit(drill(cast), by=cast.author), cast.approver)


def test_it_knows_who_wrote_and_who_approved_the_last_drill_that_was_played(cast: Cast) -> None:
    campaign, idle = played(cast), world.person("vera", "supervisor")
    rows = {row.person: (row.wrote_at, row.approved_at) for row in training.everybody()}
    at = campaign.started_at
    assert rows == {cast.author: (at, None), cast.approver: (None, at), idle: (None, None)}
    assert training.everybody()[0].person == idle


def test_a_live_alert_and_a_drill_that_was_never_played_train_nobody(cast: Cast) -> None:
    world.approve(cast.submitted(), cast.approver)
    workflow.submit(drill(cast), by=cast.author)
    assert {row.at for row in training.everybody()} == {None}
    assert training.nobody_lately()


def test_the_approver_sees_who_trained_when(cast: Cast) -> None:
    played(cast)
    waiting = workflow.submit(drill_of(cast), by=cast.author)
    world.person("vera", "supervisor")
    page = visits.page(cast.approver, "campaign_decision", waiting.pk)
    assert page.count("last drill") == 2
    assert "Vera — <span" in visits.page(cast.author, "campaign_decision", waiting.pk)


def drill_of(cast: Cast) -> Campaign:
    """A second drill, by the account there is."""
    row = Campaign.objects.get(drill=True)
    return workflow.draft(row.incident, world.content(*row.accounts.all(), version=row.audience_version), by=cast.author)


def test_the_situation_says_when_nobody_has_trained_for_long(cast: Cast) -> None:
    campaign = played(cast)
    assert "trained for 90 days" not in visits.page(cast.author, "situation")
    Campaign.objects.filter(pk=campaign.pk).update(started_at=now() - timedelta(days=91))
    assert "Nobody here has trained for 90 days." in visits.page(cast.author, "situation")
    assert visits.page(cast.author, "training").count("not for 90 days") == 2
