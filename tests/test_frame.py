"""The frame round every page and the parts all pages are made of."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils import translation

from crisis.models import Country, Incident, User
from crisis.templatetags import console

People = Callable[..., User]
Clients = Callable[[User], Client]
TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))
FRAGMENTS = [path for path in TEMPLATES if path.name.startswith("_")]


@pytest.fixture
def desk(person: People, client_of: Clients) -> Client:
    return client_of(person("anna", "operator"))


@pytest.mark.django_db
def test_it_offers_only_the_places_a_person_may_see(desk: Client, person: People, client_of: Clients) -> None:
    page = desk.get(reverse("incident_declare"))
    assert [str(place.label) for place in page.context["places"]()][-1] == "Duty"
    supervisor = client_of(person("boris", "supervisor")).get(reverse("incident_declare"))
    assert len(supervisor.context["places"]()) == 10


@pytest.mark.django_db
def test_it_marks_the_place_a_person_is_in(desk: Client) -> None:
    page = desk.get(reverse("incident_declare"))
    assert [str(place.label) for place in page.context["places"]() if place.current] == ["Incidents"]


@pytest.mark.django_db
def test_it_shows_the_time_of_the_place_before_ours(desk: Client) -> None:
    row = Incident.objects.create(title_ru="Полёты", category="Transport", opened_by=User.objects.get())
    row.countries.set(Country.objects.filter(pk="EG"))
    assert desk.get(reverse("incident_declare")).context["zones"]() == ["Africa/Cairo", "Europe/Moscow"]


@pytest.mark.django_db
def test_it_draws_the_theme_the_browser_remembers_and_no_other(desk: Client) -> None:
    desk.cookies["theme"] = "dark"
    assert 'data-theme="dark"' in desk.get(reverse("incident_declare")).content.decode()
    desk.cookies["theme"] = "neon"
    assert "data-theme=" not in desk.get(reverse("incident_declare")).content.decode().split("<head>")[0]


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "429", "500"])
def test_it_can_draw_the_page_of_every_failure_without_any_context(name: str) -> None:
    with translation.override("en"):
        page = render_to_string(f"{name}.html")
    assert "Nothing was" in page or "not done" in page


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_it_keeps_styles_and_scripts_out_of_templates(path: Any) -> None:
    assert not re.search(r"\sstyle=|<style|<script(?![^>]*\bsrc=)|\son[a-z]+=|javascript:", path.read_text())


@pytest.mark.parametrize("path", FRAGMENTS, ids=lambda path: path.name)
def test_it_says_at_the_top_of_a_fragment_what_it_needs(path: Any) -> None:
    assert re.match(r"({% load [\w ]+%})?\s*({% comment %}|{#)", path.read_text())


def test_it_has_a_drawing_for_every_icon_that_is_named() -> None:
    drawn = set(re.findall(r'symbol id="(\w+)"', (settings.BASE_DIR / "static/icons.svg").read_text()))
    named = {name for path in TEMPLATES for name in re.findall(r'{% icon "(\w+)"', path.read_text())}
    assert named | {icon for _tone, icon in console.STATUSES.values()} <= drawn


def test_it_is_equally_dark_by_the_system_and_by_the_switch() -> None:
    sheet = (settings.BASE_DIR / "static/tokens.css").read_text()
    by_system = sheet.split(':root:not([data-theme="light"]) {')[1].split("}")[0]
    by_switch = sheet.split(':root[data-theme="dark"] {')[1].split("}")[0]
    assert by_system.split() == by_switch.split()


@pytest.mark.parametrize(("language", "text"), [("en", "12,400"), ("ru", "12\u202f400")])
def test_it_groups_numbers_as_the_reader_does(language: str, text: str) -> None:
    with translation.override(language):
        assert console.number(12400) == text


@time_machine.travel(datetime(2015, 11, 8, 12, 5, tzinfo=UTC), tick=False)
def test_it_names_the_zone_of_every_time_and_the_day_when_it_is_another() -> None:
    noon = datetime(2015, 11, 8, 12, 0, tzinfo=UTC)
    with translation.override("en"):
        assert console.local_time(noon) == "15:00 (Moscow)"
        assert console.local_time(noon, "Africa/Cairo") == "14:00 (Cairo)"
        assert console.local_time(noon - timedelta(days=2)) == "Nov 6 15:00 (Moscow)"
        assert console.ago(noon) == "5 min ago"


@time_machine.travel(datetime(2015, 11, 8, 12, 5, tzinfo=UTC), tick=False)
@pytest.mark.parametrize(("minutes", "tone"), [(2, ""), (3, "wait"), (11, "bad")])
def test_it_turns_a_clock_amber_and_red_by_its_limits(minutes: int, tone: str) -> None:
    since = datetime(2015, 11, 8, 12, 5, tzinfo=UTC) - timedelta(minutes=minutes)
    assert console.clock_tone(since, console.limits(180, 600)) == tone


@pytest.mark.parametrize(
    ("seconds", "text"), [(45, "45 s"), (240, "4 min"), (3 * 3600 + 300, "3 h 05 min"), (5 * 86400, "5 d"), (-90, "1 min")]
)
def test_it_says_how_long_in_short_words(seconds: int, text: str) -> None:
    with translation.override("en"):
        assert console.duration(timedelta(seconds=seconds)) == text


def test_it_divides_a_bar_as_its_people_are_divided() -> None:
    drawn = console.bar([{"label": "a", "people": 1, "tone": "ok"}, {"label": "b", "people": 3, "tone": "bad"}])
    assert [(s["x"], s["width"]) for s in drawn["segments"]] == [("0.00", "250.00"), ("250.00", "750.00")]
    assert console.bar([{"label": "a", "people": 0, "tone": ""}])["segments"][0]["width"] == "0.00"


@pytest.mark.parametrize(
    ("people", "basis", "text"), [(1, "exact", "1 person"), (20000, "about", "about 20,000 people"), (None, "exact", "unknown")]
)
def test_it_says_how_sure_a_count_is(people: int | None, basis: str, text: str) -> None:
    with translation.override("en"):
        assert text in render_to_string("_people.html", {"people": people, "basis": basis})


@pytest.mark.django_db
def test_a_page_that_asks_by_itself_says_nobody_is_here(desk: Client) -> None:
    assert "Nothing waits for you" in desk.get(reverse("waiting_line"), headers={"X-Poll": "1"}).content.decode()
    assert not User.objects.exclude(last_seen_at=None).exists()
    desk.get(reverse("waiting_line"))
    assert User.objects.exclude(last_seen_at=None).exists()
