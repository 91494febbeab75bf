"""What keeps a draft from being submitted: each fault with the section it stands in and the sentence that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from audiences import definitions
from audiences.criteria import Criteria, Permitted, Seen, Speaks
from audiences.models import AudienceVersion
from crisis.clock import now
from crisis.models import Incident
from crisis.refusal import Refused
from messaging import checking, workflow
from messaging.models import Account, Campaign, Kind, Status, Text
from messaging.reaching import reach_of
from messaging.wording import TEMPLATES, Words
from tests import world
from tests.stages import Cast, expect_refusal

pytestmark = pytest.mark.django_db
LIMIT = 4096
REASON = "People may die in the next hours if they are not told."


@pytest.fixture(scope="module")
def made(once: Callable[[type[Cast]], Cast]) -> Cast:
    return once(Cast)


@pytest.fixture
def cast(made: Cast) -> Cast:
    return deepcopy(made)


def problems(campaign: Campaign) -> dict[str, str]:
    """The first sentence about each section."""
    campaign = Campaign.objects.select_related("incident", "audience_version").get(pk=campaign.pk)
    found = checking.problems(campaign, reach_of(campaign, now(), {}), now())
    return {problem.field: str(problem.sentence) for problem in reversed(found)}


def only(campaign: Campaign) -> tuple[str, str]:
    """The one problem there is."""
    ((field, sentence),) = problems(campaign).items()
    return field, sentence


def body(length: int) -> dict[str, Words]:
    """A text whose whole is of this length."""
    return {"en": Words("", "x" * length)}


def test_a_whole_draft_has_no_problem(cast: Cast) -> None:
    assert problems(cast.draft()) == {}


EMPTY = [{}, {"ru": Words("", "")}, {"ru": Words(" ", "\n\t ", " ")}, {"ru": Words("\u200b", "\u200b\u2060\ufeff \u00ad")}]


@pytest.mark.parametrize("texts", EMPTY, ids=ascii)
def test_it_misses_the_text(cast: Cast, texts: dict[str, Words]) -> None:
    assert only(cast.draft(texts=texts)) == ("texts", "There is no text yet. Write it in at least one language.")


def test_it_misses_the_body_of_a_text_that_has_only_a_headline(cast: Cast) -> None:
    field, sentence = only(cast.draft(texts={"en": Words("Leave now", "")}))
    assert (field, sentence[:36]) == ("text-en", "The text in English has no body. Wri")


def test_one_language_is_enough(cast: Cast) -> None:
    assert problems(cast.draft(texts={"ru": Words("", "Уезжайте.")})) == {}


@pytest.mark.parametrize(("over", "words"), [(1, "1 character over 4,096"), (12, "12 characters over 4,096")])
def test_it_says_by_how_much_a_text_is_too_long(cast: Cast, over: int, words: str) -> None:
    field, sentence = only(cast.draft(texts=body(LIMIT + over)))
    assert field == "text-en"
    assert sentence == f"vk-direct: the text in English is {words}. Shorten it."


def test_a_text_of_exactly_the_limit_is_not_too_long(cast: Cast) -> None:
    assert problems(cast.draft(texts=body(LIMIT))) == {}


def test_the_headline_the_instruction_and_the_link_count_too(cast: Cast) -> None:
    parts = {"en": Words("h" * 100, "b" * (LIMIT - 124), "i" * 5)}  # 15 of the link and 3 × 2 line ends make it one too many
    assert only(cast.draft(texts=parts, link="https://mid.ru/x"))[0] == "text-en"


def test_a_drill_counts_its_own_word(cast: Cast) -> None:
    campaign = drill(cast, texts=body(LIMIT))
    assert "10 characters over 4,096" in only(campaign)[1]  # "EXERCISE. "


def drill(cast: Cast, **changes: Any) -> Campaign:
    content = world.content(world.account(drill=True), version=world.audience(cast.author), **changes)
    return workflow.draft(world.incident(cast.author, drill=True), content, by=cast.author)


def test_every_text_of_a_drill_begins_with_its_word(cast: Cast) -> None:
    campaign = workflow.submit(drill(cast), by=cast.author)
    begins = {r.text.language: r.body.split(".")[0] for r in campaign.renderings.select_related("text")}
    assert begins == {"ru": "УЧЕНИЕ", "en": "EXERCISE"}


def test_a_live_text_does_not_begin_with_it(cast: Cast) -> None:
    campaign = cast.submitted()
    assert not any(r.body.startswith(("УЧЕНИЕ", "EXERCISE")) for r in campaign.renderings.all())


@pytest.mark.parametrize(("said", "sent"), [
    ("EXERCISE: nothing happened.", "EXERCISE: nothing happened."),
    ("Nothing happened.", "EXERCISE. Nothing happened."),
    ("EXERCISES are held today.", "EXERCISE. EXERCISES are held today."),
    ("This is an EXERCISE.", "EXERCISE. This is an EXERCISE."),
])  # fmt: skip
def test_a_drill_is_spared_its_word_only_where_it_begins_with_it(cast: Cast, said: str, sent: str) -> None:
    assert checking.render(Text(language="en", body=said), cast.account, drill=True) == sent


@pytest.mark.parametrize("drill_incident", [True, False])
def test_it_refuses_an_account_of_the_other_world(cast: Cast, drill_incident: bool) -> None:
    incident, wrong = (
        world.incident(cast.author, drill=drill_incident),
        cast.account if drill_incident else world.account(drill=True),
    )
    content = world.content(wrong, version=world.audience(cast.author))
    with expect_refusal("A drill uses drill accounts only"):
        workflow.draft(incident, content, by=cast.author)


def test_it_names_the_blanks_that_are_left(cast: Cast) -> None:
    field, sentence = only(cast.draft(texts={"en": Words("In [country]", "Leave by [time, zone]. See [1].")}))
    assert (field, "[country], [time, zone]" in sentence, "[1]" in sentence) == ("text-en", True, False)


@pytest.mark.parametrize("slug", sorted(set(TEMPLATES)))
def test_no_template_can_be_submitted_as_it_stands(cast: Cast, slug: str) -> None:
    assert set(problems(cast.draft(texts=TEMPLATES[slug].words))) == {"text-en", "text-ru"}


def test_it_misses_a_way(cast: Cast) -> None:
    assert only(cast.draft(accounts=[])) == ("accounts", "No way of sending is chosen. Choose at least one.")


def test_it_names_a_way_that_is_paused(cast: Cast) -> None:
    campaign = cast.draft()
    Account.objects.update(paused_at=now(), paused_reason="by hand")
    assert only(campaign)[1].startswith("vk-direct is paused")


def test_it_misses_the_audience(cast: Cast) -> None:
    campaign = cast.draft(audience_version=None)
    assert problems(campaign)["audience"].startswith("Nobody is chosen.") or "reach nobody" in problems(campaign)["audience"]


def test_an_empty_choice_never_means_everybody(cast: Cast) -> None:
    with expect_refusal("an audience never means everybody"):
        definitions.define("Everybody", Criteria(), by=cast.author)


def nobody(cast: Cast) -> AudienceVersion:
    return world.audience(cast.author, countries=("CY",))


def test_it_refuses_a_reach_of_nobody(cast: Cast) -> None:
    field, sentence = only(cast.draft(audience_version=nobody(cast)))
    assert (field, sentence[:44]) == ("audience", "These ways reach nobody of this audience. Wi")


def test_a_platform_may_reach_whom_we_do_not(cast: Cast) -> None:
    assert problems(cast.draft(audience_version=nobody(cast), accounts=[cast.account, world.account("vk-geo")])) == {}


@pytest.mark.parametrize("leaf", [Speaks(("ru",)), Permitted("vk", True)], ids=["speaks", "permitted"])
def test_a_platform_is_not_asked_for_what_it_cannot_know(cast: Cast, leaf: Any) -> None:
    criteria = Criteria(Seen(("EG",), 336, None, "last_seen_there"), leaf)
    version = definitions.define("Some", criteria, by=cast.author)
    field, sentence = only(cast.draft(audience_version=version, accounts=[world.account("vk-geo")]))
    assert (field, "can only be told a country and a time" in sentence) == ("audience", True)


def test_a_platform_takes_one_country_an_order(cast: Cast) -> None:
    version = world.audience(cast.author, countries=("EG", "TR"))
    assert (
        "one country an order"
        in problems(cast.draft(audience_version=version, accounts=[world.account("vk-geo")]))["countries"]
    )


TIMES: list[tuple[dict[str, float | None], str, str]] = [
    ({"not_after": None}, "not_after", "Say until when the campaign is valid"),
    ({"not_after": -1}, "not_after", "valid until a time that has passed"),
    ({"not_after": 0}, "not_after", "valid until a time that has passed"),
    ({"not_after": 24 * 7 + 1}, "not_after", "valid for at most 7 days"),
    ({"starts_at": 5, "not_after": 5}, "starts_at", "start after it has expired"),
    ({"starts_at": 6, "not_after": 5}, "starts_at", "start after it has expired"),
    ({"starts_at": 2, "not_after": 24 * 7 + 3}, "not_after", "valid for at most 7 days"),
]


@pytest.mark.parametrize(("hours", "field", "words"), TIMES)
def test_it_refuses_times_that_cannot_be(cast: Cast, hours: dict[str, float | None], field: str, words: str) -> None:
    at = now()
    times = {name: None if value is None else at + timedelta(hours=value) for name, value in hours.items()}
    found_field, sentence = only(cast.draft(**times))
    assert (found_field, words in sentence) == (field, True)


def test_a_start_in_the_past_means_now(cast: Cast) -> None:
    campaign = cast.submitted(starts_at=now() - timedelta(hours=1))
    assert world.approve(campaign, cast.approver).status == Status.SENDING


def excepted(
    cast: Cast, *, severity: str = "Severe", hours: float = 71, reason: str = REASON, slug: str = "vk-geo", **changes: Any
) -> Campaign:
    account = cast.account if slug == "vk-direct" else world.account(slug)
    values = {"exception_reason": reason, "exception_expires_at": now() + timedelta(hours=hours), "accounts": [account]}
    return cast.draft(severity=severity, **{**values, **changes})


@pytest.mark.parametrize("severity", ["Severe", "Extreme"])
def test_an_exception_is_possible_when_serious_harm_is_likely(cast: Cast, severity: str) -> None:
    assert problems(excepted(cast, severity=severity)) == {}


EXCEPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"slug": "vk-direct"}, "Only a platform that sends by itself"),
    ({"severity": "Moderate"}, "The incident is rated lower"),
    ({"severity": "Unknown"}, "The incident is rated lower"),
    ({"hours": 73}, "has to end within 72 hours"),
    ({"hours": -1}, "has to end within 72 hours"),
    ({"reason": "dangerous"}, "Say in a sentence what danger"),
    ({"reason": "x" * 19}, "Say in a sentence what danger"),
]


@pytest.mark.parametrize(("changes", "words"), EXCEPTIONS, ids=str)
def test_it_refuses_an_exception_without_its_conditions(cast: Cast, changes: dict[str, Any], words: str) -> None:
    field, sentence = only(excepted(cast, **changes))
    assert (field, words in sentence) == ("exception", True)


def test_it_refuses_a_start_after_the_exception_has_ended(cast: Cast) -> None:
    campaign = excepted(cast, hours=2, starts_at=now() + timedelta(hours=3))
    assert only(campaign) == (
        "exception", "The campaign would start after the exception has ended. Start earlier, or let it end later.",
    )  # fmt: skip


def test_it_refuses_to_write_down_an_exception_without_an_end(cast: Cast) -> None:
    with pytest.raises(Refused, match="Say when the exception ends"):
        excepted(cast, exception_expires_at=None)
    assert Campaign.objects.count() == 0


def test_a_reason_of_spaces_is_no_exception(cast: Cast) -> None:
    campaign = excepted(cast, reason="   ")
    assert (campaign.include_non_subscribers, campaign.exception_expires_at, problems(campaign)) == (False, None, {})


@pytest.mark.parametrize("kind", [Kind.UPDATE, Kind.CANCEL, Kind.ALL_CLEAR])
def test_what_follows_something_says_what_it_follows(cast: Cast, kind: Kind) -> None:
    assert only(cast.draft(kind=kind))[0] == "refers_to"
    assert problems(cast.draft(kind=kind, refers_to=cast.draft())) == {}


def test_it_names_a_closed_incident(cast: Cast) -> None:
    campaign = cast.draft()
    Incident.objects.update(status=Incident.Status.CLOSED)
    assert only(campaign) == ("incident", "The incident is closed. Declare a new one to send about it.")
