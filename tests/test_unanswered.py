"""Somebody who may have got it is never said not to have got it, whatever else becomes of them, their batch or its worker."""

from __future__ import annotations

import pytest

from messaging import workflow
from messaging.delivery import sweeping
from messaging.models import Batch, Campaign
from tests.engine import Engine, outcomes

pytestmark = pytest.mark.usefixtures("committed")


def stop(engine: Engine, campaign: Campaign) -> None:
    workflow.stop(campaign, by=engine.author)
    sweeping.sweep(pump_for=0)


def test_who_was_left_out_of_an_answer_is_uncertain_when_the_rest_is_stopped(engine: Engine) -> None:
    engine.vk.control(omit={"calls": 1, "peers": [2]})
    campaign = engine.sending()
    engine.pump()
    stop(engine, campaign)
    batch = Batch.objects.get()
    assert engine.heard(batch) == [("accepted", 1), ("accepted", 2), ("accepted", 3)]
    assert {(status, reason) for _, status, reason in outcomes()} == {
        ("accepted", ""),
        ("uncertain", "ended before the answer came"),
    }
    assert (batch.accepted, batch.uncertain) == (2, 1)


def test_who_refuses_a_repeat_is_uncertain_because_the_first_request_may_have_come(engine: Engine) -> None:
    engine.vk.control(lose_after=1)
    engine.sending()
    engine.pump()
    engine.vk.control(deny=[2])
    engine.pump(later=2)
    batch = Batch.objects.get()
    assert [*engine.heard(batch)][:3] == [("accepted", 1), ("accepted", 2), ("accepted", 3)]
    assert {(status, reason) for _, status, reason in outcomes()} == {("accepted", ""), ("uncertain", "901")}
