"""The simulated VK keeps VK's contract: judged by VK's own schema, by an unmodified client of others, and by its journal.

CONTRACTS names the directory that holds the schema (below it vk/*.json, version 5.199); without it those tests skip.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jconfig
import pytest
import requests
import vk_api
from referencing import Registry
from requests.adapters import HTTPAdapter

from messaging.simulators import vk_methods, vk_people
from messaging.simulators.journal import Journal, read
from tests.simulated import DRILL_GROUP, ENV, GROUP, call, check, http, kinds, send, vk_schema
from tests.wire import Simulator, simulator


@pytest.fixture(scope="module")
def schema() -> Registry[Any]:
    return vk_schema()


# Its answers and VK's schema


def test_it_answers_a_call_for_many_as_the_schema_says(lively: Simulator, schema: Registry[Any]) -> None:
    found = call(lively, peer_ids="1001,1850,1900,1918,2000000001", random_id=7)
    check(schema, "messages/responses:messages_send_user_ids_response", found)
    assert [item.get("error", {}).get("code") for item in found["response"]] == [None, 901, 900, 18, 917]


def test_the_schema_would_notice_an_answer_without_its_message_id(schema: Registry[Any]) -> None:
    with pytest.raises(Exception, match="message_id"):
        check(schema, "messages/responses:messages_send_user_ids_response", {"response": [{"peer_id": 1}]})


@pytest.mark.parametrize("name", ["peer_id", "user_id"])
def test_it_answers_a_call_for_one_as_the_schema_says(lively: Simulator, schema: Registry[Any], name: str) -> None:
    check(schema, "messages/responses:messages_send_deprecated_response", call(lively, random_id=7, **{name: 1002}))


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
    lively: Simulator, schema: Registry[Any], method: str, params: dict[str, Any], definition: str
) -> None:
    check(schema, definition.format(method.replace(".", "_")), call(lively, method, **params))


def test_it_refuses_as_the_schema_says_and_repeats_no_token(lively: Simulator, schema: Registry[Any]) -> None:
    error = call(lively, peer_ids="1", random_id="x")["error"]
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
def test_it_refuses_what_vk_refuses(lively: Simulator, code: int, method: str, params: dict[str, Any]) -> None:
    accepted = len(lively.lines("accepted"))
    assert call(lively, method, **params)["error"]["error_code"] == code
    assert len(lively.lines("accepted")) == accepted
    assert lively.lines("call")[-1]["result"] == f"error:{code}"


def test_it_takes_the_longest_text_for_a_hundred_people(lively: Simulator) -> None:
    peers = range(3_000_000, 3_000_100)
    assert len(send(lively, 1, *peers, message="Я" * 4096)) == 100


def test_it_takes_the_token_from_the_header_and_the_rest_from_the_query(lively: Simulator) -> None:
    params = {"v": "5.199", "peer_ids": "1003", "random_id": "5", "message": "Leave"}
    found = http.get(f"{lively.url}/method/messages.send", params=params, headers={"Authorization": "Bearer token"}, timeout=10)
    assert found.json()["response"][0]["message_id"] > 0


@pytest.mark.parametrize(
    ("peer", "code"),
    [(5_000, 0), (5_799, 0), (5_800, 901), (5_899, 901), (5_900, 900), (5_901, 901), (5_902, 0), (5_918, 18), (5_999, 0)],
)
def test_it_judges_a_person_by_the_last_digits(lively: Simulator, peer: int, code: int) -> None:
    item = send(lively, 1, peer)[0]
    allowed = call(lively, "messages.isMessagesFromGroupAllowed", group_id=GROUP, user_id=peer)["response"]["is_allowed"]
    assert (item.get("error", {}).get("code", 0), allowed) == (code, 0 if code else 1)


def test_it_can_be_told_who_allows_messages(lively: Simulator) -> None:
    lively.control(allow=[6_801], deny=[6_001])
    assert ["error" in item for item in send(lively, 1, 6_801, 6_001)] == [False, True]
    lively.control(reset=True)
    assert ["error" in item for item in send(lively, 2, 6_801, 6_001)] == [True, False]


def test_it_says_a_persons_error_as_text_when_told(lively: Simulator) -> None:
    lively.control(string_errors=True)
    assert send(lively, 1, 6_850)[0]["error"] == "Can't send messages for users without permission"


def test_it_keeps_the_dialogs_of_two_groups_apart(lively: Simulator) -> None:
    send(lively, 9, 6_002)
    send(lively, 9, 6_002, access_token="drill")
    assert kinds(lively, 6_002) == ["accepted", "accepted"]


def test_an_unmodified_client_of_others_gets_along_with_it(lively: Simulator) -> None:
    class ToSimulator(HTTPAdapter):
        def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
            request.url = (request.url or "").replace("https://api.vk.ru", lively.url)
            return super().send(request, **options)

    client = vk_api.vk_api.VkApiGroup(token="token", config=jconfig.MemoryConfig)
    client.http.mount("https://api.vk.ru", ToSimulator())
    api = client.get_api()
    assert api.messages.send(peer_id=7_001, random_id=1, message="Уезжайте") > 0
    assert [item["peer_id"] for item in api.messages.send(peer_ids="7002,7801", random_id=1, message="Leave")] == [7_002, 7_801]
    assert api.groups.getById()["groups"][0]["id"] == GROUP
    with pytest.raises(vk_api.exceptions.ApiError, match="901"):
        api.messages.send(peer_id=7_801, random_id=1, message="Уезжайте")
    lively.control(error={"code": 14})
    with pytest.raises(vk_api.exceptions.Captcha):
        api.messages.send(peer_id=7_001, random_id=2, message="Уезжайте")


# random_id


def test_it_takes_a_repeat_for_what_it_is(lively: Simulator) -> None:
    first, second = send(lively, -5, 8_001), send(lively, -5, 8_001)
    assert first == second
    assert kinds(lively, 8_001) == ["accepted", "repeat"]


def test_it_takes_a_new_number_for_a_new_message(lively: Simulator) -> None:
    assert send(lively, 1, 8_002)[0]["message_id"] < send(lively, 2, 8_002)[0]["message_id"]


def test_it_compares_nothing_when_the_number_is_zero(lively: Simulator) -> None:
    send(lively, 0, 8_003)
    send(lively, 0, 8_003)
    assert kinds(lively, 8_003) == ["accepted", "accepted"]


def test_it_forgets_after_an_hour(lively: Simulator) -> None:
    send(lively, 1, 8_004)
    lively.control(advance=3590)
    send(lively, 1, 8_004)
    lively.control(advance=20)
    send(lively, 1, 8_004)
    assert kinds(lively, 8_004) == ["accepted", "repeat", "accepted"]


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
        assert send(second, 4, 8_006, 8_005) == before[::-1]
        assert send(second, 5, 8_005)[0]["message_id"] == 3
    lines = [(line["call"], line["kind"]) for line in read(tmp_path / "journal") if line["kind"] != "call"]
    assert lines == [(1, "accepted"), (1, "accepted"), (2, "repeat"), (2, "repeat"), (3, "accepted")]


# The journal


def test_its_journal_has_a_line_for_each_person_and_one_for_the_call(lively: Simulator) -> None:
    send(lively, 12, 8_007, 8_801, message="Leave")
    accepted, refused, whole = lively.lines()[-3:]
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


def test_it_refuses_more_calls_with_error_6_and_status_200(lively: Simulator) -> None:
    lively.control(limit=True)
    time.sleep(1)  # calls of the tests before count in the same second

    def ask(_: int) -> tuple[int, int]:
        found = requests.post(f"{lively.url}/method/groups.getById", data={"access_token": "token", "v": "5.199"}, timeout=10)
        return found.status_code, found.json().get("error", {}).get("error_code", 0)

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(ask, range(60)))
    assert answers == {(200, 0), (200, 6)}
