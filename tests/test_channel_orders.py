"""What a platform that keeps the contract is asked besides orders and estimates, what it is never asked, and what is kept."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from messaging.channels import (
    NARROWED,
    WORDING,
    ChannelError,
    OrderReport,
    OrderRequest,
    PlatformFacts,
    PostCheck,
    channel_class,
    text_sha256,
)
from tests.test_channel_contract import NOON, ORDER, place
from tests.wire import Request, answer, fault, talk

SLUGS = ("vk-geo", "operator-roaming")
AT, MOMENT = "2026-11-20T12:00:00.250+03:00", datetime(2026, 11, 20, 9, 0, 0, 250_000, tzinfo=UTC)
POST, HASHES = "https://vk.com/wall-77_5", {"ru": "a" * 64, "en": "b" * 64}
CHECKED = {"found": True, "same": True, "language": "ru", "canonical_url": "https://m.vk.com/wall-77_5", "at": AT}
FACTS = {
    "name": "VK",
    "channel": "vk-geo",
    "exercise": False,
    "knows_by": "online_activity",
    "follows": True,
    "amplifies": True,
    "counts": "accounts",
    "rounding": {"matched": 100, "counters": 10},
    "threshold": 100,
    "min_interval_s": 60,
    "max_text": 4096,
    "languages": ["ru", "en"],
    "recipients": True,
    "sandbox": False,
}
each = pytest.mark.parametrize("slug", SLUGS)


def caught(slug: str, order: OrderRequest) -> tuple[ChannelError, list[Request]]:
    """An order whose answer nobody reads, and what was asked."""
    return fault(slug, lambda channel: place(channel, order), answer())


def test_neither_what_is_asked_nor_what_is_told_has_a_field_for_a_person() -> None:
    asked = "order_id exercise incident incident_reference texts text_sha256 approved_by sender_name audience"
    asked += " include_non_subscribers not_before not_after basis_law basis_reason basis_ends_at"
    asked += " wording pace recipients follows post_url"
    told = "order_id status at reason answered_by lower upper matched sent delivered read failed opted_out"
    told += " decision decided_at narrowed step matched_step threshold"
    assert [field.name for field in fields(OrderRequest)] == asked.split()
    assert [field.name for field in fields(OrderReport)] == told.split()


def test_the_people_of_an_operator_follow_nobody() -> None:
    assert [channel_class(slug).follows for slug in SLUGS] == [True, False]


@each
@pytest.mark.parametrize("drill", [True, False])
def test_it_orders_an_exercise_for_drills_alone(slug: str, drill: bool) -> None:
    with pytest.raises(ValueError, match="exercise"):
        talk(slug, lambda channel: place(channel, replace(ORDER, exercise=not drill)), answer(), drill=drill)


@each
@pytest.mark.parametrize("missing", [{"basis_law": ""}, {"basis_reason": ""}, {"basis_ends_at": None}])
def test_it_asks_nobody_to_write_to_strangers_without_a_basis(slug: str, missing: dict[str, Any]) -> None:
    error, received = fault(slug, lambda channel: place(channel, replace(ORDER, **missing)), answer())
    assert (error.scope, error.reason, received) == ("content", "no_legal_basis", [])


@each
def test_it_names_no_basis_for_those_who_follow(slug: str) -> None:
    _, (request,) = caught(slug, replace(ORDER, include_non_subscribers=False))
    assert "basis" not in json.loads(request.body)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pace": (6000, 600)}, {"pace": {"people": 6000, "seconds": 600}}),
        ({"recipients": (ORDER.order_id, "except")}, {"recipients": {"of": ORDER.order_id, "mode": "except"}}),
        ({"follows": (ORDER.order_id, "all-clear")}, {"follows": {"order_id": ORDER.order_id, "kind": "all-clear"}}),
        ({"post_url": POST}, {"post": {"url": POST}}),
        ({"wording": {"en": {"who": "Leave."}}}, {"wording": {"en": {"who": "Leave."}}}),
    ],
)
def test_it_says_what_is_optional_only_where_it_is_meant(change: dict[str, Any], said: dict[str, Any]) -> None:
    def asked(order: OrderRequest) -> dict[str, Any]:
        _, (request,) = caught("vk-geo", order)
        body: dict[str, Any] = json.loads(request.body)
        return body

    assert asked(replace(ORDER, **change)) == asked(ORDER) | said


def test_the_same_words_have_the_same_digest_however_they_are_typed() -> None:
    typed = {"ru": "Ё\r\nдва  \nтри\t\n\n", "en": "Leave."}
    assert text_sha256(typed) == text_sha256({"en": "Leave.", "ru": "\u0415\u0308\nдва\nтри"})
    assert text_sha256(typed) != text_sha256({"en": "Leave.", "ru": "\u0415\u0308\n два\nтри"})


@each
@pytest.mark.parametrize(
    ("change", "drill", "reason"),
    [
        ({}, True, "exercise_mismatch"),
        ({"exercise": True}, False, "exercise_mismatch"),
        ({"channel": "cbc"}, False, "another_platform"),
    ],
)
def test_it_cannot_speak_to_a_platform_of_another_kind(slug: str, change: dict[str, Any], drill: bool, reason: str) -> None:
    said = {**FACTS, "channel": slug, **change}
    error, _ = fault(slug, lambda channel: channel.probe(), answer(said), drill=drill)
    assert (error.scope, error.reason) == ("pause", reason)


@each
def test_it_can_speak_to_a_platform_that_is_what_the_account_says(slug: str) -> None:
    assert talk(slug, lambda channel: channel.probe(), answer({**FACTS, "channel": slug}))[0] == ""


def test_it_cannot_speak_when_the_platform_refuses_its_signature() -> None:
    assert fault("vk-geo", lambda channel: channel.probe(), answer(status=401))[0].scope == "pause"


def decided(**change: object) -> OrderReport:
    said = {"outcome": "partial", "at": AT, "by": "duty officer", "reason": "followers only", "narrowed": ["subscribers_only"]}
    status = {"order_id": ORDER.order_id, "status": "sending", "at": AT, "reason": "", "decision": {**said, **change}}
    return talk("vk-geo", lambda channel: channel.status(ORDER.order_id), answer(status))[0]


def test_it_reads_what_was_decided() -> None:
    told = decided()
    assert (told.decision, told.decided_at, told.answered_by) == ("partial", MOMENT, "duty officer")
    assert (told.reason, told.narrowed) == ("followers only", ("subscribers_only",))


@pytest.mark.parametrize(
    ("change", "narrowed"),
    [
        ({"narrowed": ["zq7", "fewer_people", 5]}, ("fewer_people",)),
        ({"narrowed": "fewer_people"}, ()),
        ({"narrowed": [["fewer_people"]]}, ()),
        ({"outcome": "accepted"}, ()),
        ({"outcome": []}, ()),
    ],
)
def test_it_reads_of_a_part_only_the_words_of_the_contract(change: dict[str, object], narrowed: tuple[str, ...]) -> None:
    assert decided(**change).narrowed == narrowed


@each
def test_it_asks_what_kind_of_platform_this_is(slug: str) -> None:
    facts, (request,) = talk(slug, lambda channel: channel.facts(), answer(FACTS))
    assert (request.method, request.path, request.body) == ("GET", "/v1/platform", b"")
    assert facts == PlatformFacts(
        "VK", "vk-geo", False, "online_activity", True, True, "accounts", 100, 10, 100, 60, 4096, ("ru", "en"), True, False
    )


@pytest.mark.parametrize(
    "change",
    [
        {"rounding": None},
        {"rounding": {"matched": 100}},
        {"rounding": {"matched": 100, "counters": 1_000_001}},
        {"threshold": "100"},
        {"min_interval_s": -1},
        {"max_text": 0},
        {"channel": 5},
        {"counts": None},
    ],
)
def test_it_is_uncertain_about_facts_it_cannot_read(change: dict[str, object]) -> None:
    error, _ = fault("vk-geo", lambda channel: channel.facts(), answer({**FACTS, **change}))
    assert (error.scope, error.reason) == ("uncertain", "unreadable")


def test_it_takes_no_identifier_among_the_facts() -> None:
    spoilt = {**FACTS, "name": "id77", "languages": ["ru", "zq7person", 5, "en", None]}
    facts, _ = talk("vk-geo", lambda channel: channel.facts(), answer(spoilt))
    assert (facts.name, facts.languages) == ("", ("ru", "en"))


@each
def test_it_reminds_of_an_order_with_an_empty_body(slug: str) -> None:
    _, (request,) = talk(slug, lambda channel: channel.remind(ORDER.order_id), answer(b"{}", status=202))
    assert (request.method, request.path, request.body) == ("POST", f"/v1/orders/{ORDER.order_id}/reminders", b"")


def check(**change: object) -> PostCheck:
    return talk("vk-geo", lambda channel: channel.check_post(POST, HASHES), answer({**CHECKED, **change}))[0]


def test_it_asks_whether_a_post_says_what_is_meant() -> None:
    found, (request,) = talk("vk-geo", lambda channel: channel.check_post(POST, HASHES), answer(CHECKED))
    assert (request.method, request.path) == ("POST", "/v1/posts")
    assert json.loads(request.body) == {"url": POST, "text_sha256": HASHES}
    assert found == PostCheck(True, True, "ru", "https://m.vk.com/wall-77_5", MOMENT)


@pytest.mark.parametrize(
    ("change", "found", "same"),
    [
        ({"same": False}, True, False),
        ({"same": "true"}, True, False),
        ({"found": False}, False, False),
        ({"found": 1}, False, False),
    ],
)
def test_it_believes_in_a_post_only_what_is_plainly_said(change: dict[str, object], found: bool, same: bool) -> None:
    assert (check(**change).found, check(**change).same) == (found, same)


@pytest.mark.parametrize(
    "url", ["https://vk.example/id77", "http://vk.com/wall-77_5", "https://vk.com/\u0430", "", None, 5, "https://[", "x" * 501]
)
def test_it_keeps_no_address_at_another_site(url: object) -> None:
    assert check(canonical_url=url, language="zq7").canonical_url == ""
    assert check(language="zq7").language == ""


def test_a_report_comes_back_from_a_receipt_as_it_went_in() -> None:
    told = OrderReport(
        ORDER.order_id, "sending", NOON, decision="partial", decided_at=NOON, narrowed=("one_language",), sent=10
    )
    assert OrderReport.from_json(json.loads(json.dumps(told.to_json()))) == told


@pytest.mark.parametrize("spoilt", [{}, {"at": "yesterday"}, {"at": AT}, {"at": AT, "x": 1}, {"at": AT, "narrowed": 5}])
def test_what_is_no_report_is_refused(spoilt: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        OrderReport.from_json(spoilt)


def test_the_words_of_the_contract_are_plain() -> None:
    assert all(word.replace("_", "").isalpha() for word in (*WORDING, *NARROWED))
