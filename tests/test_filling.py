"""What the fact sheet puts into a message, and what is said when the sheet changes after it was submitted."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from crisis import facts
from crisis.models import Fact
from messaging import checking, filling, workflow
from messaging.models import Campaign, Rendering
from tests import world
from tests.desk import Desk, url

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made(once: Callable[[type[Desk]], Desk]) -> Desk:
    return once(Desk)


@pytest.fixture
def desk(made: Desk) -> Desk:
    return deepcopy(made)


def state(desk: Desk, value: str) -> None:
    fact = Fact(incident=desk.incident, kind="phone", name_ru="Телефон штаба", name_en="Desk phone", value_ru=value)
    facts.state_fact(fact, by=desk.author)


def draft(desk: Desk) -> Campaign:
    words: dict[str, Any] = {
        "ru": world.WORDS["ru"]._replace(instruction="Звоните: [Телефон штаба]."),
        "en": world.WORDS["en"]._replace(instruction="Call [Desk phone]."),
    }
    return desk.draft(texts=words)


def sent_words(campaign: Campaign) -> str:
    return "\n".join(Rendering.objects.filter(campaign=campaign).values_list("body", flat=True))


def test_a_blank_named_like_a_fact_reads_what_the_sheet_says_in_every_language(desk: Desk) -> None:
    state(desk, "+7 495 000-00-01")
    words = sent_words(workflow.submit(draft(desk), by=desk.author))
    assert ("Звоните: +7 495 000-00-01." in words, "Call +7 495 000-00-01." in words, "[" in words) == (True, True, False)


def test_a_blank_that_no_fact_fills_is_still_refused(desk: Desk) -> None:
    found = checking.problems(draft(desk), {}, world.now())
    assert any("[Desk phone]" in str(problem.sentence) for problem in found)


def test_a_changed_fact_changes_drafts_and_nothing_that_was_submitted(desk: Desk) -> None:
    state(desk, "+7 495 000-00-01")
    submitted, waiting = workflow.submit(draft(desk), by=desk.author), draft(desk)
    state(desk, "+7 495 000-00-02")
    assert "000-00-02" in filling.filled(waiting.texts.get(language="en"))
    assert "000-00-02" not in sent_words(submitted)


@pytest.mark.parametrize("page", ["decision/", "report/"])
def test_it_is_said_beside_what_was_submitted_before_a_fact_changed(overtaken: Campaign, desk: Desk, page: str) -> None:
    shown = desk.at_chief.get(url(overtaken, page), follow=True).text
    assert ("Facts were changed after this was submitted" in shown, "000-00-02" in shown) == (True, True)


@pytest.fixture
def overtaken(desk: Desk) -> Campaign:
    state(desk, "+7 495 000-00-01")
    campaign = workflow.submit(draft(desk), by=desk.author)
    state(desk, "+7 495 000-00-02")
    return campaign


def test_a_fact_that_the_message_does_not_use_is_not_told(desk: Desk) -> None:
    campaign = desk.submitted()
    state(desk, "+7 495 000-00-01")
    assert filling.changed_since(campaign) == []


def test_a_fact_whose_old_value_was_typed_into_the_message_is_told(desk: Desk) -> None:
    state(desk, "+7 495 000-00-01")
    typed = world.WORDS["en"]._replace(instruction="Call +7 495 000-00-01.")
    campaign = desk.submitted(texts={"en": typed})
    state(desk, "+7 495 000-00-02")
    ((fact, old),) = filling.changed_since(campaign)
    assert (fact.value_ru, old and old.value_ru) == ("+7 495 000-00-02", "+7 495 000-00-01")


def test_a_draft_that_was_returned_is_told_of_no_change(overtaken: Campaign, desk: Desk) -> None:
    workflow.send_back(overtaken, "Say it shorter", by=desk.chief)
    returned = Campaign.objects.get(pk=overtaken.pk)
    assert (returned.submitted_at is None, filling.changed_since(returned)) == (False, [])
