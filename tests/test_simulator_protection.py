"""The simulated platform of orders tells so little, and so slowly, that asking twice singles nobody out; and its sandbox."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from messaging.simulators.delegated_rules import Refusal
from messaging.simulators.population import Population
from messaging.simulators.protection import Protection, whole_hours
from tests.ordering import ENV, NOW, an_order, end, estimate, place, status
from tests.wire import Simulator, simulator

Ask = Callable[[str], Any]
SANDBOX = ("--exercise", "--sandbox", "--population", "0", "--issuer", "center")
QUICK = ("--decision-delay", "0.05", "--duration", "0", "--min-interval", "0")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator("delegated", tmp_path_factory.mktemp("sandbox") / "journal", *SANDBOX, *QUICK, env=ENV) as process:
        yield process


def ordered(platform: Simulator, country: str) -> dict[str, Any]:
    """A drill's order for everybody in a country, as it was first answered."""
    audience = {"country": country, "mode": "last_seen_there", "last_seen_within_hours": 336, "until": NOW.isoformat()}
    found: dict[str, Any] = place(platform, an_order(exercise=True, audience=audience)).json()
    return found


# Questions


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def asking(protection: Protection, issuer: str = "center") -> tuple[Ask, list[str]]:
    counted: list[str] = []

    def ask(question: str) -> Any:
        return protection.answer(issuer, question, lambda: {"counted": counted.append(question) or len(counted)})  # type: ignore[func-returns-value]

    return ask, counted


def test_the_same_question_is_counted_once_an_hour(clock: list[float]) -> None:
    ask, counted = asking(Protection(0))
    first = ask("a")
    clock[0] += 3599
    assert ask("a") is first
    clock[0] += 2
    ask("a")
    assert counted == ["a", "a"]


def test_another_question_waits_but_an_answered_one_does_not(clock: list[float]) -> None:
    ask, _ = asking(Protection(10))
    ask("a")
    clock[0] += 4
    with pytest.raises(Refusal) as refused:
        ask("b")
    assert (refused.value.status, refused.value.code, refused.value.retry_after) == (429, "too_soon", 6)
    ask("a")
    clock[0] += 6
    ask("b")


def test_only_so_many_different_questions_are_answered_in_an_hour(clock: list[float]) -> None:
    ask, _ = asking(Protection(0, most=3))
    for question in "abcab":
        ask(question)
    clock[0] += 600
    with pytest.raises(Refusal) as refused:
        ask("d")
    assert (refused.value.code, refused.value.retry_after) == ("too_many", 3000)
    clock[0] += 3000
    ask("d")


def test_the_questions_of_one_issuer_are_nothing_to_another(clock: list[float]) -> None:
    protection = Protection(math.inf, most=1)
    assert [asking(protection, issuer)[0]("a") for issuer in ("center", "another")] == [{"counted": 1}] * 2


@pytest.mark.parametrize("until", ["12:00:00+00:00", "12:59:59.999999+00:00", "15:30:00+03:00"])
def test_a_window_ends_with_its_hour(until: str) -> None:
    assert whole_hours({"until": f"2026-11-08T{until}", "country": "EG"}) == {
        "until": "2026-11-08T13:00:00+00:00",
        "country": "EG",
    }


def test_there_is_a_last_hour() -> None:
    assert whole_hours({"until": "9999-12-31T23:59:59Z"}) == {"until": "9999-12-31T22:00:00+00:00"}


def test_it_tells_the_same_within_the_hour(platform: Simulator) -> None:
    hour = NOW.replace(minute=0, second=0, microsecond=0)
    found = [
        estimate(platform, country="XA", last_seen_within_hours=48, until=(hour + timedelta(minutes=minute)).isoformat()).json()
        for minute in (0, 17, 59)
    ]
    assert found[0] == found[1] == found[2]


def test_a_key_speaks_for_its_issuer_alone(platform: Simulator) -> None:
    found = [estimate(platform, issuer="curious"), place(platform, an_order(exercise=True, issuer="curious"))]
    assert [(one.status_code, one.json()["error"]["code"]) for one in found] == [(403, "wrong_issuer")] * 2


# The sandbox


@pytest.mark.parametrize(
    ("country", "mode", "hours", "people"),
    [
        ("XA", "last_seen_there", 336, 20_013),
        ("XA", "was_there", 336, 22_237),
        ("XA", "last_seen_there", 24, 5_003),
        ("XA", "was_there", 24, 5_003),
        ("XB", "last_seen_there", 336, 61),
        ("XB", "was_there", 336, 68),
        *((country, "last_seen_there", 336, 20_013) for country in ("XC", "XD", "XE")),
    ],
)
def test_it_has_the_people_that_are_published(country: str, mode: str, hours: int, people: int) -> None:
    population = Population(0, NOW, sandboxed=True)
    audience = {"country": country, "mode": mode, "last_seen_within_hours": hours}
    now = datetime.now(UTC).replace(minute=0, second=0)
    for until in (now, now + timedelta(hours=1)):
        assert population.match({**audience, "until": until.isoformat()}, everybody=True).people == people


def test_its_followers_are_as_many_as_are_published() -> None:
    audience = {"country": "XA", "mode": "last_seen_there", "last_seen_within_hours": 336, "until": NOW.isoformat()}
    assert Population(0, NOW, sandboxed=True).match(audience, everybody=False).people == 6_502


def test_nobody_is_in_the_sandbox_of_a_platform_without_one() -> None:
    audience = {"country": "XA", "mode": "was_there", "last_seen_within_hours": 2160, "until": NOW.isoformat()}
    assert Population(2_000, NOW).match(audience, everybody=True).people == 0


def test_its_officer_does_what_the_country_says(platform: Simulator) -> None:
    yes, few, no, part = (end(platform, ordered(platform, country)["order_id"]) for country in ("XA", "XB", "XC", "XD"))
    assert (yes["status"], yes["counters"]["matched"], yes["counters"]["sent"]) == ("done", 20_000, 19_400)
    assert (few["status"], few["decision"]["by"], few["decision"]["reason"]) == ("refused", "rule", "below_threshold")
    assert (no["status"], no["decision"]["by"]) == ("refused", "duty officer")
    assert (part["status"], part["decision"]["narrowed"], part["counters"]["matched"]) == ("done", ["fewer_people"], 10_000)


def test_an_order_that_nobody_decides_waits_until_its_window_is_over(platform: Simulator) -> None:
    window = {"not_before": NOW.isoformat(), "not_after": (datetime.now(UTC) + timedelta(seconds=0.6)).isoformat()}
    audience = {"country": "XE", "mode": "was_there", "last_seen_within_hours": 24, "until": NOW.isoformat()}
    order = an_order(exercise=True, audience=audience, window=window)
    place(platform, order)
    assert (status(platform, order["order_id"])["status"], end(platform, order["order_id"])["reason"]) == (
        "accepted",
        "window over",
    )


def test_a_sandbox_is_for_exercises(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "messaging.simulators.delegated", "--sandbox", "--log", str(tmp_path / "journal")]
    found = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (found.returncode, "--exercise" in found.stderr) == (2, True)
