"""The platform without a key against repeats, and what the engine makes of its silence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from messaging import delivery
from messaging.models import Batch, Delivery
from tests import push, world
from tests.stages import Cast
from tests.wire import Simulator

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
