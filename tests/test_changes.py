"""What has changed since a round that somebody had read: words by language, the rest row by row, and the pages that show it."""

from __future__ import annotations

import random
from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from time import perf_counter
from typing import Any

import pytest

from crisis import wording
from crisis.clock import now
from crisis.models import User
from crisis.refusal import Refused
from messaging import changes, workflow
from messaging.models import Campaign
from tests import visits, world
from tests.desk import Desk
from tests.world import WORDS


def said(old: str, new: str) -> str:
    """A diff in one line: -went-, +came+."""
    marks = {"same": "", "del": "-", "ins": "+"}
    return "".join(f"{marks[p.op]}{p.text.strip()}{marks[p.op]} " for p in wording.words(old, new)).strip()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("Stay at your hotel.", "Stay at your hotel.", "Stay at your hotel."),
        ("Stay at your hotel.", "Stay at the hotel.", "Stay at -your- +the+ hotel."),
        ("Полёты прерваны до 8 ноября.", "Полёты прерваны до 9 ноября.", "Полёты прерваны до -8- +9+ ноября."),
        ("Time of Moscow.\n\nStay.", "Time of Moscow. Free.\n\nStay.", "Time of Moscow. +Free.+ Stay."),
        ("", "New.", "+New.+"),
        ("Old.", "", "-Old.-"),
        ("", "", ""),
    ],
)
def test_a_diff_names_the_words_that_went_and_came(old: str, new: str, expected: str) -> None:
    assert said(old, new) == expected


def test_a_diff_put_together_is_both_texts() -> None:
    dice = random.Random(7)
    for _round in range(50):
        old, new = (" ".join(dice.choices(["one", "two", "three\nfour", "", "five"], k=dice.randrange(30))) for _text in "ab")
        pieces = wording.words(old, new)
        assert "".join(p.text for p in pieces if p.op != "del").split() == new.split()
        assert "".join(p.text for p in pieces if p.op != "ins").split() == old.split()


@pytest.mark.parametrize("text", ["a b " * 5000, " ".join(str(n % 150) for n in range(2900)), "word" * 5000])
def test_a_text_made_to_be_slow_is_not(text: str) -> None:
    began = perf_counter()
    assert wording.words(text, text[::-1])
    assert perf_counter() - began < 2


@pytest.fixture(scope="module")
def made(once: Callable[[type[Desk]], Desk]) -> Desk:
    return once(Desk)


@pytest.fixture
def desk(db: None, made: Desk) -> Desk:
    return deepcopy(made)


def returned(desk: Desk, **changed: Any) -> Campaign:
    """Returned by the chief and submitted again with other content."""
    campaign = desk.submitted()
    workflow.send_back(campaign, "Name the hotline", by=desk.chief)
    draft = Campaign.objects.get(pk=campaign.pk)
    content = world.content(desk.account, version=draft.audience_version, **changed)
    draft = workflow.edit(draft, content, seen_at=draft.updated_at, by=desk.author)
    return workflow.submit(draft, by=desk.author)


def found(campaign: Campaign, reader: User) -> changes.Changes:
    got = changes.since_seen(Campaign.objects.get(pk=campaign.pk), reader)
    assert got is not None
    return got


CHANGED = {**WORDS, "ru": WORDS["ru"]._replace(instruction="Звоните: 8-800.")}


def test_the_first_round_has_nothing_to_be_compared_with(desk: Desk) -> None:
    assert changes.since_seen(desk.submitted(), desk.chief) is None


def test_whoever_returned_it_sees_what_they_asked_and_which_language_changed(desk: Desk) -> None:
    got = found(returned(desk, texts=CHANGED), desk.chief)
    assert (got.own, [row.data["reason"] for row in got.asked]) == (True, ["Name the hotline"])
    assert [(row.language, [p.text for p in row.pieces if p.op == "ins"]) for row in got.texts] == [("ru", ["Звоните: 8-800."])]


def test_another_approver_compares_with_the_round_before(desk: Desk) -> None:
    got = found(returned(desk, texts=CHANGED), world.person("vera", "supervisor"))
    assert (got.own, got.since.number, len(got.texts)) == (False, 1, 1)


def test_an_approver_who_read_the_first_round_sees_everything_since_then(desk: Desk) -> None:
    vera = world.person("vera", "supervisor")
    campaign = desk.submitted()
    workflow.take(campaign, by=vera)
    for number in (1, 2):
        workflow.send_back(campaign, "again", by=desk.chief)
        draft = Campaign.objects.get(pk=campaign.pk)
        texts = {**WORDS, "en": WORDS["en"]._replace(headline=f"Headline {number}")}
        content = world.content(desk.account, version=draft.audience_version, texts=texts, not_after=draft.not_after)
        draft = workflow.edit(draft, content, seen_at=draft.updated_at, by=desk.author)
        workflow.submit(draft, by=desk.author)
    assert (found(campaign, vera).since.number, found(campaign, desk.chief).since.number) == (1, 2)
    assert [p.text.strip() for p in found(campaign, vera).texts[0].pieces if p.op == "ins"] == ["2"]


def test_a_language_that_was_dropped_is_shown_whole(desk: Desk) -> None:
    got = found(returned(desk, texts={"ru": WORDS["ru"], "en": world.Words("", "")}), desk.chief)
    assert [(row.language, {p.op for p in row.pieces}) for row in got.texts] == [("en", {"del"})]


def test_everything_but_the_words_is_compared_row_by_row(desk: Desk) -> None:
    reason = {"exception_reason": "People are in danger and cannot be found otherwise.", "exception_expires_at": now()}
    until = now() + timedelta(hours=5)
    first = workflow.submit(desk.draft(not_after=until), by=desk.author)
    workflow.send_back(first, "again", by=desk.chief)
    draft = Campaign.objects.get(pk=first.pk)
    content = world.content(desk.account, version=draft.audience_version, not_after=until, **reason)
    workflow.edit(draft, content, seen_at=draft.updated_at, by=desk.author)
    rows = {label: then for label, then, _now in found(draft, desk.chief).facts}
    assert rows == {"Why people who did not subscribe are included": "—", "The exception ends": "—"}


def test_the_author_sees_on_the_preview_what_was_asked_and_what_they_changed_so_far(desk: Desk) -> None:
    campaign = desk.submitted()
    workflow.send_back(campaign, "Name the hotline", by=desk.chief)
    draft = Campaign.objects.get(pk=campaign.pk)
    content = world.content(desk.account, version=draft.audience_version, texts=CHANGED)
    workflow.edit(draft, content, seen_at=draft.updated_at, by=desk.author)
    shown = visits.page(desk.author, "campaign_preview", campaign.pk)
    assert "Boris returned it" in shown
    assert '<ins><span class="hear">added: </span>Звоните: 8-800.</ins>' in shown


def test_a_changed_word_cannot_bring_markup_along(desk: Desk) -> None:
    texts = {**WORDS, "ru": WORDS["ru"]._replace(body="<script>alert(1)</script>")}
    shown = visits.page(desk.chief, "campaign_decision", returned(desk, texts=texts).pk)
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown


def test_the_decision_shows_reach_then_and_now_by_account_and_what_grew_beyond_the_rule(desk: Desk) -> None:
    campaign = desk.submitted()
    world.contacts([*range(100, 102)])
    few = visits.page(desk.chief, "campaign_decision", campaign.pk)
    assert ("when submitted: 5 people" in few, "grown by more than a tenth" in few) == (True, False)
    world.contacts([*range(200, 400)])
    assert "grown by more than a tenth" in visits.page(desk.chief, "campaign_decision", campaign.pk)


def test_a_held_campaign_names_who_was_approving_it(desk: Desk) -> None:
    campaign = returned(desk)
    world.contacts([*range(200, 400)])
    stale = Campaign.objects.get(pk=campaign.pk).reach or {}
    with pytest.raises(Refused):
        workflow.approve(campaign, fingerprint=campaign.fingerprint(), reach=stale, by=desk.chief)
    assert "Held when Boris approved it" in visits.page(world.person("vera", "supervisor"), "campaign_decision", campaign.pk)
