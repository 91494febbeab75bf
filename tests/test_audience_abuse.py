"""Rules nobody should save are refused by field and in words, and one that lost what it asks about never widens."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse

from audiences import definitions
from audiences.criteria import (
    LEAVES,
    AllOf,
    AnyOf,
    Circle,
    Criteria,
    Except,
    Listed,
    Permitted,
    Seen,
    Speaks,
    Subscribed,
    Travelling,
)
from audiences.models import AddressKind, Audience, AudienceVersion, Contact, ContactList, Source
from audiences.reach import reach
from audiences.sources import silenced
from crisis.models import User
from crisis.refusal import Refused
from messaging import workflow
from messaging.earlier_messages import DidNotAnswer, DidNotGet, Got
from messaging.models import Batch, Campaign
from tests import world
from tests.plain import AT, HERE, Person, seen, store
from tests.programs import Scene, sentences
from tests.stages import Cast

pytestmark = pytest.mark.django_db

SEEN: dict[str, Any] = {"op": "seen", "countries": ["EG"], "hours": 24, "until": "now", "mode": "was_there"}
EGYPT = Seen(("EG",), 24)


def rule(*more: Any, **changes: Any) -> dict[str, Any]:
    return {"op": "all_of", "of": [{**SEEN, **changes}, *more]}


def polygon(*points: Any) -> dict[str, Any]:
    return rule(area={"op": "polygon", "points": [*points]})


def nested(levels: int) -> dict[str, Any]:
    inner: dict[str, Any] = {"op": "speaks", "languages": ["ru"]}
    for _level in range(levels):
        inner = {"op": "any_of", "of": [inner]}
    return rule(inner)


RULES: list[tuple[str, Any, str, str]] = [
    ("empty", {"op": "all_of", "of": []}, "countries", "never means everybody"),
    ("no place", {"op": "all_of", "of": [{"op": "speaks", "languages": ["ru"]}]}, "countries", "never means everybody"),
    ("no country", rule(countries=[]), "countries", "Choose at least one country"),
    ("an unknown country", rule(countries=["ZZ"]), "countries", "“ZZ” is no country"),
    ("0 hours", rule(hours=0), "hours", "from 1 hour to 90 days"),
    ("a negative window", rule(hours=-24), "hours", "from 1 hour to 90 days"),
    ("10 years", rule(hours=87_600), "hours", "from 1 hour to 90 days"),
    ("an end without a zone", rule(until="2015-11-08T12:00:00"), "until", "needs a date, a time and a time zone"),
    ("SQL for a mode", rule(mode="x' OR '1'='1"), "mode", "Choose whether people were there"),
    ("two contradicting languages", rule({"op": "speaks", "languages": ["ru"]}, {"op": "speaks", "languages": ["en"]}),
     "languages", "Nobody can meet both"),
    ("yes and no", rule({"op": "subscribed", "kind": "vk", "yes": True}, {"op": "subscribed", "kind": "vk", "yes": False}),
     "yes", "Nobody can meet both"),
    ("all but all of it", rule({"op": "except", "of": [SEEN]}), "of", "Nobody can meet both"),
    ("too deep", nested(6), "of", "at most 4 deep"),
    ("too many", rule(*({"op": "listed", "lists": [n]} for n in range(1, 30))), "of", "at most 20 conditions"),
    ("self-crossing", polygon([36, 36], [36.5, 36.5], [36, 36.5], [36.5, 36]), "points", "crosses or touches itself"),
    ("across the 180th meridian", polygon([-17, 179], [-17, -179], [-18, -179]), "points", "crosses the 180th meridian"),
    ("no area", polygon([0, 0], [0, 1], [0, 1]), "points", "touches itself"),
    ("half a continent", polygon([0, 0], [0, 60], [60, 60], [60, 0]), "points", "Choose countries instead"),
    ("a polygon of 5,000 points", polygon(*([0, 0] for _n in range(5000))), "points", "from 3 to 200 different points"),
    ("too wide a circle", rule(area={"op": "circle", "lat": 0, "lon": 0, "km": 301, "name": ""}), "km", "1 to 300 km"),
    ("no such list", rule({"op": "listed", "lists": [999_999_999]}), "lists", "no list of contacts No. 999999999"),
    ("no such source", rule(sources=[999_999_999]), "sources", "no source No. 999999999"),
    ("no such message", rule({"op": "got", "campaign": 999_999_999}), "campaign", "no campaign No. 999999999 that you can see"),
    ("no such message inside", rule({"op": "except", "of": [{"op": "did_not_answer", "campaign": 999_999_999}]}),
     "campaign", "no campaign No. 999999999"),
    ("an unknown condition", rule({"op": "sql", "text": "1=1"}), "op", "“sql” is no condition known here"),
    ("a long unknown condition", rule({"op": "(a+)+$" * 10_000}), "op", "is no condition known here"),
    ("a field too many", rule(everybody=True), "everybody", "not known here"),
]  # fmt: skip
NAMED = pytest.mark.parametrize(("data", "field", "words"), [pytest.param(*row[1:], id=row[0]) for row in RULES])


def expect_refused(data: Any, field: str, words: str, by: User) -> None:
    with pytest.raises(Refused) as refused:
        definitions.define("Rule", Criteria.from_json(data), by=by)
    assert words in str(refused.value)
    assert field in {problem.field for problem in refused.value.problems}
    assert not AudienceVersion.objects.exists()


@NAMED
def test_no_such_rule_is_saved(data: Any, field: str, words: str, person: Callable[..., User]) -> None:
    expect_refused(data, field, words, person("anna", "operator"))


@NAMED
def test_no_such_rule_comes_by_the_api(data: Any, field: str, words: str) -> None:
    scene = Scene()
    before = world.counts()
    answer = scene.ours.post("campaigns", scene.draft_body(audience_rule=data))
    found = dict(sentences(answer))
    assert (answer.status_code, f"audience_rule.{field}" in found) == (422, True), found
    assert words in found[f"audience_rule.{field}"]
    assert world.counts() == before


@pytest.mark.parametrize("levels", [100, 400, 100_000])
def test_a_rule_of_any_depth_is_refused_before_it_is_read(levels: int) -> None:
    with pytest.raises(Refused, match="at most 4 deep"):
        Criteria.from_json(nested(levels))


@pytest.mark.parametrize(
    "data",
    [
        polygon(*([n / 10**6, 1] for n in range(10**6))),
        rule(*({"op": "speaks", "languages": ["ru"]} for _n in range(40_000))),
        rule(hours=float("nan")),
        rule(countries=["EG"] * 100_000),
        rule(until="2" * 10**6),
        rule({"op": "speaks", "languages": ["a" * 10**6]}),
        json.loads('{"op": "all_of", "of": [], "of": 7}'),
    ],
    ids=["a million points", "1 MB", "NaN", "100,000 countries", "a long end", "a long language", "a name twice"],
)
def test_a_rule_that_is_too_much_is_refused(data: Any) -> None:
    with pytest.raises(Refused):
        Criteria.from_json(data)


def test_another_programs_message_is_not_there_for_a_program() -> None:
    scene = Scene()
    theirs = scene.drafted(scene.theirs)
    body = scene.draft_body(audience_rule=rule({"op": "got", "campaign": theirs.pk}))
    answer = scene.ours.post("campaigns", body)
    assert dict(sentences(answer))["audience_rule.campaign"].startswith("There is no campaign")
    assert scene.theirs.post("campaigns", body).status_code == 201


def test_a_message_of_an_incident_of_others_is_not_there_for_a_mission() -> None:
    scene = Scene()
    criteria = Criteria(Seen(("TR",), 24), Got(scene.drafted().pk))
    clerk = world.place(world.person("clerk", "operator"), mission=world.mission("TR"))
    with pytest.raises(Refused, match="no campaign"):
        definitions.define("Theirs", criteria, by=clerk)
    assert definitions.define("Ours", criteria, by=scene.anna).number == 1


@pytest.fixture
def lost(person: Callable[..., User]) -> AudienceVersion:
    """A saved audience whose rule uses a word of a channel that was removed."""
    data = rule({"op": "carrier_pigeon", "yes": True})
    return AudienceVersion.objects.create(
        audience=Audience.objects.create(name="Lost"), number=1, criteria=data, written_by=person("anna", "operator")
    )


def test_pages_say_that_a_stored_rule_cannot_be_read(lost: AudienceVersion, client_of: Callable[[User], Client]) -> None:
    browser = client_of(lost.written_by)
    details = [reverse(name, args=[lost.audience_id]) for name in ("audience_detail", "audience_edit")]
    for page in (reverse("audience_list"), *details):
        answer = browser.get(page)
        assert "carrier_pigeon" in answer.content.decode()


@pytest.fixture
def waiting() -> tuple[Campaign, Cast]:
    """A campaign before a person's decision whose audience leaves out those on a list."""
    cast = Cast()
    source = Source.objects.get()
    passengers = ContactList.objects.create(name="passengers", source=source)
    passengers.members.create(contact=Contact.objects.order_by("pk")[0])
    rule = Criteria(Seen(("EG",), 336), Permitted("vk", True), Except(Listed((passengers.pk,))))
    version = definitions.define("Without passengers", rule, by=cast.author)
    content = world.content(cast.account, version=version)
    return workflow.draft(world.incident(cast.author), content, by=cast.author), cast


def test_who_is_taken_away_gets_nothing(waiting: tuple[Campaign, Cast]) -> None:
    draft, cast = waiting
    world.approve(workflow.submit(draft, by=cast.author), cast.approver)
    assert len(Batch.objects.get().people) == 2


def test_a_list_lost_before_the_submit_leaves_nobody_to_send_to(waiting: tuple[Campaign, Cast]) -> None:
    draft, cast = waiting
    ContactList.objects.all().delete()
    with pytest.raises(Refused):
        workflow.submit(draft, by=cast.author)
    assert Campaign.objects.get().status == "draft"


def test_a_list_lost_before_the_approval_reaches_nobody_more(waiting: tuple[Campaign, Cast]) -> None:
    draft, cast = waiting
    submitted = workflow.submit(draft, by=cast.author)
    ContactList.objects.all().delete()
    with contextlib.suppress(Refused):
        world.approve(submitted, cast.approver)
    assert sum(len(batch.people) for batch in Batch.objects.all()) == 0


@pytest.mark.parametrize("when", ["submit", "approve"])
def test_a_condition_nobody_knows_any_more_is_refused_before_anything_is_sent(
    waiting: tuple[Campaign, Cast], when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft, cast = waiting
    submitted = workflow.submit(draft, by=cast.author) if when == "approve" else draft
    monkeypatch.delitem(LEAVES, "permitted")
    verbs = {
        "submit": lambda: workflow.submit(draft, by=cast.author),
        "approve": lambda: world.approve(submitted, cast.approver),
    }
    with pytest.raises(Refused, match="“permitted” is no condition known here"):
        verbs[when]()
    assert not Batch.objects.exists()


FORM: dict[str, Any] = {
    "countries": ["Egypt"], "mode": "was_there", "window": "14", "unit": "days", "until": "", "subscribed": "",
    "name": "Tourists", "incident": "",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"countries": []}, "Choose at least one country: an audience never means everybody."),
        ({"countries": ["Freedonia"]}, "No country is called “Freedonia”."),
        ({"countries": ["(a+)+$" * 500]}, "No country is called"),
        ({"window": "0"}, "A window lasts from 1 hour to 90 days."),
        ({"window": "-24"}, "A window lasts from 1 hour to 90 days."),
        ({"window": "3650"}, "A window lasts from 1 hour to 90 days."),
        ({"window": "NaN"}, "Write a whole number, such as 14."),
        ({"window": "9" * 4000}, "A window lasts from 1 hour to 90 days."),
        ({"until": "31.02.2015"}, "Write a date and a time"),
        ({"mode": "everybody"}, "everybody"),
        ({"incident": "999999999"}, "not one of the available choices"),
    ],
)
def test_the_form_refuses_it_in_words(
    changes: dict[str, Any], words: str, person: Callable[..., User], client_of: Callable[[User], Client]
) -> None:
    answer = client_of(person("anna", "operator")).post(reverse("audience_new"), {**FORM, **changes})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not AudienceVersion.objects.exists()


def people_of(*nodes: Any) -> int:
    return reach(Criteria(*nodes), [AddressKind.VK], at=AT).people


def test_a_list_that_is_gone_means_nobody_and_lets_nobody_in() -> None:
    stored = store([seen(lists={1}), seen()], [1])
    wanted = Listed((stored.lists[1],))
    assert (people_of(EGYPT, wanted), people_of(EGYPT, Except(wanted))) == (1, 1)
    ContactList.objects.all().delete()
    assert (people_of(EGYPT, wanted), people_of(EGYPT, Except(wanted)), people_of(wanted)) == (0, 0, 0)
    assert people_of(EGYPT, Except(Except(wanted))) == 0


def test_a_list_whose_source_is_switched_off_lets_nobody_in() -> None:
    stored = store([seen(lists={1}), seen(sightings={"EG": (AT, True)})], [1])
    other = Source.objects.create(name="lists", owner="o", legal_basis="b", active=False)
    ContactList.objects.update(source=other)
    assert people_of(EGYPT, Except(Listed((stored.lists[1],)))) == 0


OFF = "The source “source False” is switched off, so it is not known whom “but not” takes away by it, and nobody is meant."


@pytest.mark.parametrize("taken", ["by the source", "by any source", "by its trips", "by its list", "deep inside"])
def test_who_is_taken_away_by_a_source_switched_off_lets_nobody_in_and_is_told_why(taken: str) -> None:
    elsewhere = Person(sightings={"TR": (AT, False)}, dropped_trips=[("EG", date(2015, 11, 1), date(2015, 11, 9))], lists={7})
    stored = store([seen(), elsewhere], dropped=[7])
    node = {
        "by the source": Seen(("TR",), 24, sources=(stored.sources[1],)),
        "by any source": Seen(("TR",), 24),
        "by its trips": Travelling(("EG",), date(2015, 11, 8), date(2015, 11, 8)),
        "by its list": Listed((stored.lists[7],)),
        "deep inside": AllOf(Speaks(("ru",)), AnyOf(Seen(("TR",), 24), Subscribed("vk", True))),
    }[taken]
    rule = Criteria(EGYPT, Except(node))
    assert reach(rule, [AddressKind.VK], at=AT).people == 0
    assert [sentence.partition(" Have it")[0] for sentence in silenced(rule, AT)] == [OFF]
    Source.objects.update(active=True)
    assert reach(rule, [AddressKind.VK], at=AT).people == 1
    assert silenced(rule, AT) == []


def test_a_source_switched_off_that_says_nothing_about_it_hinders_nobody() -> None:
    store([seen(), Person(sightings={"IL": (AT, False)})])
    rule = Criteria(EGYPT, Except(Seen(("TR",), 24), Travelling(("TR",), date(2015, 11, 8), date(2015, 11, 8))))
    assert (reach(rule, [AddressKind.VK], at=AT).people, silenced(rule, AT)) == (1, [])


def test_a_source_that_is_gone_means_nobody_and_lets_nobody_in() -> None:
    store([seen(), seen()])
    gone = Seen(("EG",), 24, sources=(999_999,))
    assert (people_of(gone), people_of(EGYPT, Except(gone))) == (0, 0)


@pytest.mark.parametrize("leaf", [Got(999_999), DidNotGet(999_999), DidNotAnswer(999_999), Except(Got(999_999))])
def test_a_message_of_nobody_lets_nobody_in(leaf: Any) -> None:
    store([seen(), seen()])
    assert people_of(EGYPT, leaf) == 0
    assert people_of(EGYPT, Except(leaf)) == 0


def test_more_taken_away_than_there_are_leaves_nobody() -> None:
    store([seen(), seen(language="en")])
    assert people_of(EGYPT, Except(Speaks(("ru", "en", "other")), Seen(("EG", "TR"), 24 * 90))) == 0


@pytest.mark.parametrize("zone", ["Africa/Cairo", "Europe/Istanbul", "Europe/Moscow", "Pacific/Apia", "America/New_York"])
@pytest.mark.parametrize("local", ["2015-03-29T02:30:00", "2015-10-25T01:30:00", "2015-11-08T00:00:00"])
@pytest.mark.parametrize("mode", ["was_there", "last_seen_there"])
def test_both_ends_of_a_window_belong_to_it_to_the_second(zone: str, local: str, mode: Any) -> None:
    until = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone))
    ages = [timedelta(seconds=s) for s in (-1, 0, 1, 86399, 86400, 86401)]
    instant = until.timestamp()
    store([seen(sightings={"EG": (AT + timedelta(seconds=instant - AT.timestamp()) - age, True)}) for age in ages])
    place = Seen(("EG",), 24, until, mode)
    assert people_of(place) == people_of(Seen(("EG",), 24, until, mode, Circle(*HERE, 5))) == 4
    assert people_of(Seen(("EG",), 24, until, mode, Circle(0, 0, 5))) == 0
    assert Criteria.from_json(Criteria(place).to_json()) == Criteria(place)


@pytest.mark.parametrize("fold", [0, 1])
def test_an_hour_that_comes_twice_is_two_windows(fold: int) -> None:
    until = datetime(2015, 11, 1, 1, 30, fold=fold, tzinfo=ZoneInfo("America/New_York"))
    again = Criteria.from_json(Criteria(Seen(("EG",), 1, until)).to_json()).place
    assert again is not None
    assert again.window(AT)[1].timestamp() == until.timestamp()
