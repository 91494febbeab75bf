"""Audiences as values: what is refused, what SQL and sentences come of them, and that JSON brings them back unchanged."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from django.utils.translation import override
from hypothesis import assume, given
from hypothesis import strategies as st

from audiences.criteria import (
    LEAVES,
    AllOf,
    AnyOf,
    Circle,
    Criteria,
    Except,
    Listed,
    Permitted,
    Polygon,
    Seen,
    Speaks,
    Subscribed,
    Travelling,
)
from audiences.models import AddressKind
from audiences.traits import LANGUAGES
from crisis.refusal import Refused

AT = datetime(2015, 11, 8, 9, tzinfo=UTC)
EGYPT = Seen(("EG",), 336, AT)
STAY = Travelling(("EG",), date(2015, 11, 1), date(2015, 11, 14))
RED_SEA = Polygon(((27.0, 33.0), (28.5, 33.0), (28.5, 34.5), (27.0, 34.5)))
JSON = {
    "op": "all_of",
    "of": [
        {"op": "seen", "countries": ["EG"], "hours": 336, "until": "2015-11-08T09:00:00+00:00", "mode": "was_there"},
        {"op": "permitted", "kind": "vk", "yes": True},
    ],
}


def test_it_refuses_an_audience_of_everybody() -> None:
    with pytest.raises(Refused, match="never means everybody"):
        Criteria()


def test_it_refuses_an_audience_without_a_place() -> None:
    with pytest.raises(Refused, match="never means everybody"):
        Criteria(Speaks(("ru",)), Subscribed("vk", True))


@pytest.mark.parametrize("hours", [0, -1, 2161, 1.5, "24", True, None])
def test_it_refuses_a_window_outside_1_hour_to_90_days(hours: Any) -> None:
    with pytest.raises(Refused, match="1 hour to 90 days"):
        Seen(("EG",), hours)


@pytest.mark.parametrize("hours", [1, 2160])
def test_it_takes_the_shortest_and_the_longest_window(hours: int) -> None:
    assert Seen(("EG",), hours).hours == hours


@pytest.mark.parametrize("country", ["ZZ", "EU", "eg", "EGY", "", "E'"])
def test_it_refuses_what_is_no_country(country: str) -> None:
    with pytest.raises(Refused) as refused:
        Seen((country,), 24)
    assert refused.value.problems[0].field == "countries"


@pytest.mark.parametrize("countries", [(), "EG", ["EG"], None, ("EG",) * 51])
def test_it_refuses_anything_but_a_short_tuple_of_countries(countries: Any) -> None:
    with pytest.raises(Refused):
        Seen(countries, 24)


def test_it_refuses_an_end_without_a_time_zone() -> None:
    with pytest.raises(Refused, match="time zone"):
        Seen(("EG",), 24, datetime(2015, 11, 8))


def test_it_refuses_an_unknown_mode() -> None:
    with pytest.raises(Refused) as refused:
        Seen(("EG",), 24, None, "lives_there")  # type: ignore[arg-type]
    assert refused.value.problems[0].field == "mode"


@pytest.mark.parametrize(
    "pair",
    [
        (Subscribed("vk", True), Subscribed("vk", False)),
        (Permitted("phone", False), Permitted("phone", True)),
        (Speaks(("ru",)), Speaks(("en", "ar"))),
        (Seen(("TR",), 24, None, "last_seen_there"), Seen(("IL",), 24, None, "last_seen_there")),
        (Speaks(("ru",)), Except(Speaks(("ru",)), Subscribed("vk", True))),
    ],
)
def test_it_refuses_what_nobody_can_meet(pair: tuple[Any, Any]) -> None:
    with pytest.raises(Refused, match="Nobody can meet both"):
        Criteria(EGYPT, *pair)


def test_it_takes_the_same_condition_twice_for_one() -> None:
    assert Criteria(EGYPT, EGYPT, Speaks(("en", "ru")), Speaks(("ru", "en"))).of == (EGYPT, Speaks(("ru", "en")))


@pytest.mark.parametrize(
    "make", [lambda: Subscribed("phone", True), lambda: Permitted("fax", True), lambda: Permitted("VK", True)]
)
def test_it_refuses_a_kind_of_address_it_does_not_know(make: Any) -> None:
    with pytest.raises(Refused) as refused:
        make()
    assert refused.value.problems[0].field == "kind"


def test_it_reads_json() -> None:
    assert Criteria.from_json(JSON) == Criteria(EGYPT, Permitted("vk", True))
    assert Criteria.from_json(JSON).to_json() == JSON


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("op",), "any_of", "op"),
        (("of",), {}, "of"),
        (("of",), [], "countries"),
        (("extra",), 1, "extra"),
        (("of", 0, "op"), "everybody", "op"),
        (("of", 0, "op"), ["seen"], "op"),
        (("of", 0, "countries"), "EG", "countries"),
        (("of", 0, "countries"), [["EG"]], "countries"),
        (("of", 0, "hours"), "336", "hours"),
        (("of", 0, "hours"), float("inf"), "hours"),
        (("of", 0, "until"), "2015-11-08T09:00:00", "until"),
        (("of", 0, "until"), 0, "until"),
        (("of", 0, "until"), None, "until"),
        (("of", 0, "extra"), 1, "extra"),
        (("of", 1, "yes"), 1, "yes"),
        (("of", 1, "kind"), None, "kind"),
        (("of", 1), "permitted", "of"),
    ],
)
def test_it_refuses_json_that_says_anything_else(path: tuple[Any, ...], value: Any, field: str) -> None:
    data = {"op": "all_of", "of": [dict(leaf) for leaf in JSON["of"]]}  # type: ignore[call-overload]
    target: Any = data
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    with pytest.raises(Refused) as refused:
        Criteria.from_json(data)
    assert [problem.field for problem in refused.value.problems] == [field]


@pytest.mark.parametrize("key", ["countries", "hours", "until", "mode"])
def test_it_refuses_json_with_a_missing_field_and_names_it(key: str) -> None:
    leaf = {k: v for k, v in JSON["of"][0].items() if k != key}  # type: ignore[index,attr-defined]
    with pytest.raises(Refused, match=f"“{key}” is missing"):
        Criteria.from_json({"op": "all_of", "of": [leaf]})


@pytest.mark.parametrize("data", [None, [], "all_of", {}, {"op": "all_of"}])
def test_it_refuses_json_that_is_no_rule(data: Any) -> None:
    with pytest.raises(Refused):
        Criteria.from_json(data)


instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
seen = st.builds(
    Seen,
    st.lists(st.sampled_from(["EG", "TR", "IL"]), min_size=1).map(tuple),
    st.integers(1, 2160),
    st.none() | instants,
    st.sampled_from(["was_there", "last_seen_there"]),
)
others = st.one_of(
    st.builds(Subscribed, st.just("vk"), st.booleans()),
    st.builds(Permitted, st.sampled_from([kind.slug for kind in AddressKind]), st.booleans()),
    st.builds(Speaks, st.lists(st.sampled_from([*LANGUAGES]), min_size=1).map(tuple)),
    st.builds(Listed, st.lists(st.integers(1, 9), min_size=1).map(tuple)),
    st.just(STAY),
    st.builds(Seen, st.just(("EG",)), st.just(24), area=st.sampled_from([RED_SEA, Circle(36.2, 36.16, 50, "Antakya")])),
)
nodes = st.recursive(
    others,
    lambda inner: st.one_of(
        st.builds(lambda kind, of: kind(*of), st.sampled_from([AllOf, AnyOf, Except]), st.lists(inner, min_size=1, max_size=3))
    ),
    max_leaves=6,
)


@given(seen, nodes)
def test_any_audience_comes_back_from_json_unchanged(place: Seen, other: Any) -> None:
    assume(not (isinstance(other, Except) and place in other.of))
    criteria = Criteria(place, other)
    assert Criteria.from_json(criteria.to_json()) == criteria


def test_every_leaf_is_registered_by_its_word() -> None:
    assert {op: leaf.__name__ for op, leaf in LEAVES.items()} == {
        "seen": "Seen",
        "subscribed": "Subscribed",
        "permitted": "Permitted",
        "speaks": "Speaks",
        "travelling": "Travelling",
        "listed": "Listed",
        "got": "Got",
        "did_not_get": "DidNotGet",
        "did_not_answer": "DidNotAnswer",
    }


def test_the_sql_carries_no_value_in_its_text() -> None:
    inside = Seen(("TR", "IL"), 48, None, "was_there", RED_SEA, (3,))
    criteria = Criteria(EGYPT, AnyOf(Speaks(("ru",)), inside), Except(Listed((7,)), AllOf(STAY, Permitted("vk", True))))
    scan = criteria.scan(AT)
    text = scan.rows + scan.where
    assert set(re.findall(r"%\((\w+)\)s", text)) == set(scan.params)
    assert "EG" not in text
    assert text.replace("%(", "").count("%") == 0


def test_a_window_that_ends_now_ends_at_the_instant_it_is_looked_at() -> None:
    assert Seen(("EG",), 24).window(AT) == (AT - timedelta(hours=24), AT)


def test_a_fixed_window_stays_where_it_is() -> None:
    assert EGYPT.window(AT + timedelta(days=300)) == (AT - timedelta(days=14), AT)


def test_it_cannot_be_looked_at_without_a_time_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Criteria(EGYPT).scan(datetime(2015, 11, 8))


def test_a_platform_is_told_place_and_window_alone() -> None:
    criteria = Criteria(Seen(("EG",), 336, None, "last_seen_there"), Subscribed("vk", False), Speaks(("ru",)))
    assert criteria.platform(AT) == {
        "country": "EG",
        "mode": "last_seen_there",
        "last_seen_within_hours": 336,
        "until": "2015-11-08T09:00:00+00:00",
    }
    assert criteria.unknown_to_platform == (Speaks(("ru",)),)


@pytest.mark.parametrize("leaves", [(Seen(("EG", "TR"), 24),), (EGYPT, Seen(("TR",), 24))])
def test_a_platform_takes_one_country(leaves: tuple[Seen, ...]) -> None:
    with pytest.raises(Refused, match="one country"):
        Criteria(*leaves).platform(AT)


def test_it_names_every_country_of_the_audience() -> None:
    assert Criteria(Seen(("TR", "EG"), 24), Seen(("IL",), 24)).countries == ("EG", "IL", "TR")


@pytest.mark.parametrize(
    ("leaves", "sentence"),
    [
        (
            (Seen(("EG",), 336, AT.astimezone(timezone(timedelta(hours=5))), "last_seen_there"),),
            "People last seen in Egypt within 14 days before 8 November 2015, 12:00 (Moscow).",
        ),
        ((Seen(("EG",), 24),), "People who were in Egypt within 1 day before the moment of sending."),
        ((Seen(("TR", "EG"), 1),), "People who were in Egypt or Türkiye within 1 hour before the moment of sending."),
        (
            (Seen(("EG",), 36), Subscribed("vk", False), Permitted("vk", True), Speaks(("en", "ru"))),
            "People who were in Egypt within 36 hours before the moment of sending;"
            " only those who do not follow our group in VK; only those who allow our messages: VK;"
            " language: English or Russian.",
        ),
    ],
)
def test_it_says_in_english_who_is_meant(leaves: tuple[Any, ...], sentence: str) -> None:
    with override("en"):
        assert Criteria(*leaves).sentence() == sentence


def test_in_russian_it_names_countries_languages_and_times_in_russian() -> None:
    with override("ru"):
        sentence = Criteria(EGYPT, Speaks(("ru",))).sentence()
    assert "Египет" in sentence
    assert "8 ноября 2015, 12:00 (Москва)" in sentence
    assert "русский" in sentence


@pytest.mark.parametrize("node", [Except(EGYPT), AnyOf(EGYPT, Speaks(("ru",))), AllOf(Speaks(("ru",)), Except(STAY))])
def test_it_refuses_a_choice_that_could_mean_everybody(node: Any) -> None:
    with pytest.raises(Refused, match="never means everybody"):
        Criteria(node)


@pytest.mark.parametrize("node", [STAY, Listed((1,)), AnyOf(EGYPT, STAY), AllOf(Speaks(("ru",)), Listed((1,)))])
def test_an_audience_can_begin_with_known_people(node: Any) -> None:
    assert Criteria(node).place is None


def test_it_refuses_conditions_nested_too_deep() -> None:
    deep = AllOf(AnyOf(AllOf(AnyOf(EGYPT))))
    with pytest.raises(Refused, match="at most 4 deep"):
        AllOf(deep)


def test_it_refuses_an_empty_group() -> None:
    with pytest.raises(Refused, match="at least one"):
        AnyOf()


def test_it_counts_the_conditions_inside_groups() -> None:
    with pytest.raises(Refused, match="at most 20"):
        Criteria(EGYPT, AnyOf(*(Listed((number,)) for number in range(1, 21))))


def test_a_country_that_is_taken_away_is_not_reached_into() -> None:
    assert Criteria(EGYPT, Except(Seen(("TR",), 24)), AnyOf(Seen(("IL",), 24), STAY)).countries == ("EG", "IL")


def test_a_platform_is_not_told_of_areas_and_sources() -> None:
    part = Seen(("EG",), 24, None, "was_there", RED_SEA)
    assert Criteria(part).unknown_to_platform == (part,)
    assert Criteria(Seen(("EG",), 24, sources=(1,))).unknown_to_platform


def test_it_says_what_is_joined_and_what_is_taken_away() -> None:
    criteria = Criteria(EGYPT, AnyOf(Speaks(("ru",)), STAY), Except(Permitted("vk", True)))
    with override("en"):
        sentence = criteria.sentence()
    assert sentence == (
        "People who were in Egypt within 14 days before 8 November 2015, 12:00 (Moscow);"
        " at least one of these: (language: Russian), (people with a registered trip to Egypt between 1 November 2015"
        " and 14 November 2015); but not: only those who allow our messages: VK."
    )


def test_it_says_which_part_of_a_country() -> None:
    near = Seen(("TR",), 24, None, "last_seen_there", Circle(36.2, 36.16, 50, "Antakya"))
    with override("en"):
        sentence = Criteria(near).sentence()
    assert "Türkiye within 1 day before the moment of sending, up to 50 km from Antakya" in sentence
    assert "(one cell, about 2.5 km, too wide at most, never too narrow)" in sentence
