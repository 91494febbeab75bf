"""The simulated platform that sends by itself keeps the delegated-order contract, and lets no person out.

Its webhooks are judged by the standardwebhooks library, everything it says by a scan for its people's identifiers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import requests
from standardwebhooks import Webhook, WebhookVerificationError

from messaging.simulators.population import Population
from tests.ordering import EGYPT, ENV, NOW, WEBHOOK_SECRET, an_order, ask, end, estimate, heard, place, signed, status
from tests.simulated import Server, http, until
from tests.wire import Simulator, simulator


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    log = tmp_path_factory.mktemp("delegated") / "journal"
    with simulator("delegated", log, "--at", NOW.isoformat(), "--min-interval", "0", env=ENV) as process:
        yield process


@pytest.fixture
def platform(running: Simulator) -> Simulator:
    running.control(
        reset=True, webhook={"url": "", "secret": WEBHOOK_SECRET}, pace={"decision_delay": 0, "duration": 0}, min_interval=0
    )
    return running


# Estimates


def test_it_knows_the_people_of_the_story(platform: Simulator) -> None:
    assert estimate(platform).json()["estimate"] == {"lower": 19000, "upper": 21000}
    assert estimate(platform, everybody=False).json()["estimate"] == {"lower": 6200, "upper": 6800}


def test_it_counts_those_who_have_left_only_as_having_been_there(platform: Simulator) -> None:
    assert estimate(platform, mode="was_there").json()["estimate"] == {"lower": 21100, "upper": 23300}


def test_it_withholds_what_would_tell_about_few(platform: Simulator) -> None:
    found = estimate(platform, country="BT").json()
    assert (found["withheld"], found["reason"], "estimate" in found) == (True, "below_threshold", False)


def test_its_window_includes_both_ends() -> None:
    at = datetime(2015, 11, 8, 12, tzinfo=UTC)
    people = Population(2_000, at)
    _, country, seen, _ = people._sightings[0]
    until_then = {"country": country, "mode": "was_there", "last_seen_within_hours": 1}

    def matched(instant: float) -> int:
        return people.match({**until_then, "until": datetime.fromtimestamp(instant, UTC).isoformat()}, everybody=True).people

    people._sightings[:] = [people._sightings[0]._replace(at=float(int(seen)))]
    assert [matched(int(seen) + shift) for shift in (-1, 0, 3600, 3601)] == [0, 1, 1, 0]


def test_it_wants_a_pause_between_estimates_of_different_audiences(platform: Simulator) -> None:
    platform.control(min_interval=100)
    assert estimate(platform, issuer="curious").status_code == 200
    assert estimate(platform, issuer="curious").status_code == 200
    too_soon = estimate(platform, issuer="curious", last_seen_within_hours=335)
    assert (too_soon.status_code, int(too_soon.headers["Retry-After"]) in range(1, 101)) == (429, True)


# Who may ask, and what


@pytest.mark.parametrize(
    ("signing", "code"),
    [({"secret": "guessed"}, "wrong_signature"), ({"age": 301}, "stale_timestamp"), ({"age": -400}, "stale_timestamp")],
)
def test_it_lets_nobody_in_without_a_fresh_signature(platform: Simulator, signing: dict[str, Any], code: str) -> None:
    found = ask(platform, "GET", f"/v1/orders/{uuid4()}", **signing)
    assert (found.status_code, found.json()["error"]["code"]) == (401, code)


def test_it_lets_nobody_in_without_any_signature(platform: Simulator) -> None:
    assert http.post(f"{platform.url}/v1/orders", json=an_order(), timeout=5).status_code == 401


def test_its_signature_covers_the_body(platform: Simulator) -> None:
    headers = signed("POST", "/v1/orders", json.dumps(an_order()).encode())
    assert http.post(f"{platform.url}/v1/orders", json=an_order(), headers=headers, timeout=5).status_code == 401


def test_it_takes_a_nonce_once(platform: Simulator) -> None:
    path, nonce = f"/v1/orders/{uuid4()}", uuid4().hex
    found = [ask(platform, "GET", path, nonce=nonce) for _ in range(2)]
    assert [(one.status_code, one.json()["error"]["code"]) for one in found] == [
        (404, "unknown_order"),
        (401, "repeated_nonce"),
    ]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"people": ["79161234567"]}, "unknown_field"),
        ({"audience": EGYPT | {"phones": []}}, "unknown_field"),
        ({"audience": EGYPT | {"country": "Egypt"}}, "invalid"),
        ({"audience": EGYPT | {"last_seen_within_hours": 2161}}, "invalid"),
        ({"audience": EGYPT | {"last_seen_within_hours": True}}, "invalid"),
        ({"audience": EGYPT | {"until": "2026-11-08T12:00:00"}}, "invalid"),
        ({"audience": EGYPT | {"mode": "anywhere"}}, "invalid"),
        ({"audience": {}}, "missing_field"),
        ({"approval": {"text_sha256": "a" * 64, "by": [{"role": "supervisor", "at": NOW.isoformat()}]}}, "text_not_approved"),
        ({"texts": {"ru": "Я" * 4097}}, "too_long"),
        ({"texts": {}}, "invalid"),
        ({"include_non_subscribers": 1}, "invalid"),
        ({"sender_name": ""}, "invalid"),
        ({"window": {"not_before": NOW.isoformat(), "not_after": NOW.isoformat()}}, "window_over"),
        ({"order_id": "one"}, "invalid"),
    ],
)
def test_it_refuses_an_order_that_breaks_the_contract(platform: Simulator, changes: dict[str, Any], code: str) -> None:
    orders = len(platform.lines("order"))
    found = place(platform, an_order(**changes))
    assert (found.status_code, found.json()["error"]["code"]) == (422, code)
    assert len(platform.lines("order")) == orders


def test_it_wants_the_order_id_as_the_key(platform: Simulator) -> None:
    assert ask(platform, "POST", "/v1/orders", an_order(), key=str(uuid4())).json()["error"]["code"] == "wrong_idempotency_key"


def test_it_writes_to_nobody_who_does_not_follow_without_a_basis(platform: Simulator) -> None:
    order = an_order()
    del order["basis"]
    assert place(platform, order).json()["error"]["code"] == "no_legal_basis"


def test_it_needs_no_legal_basis_for_those_who_follow(platform: Simulator) -> None:
    order = an_order(include_non_subscribers=False)
    del order["basis"]
    assert place(platform, order).status_code == 200


# An order's life


def test_it_takes_an_order_once_and_answers_a_replay_alike(platform: Simulator) -> None:
    order = an_order()
    first, second = place(platform, order), place(platform, dict(reversed(order.items())))
    assert (first.status_code, first.json()["status"], second.json()) == (200, "accepted", first.json())
    mine = [line["kind"] for line in platform.lines() if line.get("order_id") == order["order_id"] and line["kind"] != "sent"]
    assert mine == ["order", "repeat"]


def test_it_refuses_another_order_under_the_same_id(platform: Simulator) -> None:
    order = an_order()
    place(platform, order)
    assert place(platform, order | {"sender_name": "Another"}).status_code == 409


def test_it_sends_to_nearly_all_it_matched_and_rounds(platform: Simulator) -> None:
    order = an_order()
    place(platform, order)
    found = end(platform, order["order_id"])
    assert (found["status"], found["decision"]["outcome"], found["estimate"]) == (
        "done",
        "accepted",
        {"lower": 19000, "upper": 21000},
    )
    told = {"matched": 20000, "sent": 19400, "delivered": 18820, "read": 11290, "failed": 610, "opted_out": 30}
    assert (found["counters"], found["rounding"]) == (told, {"matched": 100, "counters": 10, "threshold": 10})


def test_it_waits_for_a_person_to_decide(platform: Simulator) -> None:
    platform.control(pace={"decision_delay": 600})
    order_id = place(platform).json()["order_id"]
    waiting = status(platform, order_id)
    assert (waiting["status"], waiting["decision"], set(waiting["counters"].values())) == ("accepted", None, {None})
    assert platform.control(decide=True)["done"]["decide"] >= 1
    assert end(platform, order_id)["status"] == "done"


def test_its_officer_can_refuse_with_a_reason(platform: Simulator) -> None:
    platform.control(refuse={"reason": "The text names a company."})
    found = end(platform, place(platform).json()["order_id"])
    decision = found["decision"]
    assert (found["status"], decision["outcome"], decision["reason"]) == ("refused", "refused", "The text names a company.")
    assert set(found["counters"].values()) == {None}


def test_it_refuses_by_rule_to_write_to_few(platform: Simulator) -> None:
    found = end(platform, place(platform, an_order(audience=EGYPT | {"country": "BT"})).json()["order_id"])
    assert (found["status"], found["decision"]["reason"], found["decision"]["by"]) == ("refused", "below_threshold", "rule")


def test_it_can_be_cancelled_half_way_and_says_how_many_had_gone(platform: Simulator) -> None:
    platform.control(pace={"duration": 5})
    order_id = place(platform).json()["order_id"]
    until(lambda: status(platform, order_id)["counters"]["sent"])
    found = ask(platform, "POST", f"/v1/orders/{order_id}/cancel").json()
    assert (found["status"], 0 < found["counters"]["sent"] < 19400) == ("cancelled", True)
    assert status(platform, order_id) == found
    assert platform.lines("cancel")[-1]["sent"] == found["counters"]["sent"]


def test_it_leaves_an_order_as_it_ended(platform: Simulator) -> None:
    order_id = place(platform).json()["order_id"]
    before = end(platform, order_id)
    assert ask(platform, "POST", f"/v1/orders/{order_id}/cancel").json() == before


def test_it_does_not_begin_before_the_window(platform: Simulator) -> None:
    window = {"not_before": (NOW + timedelta(hours=1)).isoformat(), "not_after": (NOW + timedelta(hours=2)).isoformat()}
    order_id = place(platform, an_order(window=window)).json()["order_id"]
    other = place(platform).json()["order_id"]
    assert end(platform, other)["status"] == "done"
    assert status(platform, order_id)["status"] == "accepted"


# Faults


def test_it_loses_the_answer_to_an_order_it_took(platform: Simulator) -> None:
    platform.control(lose_after=1)
    order = an_order()
    with pytest.raises(requests.ConnectionError):
        place(platform, order)
    assert place(platform, order).status_code == 200
    assert platform.lines("repeat")[-1]["order_id"] == order["order_id"]


def test_it_fails_without_taking_the_order(platform: Simulator) -> None:
    platform.control(fail={"status": 503, "calls": 1})
    order = an_order()
    assert (place(platform, order).status_code, ask(platform, "GET", f"/v1/orders/{order['order_id']}").status_code) == (
        503,
        404,
    )


# Webhooks


@pytest.fixture
def server(platform: Simulator) -> Iterator[Server]:
    with Server(lambda _: (refusals.pop(), b"") if refusals else (204, b"")) as listening:
        platform.control(webhook={"url": listening.url, "secret": WEBHOOK_SECRET})
        yield listening
        platform.control(webhook={"url": "", "secret": WEBHOOK_SECRET})
        heard.extend(body.decode() for _, body in listening.told)


refusals: list[int] = []  # what our server answers next


def of(server: Server, order_id: str) -> list[dict[str, Any]]:
    return [event["order"] for event in server.events() if event["order"]["order_id"] == order_id]


def told(server: Server, order_id: str, count: int) -> list[dict[str, Any]]:
    """What the server was told of one order, once that is `count` messages."""
    until(lambda: len(of(server, order_id)) >= count)
    return of(server, order_id)


def test_it_tells_of_every_change_signed_so_that_others_verify_it(platform: Simulator, server: Server) -> None:
    order_id = place(platform).json()["order_id"]
    orders = told(server, order_id, 12)
    assert [order["status"] for order in orders] == ["accepted", *["sending"] * 10, "done"]
    assert orders[-1] == status(platform, order_id)
    for headers, body in server.told:
        event = Webhook(WEBHOOK_SECRET).verify(body, headers)
        assert (event["type"], event["event_id"]) == ("order.status", headers["webhook-id"])


def test_it_tells_again_until_it_is_heard(platform: Simulator, server: Server) -> None:
    refusals.append(503)
    order_id = place(platform).json()["order_id"]
    told(server, order_id, 13)
    assert len({headers["webhook-id"] for headers, _ in server.told}) == 12


def test_it_can_forge_repeat_and_reverse(platform: Simulator, server: Server) -> None:
    platform.control(webhooks="reversed")
    order_id = place(platform).json()["order_id"]
    assert [order["status"] for order in told(server, order_id, 12)] == ["done", *["sending"] * 10, "accepted"]
    platform.control(forge_webhooks=1, repeat_webhook=True)
    assert told(server, order_id, 13)[-1]["status"] == "done"
    with pytest.raises(WebhookVerificationError):
        Webhook(WEBHOOK_SECRET).verify(server.told[-1][1], server.told[-1][0])


def test_it_can_be_silent(platform: Simulator, server: Server) -> None:
    platform.control(webhooks="silent")
    lost = place(platform).json()["order_id"]
    end(platform, lost)
    platform.control(webhooks="normal")
    told(server, place(platform).json()["order_id"], 12)
    assert of(server, lost) == []


# Nobody gets out


def test_it_lets_no_person_out_by_any_answer_webhook_or_line(platform: Simulator, server: Server) -> None:
    told(server, place(platform).json()["order_id"], 12)
    revealed = http.get(f"{platform.url}/control/identifiers", timeout=10).json()
    assert (len(set(revealed["identifiers"])), revealed["prefix"]) == (80_000, "zq7")
    webhooks = [body.decode() for _, body in server.told]
    said = "\n".join([*heard, *webhooks, platform.log.read_text(), http.get(f"{platform.url}/control", timeout=5).text])
    assert "zq7" not in said


def test_it_reveals_its_people_to_this_machine_only(platform: Simulator) -> None:
    elsewhere = http.get(f"{platform.url}/control/identifiers", headers={"Host": "platform.example"}, timeout=5)
    assert elsewhere.status_code == 403
