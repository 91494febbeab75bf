"""VK's messages over the wire: the channel meets the simulator's process, and the simulator's journal judges."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from messaging.channels import ChannelError, Message, Outcome, Report, Target
from messaging.channels.vk import VKDirect
from tests.wire import Peer, Simulator, answer, build, simulator

GROUP, TOKEN = 220000001, "t0ken-of-ours"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    log = tmp_path_factory.mktemp("vk") / "journal"
    with simulator("vk", log, "--group", str(GROUP), "--no-limit", env={"VK_SIM_TOKEN": TOKEN}) as running:
        yield running


def ask(platform: Simulator, key: int, *peers: int, **values: Any) -> list[Outcome]:
    async def scene() -> list[Outcome]:
        async with build("vk-direct", platform.url, **values) as vk:
            return await vk.send(Message("Leave.", "en", key), [Target(peer, str(peer)) for peer in peers])

    return asyncio.run(scene())


def test_it_reaches_the_platform_and_knows_everybodys_outcome(platform: Simulator) -> None:
    outcomes = ask(platform, 101, 5001, 5850, 5900, 5918)
    assert [(outcome.status, outcome.reason, outcome.denied, outcome.dead) for outcome in outcomes] == [
        ("accepted", "", False, False),
        ("failed", "901", True, False),
        ("failed", "900", True, False),
        ("failed", "18", False, True),
    ]


def test_it_reads_the_platforms_refusals_written_as_text(platform: Simulator) -> None:
    platform.control(string_errors=True)
    outcomes = ask(platform, 102, 5850, 5900, 5918)
    platform.control(reset=True)
    assert [outcome.reason for outcome in outcomes] == ["901", "900", "18"]


def test_it_is_recognised_when_it_repeats_itself(platform: Simulator) -> None:
    first, second = ask(platform, 103, 6001)[0], ask(platform, 103, 6001)[0]
    assert first == second
    assert [line["kind"] for line in platform.lines() if line.get("peer_id") == 6001] == ["accepted", "repeat"]


def test_it_is_uncertain_when_the_answer_is_lost_after_the_effect(platform: Simulator) -> None:
    platform.control(lose_after=1)
    with pytest.raises(ChannelError) as lost:
        ask(platform, 104, 6002)
    assert lost.value.scope == "uncertain"
    assert ask(platform, 104, 6002)[0].status == "accepted"
    assert [line["kind"] for line in platform.lines() if line.get("peer_id") == 6002] == ["accepted", "repeat"]


def test_it_retries_only_whom_the_platform_left_out(platform: Simulator) -> None:
    platform.control(omit={"calls": 1, "peers": [6004]})
    assert [outcome.status for outcome in ask(platform, 105, 6003, 6004, 6005)] == ["accepted", "retry", "accepted"]


def test_it_pauses_when_its_token_is_refused(platform: Simulator) -> None:
    with pytest.raises(ChannelError) as refusal:
        ask(platform, 106, 6006, secret="revoked")
    assert (refusal.value.scope, refusal.value.reason) == ("pause", "5")


def test_it_is_known_to_the_platform_as_its_own_community(platform: Simulator) -> None:
    async def scene() -> str:
        async with build("vk-direct", platform.url, sender=str(GROUP)) as vk:
            return await vk.probe()

    assert asyncio.run(scene()) == ""


def test_it_reads_the_events_the_platform_sends(platform: Simulator) -> None:
    ask(platform, 107, 6007)

    async def scene() -> list[Report]:
        async with Peer(answer(b"ok")) as server:
            order = {"callback": {"url": server.url, "secret": "ours", "confirmation": "c0nfirm"}}
            await asyncio.to_thread(platform.control, **order)
            for kind in ("confirmation", "message_read", "message_new", "message_deny", "message_allow"):
                await asyncio.to_thread(platform.control, event={"type": kind, "peer_id": 6007, "text": "Мы в Каире"})
            vk = VKDirect(build("vk-direct", server.url, sender=str(GROUP), webhook_secret="ours").setup)
            return [report for request in server.requests for report in vk.reports(request.body, request.headers)]

    reports = asyncio.run(scene())
    assert [report.kind for report in reports] == ["confirmation", "read", "reply", "denied", "allowed"]
    assert [report.address for report in reports[1:]] == ["6007"] * 4
    assert (reports[0].text, reports[2].text) == ("c0nfirm", "Мы в Каире")
    assert reports[1].provider_ref == str(platform.lines("accepted")[-1]["message_id"])
