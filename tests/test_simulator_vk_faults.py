"""The simulated VK misbehaves on demand and calls our server: faults, its control endpoint, callbacks.

Events are judged by VK's schema, as in test_simulator_vk; without CONTRACTS those tests skip.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from referencing import Registry

from messaging.simulators import vk_callbacks
from tests.simulated import GROUP, Server, call, check, http, kinds, send, status, until, vk_schema
from tests.wire import Simulator


@pytest.fixture(scope="module")
def schema() -> Registry[Any]:
    return vk_schema()


# Faults


def test_it_accepts_and_holds_the_answer_until_released(lively: Simulator) -> None:
    lively.control(hold=1)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(send, lively, 1, 9_001)
        until(lambda: status(lively)["held"])
        assert kinds(lively, 9_001) == ["accepted"]
        assert not answer.done()
        lively.control(release=True)
        assert answer.result(timeout=5)[0]["message_id"] > 0


def test_it_loses_the_answer_after_accepting(lively: Simulator) -> None:
    lively.control(lose_after=1)
    with pytest.raises(requests.ConnectionError):
        send(lively, 1, 9_002)
    assert lively.lines("call")[-1]["result"] == "lost"
    send(lively, 1, 9_002)
    assert kinds(lively, 9_002) == ["accepted", "repeat"]


def test_it_loses_the_call_before_accepting(lively: Simulator) -> None:
    lively.control(lose_before={"calls": 2})
    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            send(lively, 1, 9_003)
    assert kinds(lively, 9_003) == []
    send(lively, 1, 9_003)
    assert kinds(lively, 9_003) == ["accepted"]


@pytest.mark.parametrize(("after", "lines"), [(False, []), (True, ["accepted"])])
def test_it_fails_with_a_status_with_and_without_effect(lively: Simulator, after: bool, lines: list[str]) -> None:
    lively.control(fail={"status": 502, "after": after, "headers": {"Retry-After": "7"}})
    peer = 9_010 + after
    found = http.post(f"{lively.url}/method/messages.send", data=params(peer), timeout=10)
    assert (found.status_code, found.headers["Retry-After"], kinds(lively, peer)) == (502, "7", lines)
    assert lively.lines("call")[-1]["result"] == "http:502"


def params(peer: int) -> dict[str, str]:
    return {"access_token": "token", "v": "5.199", "peer_ids": str(peer), "random_id": "1", "message": "Leave"}


@pytest.mark.parametrize("code", [5, 9, 14])
def test_it_refuses_whole_calls_with_the_code_it_was_told(lively: Simulator, schema: Registry[Any], code: int) -> None:
    lively.control(error={"code": code, "calls": 1})
    error = call(lively, **params(9_020))["error"]
    check(schema, "base/objects:base_error", error)
    assert (error["error_code"], "captcha_sid" in error, kinds(lively, 9_020)) == (code, code == 14, [])


def test_it_leaves_people_out_of_an_answer(lively: Simulator) -> None:
    lively.control(omit={"peers": [9_031]})
    assert [item["peer_id"] for item in send(lively, 1, 9_030, 9_031)] == [9_030]
    assert kinds(lively, 9_031) == ["accepted"]


def test_it_names_strangers_and_names_one_twice(lively: Simulator) -> None:
    lively.control(strangers={"peers": [42]})
    assert [item["peer_id"] for item in send(lively, 1, 9_032)] == [9_032, 9_032, 42]


@pytest.mark.parametrize("form", ["html", "truncated", "empty"])
def test_it_answers_garbage(lively: Simulator, form: str) -> None:
    lively.control(garbage={"form": form})
    with pytest.raises(requests.JSONDecodeError):
        send(lively, 1, 9_033)


def test_it_spoils_only_the_method_named(lively: Simulator) -> None:
    lively.control(error={"code": 9, "method": "groups.getById"})
    assert send(lively, 1, 9_034)
    assert call(lively, "groups.getById")["error"]["error_code"] == 9


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_its_control_obeys_no_web_page(lively: Simulator, headers: dict[str, str]) -> None:
    assert http.post(f"{lively.url}/control", data='{"hold": 1}', headers=headers, timeout=5).status_code == 403


def test_its_control_says_what_it_knows_when_it_does_not_understand(lively: Simulator) -> None:
    refusal = http.post(f"{lively.url}/control", json={"explode": 1}, timeout=5)
    assert (refusal.status_code, "lose_after" in refusal.json()["error"]) == (400, True)


def test_it_stops_at_once_with_a_request_held(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "messaging.simulators.vk", "--token", "token", "--log", str(tmp_path / "journal")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process, ThreadPoolExecutor(1) as pool:
        alone = Simulator(process.stdout.readline().strip().removeprefix("listening "), tmp_path / "journal")  # type: ignore[union-attr]
        answer = pool.submit(hold_one, alone)
        until(lambda: status(alone)["held"])
        process.terminate()
        assert process.wait(timeout=2) == 0
        assert isinstance(answer.exception(timeout=5), requests.ConnectionError)


def hold_one(lively: Simulator) -> None:
    lively.control(hold=-1)
    send(lively, 1, 9_040)


# Callbacks


@pytest.fixture
def server(lively: Simulator) -> Iterator[Server]:
    with Server(say) as listening:
        lively.control(callback={"url": listening.url, "secret": "s3cret", "confirmation": "c0nfirm"})
        yield listening


def say(body: bytes) -> tuple[int, bytes]:
    """What our server answers: the confirmation string, `ok`, or something else to whom a test has chosen."""
    event = json.loads(body)
    deaf = event.get("object", {}).get("user_id") == 10_007
    return 200, b"c0nfirm" if event["type"] == "confirmation" else b"OK" if deaf else b"ok"


def tell(lively: Simulator, **event: Any) -> Any:
    return lively.control(event=event)["done"]["event"]


@pytest.mark.parametrize("kind", ["message_allow", "message_deny", "message_read", "message_new"])
def test_it_tells_of_events_as_the_schema_says(lively: Simulator, server: Server, schema: Registry[Any], kind: str) -> None:
    send(lively, 1, 10_001)
    assert tell(lively, type=kind, peer_id=10_001, text="Мы в Хургаде") == ["ok"]
    [event] = server.events()
    check(schema, "callback/objects:callback_base", event)
    check(schema, f"callback/objects:callback_{kind}", event["object"])
    assert (event["type"], event["group_id"], event["secret"]) == (kind, GROUP, "s3cret")


def test_its_new_message_is_from_the_person_and_whole(lively: Simulator, server: Server, schema: Registry[Any]) -> None:
    tell(lively, type="message_new", peer_id=10_002, text="Нужна помощь")
    message = server.events()[0]["object"]["message"]
    check(schema, "callback/objects:callback_message", message)
    assert (message["from_id"], message["peer_id"], message["text"], message["out"]) == (10_002, 10_002, "Нужна помощь", 0)


def test_it_reads_the_message_it_was_sent(lively: Simulator, server: Server) -> None:
    sent = send(lively, 1, 10_003)[0]
    tell(lively, type="message_read", peer_id=10_003)
    assert server.events()[0]["object"]["read_message_id"] == sent["message_id"]


def test_it_repeats_an_event_under_the_same_id(lively: Simulator, server: Server) -> None:
    assert tell(lively, type="message_allow", peer_id=10_004, times=3) == ["ok"] * 3
    assert len({event["event_id"] for event in server.events()}) == 1


def test_it_can_come_with_a_wrong_secret(lively: Simulator, server: Server) -> None:
    tell(lively, type="message_allow", peer_id=10_005, secret="guessed")
    assert server.events()[0]["secret"] == "guessed"


def test_whoever_denies_is_refused_and_whoever_writes_is_allowed_again(lively: Simulator, server: Server) -> None:
    tell(lively, type="message_deny", peer_id=10_006)
    assert send(lively, 1, 10_006)[0]["error"]["code"] == 901
    tell(lively, type="message_new", peer_id=10_006, text="Help")
    assert "error" not in send(lively, 1, 10_006)[0]


def test_it_says_what_a_server_answered_instead_of_ok(lively: Simulator, server: Server) -> None:
    assert tell(lively, type="message_allow", peer_id=10_007) == ["OK"]


def test_some_people_read_and_a_few_answer_once_the_server_is_confirmed(lively: Simulator, server: Server) -> None:
    writer = next(peer for peer in range(11_000_000, 12_000_000) if vk_callbacks.answers(peer) and peer % 1000 < 800)
    send(lively, 1, writer)
    assert lively.lines("accepted")[-1]["reply"] is True
    lively.control(advance=60)
    until(lambda: len(server.told) == 3)
    assert [event["type"] for event in server.events()] == ["confirmation", "message_read", "message_new"]
