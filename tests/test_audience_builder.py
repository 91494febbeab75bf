"""The audience form: every condition can be said in it, nothing typed is lost, wrong input is named beside its field."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from audiences.criteria import (
    AnyOf,
    Circle,
    Criteria,
    Except,
    Listed,
    Node,
    Permitted,
    Polygon,
    Seen,
    Speaks,
    Subscribed,
    Travelling,
)  # fmt: skip
from audiences.forms import CriteriaForm, fields_of
from audiences.models import AudienceVersion, ContactList, Source
from crisis.models import User
from messaging.earlier_messages import DidNotAnswer, DidNotGet, Got
from messaging.models import Campaign
from tests import world
from tests.test_audience_pages import typed

pytestmark = pytest.mark.django_db

PLACE = Seen(("TR",), 72, None, "last_seen_there")
SYRIA = Seen(("SY",), 30, None, "was_there")
TRIP = Travelling(("TR",), date(2026, 11, 1), date(2026, 11, 20))
SQUARE = Polygon(((36.0, 36.0), (36.0, 36.5), (36.5, 36.5), (36.5, 0.00001)))


@pytest.fixture
def operator(person: Callable[..., User]) -> User:
    return person("anna", "operator")


@pytest.fixture
def browser(operator: User, client_of: Callable[[User], Client]) -> Client:
    return client_of(operator)


@pytest.fixture
def known(operator: User) -> dict[str, Any]:
    """A list, a source and a message that was sent."""
    source = Source.objects.create(name="Border", owner="Border service", legal_basis="a law", retention_days=30)
    listed = ContactList.objects.create(name="Flight 7", source=source)
    world.contacts([1000])
    campaign = world.submitted(operator, world.account())
    Campaign.objects.filter(pk=campaign.pk).update(started_at=campaign.created_at)
    return {"source": source.pk, "list": listed.pk, "message": campaign.pk}


def typed_from(initial: dict[str, Any]) -> QueryDict:
    """What a browser would send of a form filled so."""
    data = QueryDict(mutable=True)
    for name, value in initial.items():
        data.setlist(name, [*map(str, value)] if isinstance(value, list) else ["" if value is None else str(value)])
    return data


def expect_round_trip(rule: Criteria, by: User) -> None:
    """The form says all of it and reads it back exactly."""
    initial, kept = fields_of(rule, by)
    form = CriteriaForm(typed_from(initial), by=by, kept=kept)
    assert form.is_valid(), form.errors
    assert (form.criteria(), kept) == (rule, ())


@pytest.mark.parametrize(
    "nodes",
    [
        (Seen(("TR",), 72, None, "was_there", Circle(36.2, 36.16, 50, "Antakya")),),
        (Seen(("TR",), 72, None, "was_there", Circle(-0.00001, 36.16, 12.5)),),
        (Seen(("TR", "SY"), 72, None, "was_there", SQUARE),),
        (PLACE, Subscribed("vk", False), Permitted("phone", True), Permitted("email", True), Permitted("vk", False)),
        (PLACE, Speaks(("ar", "unknown"))),
        (PLACE, TRIP),
        (TRIP,),
        (AnyOf(PLACE, SYRIA, TRIP),),
        (AnyOf(PLACE, SYRIA), Speaks(("ru",)), Except(SYRIA, Speaks(("en",)))),
    ],
)
def test_every_condition_is_shown_in_its_field_and_read_from_it_unchanged(operator: User, nodes: tuple[Node, ...]) -> None:
    expect_round_trip(Criteria(*nodes), operator)


def test_so_are_sources_lists_and_earlier_messages(operator: User, known: dict[str, Any]) -> None:
    place = Seen(("TR",), 72, None, "was_there", None, (known["source"],))
    about = (Got(known["message"]), DidNotGet(known["message"]), DidNotAnswer(known["message"]))
    expect_round_trip(Criteria(place, *about, Except(Listed((known["list"],)))), operator)
    expect_round_trip(Criteria(Listed((known["list"],))), operator)
    expect_round_trip(Criteria(AnyOf(PLACE, Listed((known["list"],)))), operator)


@pytest.mark.parametrize("leaf", [Got, DidNotAnswer])
def test_people_of_an_earlier_message_are_meant_besides_others_or_taken_away(
    operator: User, known: dict[str, Any], leaf: type[Got | DidNotAnswer]
) -> None:
    about = leaf(known["message"])
    expect_round_trip(Criteria(AnyOf(PLACE, about)), operator)
    expect_round_trip(Criteria(PLACE, Except(about)), operator)


def test_who_did_not_get_a_message_narrows_the_others_and_is_asked_nowhere_else(browser: Client) -> None:
    fields = browser.get(reverse("audience_new")).context["form"].fields
    assert [name for name in fields if name.endswith("did_not_get")] == ["did_not_get"]
    assert {"or_got", "not_got", "or_did_not_answer", "not_did_not_answer"} <= {*fields}


def test_a_message_that_the_person_does_not_see_is_kept_in_words(operator: User) -> None:
    rule = Criteria(PLACE, Got(4711))
    initial, kept = fields_of(rule, operator)
    assert kept == (Got(4711),)
    assert CriteriaForm(typed_from(initial), by=operator, kept=kept).is_valid()


def test_a_place_by_name_becomes_a_circle_around_it(browser: Client) -> None:
    browser.post(reverse("audience_new"), typed(countries=["Türkiye"], near="Antakya", km="50"))
    area = Criteria.from_json(AudienceVersion.objects.get().criteria).place
    assert area
    assert isinstance(area.area, Circle)
    assert (area.area.name, area.area.km, round(area.area.lat)) == ("Antakya", 50, 36)


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"near": "Antakya"}, "km", "Say up to how many kilometres from it."),
        ({"km": "50"}, "near", "Say of which place"),
        ({"near": "36.2, 36.16", "km": "0"}, "km", "A circle has a radius of 1 to 300 km."),
        ({"near": "36.2, 36.16", "km": "nan"}, "km", "Write a number of kilometres, such as 50."),
        ({"near": "96.2, 36.16", "km": "5"}, "near", "Degrees from -90 to 90 are expected."),
        ({"near": "Atlantis", "km": "5"}, "near", "No place is called “Atlantis” in the countries chosen."),
        ({"near": "Al", "km": "5"}, "near", "Several places begin so."),
        ({"near": "36.2, 36.16", "km": "5", "shape": "1, 1"}, "shape", "Give either a place and kilometres, or a polygon."),
        ({"shape": "1, 1"}, "shape", "A polygon has from 3"),
        ({"trip_from": "2026-11-01"}, "trip_countries", "Choose at least one country."),
        ({"trip_from": "soon"}, "trip_from", "Write a day, such as 2015-11-08."),
        ({"trip_countries": ["TR"], "trip_from": "2026-11-02", "trip_to": "2026-11-01"}, "trip_to", "comes after the first"),
        ({"trip_countries": ["TR"], "trip_from": "1026-11-02", "trip_to": "2026-11-01"}, "trip_from", "The year is not one"),
        ({"lists": ["4711"]}, "lists", "4711 is not one of the available choices."),
        ({"sources": ["x"]}, "sources", "x is not one of the available choices."),
        ({"got": "4711"}, "got", "4711 is not one of the available choices."),
        ({"or_countries": ["SY"]}, "or_window", "Say how many hours or days back"),
        ({"not_near": "Antakya"}, "not_countries", "Choose at least one country"),
        ({"allows": ["vk"], "refuses": ["vk"]}, "allows", "Nobody can meet both"),
    ],
)
def test_it_names_the_field_and_the_remedy_and_saves_nothing(
    browser: Client, changes: dict[str, Any], field: str, sentence: str
) -> None:
    before = world.counts()
    answer = browser.post(reverse("audience_new"), typed(**changes))
    assert answer.status_code == 422
    assert sentence in " ".join(answer.context["form"].errors[field])
    assert world.counts() == before


def test_what_was_typed_in_a_fold_is_shown_again_open(browser: Client) -> None:
    answer = browser.post(reverse("audience_new"), typed(name="", not_languages=["ar"], or_near="Aleppo"))
    opened = [fold["open"] for fold in answer.context["form"].folds()]
    assert opened == [False, False, False, True, True]
    assert 'value="Aleppo"' in answer.content.decode()


def test_a_new_form_is_short_with_every_fold_closed(browser: Client) -> None:
    assert not any(fold["open"] for fold in browser.get(reverse("audience_new")).context["form"].folds())


def test_only_messages_that_were_begun_can_be_chosen(browser: Client, operator: User) -> None:
    world.contacts([1000])
    world.submitted(operator, world.account())
    assert [value for value, _ in browser.get(reverse("audience_new")).context["form"].fields["got"].choices] == [""]


def test_a_suggestion_of_places_comes_for_what_stands_in_the_field(browser: Client) -> None:
    assert "Antakya" in browser.get(reverse("place_list"), {"or_near": "antaky"}).content.decode()
