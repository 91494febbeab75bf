"""The platform without a key against repeats, and what the engine makes of its silence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crisis.clock import now
from messaging import delivery, hooks
from messaging.channels import Report
from messaging.models import Batch, Delivery, Reply
from tests import push, world
from tests.stages import Cast, ahead
from tests.wire import Simulator
from tests.world import sql

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Simulator]:
    with push.simulator(tmp_path / "journal") as running, push.registered(running.url):
        yield running


def pumped(platform: Simulator, **faults: object) -> Batch:
    """The one batch of three people after a pump, while the platform had these faults."""
    cast = Cast(push.SLUG)
    world.approve(cast.submitted(), cast.approver)
    platform.control(**faults)
    delivery.pump(cast.account.lanes.get().pk)
    return Batch.objects.get()


def heard(platform: Simulator) -> list[str]:
    return [line["to"] for line in platform.lines("accepted")]


def test_every_device_gets_it_once(platform: Simulator) -> None:
    assert pumped(platform).accepted == 3
    assert sorted(heard(platform)) == ["1", "2", "3"]


@pytest.mark.parametrize(("fault", "effects"), [("lose_after", 3), ("lose_before", 2)])
def test_nobody_knows_whether_a_request_without_an_answer_arrived(platform: Simulator, fault: str, effects: int) -> None:
    batch = pumped(platform, **{fault: 1})
    assert (batch.uncertain, len(heard(platform))) == (1, effects)
    assert Delivery.objects.get(status="uncertain").reason == "connection_lost"


def test_a_device_that_is_gone_is_not_written_to_again(platform: Simulator) -> None:
    assert pumped(platform, dead=["2"]).failed == 1
    assert sorted(heard(platform)) == ["1", "3"]


@pytest.mark.parametrize("fault", [{}, {"lose_after": 1}])
def test_an_answer_that_may_have_arrived_is_not_given_twice(platform: Simulator, fault: dict[str, int]) -> None:
    cast = Cast(push.SLUG)
    hooks.receive(cast.account, [Report("event", "reply", now(), address="1", text="help")])
    platform.control(**fault)
    (lane,) = cast.account.lanes.all()
    delivery.pump(lane.pk)
    if not fault:  # as if its sender had died before it could note this
        sql("UPDATE messaging_reply SET answer = 'queued', lease_until = crisis_now() + interval '1 minute'")
    ahead(minutes=2)
    delivery.pump(lane.pk)
    assert (heard(platform), Reply.objects.get().answer) == (["1"], "failed")


def test_an_answer_that_was_not_sent_is_given_later(platform: Simulator) -> None:
    cast = Cast(push.SLUG)
    hooks.receive(cast.account, [Report("event", "reply", now(), address="1", text="help")])
    platform.control(fail={"calls": 1, "status": 429})
    (lane,) = cast.account.lanes.all()
    delivery.pump(lane.pk)
    assert heard(platform) == []
    ahead(minutes=2)
    delivery.pump(lane.pk)
    assert (heard(platform), Reply.objects.get().answer) == (["1"], "sent")
