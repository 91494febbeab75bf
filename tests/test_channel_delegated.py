"""VK that sends by itself by country: what we ask and sign, and what we believe."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.channels import ChannelError, Estimate, OrderReport, OrderRequest, Report
from tests.test_channel_contract import JSON, ORDER, place
from tests.wire import Request, answer, build, fault, talk

ID = ORDER.order_id
AT = "2026-11-20T12:00:00.250+03:00"
MOMENT = datetime(2026, 11, 20, 9, 0, 0, 250_000, tzinfo=UTC)
COUNTERS = {"matched": 20000, "sent": 19400, "delivered": 18800, "read": 6100, "failed": None, "opted_out": 30}
DECISION = {"outcome": "accepted", "at": AT, "by": "duty officer", "reason": "", "narrowed": []}
STATUS = {
    "order_id": ID,
    "status": "sending",
    "at": AT,
    "reason": "",
    "decision": DECISION,
    "estimate": {"lower": 19000, "upper": 21000},
    "counters": COUNTERS,
    "rounding": {"matched": 100, "counters": 10, "threshold": 10},
}
DECIDED = {"answered_by": "duty officer", "decision": "accepted", "decided_at": MOMENT}
TOTALS = {"matched": 20000, "sent": 19400, "delivered": 18800, "read": 6100, "opted_out": 30}
STEPS = {"step": 10, "matched_step": 100, "threshold": 10}
REPORT = OrderReport(ID, "sending", MOMENT, lower=19000, upper=21000, **DECIDED, **TOTALS, **STEPS)  # type: ignore[arg-type]
KEY = base64.b64decode("c2VjcmV0LW9mLW91cnM=")


def placed(status: object = STATUS, order: OrderRequest = ORDER) -> tuple[OrderReport, list[Request]]:
    return talk("vk-geo", lambda geo: place(geo, order), answer(status))


def report(**change: object) -> OrderReport:
    return placed({**STATUS, **change})[0]


def webhook(body: bytes, key: bytes = KEY, at: float | None = None, event_id: str = "evt_1") -> tuple[bytes, dict[str, str]]:
    """A body as Standard Webhooks would have it signed."""
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(key, f"{event_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return body, {"Webhook-Id": event_id, "Webhook-Timestamp": stamp, "Webhook-Signature": signature}


def read(body: object, **signed: Any) -> Report:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return build("vk-geo", "https://geo.example").reports(*webhook(raw, **signed))[0]


def unread(body: object, **signed: Any) -> str:
    with pytest.raises(ChannelError) as raised:
        read(body, **signed)
    return raised.value.scope


def test_it_orders_with_everything_the_contract_names() -> None:
    _, received = placed()
    assert [(request.method, request.path) for request in received] == [("POST", "/v1/orders")]
    assert received[0].headers["idempotency-key"] == ID
    assert json.loads(received[0].body) == {
        "order_id": ID,
        "issuer": "77",
        "exercise": False,
        "incident": {"reference": "7", "title": "Egypt"},
        "approval": {
            "text_sha256": ORDER.text_sha256,
            "by": [{"role": "author", "at": "2026-11-20T12:00:00Z"}, {"role": "supervisor", "at": "2026-11-20T12:00:00Z"}],
        },
        "texts": {"ru": "Уезжайте.", "en": "Leave."},
        "sender_name": "Ministry",
        "audience": {"country": "EG", "mode": "was_there", "last_seen_within_hours": 336, "until": "2026-11-20T12:00:00Z"},
        "include_non_subscribers": True,
        "basis": {"law": "Law No 5", "reason": "People may die.", "ends_at": "2026-11-20T18:00:00Z"},
        "window": {"not_before": "2026-11-20T12:00:00Z", "not_after": "2026-11-20T18:00:00Z"},
    }


def test_it_repeats_an_order_byte_for_byte() -> None:
    again = replace(ORDER, texts=dict(reversed(ORDER.texts.items())))
    assert placed()[1][0].body == placed(order=again)[1][0].body


@pytest.mark.parametrize(
    ("act", "method", "path"),
    [
        (lambda geo: place(geo, ORDER), "POST", "/v1/orders"),
        (lambda geo: geo.status(ID), "GET", f"/v1/orders/{ID}"),
        (lambda geo: geo.cancel(ID), "POST", f"/v1/orders/{ID}/cancel"),
    ],
)
def test_it_signs_what_it_asks(act: Any, method: str, path: str) -> None:
    _, (request,) = talk("vk-geo", act, answer(STATUS))
    assert (request.method, request.path) == (method, path)
    signed = ".".join([request.headers["x-timestamp"], request.headers["x-nonce"], method, path, ""]).encode() + request.body
    assert request.headers["x-signature"] == "v1=" + hmac.new(b"t0ken-of-ours", signed, hashlib.sha256).hexdigest()


def test_it_never_signs_with_the_same_nonce() -> None:
    assert len({placed()[1][0].headers["x-nonce"] for _ in range(3)}) == 3


def test_it_orders_no_text_but_the_approved_one() -> None:
    error, received = fault("vk-geo", lambda geo: place(geo, replace(ORDER, texts={"ru": "Оставайтесь."})), answer(STATUS))
    assert (error.scope, error.reason, received) == ("content", "text_not_approved", [])


@pytest.mark.parametrize("change", [{"polygon": []}, {"country": None}])
def test_it_orders_no_audience_the_contract_cannot_say(change: dict[str, object]) -> None:
    audience = {key: value for key, value in {**ORDER.audience, **change}.items() if value is not None}
    error, received = fault("vk-geo", lambda geo: place(geo, replace(ORDER, audience=audience)), answer(STATUS))
    assert (error.scope, error.reason, received) == ("content", "audience_not_supported", [])


@pytest.mark.parametrize("act", [lambda geo: place(geo, ORDER), lambda geo: geo.status(ID), lambda geo: geo.cancel(ID)])
def test_it_reads_how_an_order_stands(act: Any) -> None:
    assert talk("vk-geo", act, answer(STATUS))[0] == REPORT


def test_it_takes_what_is_not_said_as_unknown() -> None:
    bare = {"order_id": ID, "status": "accepted", "at": AT}
    for found in (
        bare,
        {**bare, "estimate": None, "counters": None, "reason": None, "decision": None, "rounding": None},
        {**bare, "estimate": [], "counters": "9", "decision": "yes", "rounding": 10},
        {**bare, "decision": {"outcome": "perhaps", "at": AT, "by": "rule"}, "rounding": {"matched": "100"}},
        {**bare, "rounding": {"matched": 1_000_001, "counters": 10**9, "threshold": 10**10}},
    ):
        assert placed(found)[0] == OrderReport(ID, "accepted", MOMENT)


@pytest.mark.parametrize(
    "bounds", [{"lower": 2000, "upper": 1000}, {"lower": 1000}, {"upper": 1000}, {"lower": "1", "upper": 5}]
)
def test_it_takes_both_bounds_of_an_estimate_or_neither(bounds: object) -> None:
    assert report(estimate=bounds) == replace(REPORT, lower=None, upper=None)


@pytest.mark.parametrize("number", ["5", 5.0, True, -1, 79161234567, [5], {"peer": 5}])
def test_it_believes_no_counter_that_is_not_a_count(number: object) -> None:
    assert report(counters={**COUNTERS, "sent": number}) == replace(REPORT, sent=None)


@pytest.mark.parametrize(
    "words",
    [
        "+7 916 123-45-67",
        "id 12345",
        "1_2_3_4_5",
        "a@b",
        "see https://x",
        "id77",
        "7a",
        "x" * 121,
        "a\nb",
        "a\u202eb",
        "\0",
        5,
        ["x"],
    ],
)
def test_it_keeps_no_words_that_could_name_a_person(words: object) -> None:
    assert report(reason=words).reason == ""
    told = report(decision={**DECISION, "by": words, "reason": words})
    assert (told.answered_by, told.reason, told.decision) == ("", "", "accepted")


@pytest.mark.parametrize("words", ["below_threshold", "дежурный офицер", "window over, 14 days", "x" * 120])
def test_it_keeps_short_plain_words(words: str) -> None:
    assert report(reason=words).reason == words


def test_it_lets_no_identifier_in_by_any_other_field() -> None:
    leak = {"peers": [1001], "recipients": ["zq7-person"]}
    found = report(
        **leak, counters={**COUNTERS, **leak}, estimate={"lower": 19000, "upper": 21000, **leak}, people="zq7-person"
    )
    assert found == REPORT
    assert "zq7" not in str(asdict(found))


@pytest.mark.parametrize(
    "change",
    [
        {"status": "gone"},
        {"status": None},
        {"status": []},
        {"at": "yesterday"},
        {"at": "2026-11-20T12:00:00"},
        {"at": "0001-01-01T00:00:00+14:00"},
        {"at": 5},
        {"order_id": 5},
        {"order_id": "zq7-person"},
    ],
)
def test_it_is_uncertain_about_a_status_it_cannot_read(change: dict[str, object]) -> None:
    error, _ = fault("vk-geo", lambda geo: place(geo, ORDER), answer({**STATUS, **change}))
    assert (error.scope, error.reason) == ("uncertain", "unreadable")


def test_it_is_uncertain_about_the_status_of_another_order() -> None:
    other = {**STATUS, "order_id": "00000000-0000-4000-8000-000000000001"}
    error, _ = fault("vk-geo", lambda geo: geo.status(ID), answer(other))
    assert (error.scope, error.reason) == ("uncertain", "another_order")


@pytest.mark.parametrize(
    ("status", "scope", "reason"),
    [
        (400, "content", "window_too_long"),
        (401, "pause", "http_401"),
        (403, "pause", "window_too_long"),
        (404, "pause", "http_404"),
        (409, "pause", "idempotency_conflict"),
        (422, "content", "window_too_long"),
    ],
)
def test_it_knows_what_a_refusal_means(status: int, scope: str, reason: str) -> None:
    said = {"error": {"code": "window_too_long", "message": "At most 24 hours."}}
    error, _ = fault("vk-geo", lambda geo: place(geo, ORDER), answer(said, status=status))
    assert (error.scope, error.reason) == (scope, reason)


@pytest.mark.parametrize("code", ["", "id_12345", "Ivan Petrov", "a" * 41, None, 5, "a__b"])
def test_it_keeps_no_code_that_is_not_a_word(code: object) -> None:
    error, _ = fault("vk-geo", lambda geo: place(geo, ORDER), answer({"error": {"code": code}}, status=422))
    assert (error.scope, error.reason) == ("content", "http_422")


@pytest.mark.parametrize("act", [lambda geo: geo.status(ID), lambda geo: geo.cancel("../orders?x")])
def test_it_says_when_the_platform_does_not_know_an_order(act: Any) -> None:
    error, received = fault("vk-geo", act, answer(status=404))
    assert (error.scope, error.reason) == ("content", "unknown_order")
    assert received[0].path.count("/") <= 4


def test_it_asks_for_an_estimate() -> None:
    bounds, (request,) = talk(
        "vk-geo",
        lambda geo: geo.estimate(ORDER.audience, include_non_subscribers=False),
        answer({"estimate": {"lower": 19000, "upper": 21000}, "at": AT}),
    )
    assert bounds == Estimate(19000, 21000, MOMENT)
    assert (request.method, request.path) == ("POST", "/v1/estimates")
    assert json.loads(request.body) == {"issuer": "77", "audience": ORDER.audience, "include_non_subscribers": False}


@pytest.mark.parametrize(("reason", "kept"), [("below_threshold", "below_threshold"), ("id77", "withheld"), (None, "withheld")])
def test_it_takes_no_for_an_estimate(reason: object, kept: str) -> None:
    found, _ = talk(
        "vk-geo",
        lambda geo: geo.estimate(ORDER.audience, include_non_subscribers=True),
        answer({"withheld": True, "reason": reason, "at": AT}),
    )
    assert found == Estimate(None, None, MOMENT, withheld=kept)


@pytest.mark.parametrize(
    "bounds", [None, 5, {}, {"lower": 2, "upper": 1}, {"lower": -1, "upper": 1}, {"lower": 1, "upper": "2"}]
)
def test_it_cannot_read_an_estimate_without_bounds(bounds: object) -> None:
    error, _ = fault(
        "vk-geo",
        lambda geo: geo.estimate(ORDER.audience, include_non_subscribers=True),
        answer({"estimate": bounds, "at": AT}),
    )
    assert (error.scope, error.reason) == ("uncertain", "unreadable")


def test_it_reads_a_signed_status() -> None:
    found = read({"type": "order.status", "event_id": "evt_1", "order": STATUS})
    assert found == Report("evt_1", "order", MOMENT, order=REPORT)


def test_it_ignores_signed_events_of_other_kinds() -> None:
    assert read({"type": "order.created", "event_id": "evt_1"}).kind == "ignored"


@pytest.mark.parametrize(
    "signed",
    [lambda: {"key": b"another"}, lambda: {"at": time.time() - 400}, lambda: {"at": time.time() + 400}],
    ids=["foreign", "old", "of the future"],
)
def test_it_refuses_a_foreign_or_old_signature(signed: Callable[[], dict[str, Any]]) -> None:
    assert unread({"type": "order.status", "event_id": "evt_1", "order": STATUS}, **signed()) == "forged"


@pytest.mark.parametrize("name", ["Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"])
@pytest.mark.parametrize("value", [None, "", "1", "v1,", "v1,====", "v2,eA==", "nan", "inf", "\ud800", "a,b,c"])
def test_it_refuses_a_spoiled_signature(name: str, value: str | None) -> None:
    body, headers = webhook(b'{"type":"x","event_id":"evt_1"}')
    kept = {key: one for key, one in {**headers, name: value}.items() if one is not None}
    with pytest.raises(ChannelError, match="forged"):
        build("vk-geo", "https://geo.example").reports(body, kept)


def test_it_refuses_a_body_other_than_the_signed_one() -> None:
    body, headers = webhook(b'{"type":"x","event_id":"evt_1"}')
    with pytest.raises(ChannelError, match="forged"):
        build("vk-geo", "https://geo.example").reports(body + b" ", headers)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!", "whsec_й"])
def test_it_refuses_everything_while_its_webhook_secret_is_none(secret: str) -> None:
    with pytest.raises(ChannelError, match="forged"):
        build("vk-geo", "https://geo.example", webhook_secret=secret).reports(*webhook(b"{}", key=b""))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[" * 100_000,
        b'{"a":1,"a":2}',
        {},
        {"type": "order.status", "event_id": "e"},
        {"type": "order.status", "event_id": "", "order": STATUS},
        {"type": "order.status", "event_id": "e\0", "order": STATUS},
        {"type": "order.status", "event_id": 5, "order": STATUS},
        {"type": "order.status", "event_id": "e", "order": {**STATUS, "order_id": "zq7"}},
        {"type": "order.status", "event_id": "e", "order": {**STATUS, "status": "gone"}},
    ],
)
def test_it_cannot_read_what_the_contract_does_not_say(body: object) -> None:
    assert unread(body) == "content"


@settings(deadline=None, max_examples=300)
@given(change=st.dictionaries(st.sampled_from([*STATUS, "x"]), JSON, max_size=4))
def test_it_reads_any_signed_status_as_a_report_or_as_its_own_error(change: dict[str, Any]) -> None:
    try:
        told = read({"type": "order.status", "event_id": "e", "order": {**STATUS, **change}}).kind
    except ChannelError as error:
        told = error.scope
    assert told in {"order", "content"}
