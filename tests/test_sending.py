"""The requests of one claim: several at once, in the account's pace, none after trouble; judged by the journal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import sleep

import pytest

from messaging import delivery, workflow
from messaging.channels import CHANNELS, Message, Outcome, Target
from messaging.delivery.sending import FRESH
from messaging.models import Account, Batch, Campaign, Delivery
from tests import push, world
from tests.engine import elsewhere
from tests.push import PushTest
from tests.simulated import status, until
from tests.stages import Cast
from tests.wire import Simulator

pytestmark = pytest.mark.usefixtures("committed")
PEOPLE = 60


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Simulator]:
    with push.simulator(tmp_path / "journal") as running, push.registered(running.url):
        yield running


class Sending:
    """A sending to sixty devices, in one batch."""

    def __init__(self) -> None:
        self.cast = Cast(push.SLUG)
        world.contacts([*range(4, PEOPLE + 1)], kind=self.cast.account.address_kind)
        self.campaign: Campaign = world.approve(self.cast.submitted(), self.cast.approver)

    def pump(self) -> None:
        delivery.pump(self.cast.account.lanes.get().pk)


@pytest.fixture
def sending(platform: Simulator) -> Sending:
    return Sending()


@contextmanager
def held(platform: Simulator, sending: Sending, requests: int) -> Iterator[None]:
    """The block runs while so many requests have been taken by the platform, none was answered, and no other comes."""
    platform.control(hold=-1)
    with elsewhere(sending.pump):
        until(lambda: status(platform)["held"] == requests)
        try:
            yield
        finally:
            platform.control(release=True)


def test_as_many_requests_are_under_way_at_once_as_the_channel_takes(platform: Simulator, sending: Sending) -> None:
    with held(platform, sending, PushTest.concurrency):
        pass
    assert sorted(int(line["to"]) for line in platform.lines("accepted")) == [*range(1, PEOPLE + 1)]


def test_never_more_requests_are_under_way_than_the_pace_permits(platform: Simulator) -> None:
    sending = Sending()
    Account.objects.update(rate=7)
    with held(platform, sending, 7):
        workflow.stop(sending.campaign, by=sending.cast.author)
    assert status(platform)["calls"] == 7


def test_no_request_begins_after_a_stop_whatever_is_under_way(platform: Simulator, sending: Sending) -> None:
    with held(platform, sending, PushTest.concurrency):
        workflow.stop(sending.campaign, by=sending.cast.author)
        sleep(FRESH)
    assert status(platform)["calls"] == PushTest.concurrency
    batch = Batch.objects.get()
    assert (batch.accepted, batch.status) == (PushTest.concurrency, Batch.Status.STOPPED)


def test_a_platform_that_is_down_is_not_asked_for_everybody(platform: Simulator, sending: Sending) -> None:
    platform.control(lose_before=-1)
    sending.pump()
    assert 3 <= status(platform)["calls"] < PEOPLE
    assert Batch.objects.get().status == Batch.Status.QUEUED


def test_one_lost_answer_does_not_keep_the_others_waiting(platform: Simulator, sending: Sending) -> None:
    platform.control(lose_after=1)
    sending.pump()
    batch = Batch.objects.get()
    assert (batch.accepted, batch.uncertain, batch.status) == (PEOPLE - 1, 1, Batch.Status.DONE)


def test_a_process_that_is_to_leave_begins_no_other_request(platform: Simulator, sending: Sending) -> None:
    try:
        with held(platform, sending, PushTest.concurrency):
            delivery.leaving.set()
    finally:
        delivery.leaving.clear()
    batch = Batch.objects.get()
    assert (status(platform)["calls"], batch.accepted, batch.status) == (
        PushTest.concurrency,
        PushTest.concurrency,
        Batch.Status.QUEUED,
    )


class Breaking(PushTest):
    """A fault of ours: one device breaks it."""

    async def send(self, message: Message, targets: Sequence[Target]) -> list[Outcome]:
        if targets[0].address == "7":
            raise KeyError("a fault of ours")
        return await super().send(message, targets)


def test_a_fault_of_ours_about_one_person_keeps_back_nobody_else(
    platform: Simulator, sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:  # undone before the platform is: else its channel would stay known
        patch.setitem(CHANNELS, push.SLUG, f"{__name__}.Breaking")
        sending.pump()
    assert Batch.objects.get().accepted == PEOPLE - 1
    assert [*Delivery.objects.exclude(status="accepted").values_list("status", "reason")] == [("uncertain", "broken")]
