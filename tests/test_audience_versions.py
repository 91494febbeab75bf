"""The page of an audience: copies, two versions side by side, who adds whom, and when people were last seen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from audiences import definitions
from audiences.criteria import AnyOf, Criteria, Seen, Speaks, Subscribed, Travelling
from audiences.history import by_day
from audiences.models import Address, AddressKind, AudienceVersion, Contact
from audiences.presence import refresh_traits
from crisis.clock import now
from crisis.models import User
from tests import world

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(person: Callable[..., User]) -> User:
    return person("anna", "operator")


@pytest.fixture
def browser(operator: User, client_of: Callable[[User], Client]) -> Client:
    return client_of(operator)


def test_a_copy_says_the_same_under_another_name(browser: Client, operator: User) -> None:
    world.contacts([1000])
    deep = AnyOf(Speaks(("ru",)), Subscribed("vk", True))
    version = definitions.define("Egypt", Criteria(Seen(("EG",), 72, None, "was_there"), deep), by=operator)
    page = f"{reverse('audience_new')}?copy={version.audience_id}&version=1"
    shown = browser.get(page)
    assert 'value="Egypt (copy)"' in shown.content.decode()
    assert shown.context["reach"].people == 1
    typed = {"countries": ["Egypt"], "mode": "was_there", "window": "3", "unit": "days", "name": "Egypt again"}
    assert browser.post(page, typed).status_code == 302
    copy = AudienceVersion.objects.exclude(pk=version.pk).get()
    assert (copy.audience.name, copy.criteria) == ("Egypt again", version.criteria)


def test_an_audience_that_is_not_there_cannot_be_copied(browser: Client) -> None:
    assert browser.get(reverse("audience_new"), {"copy": "4711"}).status_code == 404
    assert browser.get(reverse("audience_new"), {"copy": "x"}).status_code == 404


def test_two_versions_stand_side_by_side_the_older_one_first(browser: Client, operator: User) -> None:
    world.contacts([1000])
    version = definitions.define("Egypt", Criteria(Seen(("EG",), 72)), by=operator)
    definitions.revise(version.audience, Criteria(Seen(("TR",), 72)), by=operator)
    answer = browser.get(reverse("audience_compare", args=[version.audience_id]), {"one": 2, "other": 1})
    page = answer.content.decode()
    assert '<del><span class="hear">removed: </span>Egypt </del>' in page
    assert '<ins><span class="hear">added: </span>Türkiye </ins>' in page
    assert answer.context["rows"][0][1:] == (1, 0)


@pytest.mark.parametrize("asked", [{"one": "1"}, {"one": "1", "other": "9"}, {"one": "x", "other": "1"}])
def test_versions_that_are_not_there_are_not_compared(browser: Client, operator: User, asked: dict[str, str]) -> None:
    version = world.audience(operator)
    assert browser.get(reverse("audience_compare", args=[version.audience_id]), asked).status_code == 404


def test_it_says_whom_each_way_adds_to_those_before_it(browser: Client, operator: User) -> None:
    both, other, phone = world.contacts([1000, 1001, 1002])
    Address.objects.filter(contact=phone).delete()
    for contact in (both, phone):
        with_phone(contact)
    refresh_traits([both.pk, other.pk, phone.pk])
    answer = browser.get(reverse("audience_detail", args=[world.audience(operator).audience_id]))
    assert [row.people for row in answer.context["added"]] == [2, 1]
    assert "Phone adds 1 whom VK does not reach" in answer.content.decode()


def with_phone(contact: Contact) -> None:
    kind = AddressKind.PHONE
    Address.objects.create(contact=contact, kind=kind, value_hmac=bytes([contact.pk % 250] * 32), permitted=True)


def test_one_way_alone_adds_nothing_to_another(browser: Client, operator: User) -> None:
    world.contacts([1000])
    assert browser.get(reverse("audience_detail", args=[world.audience(operator).audience_id])).context["added"] == []


def test_each_person_is_counted_on_the_day_of_the_last_sighting() -> None:
    at = now()
    world.contacts([1000, 1001], at=at - timedelta(days=2))
    world.contacts([1002], at=at)
    found = by_day(Criteria(Seen(("EG",), 72, at)), at)
    assert [people for _day, people in found] == [0, 2, 0, 1]


def test_a_long_window_shows_its_last_two_weeks() -> None:
    at = now()
    world.contacts([1000], at=at - timedelta(days=20))
    found = by_day(Criteria(Seen(("EG",), 90 * 24, at)), at)
    assert (len(found), sum(people for _day, people in found)) == (15, 0)


def test_an_audience_without_a_place_says_so_and_counts_nobody_as_having_left(browser: Client, operator: User) -> None:
    rule = Criteria(Travelling(("EG",), date(2026, 11, 1), date(2026, 11, 30)))
    version = definitions.define("On a trip", rule, by=operator)
    page = browser.get(reverse("audience_detail", args=[version.audience_id])).content.decode()
    assert "Probably already left" not in page
    assert "This audience does not begin with one place" in page
    assert "When were they last seen?" not in page
