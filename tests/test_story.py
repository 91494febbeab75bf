"""The story's files judged by a second reading of them: nothing here looks at how the generator decided who belongs where."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from messaging.management.commands.story import Command
from messaging.stories.egypt import Story, StoryError, generate, generate_direct, write

AT = datetime(2015, 11, 8, 10, 40, tzinfo=UTC)
NAMES = {"contacts", "addresses", "sightings", "expected"}
IN_AUDIENCE = {"accepted", "901", "900", "18", "excluded:not_permitted", "excluded:denied"}
ANSWERS = {900: "900", 901: "901", 918: "18"}

Rows = list[dict[str, str]]


def rows(story: Story, name: str) -> Rows:
    return list(csv.DictReader(io.StringIO(story.files[f"{name}.csv"].decode())))


def document(story: Story, name: str) -> Any:
    return json.loads(story.files[f"{name}.json"])


@pytest.fixture(scope="module")
def story() -> Story:
    return generate(AT, people=7_000)


@pytest.fixture(scope="module")
def tables(story: Story) -> dict[str, Rows]:
    return {name: rows(story, name) for name in NAMES}


def stays(sightings: Rows) -> dict[str, list[tuple[datetime, str]]]:
    """Of each address: when and where, oldest first."""
    seen: dict[str, list[tuple[datetime, str]]] = {}
    for row in sightings:
        seen.setdefault(row["value"], []).append((datetime.fromisoformat(row["seen_at"]), row["country"]))
    return {value: sorted(places) for value, places in seen.items()}


def values(expected: Rows, group: str) -> list[str]:
    return [row["value"] for row in expected if row["group"] == group]


def test_it_writes_the_same_bytes_for_the_same_arguments() -> None:
    assert generate(AT, seed=7, people=200).files == generate(AT, seed=7, people=200).files


def test_it_takes_the_same_instant_in_another_zone_for_the_same_story() -> None:
    moscow = AT.astimezone(timezone(timedelta(hours=3)))
    assert generate(moscow, people=200).files == generate(AT, people=200).files


def test_it_tells_of_other_people_with_another_seed() -> None:
    assert generate(AT, seed=1, people=200).files["addresses.csv"] != generate(AT, seed=2, people=200).files["addresses.csv"]


def test_it_finds_the_expected_audience_by_a_naive_reading_of_the_sightings(tables: dict[str, Rows]) -> None:
    start = AT - timedelta(days=14)
    last = {value: places[-1] for value, places in stays(tables["sightings"]).items()}
    found = {value for value, (at, country) in last.items() if country == "EG" and start <= at <= AT}
    assert found == {row["value"] for row in tables["expected"] if row["expect"] in IN_AUDIENCE}


def test_it_finds_those_who_left_by_a_naive_reading_of_the_sightings(tables: dict[str, Rows]) -> None:
    start = AT - timedelta(days=14)
    left = {
        value
        for value, places in stays(tables["sightings"]).items()
        if places[-1][1] == "RU" and any(country == "EG" and start <= at <= AT for at, country in places)
    }
    assert left == {row["value"] for row in tables["expected"] if row["expect"] == "left"}


def test_it_excludes_exactly_those_whose_address_says_so(tables: dict[str, Rows]) -> None:
    expect = {row["value"]: row["expect"] for row in tables["expected"]}
    unwilling = {row["value"]: row for row in tables["addresses"] if row["permitted"] == "false" or row["denied"] == "true"}
    reasons = {value: "denied" if row["denied"] == "true" else "not_permitted" for value, row in unwilling.items()}
    assert {value: f"excluded:{reason}" for value, reason in reasons.items()} == {
        value: word for value, word in expect.items() if word.startswith("excluded")
    }


def test_it_gives_every_person_one_contact_one_address_and_one_fate(tables: dict[str, Rows]) -> None:
    names = [row["contact"] for row in tables["contacts"]]
    ids = {row["value"] for row in tables["addresses"]}
    assert len(names) == len(set(names)) == len(ids) == 7_000
    assert names == [row["contact"] for row in tables["addresses"]] == [row["contact"] for row in tables["expected"]]
    assert ids == {row["value"] for row in tables["expected"]} == {row["value"] for row in tables["sightings"]}


def test_it_sizes_its_groups_in_proportion(tables: dict[str, Rows]) -> None:
    groups = Counter(row["group"] for row in tables["expected"])
    queued = groups["in_window"] + groups["first_second"] + groups["last_second"]
    assert (queued, groups["not_permitted"], groups["left"], groups["denied"], groups["old"]) == (600, 200, 200, 30, 2_500)
    assert groups.total() == 7_000


def test_it_refuses_three_percent_of_those_queued_for_each_reason_alike(tables: dict[str, Rows]) -> None:
    fates = Counter(row["expect"] for row in tables["expected"])
    assert (fates["accepted"], fates["901"], fates["900"], fates["18"]) == (582, 6, 6, 6)


@pytest.mark.parametrize("people", [100, 1_234])
def test_it_keeps_every_group_however_small_the_story(people: int) -> None:
    expected = rows(generate(AT, people=people), "expected")
    groups = Counter(row["group"] for row in expected)
    assert len(expected) == people
    assert all(groups[group] == 3 for group in ("first_second", "last_second", "second_early", "second_late"))
    assert all(groups[group] for group in ("in_window", "not_permitted", "denied", "left", "old", "elsewhere"))


@pytest.mark.parametrize(
    ("group", "seen_at"),
    [
        ("second_early", datetime(2015, 10, 25, 10, 39, 59, tzinfo=UTC)),
        ("first_second", datetime(2015, 10, 25, 10, 40, 0, tzinfo=UTC)),
        ("last_second", datetime(2015, 11, 8, 10, 40, 0, tzinfo=UTC)),
        ("second_late", datetime(2015, 11, 8, 10, 40, 1, tzinfo=UTC)),
    ],
)
def test_it_puts_people_on_the_exact_second_with_no_other_sighting(
    tables: dict[str, Rows], group: str, seen_at: datetime
) -> None:
    seen = stays(tables["sightings"])
    assert [seen[value] for value in values(tables["expected"], group)] == [[(seen_at, "EG")]] * 3


def test_it_ends_ids_as_the_platform_will_answer(tables: dict[str, Rows]) -> None:
    for row in tables["expected"]:
        ending = int(row["value"]) % 1_000
        if row["group"] == "not_permitted":
            assert 800 <= ending <= 899
        elif row["expect"] in ANSWERS.values():
            assert ANSWERS[ending] == row["expect"]
        else:
            assert 0 <= ending <= 799


def test_it_gives_ids_a_person_can_have(tables: dict[str, Rows]) -> None:
    assert all(2_000_000 <= int(row["value"]) < 900_000_000 for row in tables["addresses"])


def test_it_keeps_subscribed_apart_from_permitted(tables: dict[str, Rows]) -> None:
    pairs = {(row["subscribed"], row["permitted"]) for row in tables["addresses"]}
    assert pairs == {("true", "true"), ("true", "false"), ("false", "true"), ("false", "false")}


def test_it_keeps_sightings_of_one_person_hours_apart(tables: dict[str, Rows]) -> None:
    for places in stays(tables["sightings"]).values():
        assert all(later - earlier >= timedelta(hours=3) for (earlier, _), (later, _) in pairwise(places))


def test_it_keeps_every_sighting_inside_the_retention_of_its_source(story: Story, tables: dict[str, Rows]) -> None:
    oldest = min(datetime.fromisoformat(row["seen_at"]) for row in tables["sightings"])
    assert AT - oldest < timedelta(days=document(story, "source")["retention_days"])


def test_it_mixes_its_sightings_so_that_a_later_one_may_come_first(tables: dict[str, Rows]) -> None:
    first = {row["value"]: datetime.fromisoformat(row["seen_at"]) for row in reversed(tables["sightings"])}
    places = {value: seen for value, seen in stays(tables["sightings"]).items() if len(seen) > 1}
    newest_first = sum(first[value] == seen[-1][0] for value, seen in places.items())
    assert 0.4 < newest_first / len(places) < 0.6


def test_it_names_three_missions_and_invents_no_phone(story: Story) -> None:
    missions = document(story, "missions")
    assert [(m["kind"], m["city_en"]) for m in missions] == [
        ("embassy", "Cairo"),
        ("consular_section", "Cairo"),
        ("consulate_general", "Alexandria"),
    ]
    assert {m["phone"] + m["source"] for m in missions} | {document(story, "incident")["hotline"]} == {""}


def test_it_states_where_the_estimate_of_nationals_comes_from(story: Story) -> None:
    incident = document(story, "incident")
    assert (incident["estimate_people"], incident["estimate_at"]) == (80_000, "2015-11-07")
    assert "Ростуризм" in incident["estimate_source"]


def test_it_gives_each_sender_a_drill_twin(story: Story) -> None:
    accounts = document(story, "accounts")
    assert all(account["secret_name"].startswith("DRILL_") == account["drill"] for account in accounts)
    twins = [(slug, drill) for slug in ("vk-direct", "vk-geo", "operator-roaming", "manual") for drill in (False, True)]
    assert Counter((account["slug"], account["drill"]) for account in accounts) == Counter(twins)


@pytest.mark.parametrize(
    ("number", "dates"),
    [
        (0, ["6 ноября 2015 года", "13:40 25 октября 2015 года", "13:40 8 ноября 2015 года", "13:40 11 ноября 2015 года"]),
        (1, ["6 November 2015", "13:40 on 25 October 2015", "13:40 on 8 November 2015", "13:40 on 11 November 2015"]),
    ],
)
def test_it_dates_its_texts_by_the_story(story: Story, number: int, dates: list[str]) -> None:
    text = document(story, "texts")["texts"][number]
    assert all(date in text["body"] for date in dates)
    assert len(text["body"]) <= 900
    assert "!" not in "".join(text.values())


def test_it_makes_everybody_reachable_in_the_load_case() -> None:
    story = generate_direct(AT, people=500)
    assert {(row["group"], row["expect"]) for row in rows(story, "expected")} == {("in_window", "accepted")}
    assert {(row["permitted"], row["denied"]) for row in rows(story, "addresses")} == {("true", "false")}
    assert story.files.keys() == generate(AT, people=100).files.keys()


@pytest.mark.parametrize(
    ("at", "people", "sentence"),
    [
        (AT.replace(tzinfo=None), 200, "no time zone"),
        (AT.replace(microsecond=1), 200, "whole second"),
        (AT.replace(year=1999), 200, "between the years"),
        (AT, 99, "Ask for 100"),
        (AT, 500_001, "Ask for 100"),
    ],
)
def test_it_refuses_what_it_cannot_tell(at: datetime, people: int, sentence: str) -> None:
    with pytest.raises(StoryError, match=sentence):
        generate(at, people=people)


def test_it_completes_its_own_directory_and_leaves_no_part_behind(tmp_path: Path) -> None:
    story = generate(AT, people=100)
    write(story, tmp_path)
    (tmp_path / "texts.json").unlink()
    (tmp_path / "texts.json.part").write_bytes(b"half")
    write(story, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == story.files


@pytest.mark.parametrize("name", ["notes.txt", "contacts.csv"])
def test_it_refuses_a_directory_that_holds_something_else(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(StoryError, match=name):
        write(generate(AT, people=100), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_the_command_writes_the_story_it_was_asked_for(tmp_path: Path) -> None:
    out = tmp_path / "new" / "story"
    call_command(Command(), "egypt", "--out", str(out), "--at", "2015-11-08T13:40:00+03:00", "--seed", "7", "--people", "150")
    story = generate(AT, 7, 150)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == story.files


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["egypt", "--at", "2015-11-08T10:40:00"], "no time zone"),
        (["egypt", "--at", "yesterday"], "yesterday is not a time"),
        (["direct", "--people", "0"], "0 people"),
        (["libya"], "invalid choice"),
    ],
)
def test_the_command_refuses_bad_arguments_with_a_sentence(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        call_command(Command(), *arguments, "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_the_command_says_when_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="cannot be written"):
        call_command(Command(), "egypt", "--out", str(tmp_path / "file" / "below"), "--people", "100")
