"""The simulated platform keeps the whole contract: what it is, decisions in part, recipients, pace, posts and exercises."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from messaging.channels import text_sha256
from messaging.simulators.orders import estimate as bounds
from messaging.simulators.population import Match
from tests.ordering import EGYPT, ENV, NOW, TEXTS, an_order, ask, end, estimate, place, signed, status
from tests.simulated import http
from tests.wire import Simulator, simulator

POST = "https://vk.com/wall-77_5"
FLAGS = ("--population", "8000", "--at", NOW.isoformat(), "--min-interval", "0")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator("delegated", tmp_path_factory.mktemp("social") / "journal", *FLAGS, env=ENV) as process:
        yield process


@pytest.fixture
def platform(running: Simulator) -> Simulator:
    running.control(reset=True, pace={"decision_delay": 0, "duration": 0})
    return running


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """A mobile operator's platform for drills."""
    flags = (*FLAGS, "--channel", "operator-roaming", "--exercise")
    with simulator("delegated", tmp_path_factory.mktemp("mobile") / "journal", *flags, env=ENV) as process:
        process.control(pace={"decision_delay": 0, "duration": 0})
        yield process


def refused(found: Any) -> tuple[int, str]:
    return found.status_code, found.json()["error"]["code"]


def carried_out(platform: Simulator, **changes: Any) -> dict[str, Any]:
    return end(platform, place(platform, an_order(**changes)).json()["order_id"])


# What it is


def test_it_says_what_kind_of_platform_it_is(platform: Simulator, operator: Simulator) -> None:
    social, mobile = (ask(one, "GET", "/v1/platform").json() for one in (platform, operator))
    assert (social["channel"], social["follows"], social["amplifies"], social["exercise"]) == ("vk-geo", True, True, False)
    assert (mobile["channel"], mobile["follows"], mobile["max_text"], mobile["exercise"]) == (
        "operator-roaming",
        False,
        670,
        True,
    )
    assert social["rounding"] == {"matched": 100, "counters": 10}


def test_nobody_follows_the_ministry_at_an_operator(operator: Simulator) -> None:
    assert estimate(operator, everybody=False).json()["withheld"]
    assert estimate(operator).json()["estimate"] == {"lower": 1900, "upper": 2100}


@pytest.mark.parametrize("exercise", [True, False])
def test_an_exercise_and_the_real_never_meet(platform: Simulator, operator: Simulator, exercise: bool) -> None:
    right, wrong = (operator, platform) if exercise else (platform, operator)
    assert place(right, an_order(exercise=exercise)).status_code == 200
    assert refused(place(wrong, an_order(exercise=exercise))) == (403, "exercise_mismatch")


def test_an_operator_takes_no_text_that_it_would_have_to_cut(operator: Simulator) -> None:
    assert refused(place(operator, an_order({"ru": "Я" * 671}, exercise=True))) == (422, "too_long")


# What it refuses

ENDED = {"law": "Law", "reason": "Why", "ends_at": (NOW + timedelta(hours=11)).isoformat()}
PARTS = dict.fromkeys(("why_you", "who", "valid_until", "verify"), "Уезжайте")
SUPERVISED = [{"role": "supervisor", "at": NOW.isoformat()}]


def approval(**changes: Any) -> dict[str, Any]:
    return {"approval": {"text_sha256": text_sha256(TEXTS), "by": SUPERVISED, **changes}}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exercise": "no"}, "invalid"),
        ({"incident": "EG"}, "invalid"),
        ({"incident": {"reference": "1", "title": "Egypt\nCairo"}}, "invalid"),
        ({"basis": ENDED}, "basis_over"),
        ({"basis": {**ENDED, "reason": ""}}, "invalid"),
        ({"include_non_subscribers": False}, "invalid"),
        (approval(by=[]), "invalid"),
        (approval(by=[{"role": "author", "at": NOW.isoformat()}]), "not_approved"),
        (approval(by=[{"role": "Anna", "at": NOW.isoformat()}]), "invalid"),
        (approval(by=[{**SUPERVISED[0], "name": "Anna"}]), "unknown_field"),
        (approval(name="Anna"), "unknown_field"),
        ({"wording": {"ru": PARTS}}, "wording_missing"),
        ({"wording": {"ru": PARTS, "en": PARTS}}, "wording_missing"),
        ({"wording": {"ru": {"who": "Уезжайте"}}}, "missing_field"),
        ({"pace": {"people": 0, "seconds": 600}}, "invalid"),
        ({"pace": {"people": 1.5, "seconds": 600}}, "invalid"),
        ({"recipients": {"of": str(uuid4()), "mode": "only"}}, "earlier_order_unknown"),
        ({"recipients": {"of": str(uuid4()), "mode": "all"}}, "invalid"),
        ({"recipients": {"of": ["79161234567"], "mode": "only"}}, "invalid"),
        ({"follows": {"order_id": str(uuid4()), "kind": "reply"}}, "invalid"),
        ({"post": {"url": "http://vk.com/wall-77_5"}}, "invalid"),
        ({"post": {"url": POST}}, "post_not_found"),
    ],
)
def test_it_refuses_what_the_contract_does_not_allow(platform: Simulator, changes: dict[str, Any], code: str) -> None:
    orders = len(platform.lines("order"))
    assert refused(place(platform, an_order(**changes))) == (422, code)
    assert len(platform.lines("order")) == orders


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":"\\ud800"}', b'{"a":NaN}', b"\xff", b"", b"null"])
def test_it_reads_no_body_that_is_no_object(platform: Simulator, body: bytes) -> None:
    for path in ("/v1/orders", "/v1/estimates", "/v1/posts"):
        found = http.post(platform.url + path, data=body, headers=signed("POST", path, body), timeout=10)
        assert refused(found) == (422, "unreadable")


def test_bytes_that_are_no_text_are_a_wrong_signature(platform: Simulator) -> None:
    headers = {**signed("GET", "/v1/platform", b""), "X-Signature": b"v1=\xff\xfe"}
    assert refused(http.get(f"{platform.url}/v1/platform", headers=headers, timeout=10)) == (401, "wrong_signature")


def test_it_keeps_an_order_whose_words_hold_their_wording(platform: Simulator) -> None:
    wording = {"ru": PARTS, "en": dict.fromkeys(PARTS, "Leave")}
    assert place(platform, an_order(wording=wording)).status_code == 200


# In part, at a pace, again


def test_its_officer_can_accept_in_part(platform: Simulator) -> None:
    platform.control(narrow={"reason": "followers only", "narrowed": ["subscribers_only"]})
    found = carried_out(platform)
    decision = found["decision"]
    assert (decision["outcome"], decision["narrowed"], decision["reason"]) == (
        "partial",
        ["subscribers_only"],
        "followers only",
    )
    assert (found["status"], found["estimate"], found["counters"]["matched"]) == ("done", {"lower": 1900, "upper": 2100}, 600)


@pytest.mark.parametrize(
    ("word", "matched"), [("last_seen_only", 2000), ("shorter_window", 1200), ("fewer_people", 1100), ("one_language", 1800)]
)
def test_every_word_for_a_part_means_fewer_people(platform: Simulator, word: str, matched: int) -> None:
    platform.control(narrow={"narrowed": [word]})
    assert carried_out(platform, audience=EGYPT | {"mode": "was_there"})["counters"]["matched"] == matched


def test_it_is_no_faster_than_the_ministry_wants(platform: Simulator) -> None:
    order_id = place(platform, an_order(pace={"people": 1000, "seconds": 86_400})).json()["order_id"]
    other = carried_out(platform)
    assert (other["status"], status(platform, order_id)["counters"]["sent"]) == ("done", None)
    ask(platform, "POST", f"/v1/orders/{order_id}/cancel")


def test_it_knows_by_itself_who_got_an_earlier_order(platform: Simulator) -> None:
    followers = an_order(include_non_subscribers=False)
    del followers["basis"]
    first = place(platform, followers).json()["order_id"]
    got = end(platform, first)["counters"]["sent"]
    matched = {
        mode: carried_out(platform, recipients={"of": first, "mode": mode})["counters"]["matched"]
        for mode in ("also", "only", "except")
    }
    assert got == 630
    assert matched == {"also": 2000, "only": 600, "except": 1400}


def test_a_reminder_is_heard_and_changes_nothing(platform: Simulator) -> None:
    platform.control(pace={"decision_delay": 600})
    before = place(platform).json()
    found = ask(platform, "POST", f"/v1/orders/{before['order_id']}/reminders")
    assert (found.status_code, found.json()) == (202, before)
    assert platform.lines("reminder")[-1]["order_id"] == before["order_id"]
    assert refused(ask(platform, "POST", f"/v1/orders/{uuid4()}/reminders")) == (404, "unknown_order")


# Posts


def check(platform: Simulator, url: str = POST) -> dict[str, Any]:
    hashes = {language: text_sha256({language: text}) for language, text in TEXTS.items()}
    found: dict[str, Any] = ask(platform, "POST", "/v1/posts", {"url": url, "text_sha256": hashes}).json()
    return {name: found[name] for name in ("found", "same", "language", "canonical_url")}


def test_it_compares_a_post_with_what_is_meant(platform: Simulator) -> None:
    assert check(platform) == {"found": False, "same": False, "language": None, "canonical_url": POST}
    platform.control(post={"url": POST, "text": "Leave  \r\n"})
    assert check(platform) == {"found": True, "same": True, "language": "en", "canonical_url": POST}
    platform.control(post={"url": POST, "text": "Stay"})
    assert check(platform) == {"found": True, "same": False, "language": None, "canonical_url": POST}


@pytest.mark.parametrize("url", ["https://m.vk.com/wall-77_5", "https://www.vk.com/wall-77_5/?from=feed#comments"])
def test_a_post_has_one_address(platform: Simulator, url: str) -> None:
    platform.control(post={"url": url, "text": "Leave"})
    assert check(platform)["same"]


def test_it_spreads_a_post_while_that_says_what_was_approved(platform: Simulator) -> None:
    platform.control(post={"url": POST, "text": TEXTS["ru"]})
    assert carried_out(platform, post={"url": POST})["status"] == "done"
    platform.control(post={"url": POST, "text": "Stay"})
    assert refused(place(platform, an_order(post={"url": POST}))) == (422, "post_differs")


def test_an_operator_spreads_no_posts(operator: Simulator) -> None:
    assert refused(place(operator, an_order(post={"url": POST}, exercise=True))) == (422, "posts_not_supported")
    hashes = {"ru": "a" * 64}
    assert refused(ask(operator, "POST", "/v1/posts", {"url": POST, "text_sha256": hashes})) == (422, "posts_not_supported")


def test_its_bounds_hold_the_true_number() -> None:
    for people in range(100, 3000, 7):
        said = bounds(Match(people, people))["estimate"]
        assert said["lower"] <= people <= said["upper"], people
