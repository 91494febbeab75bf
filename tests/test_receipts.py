"""Somebody may read a message before the platform has answered the request that carried it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crisis.clock import now
from messaging import hooks
from messaging.channels import Report
from messaging.delivery.settling import settle
from messaging.models import Account, Batch, Delivery, Receipt
from tests.engine import Engine, elsewhere
from tests.simulated import status, until
from tests.stages import ahead

EVERYTHING = str(10**9)  # a message of theirs that came after all of ours


@pytest.fixture
def unanswered(engine: Engine) -> Engine:
    """A request that the platform has accepted and not answered."""
    engine.sending()
    engine.vk.control(hold=1)
    return engine


def reads(account: Account, peer: int, event: str = "first") -> None:
    hooks.receive(account, [Report(event, "read", now(), address=str(peer), provider_ref=EVERYTHING)])


def known() -> set[str]:
    return {*Delivery.objects.values_list("status", flat=True)}


def test_a_receipt_that_comes_before_the_answer_waits_for_it(unanswered: Engine) -> None:
    with elsewhere(unanswered.pump):
        until(lambda: status(unanswered.vk)["held"] == 1)
        reads(unanswered.account, 1)
        assert settle() == 0
        unanswered.vk.control(release=True)
    assert settle() == 1
    assert known() == {"accepted", "read"}
    assert Batch.objects.get().read == 1


def test_it_waits_for_a_request_nobody_knows_the_end_of(unanswered: Engine) -> None:
    unanswered.vk.control(reset=True, lose_after=1)
    unanswered.pump()
    assert Batch.objects.get().in_doubt
    reads(unanswered.account, 1)
    assert settle() == 0
    unanswered.pump(later=30)
    assert settle() == 1
    assert known() == {"accepted", "read"}


def test_it_waits_for_no_request_that_began_after_it(engine: Engine) -> None:
    reads(engine.account, 1)
    engine.sending()
    engine.vk.control(hold=1)
    with elsewhere(engine.pump):
        until(lambda: status(engine.vk)["held"] == 1)
        assert settle() == 1
        engine.vk.control(release=True)


def test_it_waits_for_an_hour_at_most_and_tells_nobody_afterwards(unanswered: Engine) -> None:
    unanswered.vk.control(reset=True, lose_after=1)
    unanswered.pump()
    reads(unanswered.account, 1)
    ahead(hours=1, seconds=1)
    assert settle() == 1
    receipt = Receipt.objects.get()
    assert receipt.person_hmac is None
    assert receipt.received_at < now() - timedelta(hours=1)
