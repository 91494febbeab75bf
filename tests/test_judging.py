"""The verdict on a rehearsal notices whatever may go wrong, and the scan finds what must not be there."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from redis import Redis

from messaging.stories import deciding, judging, ordering, scanning
from tests.world import sql

EXPECTED = {1: "accepted", 2: "accepted", 901: "901", 800: "excluded:not_permitted", 5: "outside"}
AT = datetime(2015, 11, 8, 12, tzinfo=UTC)
PATTERN = "zq7[0-9a-f]{28}"
PERSON = "zq7" + "0123456789abcdef0123456789ab"


def told(kind: str, peer: int, code: int | None = None) -> dict[str, Any]:
    return {"kind": kind, "peer_id": peer, "code": code}


GOOD = [told("accepted", 1), told("accepted", 2), told("refused", 901, 901)]


def numbers(journal: list[dict[str, Any]]) -> tuple[int, int, int]:
    found = judging.judge(journal, EXPECTED)
    return found.lost, found.duplicated, found.unexpected


def test_what_went_as_expected_is_found_good() -> None:
    found = judging.judge(GOOD, EXPECTED)
    assert (found.accepted, dict(found.failed), numbers(GOOD)) == (2, {"901": 1}, (0, 0, 0))


@pytest.mark.parametrize(
    ("journal", "verdict"),
    [
        (GOOD[1:], (1, 0, 0)),
        (GOOD[:2], (1, 0, 0)),
        ([*GOOD, told("accepted", 1)], (0, 1, 0)),
        ([*GOOD, told("accepted", 5)], (0, 0, 1)),
        ([*GOOD, told("refused", 800, 901)], (0, 0, 1)),
        ([*GOOD[1:], told("refused", 1, 901)], (0, 0, 1)),
        ([*GOOD, told("repeat", 1)], (0, 0, 0)),
    ],
    ids=["one lost", "one never asked", "one twice", "a stranger", "one left out", "one refused", "a repeat"],
)
def test_it_notices(journal: list[dict[str, Any]], verdict: tuple[int, int, int]) -> None:
    assert numbers(journal) == verdict


def call(seconds: float, result: str = "ok") -> dict[str, Any]:
    return {"kind": "call", "method": "messages.send", "result": result, "at": (AT + timedelta(seconds=seconds)).isoformat()}


def test_it_counts_the_most_calls_of_any_second_not_of_a_clocks_second() -> None:
    found = judging.calls([*(call(0.9 + n / 100) for n in range(5)), call(2), call(2.1, "error:6")], AT)
    assert (found.max_in_any_second, found.calls, found.rate_limited) == (5, 6, 1)
    assert (found.first_s, found.last_s) == (0.9, 2.0)


def scan(files: tuple[Path, ...] = (), exports: tuple[bytes, ...] = ()) -> dict[str, int]:
    return scanning.leaks(PATTERN, files, exports)


@pytest.mark.django_db
def test_a_clean_installation_has_no_leak() -> None:
    assert scan() == {}


@pytest.mark.django_db
def test_the_scan_finds_an_identifier_in_a_table() -> None:
    sql("INSERT INTO audiences_contact (reference, language) VALUES (%s, 'ru')", PERSON)
    assert scan() == {"audiences_contact": 1}


@pytest.mark.django_db
@pytest.mark.parametrize("value", [PERSON.encode(), zlib.compress(PERSON.encode())], ids=["as it is", "as RQ compresses a job"])
def test_the_scan_finds_an_identifier_in_redis(value: bytes) -> None:
    redis = Redis.from_url(settings.REDIS_URL)
    redis.hset("left-behind", "data", value)
    try:
        assert scan() == {"redis": 1}
    finally:
        redis.delete("left-behind")


@pytest.mark.django_db
def test_the_scan_finds_an_identifier_in_a_log_and_in_an_export(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text(f"order for {PERSON}\n")
    assert scan((log,), (f'{{"id": "{PERSON}"}}'.encode(),)) == {"web.log": 1, "exports": 1}


TOLD = {
    "told_by_mail_s": 1.2, "told_on_screen_s": 0.1, "next_told_s": 6.2, "told_after_decision": 0, "says_draft": True,
    "holds_the_whole_text": True,
    "bar_until_reviewed": 7, "bar_after_review": 0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "good"),
    [
        ({}, True),
        ({"told_by_mail_s": 5.1}, False),
        ({"told_on_screen_s": 5.1}, False),
        ({"next_told_s": 5.9}, False),
        ({"next_told_s": 11.1}, False),
        ({"told_after_decision": 1}, False),
        ({"bar_until_reviewed": 6}, False),
        ({"bar_after_review": 1}, False),
        ({"says_draft": False}, False),
        ({"holds_the_whole_text": False}, False),
    ],
)
def test_a_decision_is_rehearsed_well_only_if_everybody_was_told_in_time(changes: dict[str, Any], good: bool) -> None:
    assert deciding._verdict(6.0, {**TOLD, **changes})["as_expected"] is good


ORDERED = {
    "estimate": [19_000, 21_000], "matched": 20_000, "sent": 19_400, "roaming": {"sent": 9_700}, "by_hand": dict(ordering.TOLD),
    "held_by_silence": 0, "came_late": 2, "came_twice": True, "late_and_repeated_harmless": True,
    "gone_at_stop": 5_820, "gone_by_the_platform": 5_820, "at_least": 19_391, "at_most": 31_829,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "good"),
    [
        ({}, True),
        ({"estimate": [20_100, 21_000]}, False),
        ({"matched": 19_000}, False),
        ({"sent": 19_300}, False),
        ({"roaming": {"sent": 0}}, False),
        ({"by_hand": {**ordering.TOLD, "sent": 900}}, False),
        ({"held_by_silence": 1}, False),
        ({"came_late": 0}, False),
        ({"came_twice": False}, False),
        ({"late_and_repeated_harmless": False}, False),
        ({"gone_at_stop": 5_810}, False),
        ({"gone_at_stop": 0, "gone_by_the_platform": 0}, False),
        ({"gone_at_stop": 19_400, "gone_by_the_platform": 19_400}, False),
        ({"at_least": 19_390}, False),
        ({"at_most": 19_000}, False),
    ],
)
def test_orders_are_rehearsed_well_only_if_every_number_is_as_it_must_be(changes: dict[str, Any], good: bool) -> None:
    assert ordering.is_expected({**ORDERED, **changes}) is good
