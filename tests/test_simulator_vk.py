"""The simulated VK keeps VK's contract: judged by VK's own schema, by an unmodified client of others, and by its journal.

CONTRACTS names the directory that holds the schema (below it vk/*.json, version 5.199); without it those tests skip.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jconfig
import pytest
import requests
import vk_api
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from requests.adapters import HTTPAdapter

from messaging.simulators import vk_callbacks, vk_methods, vk_people
from messaging.simulators.journal import Journal, read
from tests.wire import Simulator, simulator

GROUP, DRILL_GROUP = 220000001, 220000002
ENV = {"VK_SIM_TOKENS": json.dumps({"token": GROUP, "drill": DRILL_GROUP})}
http = requests.Session()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator("vk", tmp_path_factory.mktemp("vk") / "journal", "--no-limit", "--lively", env=ENV) as process:
        yield process


@pytest.fixture
def vk(running: Simulator) -> Simulator:
    running.control(reset=True)
    return running


def call(vk: Simulator, method: str = "messages.send", **params: Any) -> Any:
    """What VK answers, as JSON; None as a value leaves a parameter out."""
    usual = {"access_token": "token", "v": "5.199"} | ({"message": "Уезжайте"} if method == "messages.send" else {})
    said = {name: str(value) for name, value in (usual | params).items() if value is not None}
    return http.post(f"{vk.url}/method/{method}", data=said, timeout=10).json()


def send(vk: Simulator, random_id: int, *peers: int, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call(vk, peer_ids=",".join(map(str, peers)), random_id=random_id, **params)["response"]
    return found


def kinds(vk: Simulator, peer: int) -> list[str]:
    return [line["kind"] for line in vk.lines() if line.get("peer_id") == peer]


# Its answers and VK's schema


def lift(found: Any) -> Any:
    """VK marks a property `required: true`; JSON Schema wants the names in a list beside the properties."""
    if isinstance(found, list):
        return [lift(item) for item in found]
    if not isinstance(found, dict):
        return found
    kept = {key: lift(value) for key, value in found.items() if not (key == "required" and value is True)}
    names = [
        name
        for name, rule in (found.get("properties") or {}).items()
        if isinstance(rule, dict) and rule.get("required") is True
    ]
    return {**kept, "required": names} if names else kept


@pytest.fixture(scope="module")
def schema() -> Registry[Any]:
    if not os.environ.get("CONTRACTS"):
        pytest.skip("CONTRACTS is unset: VK's schema is not on this machine")
    files = (Path(os.environ["CONTRACTS"]) / "vk").glob("*.json")
    named = [("file:///" + file.name.replace("_", "/", 1), lift(json.loads(file.read_text()))) for file in files]
    return Registry().with_resources([(uri, Resource(found, DRAFT202012)) for uri, found in named])


def check(schema: Registry[Any], name: str, found: Any) -> None:
    """Raises ValidationError unless `found` is what VK's schema calls e.g. messages/responses:messages_send_…"""
    file, _, definition = name.partition(":")
    Draft202012Validator({"$ref": f"file:///{file}.json#/definitions/{definition}"}, registry=schema).validate(found)


def test_it_answers_a_call_for_many_as_the_schema_says(vk: Simulator, schema: Registry[Any]) -> None:
    found = call(vk, peer_ids="1001,1850,1900,1918,2000000001", random_id=7)
    check(schema, "messages/responses:messages_send_user_ids_response", found)
    assert [item.get("error", {}).get("code") for item in found["response"]] == [None, 901, 900, 18, 917]


def test_the_schema_would_notice_an_answer_without_its_message_id(schema: Registry[Any]) -> None:
    with pytest.raises(Exception, match="message_id"):
        check(schema, "messages/responses:messages_send_user_ids_response", {"response": [{"peer_id": 1}]})


@pytest.mark.parametrize("name", ["peer_id", "user_id"])
def test_it_answers_a_call_for_one_as_the_schema_says(vk: Simulator, schema: Registry[Any], name: str) -> None:
    check(schema, "messages/responses:messages_send_deprecated_response", call(vk, random_id=7, **{name: 1002}))


@pytest.mark.parametrize(
    ("method", "params", "definition"),
    [
        ("messages.isMessagesFromGroupAllowed", {"group_id": GROUP, "user_id": 1}, "messages/responses:{}_response"),
        ("groups.getById", {}, "groups/responses:{}_object_response"),
        ("groups.getById", {"group_ids": f"club{GROUP},{DRILL_GROUP}"}, "groups/responses:{}_object_response"),
        ("groups.getCallbackConfirmationCode", {"group_id": GROUP}, "groups/responses:{}_response"),
    ],
)
def test_it_answers_a_question_as_the_schema_says(
    vk: Simulator, schema: Registry[Any], method: str, params: dict[str, Any], definition: str
) -> None:
    check(schema, definition.format(method.replace(".", "_")), call(vk, method, **params))


def test_it_refuses_as_the_schema_says_and_repeats_no_token(vk: Simulator, schema: Registry[Any]) -> None:
    error = call(vk, peer_ids="1", random_id="x")["error"]
    check(schema, "base/objects:base_error", error)
    assert {"key": "random_id", "value": "x"} in error["request_params"]
    assert "access_token" not in json.dumps(error)


def test_it_names_errors_as_the_schema_does(schema: Registry[Any]) -> None:
    listed = {
        error["code"]: error["description"]
        for error in schema.contents("file:///errors.json")["errors"].values()
        if "code" in error
    }
    assert {code: listed[code] for code in vk_methods.MESSAGES} == vk_methods.MESSAGES


# What it takes and what it refuses


@pytest.mark.parametrize(
    ("code", "method", "params"),
    [
        (3, "messages.sendAll", {}),
        (5, "messages.send", {"access_token": "other"}),
        (5, "groups.getById", {"access_token": None}),
        (8, "messages.send", {"v": None}),
        (8, "messages.send", {"v": "5.80"}),
        (15, "messages.isMessagesFromGroupAllowed", {"group_id": 5, "user_id": 1}),
        (100, "messages.isMessagesFromGroupAllowed", {"group_id": GROUP}),
        (100, "groups.getById", {"group_id": 5}),
        (100, "messages.send", {"peer_ids": "1"}),
        (100, "messages.send", {"random_id": 1}),
        (100, "messages.send", {"peer_ids": "1", "random_id": 2**31}),
        (100, "messages.send", {"peer_ids": "1,x", "random_id": 1}),
        (100, "messages.send", {"peer_ids": "1,-5", "random_id": 1}),
        (100, "messages.send", {"user_ids": "1", "random_id": 1}),
        (100, "messages.send", {"peer_ids": "1", "random_id": 1, "message": " "}),
        (100, "messages.send", {"peer_ids": "1", "random_id": 1, "intent": "shout"}),
        (100, "messages.send", {"peer_ids": ",".join(map(str, range(1, 102))), "random_id": 1}),
        (914, "messages.send", {"peer_ids": "1", "random_id": 1, "message": "Я" * 4097}),
        (901, "messages.send", {"peer_id": "1801", "random_id": 1}),
    ],
)
def test_it_refuses_what_vk_refuses(vk: Simulator, code: int, method: str, params: dict[str, Any]) -> None:
    accepted = len(vk.lines("accepted"))
    assert call(vk, method, **params)["error"]["error_code"] == code
    assert len(vk.lines("accepted")) == accepted
    assert vk.lines("call")[-1]["result"] == f"error:{code}"


def test_it_takes_the_longest_text_for_a_hundred_people(vk: Simulator) -> None:
    peers = range(3_000_000, 3_000_100)
    assert len(send(vk, 1, *peers, message="Я" * 4096)) == 100


def test_it_takes_the_token_from_the_header_and_the_rest_from_the_query(vk: Simulator) -> None:
    params = {"v": "5.199", "peer_ids": "1003", "random_id": "5", "message": "Leave"}
    found = http.get(f"{vk.url}/method/messages.send", params=params, headers={"Authorization": "Bearer token"}, timeout=10)
    assert found.json()["response"][0]["message_id"] > 0


@pytest.mark.parametrize(
    ("peer", "code"),
    [(5_000, 0), (5_799, 0), (5_800, 901), (5_899, 901), (5_900, 900), (5_901, 901), (5_902, 0), (5_918, 18), (5_999, 0)],
)
def test_it_judges_a_person_by_the_last_digits(vk: Simulator, peer: int, code: int) -> None:
    item = send(vk, 1, peer)[0]
    allowed = call(vk, "messages.isMessagesFromGroupAllowed", group_id=GROUP, user_id=peer)["response"]["is_allowed"]
    assert (item.get("error", {}).get("code", 0), allowed) == (code, 0 if code else 1)


def test_it_can_be_told_who_allows_messages(vk: Simulator) -> None:
    vk.control(allow=[6_801], deny=[6_001])
    assert ["error" in item for item in send(vk, 1, 6_801, 6_001)] == [False, True]
    vk.control(reset=True)
    assert ["error" in item for item in send(vk, 2, 6_801, 6_001)] == [True, False]


def test_it_says_a_persons_error_as_text_when_told(vk: Simulator) -> None:
    vk.control(string_errors=True)
    assert send(vk, 1, 6_850)[0]["error"] == "Can't send messages for users without permission"


def test_it_keeps_the_dialogs_of_two_groups_apart(vk: Simulator) -> None:
    send(vk, 9, 6_002)
    send(vk, 9, 6_002, access_token="drill")
    assert kinds(vk, 6_002) == ["accepted", "accepted"]


def test_an_unmodified_client_of_others_gets_along_with_it(vk: Simulator) -> None:
    class ToSimulator(HTTPAdapter):
        def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
            request.url = (request.url or "").replace("https://api.vk.ru", vk.url)
            return super().send(request, **options)

    client = vk_api.vk_api.VkApiGroup(token="token", config=jconfig.MemoryConfig)
    client.http.mount("https://api.vk.ru", ToSimulator())
    api = client.get_api()
    assert api.messages.send(peer_id=7_001, random_id=1, message="Уезжайте") > 0
    assert [item["peer_id"] for item in api.messages.send(peer_ids="7002,7801", random_id=1, message="Leave")] == [7_002, 7_801]
    assert api.groups.getById()["groups"][0]["id"] == GROUP
    with pytest.raises(vk_api.exceptions.ApiError, match="901"):
        api.messages.send(peer_id=7_801, random_id=1, message="Уезжайте")
    vk.control(error={"code": 14})
    with pytest.raises(vk_api.exceptions.Captcha):
        api.messages.send(peer_id=7_001, random_id=2, message="Уезжайте")


# random_id


def test_it_takes_a_repeat_for_what_it_is(vk: Simulator) -> None:
    first, second = send(vk, -5, 8_001), send(vk, -5, 8_001)
    assert first == second
    assert kinds(vk, 8_001) == ["accepted", "repeat"]


def test_it_takes_a_new_number_for_a_new_message(vk: Simulator) -> None:
    assert send(vk, 1, 8_002)[0]["message_id"] < send(vk, 2, 8_002)[0]["message_id"]


def test_it_compares_nothing_when_the_number_is_zero(vk: Simulator) -> None:
    send(vk, 0, 8_003)
    send(vk, 0, 8_003)
    assert kinds(vk, 8_003) == ["accepted", "accepted"]


def test_it_forgets_after_an_hour(vk: Simulator) -> None:
    send(vk, 1, 8_004)
    vk.control(advance=3590)
    send(vk, 1, 8_004)
    vk.control(advance=20)
    send(vk, 1, 8_004)
    assert kinds(vk, 8_004) == ["accepted", "repeat", "accepted"]


def test_it_forgets_after_a_hundred_messages() -> None:
    dialog = vk_people.Dialog()
    for number in range(1, 101):
        dialog.add(number, number, at=0)
    assert dialog.find(1, now=1) is not None
    dialog.add(101, 101, at=0)
    assert dialog.find(1, now=1) is None


def test_it_remembers_across_a_kill(tmp_path: Path) -> None:
    with simulator("vk", tmp_path / "journal", env=ENV) as first:
        before = send(first, 4, 8_005, 8_006)
    with (tmp_path / "journal").open("ab") as journal:
        journal.write(b'{"at": "2026-11-2')  # the kill came in the middle of a line
    with simulator("vk", tmp_path / "journal", env=ENV) as second:
        assert send(second, 4, 8_005, 8_006) == before
        assert send(second, 5, 8_005)[0]["message_id"] == 3
    assert [line["call"] for line in read(tmp_path / "journal") if line["kind"] == "call"] == [1, 2, 3]


# The journal


def test_its_journal_has_a_line_for_each_person_and_one_for_the_call(vk: Simulator) -> None:
    send(vk, 12, 8_007, 8_801, message="Leave")
    accepted, refused, whole = vk.lines()[-3:]
    text = hashlib.sha256(b"Leave").hexdigest()
    same = {"group": GROUP, "random_id": 12, "text_sha256": text, "call": whole["call"], "at": whole["at"]}
    assert accepted == same | {"kind": "accepted", "peer_id": 8_007, "message_id": accepted["message_id"], "code": None}
    assert refused == same | {"kind": "refused", "peer_id": 8_801, "message_id": None, "code": 901}
    assert (whole["kind"], whole["peers"], whole["result"]) == ("call", 2, "ok")


def test_its_journal_is_on_the_disk_before_it_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bytes] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append((tmp_path / "journal").read_bytes()))
    Journal(tmp_path / "journal").write({"kind": "accepted"})
    assert b"accepted" in synced[0]


# 20 calls a second


def test_it_admits_twenty_calls_in_any_second(monkeypatch: pytest.MonkeyPatch) -> None:
    rate, now = vk_people.Rate(20), [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    admitted = []
    for step in range(3 * 64):
        now[0] = step / 64
        admitted += [now[0]] if rate.admit("token") else []
    assert len(admitted) == 60
    assert max(sum(at - 1 < other <= at for other in admitted) for at in admitted) == 20


def test_it_refuses_more_calls_with_error_6_and_status_200(vk: Simulator) -> None:
    vk.control(limit=True)

    def ask(_: int) -> tuple[int, int]:
        found = requests.post(f"{vk.url}/method/groups.getById", data={"access_token": "token", "v": "5.199"}, timeout=10)
        return found.status_code, found.json().get("error", {}).get("error_code", 0)

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(ask, range(60)))
    assert answers == {(200, 0), (200, 6)}


# Faults


def test_it_accepts_and_holds_the_answer_until_released(vk: Simulator) -> None:
    vk.control(hold=1)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(send, vk, 1, 9_001)
        until(lambda: status(vk)["held"])
        assert kinds(vk, 9_001) == ["accepted"]
        assert not answer.done()
        vk.control(release=True)
        assert answer.result(timeout=5)[0]["message_id"] > 0


def test_it_loses_the_answer_after_accepting(vk: Simulator) -> None:
    vk.control(lose_after=1)
    with pytest.raises(requests.ConnectionError):
        send(vk, 1, 9_002)
    assert vk.lines("call")[-1]["result"] == "lost"
    send(vk, 1, 9_002)
    assert kinds(vk, 9_002) == ["accepted", "repeat"]


def test_it_loses_the_call_before_accepting(vk: Simulator) -> None:
    vk.control(lose_before={"calls": 2})
    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            send(vk, 1, 9_003)
    assert kinds(vk, 9_003) == []
    send(vk, 1, 9_003)
    assert kinds(vk, 9_003) == ["accepted"]


@pytest.mark.parametrize(("after", "lines"), [(False, []), (True, ["accepted"])])
def test_it_fails_with_a_status_with_and_without_effect(vk: Simulator, after: bool, lines: list[str]) -> None:
    vk.control(fail={"status": 502, "after": after, "headers": {"Retry-After": "7"}})
    peer = 9_010 + after
    found = http.post(f"{vk.url}/method/messages.send", data=params(peer), timeout=10)
    assert (found.status_code, found.headers["Retry-After"], kinds(vk, peer)) == (502, "7", lines)
    assert vk.lines("call")[-1]["result"] == "http:502"


def params(peer: int) -> dict[str, str]:
    return {"access_token": "token", "v": "5.199", "peer_ids": str(peer), "random_id": "1", "message": "Leave"}


@pytest.mark.parametrize("code", [5, 9, 14])
def test_it_refuses_whole_calls_with_the_code_it_was_told(vk: Simulator, schema: Registry[Any], code: int) -> None:
    vk.control(error={"code": code, "calls": 1})
    error = call(vk, **params(9_020))["error"]
    check(schema, "base/objects:base_error", error)
    assert (error["error_code"], "captcha_sid" in error, kinds(vk, 9_020)) == (code, code == 14, [])


def test_it_leaves_people_out_of_an_answer(vk: Simulator) -> None:
    vk.control(omit={"peers": [9_031]})
    assert [item["peer_id"] for item in send(vk, 1, 9_030, 9_031)] == [9_030]
    assert kinds(vk, 9_031) == ["accepted"]


def test_it_names_strangers_and_names_one_twice(vk: Simulator) -> None:
    vk.control(strangers={"peers": [42]})
    assert [item["peer_id"] for item in send(vk, 1, 9_032)] == [9_032, 9_032, 42]


@pytest.mark.parametrize("form", ["html", "truncated", "empty"])
def test_it_answers_garbage(vk: Simulator, form: str) -> None:
    vk.control(garbage={"form": form})
    with pytest.raises(requests.JSONDecodeError):
        send(vk, 1, 9_033)


def test_it_spoils_only_the_method_named(vk: Simulator) -> None:
    vk.control(error={"code": 9, "method": "groups.getById"})
    assert send(vk, 1, 9_034)
    assert call(vk, "groups.getById")["error"]["error_code"] == 9


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_its_control_obeys_no_web_page(vk: Simulator, headers: dict[str, str]) -> None:
    assert http.post(f"{vk.url}/control", data='{"hold": 1}', headers=headers, timeout=5).status_code == 403


def test_its_control_says_what_it_knows_when_it_does_not_understand(vk: Simulator) -> None:
    refusal = http.post(f"{vk.url}/control", json={"explode": 1}, timeout=5)
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


def hold_one(vk: Simulator) -> None:
    vk.control(hold=-1)
    send(vk, 1, 9_040)


def status(vk: Simulator) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(f"{vk.url}/control", timeout=5).json()
    return found


def until(true: Callable[[], object]) -> None:
    for _ in range(500):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("It did not come to pass within 5 s.")


# Callbacks


class Server(ThreadingHTTPServer):
    """A group's server: keeps what it is told, and answers as a script says."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Told)
        self.url, self.told = f"http://127.0.0.1:{self.server_port}/vk", list[dict[str, Any]]()
        self.answers = {"confirmation": b"c0nfirm"}


class Told(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.told.append(event)
        answer = self.server.answers.get(event["type"], b"ok")
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(vk: Simulator) -> Iterator[Server]:
    with Server() as listening:
        threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        vk.control(callback={"url": listening.url, "secret": "s3cret", "confirmation": "c0nfirm"})
        yield listening
        listening.shutdown()


def tell(vk: Simulator, **event: Any) -> Any:
    return vk.control(event=event)["done"]["event"]


@pytest.mark.parametrize("kind", ["message_allow", "message_deny", "message_read", "message_new"])
def test_it_tells_of_events_as_the_schema_says(vk: Simulator, server: Server, schema: Registry[Any], kind: str) -> None:
    send(vk, 1, 10_001)
    assert tell(vk, type=kind, peer_id=10_001, text="Мы в Хургаде") == ["ok"]
    [event] = server.told
    check(schema, "callback/objects:callback_base", event)
    check(schema, f"callback/objects:callback_{kind}", event["object"])
    assert (event["type"], event["group_id"], event["secret"]) == (kind, GROUP, "s3cret")


def test_its_new_message_is_from_the_person_and_whole(vk: Simulator, server: Server, schema: Registry[Any]) -> None:
    tell(vk, type="message_new", peer_id=10_002, text="Нужна помощь")
    message = server.told[0]["object"]["message"]
    check(schema, "callback/objects:callback_message", message)
    assert (message["from_id"], message["peer_id"], message["text"], message["out"]) == (10_002, 10_002, "Нужна помощь", 0)


def test_it_reads_the_message_it_was_sent(vk: Simulator, server: Server) -> None:
    sent = send(vk, 1, 10_003)[0]
    tell(vk, type="message_read", peer_id=10_003)
    assert server.told[0]["object"]["read_message_id"] == sent["message_id"]


def test_it_repeats_an_event_under_the_same_id(vk: Simulator, server: Server) -> None:
    assert tell(vk, type="message_allow", peer_id=10_004, times=3) == ["ok"] * 3
    assert len({event["event_id"] for event in server.told}) == 1


def test_it_can_come_with_a_wrong_secret(vk: Simulator, server: Server) -> None:
    tell(vk, type="message_allow", peer_id=10_005, secret="guessed")
    assert server.told[0]["secret"] == "guessed"


def test_whoever_denies_is_refused_and_whoever_writes_is_allowed_again(vk: Simulator, server: Server) -> None:
    tell(vk, type="message_deny", peer_id=10_006)
    assert send(vk, 1, 10_006)[0]["error"]["code"] == 901
    tell(vk, type="message_new", peer_id=10_006, text="Help")
    assert "error" not in send(vk, 1, 10_006)[0]


def test_it_says_what_a_server_answered_instead_of_ok(vk: Simulator, server: Server) -> None:
    server.answers["message_allow"] = b"OK"
    assert tell(vk, type="message_allow", peer_id=10_007) == ["OK"]


def test_some_people_read_and_a_few_answer_once_the_server_is_confirmed(vk: Simulator, server: Server) -> None:
    writer = next(peer for peer in range(11_000_000, 12_000_000) if vk_callbacks.answers(peer) and peer % 1000 < 800)
    send(vk, 1, writer)
    assert vk.lines("accepted")[-1]["reply"] is True
    vk.control(advance=60)
    until(lambda: len(server.told) == 3)
    assert [event["type"] for event in server.told] == ["confirmation", "message_read", "message_new"]
