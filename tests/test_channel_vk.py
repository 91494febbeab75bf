"""VK as an addressed channel: how answers and events are read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.channels import ChannelError, Message, Outcome, Report, Target
from tests.test_channel_contract import JSON
from tests.wire import answer, build, fault, talk

MESSAGE = Message("Уезжайте & пишите: 100%", "ru", -2147483648)
PEOPLE = [Target(1, "1001"), Target(2, "1002"), Target(3, "1003")]


def accepted(peer_id: int, message_id: object = 55, **more: object) -> dict[str, object]:
    return {"peer_id": peer_id, "message_id": message_id, **more}


def refused(peer_id: int, error: object) -> dict[str, object]:
    return {"peer_id": peer_id, "message_id": 0, "error": error}


def sent_raw(response: object, people: list[Target] = PEOPLE) -> list[Outcome]:
    outcomes: list[Outcome]
    outcomes, _ = talk("vk-direct", lambda vk: vk.send(MESSAGE, people), answer({"response": response}))
    return outcomes


def sent(*items: object, people: list[Target] = PEOPLE) -> list[Outcome]:
    return sent_raw(list(items), people)


def one(error: object) -> Outcome:
    """The outcome of the only person, who was refused so."""
    return sent(refused(1001, error), people=PEOPLE[:1])[0]


def test_it_sends_one_form_with_everything_vk_needs() -> None:
    _, received = talk("vk-direct", lambda vk: vk.send(MESSAGE, PEOPLE), answer({"response": [accepted(1001)]}))
    assert [(request.method, request.path) for request in received] == [("POST", "/method/messages.send")]
    assert received[0].form == {
        "peer_ids": "1001,1002,1003",
        "random_id": "-2147483648",
        "message": "Уезжайте & пишите: 100%",
        "dont_parse_links": "1",
        "disable_mentions": "1",
        "v": "5.199",
        "access_token": "t0ken-of-ours",
    }


def test_it_reads_answers_by_id_and_not_by_position() -> None:
    outcomes = sent(accepted(1003, 33), refused(1002, {"code": 901}), accepted(1001, 11))
    assert [(outcome.contact, outcome.status, outcome.provider_ref) for outcome in outcomes] == [
        (1, "accepted", "11"),
        (2, "failed", ""),
        (3, "accepted", "33"),
    ]


def test_it_retries_whoever_is_absent_from_the_answer() -> None:
    assert sent(accepted(1001), accepted(1003))[1] == Outcome(2, "retry", "not_answered")


def test_it_lets_a_strangers_id_change_nothing() -> None:
    outcomes = sent(accepted(9009), accepted(1002))
    assert [outcome.status for outcome in outcomes] == ["retry", "accepted", "retry"]


def test_it_lets_a_doubled_id_change_nothing() -> None:
    outcomes = sent(refused(1001, {"code": 901}), accepted(1001), accepted(1002, 12), refused(1002, {"code": 901}))
    assert [outcome.status for outcome in outcomes] == ["failed", "accepted", "retry"]


@pytest.mark.parametrize("item", [None, 5, "1001", [], {}, accepted("1001"), accepted(True), {"peer_id": 1001.0}])  # type: ignore[arg-type]
def test_it_gives_no_outcome_to_an_item_without_an_id(item: object) -> None:
    assert sent(item, people=PEOPLE[:1]) == [Outcome(1, "retry", "not_answered")]


@pytest.mark.parametrize("message_id", [0, -1, None, "55", 5.0, True, [], {}])
def test_it_believes_no_acceptance_without_a_message_id(message_id: object) -> None:
    assert sent(accepted(1001, message_id), people=PEOPLE[:1]) == [Outcome(1, "uncertain", "unreadable")]


@pytest.mark.parametrize("code", [900, 901])
def test_it_takes_a_person_who_does_not_allow_messages_as_denied(code: int) -> None:
    assert one({"code": code, "description": "Can't send"}) == Outcome(1, "failed", str(code), denied=True)


def test_it_takes_a_deleted_person_as_a_dead_address() -> None:
    assert one({"code": 18, "description": "User was deleted or banned"}) == Outcome(1, "failed", "18", dead=True)


@pytest.mark.parametrize("code", [7, 15, 100, 902, 914, 917, 922, 925, 932, 936, 945, 946, 950, 983, 987, 988])
def test_it_gives_up_a_person_without_touching_the_address(code: int) -> None:
    assert one({"code": code}) == Outcome(1, "failed", str(code))


@pytest.mark.parametrize("code", [1, 6, 9, 10, 14, 29, 36, 944])
def test_it_retries_a_person_refused_for_the_moment(code: int) -> None:
    assert one({"code": code}) == Outcome(1, "retry", str(code))


@pytest.mark.parametrize("error", [{"code": 31337}, {"code": "901"}, {"code": True}, {}, [], 901, True])
def test_it_calls_a_refusal_it_does_not_know_uncertain(error: object) -> None:
    assert one(error).status == "uncertain"


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("Can't send messages for users from blacklist", Outcome(1, "failed", "900", denied=True)),
        ("Can't send messages for users without permission", Outcome(1, "failed", "901", denied=True)),
        ("Can't send messages to this user due to their privacy settings", Outcome(1, "failed", "902")),
        ("User was deleted or banned", Outcome(1, "failed", "18", dead=True)),
        ("Contact not found", Outcome(1, "failed", "936")),
        ("Flood control", Outcome(1, "retry", "9")),
        ("can't send: moon phase", Outcome(1, "failed", "refused")),
        ("", Outcome(1, "failed", "refused")),
    ],
)
def test_it_reads_refusals_written_as_text(text: str, outcome: Outcome) -> None:
    assert one(text) == outcome


@pytest.mark.parametrize(
    ("codes", "scope"),
    [
        ([6], "retry"),
        ([5, 7, 9, 14, 15, 17, 20, 23, 27, 29, 42, 944, 984, 985, 1117], "pause"),
        ([100, 911, 913, 914, 921, 940, 943], "content"),
        ([1, 10, 36, 0, -1, 8, 901, 31337], "uncertain"),
    ],
)
def test_it_knows_what_a_refused_call_means(codes: list[int], scope: str) -> None:
    for code in codes:
        error, _ = fault(
            "vk-direct", lambda vk: vk.send(MESSAGE, PEOPLE), answer({"error": {"error_code": code, "error_msg": "…"}})
        )
        assert (error.scope, error.reason, error.retry_after) == (scope, str(code), 1.0 if code == 6 else None)


@pytest.mark.parametrize("error", [None, "User authorization failed", {}, [], {"error_code": "5"}, {"error_code": True}])
def test_it_calls_a_refused_call_it_cannot_read_uncertain(error: object) -> None:
    raised, _ = fault("vk-direct", lambda vk: vk.send(MESSAGE, PEOPLE), answer({"error": error, "response": [accepted(1001)]}))
    assert (raised.scope, raised.reason) == ("uncertain", "unreadable")


@settings(deadline=None, max_examples=60)
@given(response=JSON)
def test_it_reads_any_answer_as_outcomes_or_as_its_own_error(response: Any) -> None:
    told: object
    try:
        told = [outcome.contact for outcome in sent_raw(response)]
    except ChannelError as error:
        told = error.scope
    assert told in ([1, 2, 3], "uncertain")


@pytest.mark.parametrize("address", ["", "abc", "-1", "0", "1.5", "١٢", "2000000001", "9" * 5000, "1\n", " 1"])
def test_it_fails_an_address_that_is_no_person_without_asking(address: str) -> None:
    outcomes, received = talk("vk-direct", lambda vk: vk.send(MESSAGE, [Target(1, address)]), answer())
    assert (outcomes, received) == ([Outcome(1, "failed", "bad_address")], [])


def test_it_names_a_person_once_however_many_contacts_share_the_address() -> None:
    people = [Target(1, "1001"), Target(2, "1001")]
    outcomes, received = talk("vk-direct", lambda vk: vk.send(MESSAGE, people), answer({"response": [accepted(1001)]}))
    assert received[0].form["peer_ids"] == "1001"
    assert [outcome.status for outcome in outcomes] == ["accepted", "accepted"]


def test_it_asks_nobody_for_nobody() -> None:
    assert talk("vk-direct", lambda vk: vk.send(MESSAGE, []), answer()) == ([], [])


def test_it_refuses_more_than_a_hundred_people_at_once() -> None:
    with pytest.raises(ValueError, match="At most 100"):
        talk("vk-direct", lambda vk: vk.send(MESSAGE, [Target(n, str(n)) for n in range(1, 102)]), answer())


@pytest.mark.parametrize("key", [0, 2**31, -(2**31) - 1])
def test_it_refuses_a_key_vk_would_not_remember(key: int) -> None:
    with pytest.raises(ValueError, match="32-bit"):
        talk("vk-direct", lambda vk: vk.send(Message("x", "en", key), PEOPLE), answer())


@pytest.mark.parametrize("response", [[{"id": 77}], {"groups": [{"id": 77, "name": "Ministry"}]}])
def test_it_finds_its_own_community(response: object) -> None:
    assert talk("vk-direct", lambda vk: vk.probe(), answer({"response": response}))[0] == ""


@pytest.mark.parametrize(
    ("response", "scope", "reason"),
    [
        ({"groups": [{"id": 78}]}, "pause", "another_community"),
        ({"groups": []}, "uncertain", "unreadable"),
        ({"groups": 5}, "uncertain", "unreadable"),
        (5, "uncertain", "unreadable"),
    ],
)
def test_it_does_not_speak_for_another_community(response: object, scope: str, reason: str) -> None:
    error, _ = fault("vk-direct", lambda vk: vk.probe(), answer({"response": response}))
    assert (error.scope, error.reason) == (scope, reason)


def event(kind: str, found: object = None, **more: object) -> bytes:
    told = {"type": kind, "group_id": 77, "event_id": "e1", "v": "5.199", "secret": "ours", "object": found, **more}
    return json.dumps(told).encode()


def read(body: bytes, **values: str) -> Report:
    return build("vk-direct", "https://api.vk.ru", **{"webhook_secret": "ours", **values}).reports(body, {})[0]


def unread(body: bytes, **values: str) -> str:
    with pytest.raises(ChannelError) as raised:
        read(body, **values)
    return raised.value.scope


def test_it_reads_who_takes_permission_back() -> None:
    report = read(event("message_deny", {"user_id": 1001}))
    assert (report.event_id, report.kind, report.address) == ("e1", "denied", "1001")


def test_it_reads_who_allows_messages() -> None:
    report = read(event("message_allow", {"user_id": 1001, "key": "k"}))
    assert (report.kind, report.address) == ("allowed", "1001")


def test_it_reads_how_far_a_person_has_read() -> None:
    found = {"from_id": 1001, "peer_id": 1001, "read_message_id": 55, "conversation_message_id": 3}
    report = read(event("message_read", found))
    assert (report.kind, report.address, report.provider_ref) == ("read", "1001", "55")


@pytest.mark.parametrize("wrapped", [True, False])
def test_it_reads_what_a_person_writes(wrapped: bool) -> None:
    message = {"id": 9, "date": 1_795_000_000, "peer_id": 1001, "from_id": 1001, "text": "Мы в Хургаде", "out": 0}
    report = read(event("message_new", {"message": message} if wrapped else message))
    assert (report.kind, report.address, report.text, report.provider_ref) == ("reply", "1001", "Мы в Хургаде", "9")
    assert report.at == datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC)


@pytest.mark.parametrize("change", [{"peer_id": 2000000001}, {"from_id": -77, "peer_id": -77}, {"out": 1}])
def test_it_ignores_what_is_no_persons_word_to_us(change: dict[str, int]) -> None:
    message = {"id": 9, "peer_id": 1001, "from_id": 1001, "text": "x", **change}
    assert read(event("message_new", {"message": message})).kind == "ignored"


def test_it_ignores_events_of_other_kinds() -> None:
    assert read(event("wall_post_new", [])).kind == "ignored"


def test_it_takes_now_where_an_event_has_no_time(time_machine: Any) -> None:
    time_machine.move_to(datetime(2026, 11, 20, 12, tzinfo=UTC), tick=False)
    assert read(event("message_deny", {"user_id": 1})).at == datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_it_confirms_its_server_for_its_own_community_alone() -> None:
    report = read(b'{"type": "confirmation", "group_id": 77, "secret": "ours"}')
    assert (report.kind, report.text) == ("confirmation", "c0nfirm")
    assert unread(event("confirmation", group_id=78)) == "content"


def test_it_confirms_nothing_while_no_confirmation_is_set() -> None:
    assert unread(event("confirmation"), confirmation="") == "content"


@pytest.mark.parametrize("secret", ["", "OURS", "ours ", "\ud800", None, 1, ["ours"], {"ours": 1}])
def test_it_refuses_a_wrong_secret(secret: object) -> None:
    assert unread(event("message_deny", {"user_id": 1}, secret=secret)) == "forged"


def test_it_refuses_every_event_while_no_secret_is_set() -> None:
    assert unread(event("message_deny", {"user_id": 1}, secret=""), webhook_secret="") == "forged"


@pytest.mark.parametrize(
    "body",
    [
        event("message_deny", {"user_id": 1}, group_id=78),
        event("message_deny", {"user_id": 1}, group_id="77"),
        event("message_deny", {"user_id": 1}, event_id=""),
        event("message_deny", {"user_id": 1}, event_id="e\0"),
        event("message_deny", {"user_id": 1}, event_id="\ud800"),
        event("message_deny", {"user_id": 1}, event_id="e" * 201),
        event("message_deny", {"user_id": 1}, event_id=None),
        event("message_deny", {"user_id": "1"}),
        event("message_deny", {"user_id": True}),
        event("message_deny", {"user_id": 0}),
        event("message_deny", {"user_id": 10**40}),
        event("message_deny", [1]),
        event("message_deny"),
        event("message_read", {"from_id": 1}),
        event("message_new", {"message": {"from_id": 1, "text": "a\0b"}}),
        event("message_new", {"message": {"from_id": 1, "text": None}}),
        event("message_new", {"message": {"from_id": 1, "text": "a", "date": "today"}}),
        event("message_new", {"message": {"from_id": 1, "text": "a", "date": 10**30}}),
        event("message_new", {"message": 5}),
        event("", {}),
        b'{"secret": "ours", "secret": "ours"}',
    ],
)
def test_it_cannot_read_what_vk_would_not_write(body: bytes) -> None:
    assert unread(body) == "content"


@settings(deadline=None, max_examples=300)
@given(kind=st.sampled_from(["message_new", "message_read", "message_deny", "message_allow", "confirmation", "x"]), found=JSON)
def test_it_reads_any_event_as_a_report_or_as_its_own_error(kind: str, found: Any) -> None:
    try:
        told = read(event(kind, found)).kind
    except ChannelError as error:
        told = error.scope
    assert told in {"confirmation", "ignored", "content"}
