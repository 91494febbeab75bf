"""The automatic answer to a person who wrote back: once, in their language, with the phone of the nearest mission."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from audiences.models import Address
from crisis.clock import now
from crisis.models import Incident, Mission
from messaging import hooks
from messaging.channels import Report
from messaging.delivery import claiming, replies
from messaging.models import Account, Batch, Lane, Reply
from tests import world
from tests.engine import GROUP, TOKEN, Engine
from tests.wire import Simulator, simulator

pytestmark = pytest.mark.usefixtures("committed")
RECEIVED = "Your message has been received by the Situational Crisis Center and will be read by a person."


@pytest.fixture(scope="module")
def vk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    log = tmp_path_factory.mktemp("vk") / "journal"
    with simulator("vk", log, "--no-limit", "--group", str(GROUP), env={"VK_SIM_TOKEN": TOKEN}) as running:
        yield running


@pytest.fixture
def engine(vk: Simulator, committed: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Engine:
    vk.control(reset=True)
    settings.CHANNEL_URLS = {**settings.CHANNEL_URLS, "vk-direct": vk.url}
    monkeypatch.setenv("VK_MINISTRY", TOKEN)
    return Engine(vk)


def mission(country: str = "EG", phone: str = "+20 2 555 01 23") -> None:
    named = {"name_ru": "Посольство", "name_en": "Embassy", "city_ru": "Каир", "city_en": "Cairo"}
    Mission.objects.create(country_id=country, kind=Mission.Kind.EMBASSY, phone=phone, source="test", **named)


def write(engine: Engine, peer: int, event_id: str = "e1") -> Reply:
    """This person writes to us."""
    hooks.receive(engine.account, [Report(event_id, "reply", now(), address=str(peer), text="Help")])
    return Reply.objects.latest("pk")


def heard(engine: Engine, reply: Reply) -> list[tuple[str, int, str]]:
    """What the platform did with our answer: accepted or repeat, whom it went to, the mark of its words."""
    lines = [line for line in engine.vk.lines() if line.get("random_id") == reply.key]
    return [(line["kind"], line["peer_id"], line["text_sha256"]) for line in lines]


def mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def answer_of(reply: Reply) -> str:
    return Reply.objects.get(pk=reply.pk).answer


def test_it_answers_once_with_the_phone_of_the_mission_where_the_person_is(engine: Engine) -> None:
    mission()
    world.contacts([4], language="en")
    reply = write(engine, 4)
    assert (engine.pump(), engine.pump()) == (1, 0)
    assert heard(engine, reply) == [("accepted", 4, mark(f"{RECEIVED}\nEmbassy, Cairo: +20 2 555 01 23"))]
    assert answer_of(reply) == Reply.Answer.SENT


def test_it_names_no_phone_where_none_is_known(engine: Engine) -> None:
    mission(phone="")
    world.contacts([4], language="en")
    reply = write(engine, 4)
    engine.pump()
    assert heard(engine, reply) == [("accepted", 4, mark(f"{RECEIVED}\nEmbassy, Cairo"))]


def test_it_names_the_hotline_of_the_incident_the_person_was_written_to_about(engine: Engine) -> None:
    world.contacts([4], language="en")
    engine.sending()
    engine.pump()
    Incident.objects.update(hotline="+7 495 555 01 01")
    reply = write(engine, 4)
    engine.pump()
    assert heard(engine, reply) == [("accepted", 4, mark(f"{RECEIVED}\nHotline: +7 495 555 01 01"))]


def test_alerts_go_before_answers(engine: Engine) -> None:
    reply = write(engine, 1)
    engine.sending()
    engine.pump()
    keys = [line["random_id"] for line in engine.vk.lines("accepted")[-4:]]
    assert keys == [*[Batch.objects.get().key] * 3, reply.key]


def test_it_repeats_an_answer_whose_answer_was_lost_with_the_same_key(engine: Engine) -> None:
    reply = write(engine, 1)
    engine.vk.control(lose_after=1)
    engine.pump()
    assert answer_of(reply) == Reply.Answer.QUEUED
    engine.pump(later=61)
    assert [kind for kind, _, _ in heard(engine, reply)] == ["accepted", "repeat"]
    assert answer_of(reply) == Reply.Answer.SENT


def test_it_tries_an_answer_again_that_the_platform_left_out(engine: Engine) -> None:
    reply = write(engine, 1)
    engine.vk.control(omit={"calls": 1, "peers": [1]})
    engine.pump()
    assert answer_of(reply) == Reply.Answer.QUEUED
    engine.pump(later=61)
    assert answer_of(reply) == Reply.Answer.SENT


def test_an_answer_the_platform_refuses_is_not_tried_again(engine: Engine) -> None:
    world.contacts([900])
    reply = write(engine, 900)
    engine.pump()
    assert (answer_of(reply), engine.pump(later=61)) == (Reply.Answer.FAILED, 0)


def test_who_cannot_be_written_to_does_not_hold_up_the_others(engine: Engine) -> None:
    first, second = write(engine, 1, "e1"), write(engine, 2, "e2")
    Address.objects.filter(contact=first.contact).update(dead=True)
    engine.pump()
    assert (answer_of(first), answer_of(second)) == (Reply.Answer.FAILED, Reply.Answer.SENT)


def test_an_account_that_was_paused_under_way_answers_nobody(engine: Engine) -> None:
    engine.sending()
    reply, before = write(engine, 1), engine.calls()
    engine.vk.control(error={"code": 5})
    engine.pump()
    assert (engine.calls(), answer_of(reply)) == (before + 1, Reply.Answer.QUEUED)
    assert Account.objects.get(pk=engine.account.pk).paused_reason == "5"


def test_a_lane_that_was_taken_over_answers_nobody(engine: Engine) -> None:
    reply = write(engine, 1)
    assert engine.lane is not None
    lost = claiming.take(engine.lane.pk)
    assert lost is not None
    Lane.objects.update(fence=lost.fence + 1)
    assert (replies.claim(lost), answer_of(reply)) == (None, Reply.Answer.QUEUED)


def test_somebody_we_do_not_hold_is_not_answered(engine: Engine) -> None:
    reply = write(engine, 555_001)
    assert (answer_of(reply), engine.pump()) == (Reply.Answer.NONE, 0)
