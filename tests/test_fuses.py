"""What looks like a mistake: each doubt with the words it is about, and the approver alone who may send in spite of it."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from crisis import facts
from crisis.clock import now
from crisis.models import AuditEntry, Fact, LogEntry
from crisis.refusal import Refused
from messaging import fuses, workflow
from messaging.fuses.wording import begins_any, relative_words, stems
from messaging.models import Approval, Campaign, Kind, Status
from messaging.reaching import reach_of
from messaging.wording import Words
from tests import world
from tests.stages import Cast, expect_refusal

ENGLISH = "The ministry to citizens in Egypt, 8 November, 14:30. {}"
RUSSIAN = "МИД гражданам в Египте, 8 ноября, 14:30. {}"
NEITHER = {"en": Words("", "Leave the city at once.")}


def english(text: str) -> dict[str, Words]:
    return {"en": Words("", ENGLISH.format(text))}


def both(russian: str, in_english: str) -> dict[str, Words]:
    return {"ru": Words("", RUSSIAN.format(russian)), "en": Words("", ENGLISH.format(in_english))}


@pytest.fixture(scope="module")
def made(once: Callable[[type[Cast]], Cast]) -> Cast:
    return once(Cast)


@pytest.fixture
def cast(db: None, made: Cast) -> Cast:
    return deepcopy(made)


def doubts(campaign: Campaign, reach: dict[str, Any] | None = None) -> dict[str, str]:
    """Code → sentence, worst first."""
    row = Campaign.objects.get(pk=campaign.pk)
    return {doubt.code: doubt.sentence for doubt in fuses.blown(row, reach or reach_of(row, now(), {}), now())}


def approved(cast: Cast, **changes: Any) -> Campaign:
    return world.approve(cast.submitted(**changes), cast.approver)


def test_an_ordinary_first_message_raises_no_doubt(cast: Cast) -> None:
    assert doubts(cast.draft()) == {}


SAME = [
    ("Рейс СУ 402 в 15:30 9 ноября 2015 года.", "Flight SU402 at 3:30 pm on November 9, 2015."),
    ("Тел. +7 (495) 608-37-05", "Call 8 495 608 37 05"),
    ("20 000 человек, 5 дней", "20,000 people, five days"),
    ("с 09.11.2015 по 2015-11-10", "from 9 November 2015 to 10 November"),
    ("сайт mid.ru/2015", "the site mid.ru/1999"),
]
DIFFERENT = [
    ("вылет в 14:30", "departure at 15:30", "“15:30”"),
    ("с 9 ноября", "from 10 November", "“9 ноября”"),
    ("звоните +7 495 608 37 05", "call +7 495 608 37 06", "“+7 495 608 37 06”"),
    ("рейс SU 402", "flight SU 403", "“SU 403”"),
    ("250 мест", "205 seats", "“205”"),
    ("вылет в 15:45", "departure", "nothing of the kind"),
]


@pytest.mark.parametrize(("russian", "in_english"), SAME)
def test_languages_that_say_the_same_raise_no_doubt(cast: Cast, russian: str, in_english: str) -> None:
    assert doubts(cast.draft(texts=both(russian, in_english))) == {}


@pytest.mark.parametrize(("russian", "in_english", "quoted"), DIFFERENT)
def test_it_quotes_the_figures_in_which_languages_differ(cast: Cast, russian: str, in_english: str, quoted: str) -> None:
    found = doubts(cast.draft(texts=both(russian, in_english)))
    assert ([*found], quoted in found["languages_differ"]) == (["languages_differ"], True)


LINKS = [
    ("https://example.org/a", "“https://example.org/a” leads to a site that is not on our list. On the list: mid.ru"),
    ("see example.org", "“example.org” leads to a site"),
    ("mid.ru.example.org", "“mid.ru.example.org” leads to a site"),
    ("https://vk.cc/abc", "“https://vk.cc/abc” goes through a link shortener"),
    ("https://vk.com/club5", "“https://vk.com/club5” leads to a site"),
]


@pytest.mark.parametrize(("typed", "words"), LINKS)
def test_it_doubts_a_link_to_a_site_nobody_listed(cast: Cast, typed: str, words: str) -> None:
    found = doubts(cast.draft(texts=english(typed)))
    assert ([*found], found["link"].startswith(words)) == (["link"], True)


TRUSTED = ["mid.ru", "https://www.mid.ru/x", "egypt.mid.ru", "https://vk.com/club100000001", "i.e. 14.30", "now.Then"]


@pytest.mark.parametrize("typed", TRUSTED)
def test_it_trusts_listed_sites_and_our_own_groups(cast: Cast, typed: str) -> None:
    assert doubts(cast.draft(texts=english(typed))) == {}


LACKING = [
    ("The ministry to citizens in Egypt: leave.", "a date or a time of day"),
    ("The ministry, 8 November: leave.", "the place"),
    ("Egypt, 8 November: leave.", "the sender"),
    ("Leave at once.", "the place, a date or a time of day, and the sender"),
]


@pytest.mark.parametrize(("text", "named"), LACKING)
def test_it_misses_the_place_the_time_and_the_sender(cast: Cast, text: str, named: str) -> None:
    found = doubts(cast.draft(texts={"en": Words("", text)}))
    assert found == {"incomplete": f"A text does not name what every alert names. Missing: English: {named}."}


def test_what_follows_an_earlier_message_need_not_name_the_place_again(cast: Cast) -> None:
    texts = {"en": Words("", "The ministry at 14:30: all is well.")}
    assert doubts(cast.draft(kind=Kind.UPDATE, refers_to=cast.draft(), texts=texts)) == {}


@pytest.mark.parametrize(
    ("name", "text"),
    [("Египет", "в Египте"), ("Египет", "египетские власти"), ("Турция", "в Турции"), ("Куба", "на Кубе"), ("США", "в США"),
     ("Türkiye", "in Turkiye"), ("Israel", "the Israeli army"), ("Объединённые Арабские Эмираты", "в Эмиратах")],
)  # fmt: skip
def test_a_country_is_known_in_any_grammatical_form(name: str, text: str) -> None:
    assert begins_any(text, stems([name]))


RELATIVE = [
    ("Завтра рейсы.", ["Завтра"]), ("Сегодня, 8 ноября, рейс.", []), ("Ждите через 2 часа.", ["через 2 часа"]),
    ("Leave in two hours.", ["in two hours"]), ("Leave in two hours, at 14:30.", []), ("Tomorrow at 14:30.", ["Tomorrow"]),
    ("8 ноября. Завтра рейсы.", ["Завтра"]), ("Вчерашний день, завтрак", []), ("in an emergency, in one bag", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), RELATIVE)
def test_it_quotes_words_of_time_that_do_not_keep(text: str, words: list[str]) -> None:
    assert relative_words(text) == words


def test_it_doubts_nearly_the_same_text_about_the_same_country(cast: Cast) -> None:
    first = approved(cast)
    found = doubts(cast.draft())
    assert found["repeats"].endswith(f"“Headline” (№ {first.pk}).")


def test_another_text_is_no_repetition(cast: Cast) -> None:
    approved(cast)
    assert "repeats" not in doubts(cast.draft(texts=english("Quite another thing is said here, at length, in its own words.")))


def test_the_same_text_six_hours_later_is_no_repetition(cast: Cast) -> None:
    Campaign.objects.filter(pk=approved(cast).pk).update(started_at=now() - timedelta(hours=6, minutes=1))
    assert "repeats" not in doubts(cast.draft())


def test_a_correction_may_say_nearly_the_same(cast: Cast) -> None:
    assert "repeats" not in doubts(cast.draft(kind=Kind.UPDATE, refers_to=approved(cast)))


def test_the_sixth_message_of_an_hour_is_doubted(cast: Cast) -> None:
    for number in range(5):
        assert "too_often" not in doubts(cast.draft(texts=english(f"Text № {number}.")))
        approved(cast, texts=english(f"Text № {number}."))
    assert doubts(cast.draft())["too_often"].startswith("This would be campaign 6 within an hour")


SIZES = [(50_000, None, False), (50_001, None, True), (1_000, 3, False), (1_001, 3, True), (1_001, 101, False)]


@pytest.mark.parametrize(("people", "usual", "doubted"), SIZES)
def test_it_doubts_far_more_people_than_the_author_usually_writes_to(
    cast: Cast, people: int, usual: int | None, doubted: bool
) -> None:
    if usual is not None:
        approved(cast, texts=english("Something else."))
        Campaign.objects.filter(status=Status.SENDING).update(reach=counted(usual))
    assert ("unusual_size" in doubts(cast.draft(), counted(people))) is doubted


def counted(people: int) -> dict[str, Any]:
    return {"accounts": {"1": {"basis": "counted", "people": people}}}


def test_the_worst_doubt_comes_first(cast: Cast) -> None:
    texts = {"en": Words("", "Leave tomorrow. See example.org.")}
    assert [*doubts(cast.draft(texts=texts))] == ["link", "incomplete", "relative_time"]


def approve(cast: Cast, campaign: Campaign, overrides: dict[str, str]) -> Campaign:
    return workflow.approve(
        campaign, fingerprint=campaign.fingerprint(), reach=campaign.reach or {}, by=cast.approver, overrides=overrides
    )


def key(campaign: Campaign) -> str:
    return fuses.blown(campaign, campaign.reach or {}, now())[0].key


@pytest.mark.parametrize("reason", [None, "", "   "])
def test_it_refuses_to_send_in_spite_of_a_doubt_without_a_reason(cast: Cast, reason: str | None) -> None:
    campaign = cast.submitted(texts=NEITHER)
    with expect_refusal("Missing: English: .* Tick it and say why"):
        approve(cast, campaign, {} if reason is None else {key(campaign): reason})


def test_a_reason_for_another_doubt_is_none_for_this_one(cast: Cast) -> None:
    campaign = cast.submitted(texts=NEITHER)
    with expect_refusal("Tick it and say why"):
        approve(cast, campaign, {"incomplete:00000000": "It is meant."})


def test_what_is_sent_in_spite_of_a_doubt_is_stored_audited_and_logged(cast: Cast) -> None:
    campaign = cast.submitted(texts=NEITHER)
    assert approve(cast, campaign, {key(campaign): " One city only. "}).status == Status.SENDING
    stored = Approval.objects.get().overrides
    assert [(one["code"], one["reason"]) for one in stored] == [("incomplete", "One city only.")]
    assert AuditEntry.objects.get(action="campaign.approve").data["overrides"] == stored
    assert LogEntry.objects.filter(text__contains="in spite of a warning").count() == 1


def test_a_doubt_that_arose_since_the_page_was_opened_stops_the_approval(cast: Cast) -> None:
    first, second = cast.submitted(), cast.submitted()
    assert doubts(second) == {}
    approve(cast, first, {})
    with expect_refusal("Nearly the same text .* Tick it and say why"):
        approve(cast, Campaign.objects.get(pk=second.pk), {})


def test_with_three_doubts_it_can_neither_be_submitted_nor_approved(cast: Cast) -> None:
    texts = {"en": Words("", "Leave tomorrow. See example.org.")}
    draft = cast.draft(texts=texts)
    with expect_refusal("Put right at least 1 warning"):
        workflow.submit(draft, by=cast.author)
    campaign = cast.submitted(texts={"en": Words("", "Leave tomorrow.")})
    approved(cast, texts={"en": Words("", "Leave tomorrow.")})
    with expect_refusal("3 warnings: at most 2 can be overridden"):
        approve(cast, campaign, world.overrides(campaign))


def test_the_author_can_never_override_a_doubt(cast: Cast) -> None:
    campaign = cast.submitted(texts=NEITHER)
    with pytest.raises(Refused, match="role does not allow"):
        workflow.approve(
            campaign, fingerprint=campaign.fingerprint(), reach={}, by=cast.author, overrides=world.overrides(campaign)
        )


@pytest.mark.parametrize("broken", ["\0", "\ud83d"])
def test_it_refuses_to_store_a_sign_that_no_database_holds(cast: Cast, broken: str) -> None:
    with pytest.raises(Refused, match="Character 4 of the text is broken"):
        cast.draft(texts={"en": Words("", f"abc{broken}")})
    assert Campaign.objects.count() == 0


FAULTS = [
    ("abc\u202edef", "character 4: U+202E does not belong"), ("abc\u200bdef", "character 4: U+200B does not belong"),
    ("abc\x07", "character 4: U+0007 does not belong"), ("caf\ufffd", "character 4: U+FFFD does not belong"),
    ("see vк.com", "character 5: “vк” mixes letters of two alphabets"), ("Mоscow", "character 1: “Mоscow” mixes letters"),
    ("http://mid.ru@evil.example/", "hides its host behind a name"), ("http://127.0.0.1/", "names a number instead of a site"),
    ("http://[::1]/", "names a number instead of a site"), ("https://xn--80aa.ru", "in a code that readers cannot read"),
    ("javascript:alert(1)", "it is no web address"),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "words"), FAULTS, ids=ascii)
def test_the_author_has_to_put_right_what_deceives_the_eye(cast: Cast, typed: str, words: str) -> None:
    draft = cast.draft(texts={"en": Words("", typed)})
    with pytest.raises(Refused) as refused:
        workflow.submit(draft, by=cast.author)
    assert words in str(refused.value)
    assert {problem.field for problem in refused.value.problems} == {"text-en"}


@pytest.mark.parametrize(
    "typed", ["👨\u200d👩\u200d👧", "VK-группа", "one\nline\n\nand more", "3D-печать", "café", "½ €"], ids=ascii
)
def test_honest_signs_are_left_alone(cast: Cast, typed: str) -> None:
    assert doubts(cast.submitted(texts=english(typed))) == {}


SHEET = [
    ("phone", "+7 495 608-37-05", "Call +7 495 608 37 06.", "“+7 495 608 37 06”"),
    ("flight", "SU 402", "Take flight SU 403.", "“SU 403”"),
]


@pytest.mark.parametrize(("kind", "fact", "text", "quoted"), SHEET)
def test_a_phone_or_flight_unlike_the_fact_sheet_is_quoted_with_what_the_sheet_says(
    cast: Cast, kind: str, fact: str, text: str, quoted: str
) -> None:
    campaign = cast.draft(texts=english(text))
    facts.state_fact(Fact(incident=campaign.incident, name_ru="Справка", kind=kind, value_ru=fact), by=cast.author)
    found = doubts(campaign)
    assert [*found] == ["sheet_differs"]
    assert quoted in found["sheet_differs"]
    assert fact in found["sheet_differs"]


def test_what_the_fact_sheet_says_raises_no_doubt_however_it_is_written(cast: Cast) -> None:
    campaign = cast.draft(texts=english("Call 8 495 608 37 05 about flight SU403."))
    said = Fact(incident=campaign.incident, name_ru="Справка", kind="phone", value_ru="+7 (495) 608-37-05")
    facts.state_fact(said, by=cast.author)
    assert doubts(campaign) == {}
