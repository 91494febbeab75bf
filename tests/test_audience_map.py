"""The map of an audience: shades by people, a list that does what a click does, and nothing that the page's policy forbids."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import h3
import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from audiences import definitions, mapping, presence
from audiences.criteria import Circle, Criteria, Polygon, Seen
from audiences.keys import fingerprint
from audiences.models import AudienceVersion, Source
from audiences.presence import Sighting
from crisis.clock import now
from crisis.models import User
from tests import world
from tests.test_audience_pages import typed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """The count of the whole world is kept for minutes: each test makes its own."""
    cache.delete("audiences.map")
    yield
    cache.delete("audiences.map")


@pytest.fixture
def operator(person: Callable[..., User]) -> User:
    return person("anna", "operator")


@pytest.fixture
def browser(operator: User, client_of: Callable[[User], Client]) -> Client:
    return client_of(operator)


def land(drawing: mapping.Map, code: str) -> mapping.Land:
    return next(land for land in drawing.by_name if land.code == code)


@pytest.mark.parametrize(
    ("people", "step"), [(0, 0), (1, 1), (9, 1), (10, 2), (99, 2), (100, 3), (1_000, 4), (9_999, 4), (10_000, 5), (10**9, 5)]
)
def test_shades_change_at_their_numbers(people: int, step: int) -> None:
    assert mapping.step(people) == step


def test_each_country_has_the_people_last_seen_there(db: None) -> None:
    world.contacts([*range(1000, 1012)])
    world.contacts([2000], country="TR")
    drawing = mapping.drawn((), (), now())
    assert [(land(drawing, code).people, land(drawing, code).step) for code in ("EG", "TR", "SY")] == [(12, 2), (1, 1), (0, 0)]


def test_whoever_was_seen_elsewhere_since_is_counted_there_alone() -> None:
    world.contacts([1000], at=now() - timedelta(days=1))
    cell = h3.str_to_int(h3.latlng_to_cell(41.0, 29.0, 7))
    presence.ingest([Sighting(1, fingerprint(1, "1000"), "TR", cell, now() - timedelta(hours=1))], Source.objects.get())
    drawing = mapping.drawn((), (), now())
    assert [land(drawing, code).people for code in ("EG", "TR")] == [0, 1]


def test_the_whole_world_is_small_enough_for_a_slow_line() -> None:
    assert sum(len(land.path) for land in mapping.drawn((), (), now()).lands) < 60_000


def test_countries_that_were_chosen_are_near_and_lie_above_their_neighbours() -> None:
    drawing = mapping.drawn(("EG",), (), now())
    west, north, wide, high = map(float, drawing.view.split())
    assert (west < 250 < west + wide, north < -220 < north + high, wide < 600) == (True, True, True)
    assert drawing.lands[-1].code == "EG"
    assert {"SD", "LY"} <= {land.code for land in drawing.lands}
    assert "BR" not in {land.code for land in drawing.lands}


def test_every_country_that_can_be_chosen_is_in_the_list_also_one_too_small_to_draw() -> None:
    assert len(mapping.drawn(("EG",), (), now()).by_name) > 200


def test_a_circle_is_as_wide_on_the_map_as_on_the_ground() -> None:
    circle = mapping.drawn(("NO",), (Circle(60.0, 10.0, 111.195),), now()).circle
    assert circle == {"cx": "100.00", "cy": "-600.00", "rx": "20.00", "ry": "10.00"}


def test_a_polygon_is_drawn_through_its_points(browser: Client, operator: User) -> None:
    square = Polygon(((36.0, 36.0), (36.0, 36.5), (36.5, 36.5)))
    version = definitions.define("Antakya", Criteria(Seen(("TR",), 72, None, "was_there", square)), by=operator)
    page = browser.get(reverse("audience_detail", args=[version.audience_id])).content.decode()
    assert 'points="360.0,-360.0 365.0,-360.0 365.0,-365.0"' in page


def test_a_country_ticked_in_the_list_is_meant(browser: Client) -> None:
    page = browser.get(reverse("audience_new")).content.decode()
    assert '<input type="checkbox" name="countries" value="Egypt" id="pick-EG">' in page
    browser.post(reverse("audience_new"), typed(countries=["Türkiye", "Egypt"]))
    assert Criteria.from_json(AudienceVersion.objects.get().criteria).countries == ("EG", "TR")


def test_a_country_typed_already_is_no_longer_offered_in_the_list(browser: Client) -> None:
    page = browser.post(reverse("audience_new"), typed(name="")).content.decode()
    assert 'id="pick-EG"' not in page
    assert 'id="pick-TR"' in page


def test_the_map_asks_for_nothing_that_the_policy_of_the_page_forbids(browser: Client) -> None:
    drawing = re.search(r'<figure class="map".*?</figure>', browser.get(reverse("audience_new")).content.decode(), re.DOTALL)
    assert drawing
    assert not re.search(r"style=|<script|<style|onclick|href=", drawing[0])


def test_the_world_is_counted_once_in_ten_minutes(django_assert_num_queries: Callable[[int], object]) -> None:
    mapping.drawn((), (), now())
    world.contacts([1000])
    assert land(mapping.drawn((), (), now()), "EG").people == 0
