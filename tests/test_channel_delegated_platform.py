"""Orders over the wire: the channel meets the simulator's process, and the simulator's journal judges."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

import pytest

from messaging.channels import ChannelError, OrderRequest, Report
from messaging.channels.delegated import VKGeo
from tests.test_channel_contract import ORDER, place
from tests.wire import Peer, Simulator, answer, build, simulator

Found = TypeVar("Found")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    env = {"PLATFORM_SIM_SECRET": "t0ken-of-ours", "PLATFORM_SIM_WEBHOOK_SECRET": "whsec_c2VjcmV0LW9mLW91cnM="}
    quick = ("--population", "8000", "--decision-delay", "60", "--duration", "0.2", "--min-interval", "0")
    with simulator("delegated", tmp_path_factory.mktemp("geo") / "journal", *quick, env=env) as running:
        yield running


def fresh(**change: Any) -> OrderRequest:
    """An order that may go out now."""
    now = datetime.now(UTC)
    audience = {**ORDER.audience, "until": now.isoformat()}
    ends = now + timedelta(hours=1)
    times = {"not_before": now - timedelta(minutes=1), "not_after": ends, "basis_ends_at": ends}
    return replace(ORDER, order_id=str(uuid4()), approved_by=(("supervisor", now),), audience=audience, **{**times, **change})


def ask(platform: Simulator, act: Callable[[Any], Awaitable[Found]], **values: Any) -> Found:
    async def scene() -> Found:
        async with build("vk-geo", platform.url, **values) as geo:
            return await act(geo)

    return asyncio.run(scene())


def test_it_can_speak_to_the_platform(platform: Simulator) -> None:
    assert ask(platform, lambda geo: geo.probe()) == ""


def test_it_is_turned_away_by_the_platform_with_a_wrong_secret(platform: Simulator) -> None:
    with pytest.raises(ChannelError) as refusal:
        ask(platform, lambda geo: geo.probe(), secret="another")
    assert (refusal.value.scope, refusal.value.reason) == ("pause", "http_401")


def test_it_gets_an_estimate_from_the_platform(platform: Simulator) -> None:
    bounds = ask(platform, lambda geo: geo.estimate(fresh().audience, include_non_subscribers=True))
    assert bounds.lower is not None
    assert bounds.upper is not None
    assert 0 < bounds.lower < bounds.upper
    assert bounds.withheld == ""


def test_it_gets_no_estimate_of_few_people_from_the_platform(platform: Simulator) -> None:
    few = {**fresh().audience, "country": "PW"}
    assert ask(platform, lambda geo: geo.estimate(few, include_non_subscribers=True)).withheld == "below_threshold"


def test_it_places_one_order_however_often_it_repeats_it(platform: Simulator) -> None:
    order = fresh()
    platform.control(lose_after=1)
    with pytest.raises(ChannelError) as lost:
        ask(platform, lambda geo: place(geo, order))
    assert lost.value.scope == "uncertain"
    first, second = ask(platform, lambda geo: place(geo, order)), ask(platform, lambda geo: place(geo, order))
    assert first == second
    assert [line["kind"] for line in platform.lines() if line.get("order_id") == order.order_id] == [
        "order",
        "repeat",
        "repeat",
    ]


def test_it_cannot_change_an_order_the_platform_has(platform: Simulator) -> None:
    order = fresh()
    ask(platform, lambda geo: place(geo, order))
    with pytest.raises(ChannelError) as refusal:
        ask(platform, lambda geo: place(geo, replace(order, sender_name="Another")))
    assert (refusal.value.scope, refusal.value.reason) == ("pause", "idempotency_conflict")


def test_it_tells_the_platform_the_approved_digest(platform: Simulator) -> None:
    order = fresh()
    ask(platform, lambda geo: place(geo, order))
    assert [line["text_sha256"] for line in platform.lines("order") if line["order_id"] == order.order_id] == [
        order.text_sha256
    ]


def test_it_hears_why_the_platform_refuses_an_order(platform: Simulator) -> None:
    with pytest.raises(ChannelError) as refusal:
        ask(platform, lambda geo: place(geo, fresh(sender_name=" ")))
    assert (refusal.value.scope, refusal.value.reason) == ("content", "invalid")


def test_it_cancels_an_order_at_the_platform(platform: Simulator) -> None:
    order = fresh()
    ask(platform, lambda geo: place(geo, order))
    report = ask(platform, lambda geo: geo.cancel(order.order_id))
    assert (report.status, report.reason) == ("cancelled", "on request")
    assert ask(platform, lambda geo: geo.status(order.order_id)) == report


def test_it_does_not_find_an_order_the_platform_never_had(platform: Simulator) -> None:
    with pytest.raises(ChannelError) as refusal:
        ask(platform, lambda geo: geo.status(str(uuid4())))
    assert (refusal.value.scope, refusal.value.reason) == ("content", "unknown_order")


def test_it_follows_an_order_by_the_platforms_webhooks(platform: Simulator) -> None:
    order = fresh()

    async def scene() -> list[Report]:
        async with Peer(answer(b"ok")) as server, build("vk-geo", platform.url) as geo:
            assert isinstance(geo, VKGeo)
            secret = {"webhook": {"url": server.url, "secret": "whsec_c2VjcmV0LW9mLW91cnM="}}
            await asyncio.to_thread(platform.control, **secret)
            await place(geo, order)
            await asyncio.to_thread(platform.control, decide=True)
            return await heard(geo, server, order.order_id)

    reports = asyncio.run(scene())
    platform.control(webhook={"url": "", "secret": ""})
    assert {report.kind for report in reports} == {"order"}
    assert len({report.event_id for report in reports}) == len(reports)
    last = reports[-1].order
    assert last is not None
    assert (last.order_id, last.answered_by) == (order.order_id, "duty officer")
    assert None not in (last.matched, last.sent, last.delivered, last.read, last.failed)


async def heard(geo: VKGeo, server: Peer, order_id: str) -> list[Report]:
    """What the server was told of one order until it was done. Raises AssertionError after ten seconds."""
    for _ in range(500):
        await asyncio.sleep(0.02)
        reports = [report for request in server.requests for report in geo.reports(request.body, request.headers)]
        ours = [report for report in reports if report.order and report.order.order_id == order_id]
        if ours and ours[-1].order and ours[-1].order.status == "done":
            return ours
    raise AssertionError("the order was not done within ten seconds")
