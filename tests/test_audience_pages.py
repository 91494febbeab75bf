"""Pages of audiences: the sentence and its count, versions that are never changed, and every wrong input named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import h3
import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from audiences import definitions, presence
from audiences.criteria import AllOf, AnyOf, Criteria, Permitted, Seen, Speaks, Subscribed
from audiences.forms import CriteriaForm, fields_of
from audiences.keys import fingerprint
from audiences.models import Audience, AudienceVersion, Source
from audiences.presence import Sighting, deny
from crisis.clock import now
from crisis.models import AuditEntry, User
from tests import world

pytestmark = pytest.mark.django_db

TYPED: dict[str, Any] = {
    "countries": ["Egypt"],
    "mode": "was_there",
    "window": "14",
    "unit": "days",
    "until": "",
    "subscribed": "",
    "allows": [],
    "name": "Tourists in Egypt",
    "incident": "",
}


@pytest.fixture
def operator(person: Callable[..., User]) -> User:
    return person("anna", "operator")


@pytest.fixture
def browser(operator: User, client_of: Callable[[User], Client]) -> Client:
    return client_of(operator)


def seen_later(peer: int, country: str) -> None:
    cell = h3.str_to_int(h3.latlng_to_cell(55.75, 37.62, 7))
    presence.ingest([Sighting(1, fingerprint(1, str(peer)), country, cell, now() - timedelta(hours=1))], Source.objects.get())


def typed(**changes: Any) -> dict[str, Any]:
    return TYPED | changes


def edited(version: AudienceVersion, **changes: Any) -> dict[str, Any]:
    return typed(based_on=version.number, mode="last_seen_there", **changes)


def test_it_saves_a_new_audience_and_shows_its_sentence(browser: Client, operator: User) -> None:
    answer = browser.post(reverse("audience_new"), typed(), follow=True)
    version = AudienceVersion.objects.get()
    assert (version.audience.name, version.written_by) == ("Tourists in Egypt", operator)
    assert Criteria.from_json(version.criteria) == Criteria(Seen(("EG",), 336))
    assert "People who were in Egypt within 14 days before the moment of sending." in answer.content.decode()


def test_one_rule_that_cannot_be_read_hides_no_other(browser: Client, operator: User) -> None:
    world.audience(operator)
    strange = {"op": "all_of", "of": [{"op": "telepathy"}]}
    broken = Audience.objects.create(name="From elsewhere")
    AudienceVersion.objects.create(audience=broken, number=1, criteria=strange, written_by=operator)
    shown = browser.get(reverse("audience_list")).content.decode()
    assert "People last seen in Egypt" in shown
    assert "This rule cannot be read, and nobody is written to by it: “telepathy” is no condition known here." in shown


def test_it_reads_every_field_of_the_form_into_the_rule(browser: Client) -> None:
    rest = {"window": "30", "unit": "hours", "until": "2015-11-08T12:00", "subscribed": "no", "allows": "phone"}
    browser.post(reverse("audience_new"), typed(countries=["Египет", "TR"], **rest))
    criteria = AudienceVersion.objects.get().criteria
    until = {"hours": 30, "until": "2015-11-08T12:00:00+03:00"}
    assert criteria["of"] == [
        {"op": "seen", "countries": ["EG", "TR"], "mode": "was_there", **until},
        {"op": "subscribed", "kind": "vk", "yes": False},
        {"op": "permitted", "kind": "phone", "yes": True},
    ]


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"countries": []}, "countries", "Choose at least one country: an audience never means everybody."),
        ({"countries": ["Atlantis"]}, "countries", "No country is called “Atlantis”. Choose one of the list."),
        ({"countries": ["Eg\x00ypt"]}, "countries", "No country is called"),
        ({"window": ""}, "window", "Say how many hours or days back people may have been seen."),
        ({"window": "0"}, "window", "A window lasts from 1 hour to 90 days."),
        ({"window": "-3"}, "window", "A window lasts from 1 hour to 90 days."),
        ({"window": "91"}, "window", "A window lasts from 1 hour to 90 days."),
        ({"window": "2161", "unit": "hours"}, "window", "A window lasts from 1 hour to 90 days."),
        ({"window": "9" * 40}, "window", "A window lasts from 1 hour to 90 days."),
        ({"window": "9" * 5000}, "window", "Write a whole number, such as 14."),
        ({"window": "two"}, "window", "Write a whole number, such as 14."),
        ({"until": "yesterday"}, "until", "Write a date and a time, such as 2015-11-08 12:00, or leave it empty."),
        ({"until": "0001-01-01T00:00"}, "until", "The year is not one of 2000 to 2100. Check the date."),
        ({"until": "9999-12-31T23:59:59"}, "until", "The year is not one of 2000 to 2100. Check the date."),
        ({"mode": ""}, "mode", "Choose whether people were there or were last seen there."),
        ({"name": "  "}, "name", "Give the audience a name."),
        ({"name": "n" * 201}, "name", "The name is longer than 200 characters. Shorten it."),
    ],
)
def test_it_names_the_field_and_the_remedy_and_saves_nothing(
    browser: Client, changes: dict[str, Any], field: str, sentence: str
) -> None:
    before = world.counts()
    answer = browser.post(reverse("audience_new"), typed(**changes))
    assert answer.status_code == 422
    assert sentence in " ".join(answer.context["form"].errors[field])
    assert 'id="problems"' in answer.content.decode()
    assert world.counts() == before


def test_an_empty_form_names_what_is_missing_and_saves_nothing(browser: Client) -> None:
    before = world.counts()
    answer = browser.post(reverse("audience_new"), {"csrf": "there is one"})
    assert {"countries", "mode", "window", "name"} <= answer.context["form"].errors.keys()
    assert world.counts() == before


def test_count_works_without_a_script_and_without_a_name_and_saves_nothing(browser: Client) -> None:
    world.contacts([1000, 1001])
    before = world.counts()
    answer = browser.post(reverse("audience_new"), typed(name="", count="1"))
    assert (answer.status_code, answer.context["reach"].people) == (200, 2)
    assert world.counts() == before


def test_the_count_follows_what_is_typed(browser: Client) -> None:
    world.contacts([1000, 1001, 1002])
    answer = browser.get(reverse("audience_reach"), typed())
    assert answer.context["reach"].people == 3
    assert "<html" not in answer.content.decode()


def test_the_count_says_what_is_still_missing(browser: Client) -> None:
    answer = browser.get(reverse("audience_reach"), typed(countries=[], window="91"))
    assert answer.status_code == 200
    assert answer.context["missing"] == ["Choose at least one country: an audience never means everybody."]


def test_the_count_reads_a_form_that_has_a_prefix(browser: Client) -> None:
    world.contacts([1000])
    asked = {f"who-{name}": value for name, value in TYPED.items()} | {"prefix": "who"}
    assert browser.get(reverse("audience_reach"), asked).context["reach"].people == 1


def test_a_new_audience_starts_from_its_incident(browser: Client, operator: User) -> None:
    incident = world.incident(operator, countries=("EG", "TR"))
    answer = browser.get(reverse("audience_new"), {"incident": incident.pk})
    page = answer.content.decode()
    assert 'value="Flights suspended"' in page
    assert 'value="Egypt"' in page
    assert "Türkiye" in page


def test_it_is_saved_for_the_incident_that_was_chosen(browser: Client, operator: User) -> None:
    incident = world.incident(operator)
    browser.post(reverse("audience_new"), typed(incident=incident.pk))
    assert Audience.objects.get().incident == incident


def test_an_audience_of_a_drill_is_framed_as_a_drill(browser: Client, operator: User) -> None:
    version = definitions.define(
        "Drill", Criteria(Seen(("EG",), 24)), by=operator, incident=world.incident(operator, drill=True)
    )
    assert "DRILL" in browser.get(reverse("audience_detail", args=[version.audience_id])).content.decode()


def test_its_page_counts_people_by_kind_with_every_reason_they_are_excluded(browser: Client, operator: User) -> None:
    world.contacts([1000, 1001])
    world.contacts([1002], permitted=False)
    world.contacts([1003])
    deny(1, [fingerprint(1, "1003")])
    answer = browser.get(reverse("audience_detail", args=[world.audience(operator).audience_id]))
    row = answer.context["kinds"][0]
    assert row.label == "VK"
    assert {str(part["label"]): part["people"] for part in row.segments} == {
        "can be reached": 2, "did not allow our messages": 1, "opted out": 1, "address no longer works": 0, "no address": 0,
    }  # fmt: skip
    assert "opted out" in answer.content.decode()


def test_it_says_beside_the_count_who_has_probably_left_and_offers_narrower_choices(browser: Client, operator: User) -> None:
    world.contacts([1000], at=now() - timedelta(days=5))
    world.contacts([1001])
    world.contacts([1002], at=now() - timedelta(hours=30))
    seen_later(1002, "RU")
    version = world.audience(operator, mode="was_there")
    answer = browser.get(reverse("audience_detail", args=[version.audience_id]))
    page = answer.content.decode()
    assert answer.context["reach"].left == 1
    assert "Probably already left:" in page
    assert [(choice.label, choice.people) for choice in answer.context["narrower"]] == [
        ("only those last seen there", 2), ("only the last 72 hours", 2), ("only the last 24 hours", 1),
    ]  # fmt: skip
    assert f"{reverse('audience_edit', args=[version.audience_id])}?hours=72&amp;version=1" in page


def test_a_narrower_choice_opens_a_new_version_filled_in_with_it(browser: Client, operator: User) -> None:
    version = world.audience(operator, mode="was_there")
    answer = browser.get(reverse("audience_edit", args=[version.audience_id]), {"hours": 72, "mode": "last_seen_there"})
    form = answer.context["form"]
    assert (form["window"].value(), form["unit"].value(), form["mode"].value()) == (72, "hours", "last_seen_there")
    assert AudienceVersion.objects.count() == 1


@pytest.mark.parametrize("query", [{"hours": "0"}, {"hours": "x"}, {"hours": "9" * 30}, {"mode": "everybody"}])
def test_a_narrower_choice_that_is_none_is_left_out(browser: Client, operator: User, query: dict[str, str]) -> None:
    version = world.audience(operator)
    form = browser.get(reverse("audience_edit", args=[version.audience_id]), query).context["form"]
    assert (form["window"].value(), form["unit"].value(), form["mode"].value()) == (14, "days", "last_seen_there")


def test_editing_writes_the_next_version_and_changes_no_other(browser: Client, operator: User) -> None:
    version = world.audience(operator)
    before = AudienceVersion.objects.values().get()
    browser.post(reverse("audience_edit", args=[version.audience_id]), edited(version, window="3"))
    assert [*AudienceVersion.objects.values_list("number", flat=True)] == [2, 1]
    assert AudienceVersion.objects.values().get(number=1) == before


def test_saving_without_a_change_writes_no_version(browser: Client, operator: User) -> None:
    version = world.audience(operator)
    before = world.counts()
    answer = browser.post(reverse("audience_edit", args=[version.audience_id]), edited(version), follow=True)
    assert "version 1 says the same" in answer.content.decode()
    assert world.counts() == before | {"crisis_auditentry": before["crisis_auditentry"]}


def test_whoever_started_from_an_older_version_is_told_before_a_newer_one_is_followed(
    browser: Client, operator: User, person: Callable[..., User]
) -> None:
    version = world.audience(operator)
    definitions.revise(version.audience, Criteria(Seen(("EG",), 48)), by=person("boris", "operator"))
    page = reverse("audience_edit", args=[version.audience_id])
    answer = browser.post(page, edited(version, window="3"))
    assert (answer.status_code, AudienceVersion.objects.count()) == (422, 2)
    assert "Meanwhile Boris wrote version 2." in answer.content.decode()
    assert 'name="based_on" value="2"' in answer.content.decode()


DEEP = AnyOf(Speaks(("ru",)), AllOf(Speaks(("en",)), Subscribed("vk", True)))


def test_conditions_without_a_field_are_named_and_kept(browser: Client, operator: User) -> None:
    version = definitions.define("Russian", Criteria(Seen(("EG",), 336, None, "last_seen_there"), DEEP), by=operator)
    page = reverse("audience_edit", args=[version.audience_id])
    assert "at least one of these: (language: Russian)" in browser.get(page).content.decode()
    browser.post(page, edited(version, window="3"))
    assert DEEP in Criteria.from_json(AudienceVersion.objects.get(number=2).criteria).of


def test_conditions_without_a_field_count_too(browser: Client, operator: User) -> None:
    world.contacts([1000], language="ar")
    world.contacts([1001])
    version = definitions.define("Russian", Criteria(Seen(("EG",), 336, None, "last_seen_there"), DEEP), by=operator)
    answer = browser.post(f"{reverse('audience_reach')}?audience={version.audience_id}", typed())
    assert answer.context["reach"].people == 1


def test_a_form_filled_from_a_rule_says_the_same_rule(operator: User) -> None:
    rule = Criteria(
        Seen(("EG", "TR"), 30, now().replace(microsecond=0), "was_there"), Subscribed("vk", True), Permitted("phone", True),
        Permitted("vk", False), Speaks(("ru",)),
    )  # fmt: skip
    initial, kept = fields_of(rule, operator)
    data = QueryDict(mutable=True)
    for name, value in initial.items():
        data.setlist(name, [*map(str, value)] if isinstance(value, list) else [str(value)])
    form = CriteriaForm(data, by=operator, kept=kept)
    assert form.is_valid()
    assert form.criteria() == rule


def test_an_older_version_is_shown_as_one(browser: Client, operator: User) -> None:
    version = world.audience(operator)
    definitions.revise(version.audience, Criteria(Seen(("TR",), 48)), by=operator)
    page = browser.get(reverse("audience_detail", args=[version.audience_id]), {"version": 1})
    assert page.context["version"] == version
    assert "This is an older version. The newest is version 2." in page.content.decode()


def test_the_sentence_is_in_the_language_of_the_reader(browser: Client, operator: User) -> None:
    User.objects.filter(pk=operator.pk).update(language="ru")
    version = world.audience(operator)
    page = browser.get(reverse("audience_detail", args=[version.audience_id])).content.decode()
    with override("ru"):
        assert Criteria.from_json(version.criteria).sentence() in page
    assert "Египет" in page


def test_the_list_shows_each_audience_once_with_its_newest_sentence(browser: Client, operator: User) -> None:
    version = world.audience(operator)
    definitions.revise(version.audience, Criteria(Seen(("TR",), 48)), by=operator)
    answer = browser.get(reverse("audience_list"))
    assert [(audience.pk, newest.number) for audience, newest, *_ in answer.context["listed"]] == [(version.audience_id, 2)]
    assert "Türkiye" in answer.content.decode()


def test_the_list_is_filtered_and_sorted_by_the_url(browser: Client, operator: User) -> None:
    for name in ("Bravo", "Alpha", "Other"):
        definitions.define(name, Criteria(Seen(("EG",), 24)), by=operator)
    answer = browser.get(reverse("audience_list"), {"q": "a", "sort": "name"})
    assert [str(audience) for audience, *_ in answer.context["listed"]] == ["Alpha", "Bravo"]


@pytest.mark.parametrize(
    "query", [{"q": "a\x00"}, {"incident": "x"}, {"incident": "9" * 30}, {"sort": "size"}, {"page": "x"}, {"page": "-4"}]
)
def test_a_filter_that_cannot_be_read_filters_nothing(browser: Client, operator: User, query: dict[str, str]) -> None:
    world.audience(operator)
    answer = browser.get(reverse("audience_list"), query)
    assert (answer.status_code, len(answer.context["listed"])) == (200, 1)


@pytest.mark.parametrize("number", ["7", "0", "x", "-1", "9" * 18, "9" * 5000])
@pytest.mark.parametrize("page", ["audience_detail", "audience_edit"])
def test_an_unknown_version_is_not_found(browser: Client, operator: User, page: str, number: str) -> None:
    version = world.audience(operator)
    assert browser.get(reverse(page, args=[version.audience_id]), {"version": number}).status_code == 404


def test_unknown_audiences_and_incidents_are_not_found(browser: Client) -> None:
    for pk in (4711, 9 * 10**18, 10**30):
        for page in ("audience_detail", "audience_edit"):
            assert browser.get(reverse(page, args=[pk])).status_code == 404
    assert browser.get(reverse("audience_new"), {"incident": "4711"}).status_code == 404
    assert browser.get(reverse("audience_new"), {"incident": "x"}).status_code == 404
    assert browser.get(reverse("audience_reach"), typed(audience="4711")).status_code == 404


@pytest.mark.parametrize("role", ["admin", "auditor"])
def test_those_who_may_only_look_cannot_write(
    person: Callable[..., User], client_of: Callable[[User], Client], operator: User, role: str
) -> None:
    version = world.audience(operator)
    looker, before = client_of(person("olga", role)), world.counts()
    assert looker.get(reverse("audience_list")).status_code == 200
    shown = looker.get(reverse("audience_detail", args=[version.audience_id])).content.decode()
    assert reverse("audience_edit", args=[version.audience_id]) not in shown
    for page in (reverse("audience_new"), reverse("audience_edit", args=[version.audience_id])):
        assert looker.get(page).status_code == 403
        assert looker.post(page, edited(version, window="3")).status_code == 403
    assert world.counts() == before


def test_pages_that_only_show_refuse_a_post(browser: Client, operator: User) -> None:
    pk = world.audience(operator).audience_id
    for page in (reverse("audience_list"), reverse("audience_detail", args=[pk])):
        assert browser.post(page).status_code == 405


def test_saving_is_audited_once(browser: Client, operator: User) -> None:
    browser.post(reverse("audience_new"), typed())
    entry = AuditEntry.objects.get(action="audience.write")
    assert (entry.by, entry.object_id) == (operator, str(Audience.objects.get().pk))
