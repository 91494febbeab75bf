"""Audiences as values: what is refused, what SQL and sentences come of them, and that JSON brings them back unchanged."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiences.criteria import LEAVES, Criteria, Permitted, Seen, Speaks, Subscribed
from audiences.models import AddressKind
from audiences.traits import LANGUAGES
from crisis.refusal import Refused

AT = datetime(2015, 11, 8, 9, tzinfo=UTC)
EGYPT = Seen(("EG",), 336, AT)
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
    ],
)
def test_it_refuses_what_nobody_can_meet(pair: tuple[Any, Any]) -> None:
    with pytest.raises(Refused, match="Nobody can meet both"):
        Criteria(EGYPT, *pair)


def test_it_takes_the_same_condition_twice_for_one() -> None:
    assert Criteria(EGYPT, EGYPT, Speaks(("en", "ru")), Speaks(("ru", "en"))).leaves == (EGYPT, Speaks(("ru", "en")))


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
)


@given(seen, others)
def test_any_audience_comes_back_from_json_unchanged(place: Seen, other: Any) -> None:
    criteria = Criteria(place, other)
    assert Criteria.from_json(criteria.to_json()) == criteria


def test_every_leaf_is_registered_by_its_word() -> None:
    assert {op: leaf.__name__ for op, leaf in LEAVES.items()} == {
        "seen": "Seen",
        "subscribed": "Subscribed",
        "permitted": "Permitted",
        "speaks": "Speaks",
    }


def test_the_sql_carries_no_value_in_its_text() -> None:
    where = Criteria(EGYPT, Speaks(("ru",)), Seen(("TR", "IL"), 48)).where(AT)
    assert set(re.findall(r"%\((\w+)\)s", where.text)) == set(where.params)
    assert "EG" not in where.text
    assert where.text.replace("%(", "").count("%") == 0


def test_a_window_that_ends_now_ends_at_the_instant_it_is_looked_at() -> None:
    assert Seen(("EG",), 24).window(AT) == (AT - timedelta(hours=24), AT)


def test_a_fixed_window_stays_where_it_is() -> None:
    assert EGYPT.window(AT + timedelta(days=300)) == (AT - timedelta(days=14), AT)


def test_it_cannot_be_looked_at_without_a_time_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Criteria(EGYPT).where(datetime(2015, 11, 8))


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
    assert Criteria(*leaves).sentence("en") == sentence


def test_in_russian_it_names_countries_languages_and_times_in_russian() -> None:
    sentence = Criteria(EGYPT, Speaks(("ru",))).sentence("ru")
    assert "Египет" in sentence
    assert "8 ноября 2015, 12:00 (Москва)" in sentence
    assert "русский" in sentence
