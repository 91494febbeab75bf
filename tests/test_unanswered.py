"""Somebody who may have got it is never said not to have got it, whatever else becomes of them, their batch or its worker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from messaging import workflow
from messaging.delivery import sweeping
from messaging.models import Batch, Campaign
from tests.engine import GROUP, TOKEN, Engine, outcomes
from tests.wire import Simulator, simulator

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture(scope="module")
def vk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    log = tmp_path_factory.mktemp("vk") / "journal"
    with simulator("vk", log, "--no-limit", env={"VK_SIM_TOKENS": json.dumps({TOKEN: GROUP})}) as running:
        yield running


@pytest.fixture
def engine(vk: Simulator, committed: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Engine:
    vk.control(reset=True)
    settings.CHANNEL_URLS = {**settings.CHANNEL_URLS, "vk-direct": vk.url}
    monkeypatch.setenv("VK_MINISTRY", TOKEN)
    return Engine(vk)


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
