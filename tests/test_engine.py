"""The pump against a simulated VK: who gets what how often, judged by the platform's own journal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from audiences.models import Address
from crisis.clock import now
from messaging import delivery, workflow
from messaging.models import Account, Batch, Campaign, Delivery, DeliveryRef, Lane, Status
from tests import world
from tests.engine import GROUP, TOKEN, Engine, elsewhere, on_the_wire, outcomes
from tests.stages import unguarded
from tests.wire import Simulator, simulator
from tests.world import sql

pytestmark = pytest.mark.usefixtures("committed")
UNUSED = "t0ken-of-one-test"  # VK counts the calls of each token by itself


@pytest.fixture(scope="module")
def vk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    log = tmp_path_factory.mktemp("vk") / "journal"
    with simulator("vk", log, "--no-limit", env={"VK_SIM_TOKENS": json.dumps({TOKEN: GROUP, UNUSED: GROUP})}) as running:
        yield running


@pytest.fixture
def engine_of(vk: Simulator, committed: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Engine]:
    vk.control(reset=True)
    settings.CHANNEL_URLS = {**settings.CHANNEL_URLS, "vk-direct": vk.url}
    monkeypatch.setenv("VK_MINISTRY", TOKEN)
    return lambda **options: Engine(vk, **options)


@pytest.fixture
def engine(engine_of: Callable[..., Engine]) -> Engine:
    return engine_of()


def only_batch() -> Batch:
    return Batch.objects.get()


def test_it_sends_everything_once(engine: Engine) -> None:
    campaign = engine.sending()
    assert engine.pump() == 1
    batch = only_batch()
    assert engine.heard(batch) == [("accepted", 1), ("accepted", 2), ("accepted", 3)]
    assert (batch.status, batch.accepted, batch.failed, batch.uncertain) == (Batch.Status.DONE, 3, 0, 0)
    assert Campaign.objects.get(pk=campaign.pk).status == Status.SENT


def test_it_writes_one_delivery_and_one_reference_a_person(engine: Engine) -> None:
    engine.sending()
    engine.pump()
    assert outcomes() == {(contact, "accepted", "") for contact in only_batch().people}
    assert DeliveryRef.objects.filter(account=engine.account).count() == 3


def test_it_has_nothing_to_do_once_everything_is_sent(engine: Engine) -> None:
    engine.sending()
    engine.pump()
    before = engine.calls()
    assert engine.pump() == 0
    assert engine.calls() == before


def test_it_sends_each_person_the_words_in_their_language(engine: Engine) -> None:
    world.contacts([4], language="en")
    engine.sending()
    assert engine.pump() == 2
    assert [sorted(peer for _, peer in engine.heard(batch)) for batch in Batch.objects.order_by("total")] == [[4], [1, 2, 3]]


def test_two_pumps_of_two_lanes_send_everything_once(engine_of: Callable[..., Engine]) -> None:
    engine = engine_of(lanes=2)
    world.contacts([*range(1001, 1301)])
    engine.sending()
    lanes = [*Lane.objects.values_list("pk", flat=True)]
    with elsewhere(*(lambda lane=lane: delivery.pump(lane) for lane in lanes)):
        pass
    heard = [line for batch in Batch.objects.all() for line in engine.heard(batch)]
    assert (len(heard), len({peer for _, peer in heard}), {kind for kind, _ in heard}) == (303, 303, {"accepted"})


def test_it_does_not_believe_a_strangers_id_in_an_answer(engine: Engine) -> None:
    engine.sending()
    engine.vk.control(strangers={"calls": 1, "peers": [777, 778]})
    engine.pump()
    assert {contact for contact, _, _ in outcomes()} == {*only_batch().people}
    assert only_batch().accepted == 3


def test_it_records_why_single_people_could_not_be_written_to(engine: Engine) -> None:
    refused = world.contacts([850, 900, 918])
    engine.sending()
    engine.pump()
    reasons = {contact: reason for contact, status, reason in outcomes() if status == "failed"}
    assert reasons == dict(zip([row.pk for row in refused], ["901", "900", "18"], strict=True))
    assert (only_batch().accepted, only_batch().failed) == (3, 3)


def test_it_never_writes_again_to_who_took_the_permission_back_or_is_gone(engine: Engine) -> None:
    refused = world.contacts([850, 900, 918])
    engine.sending()
    engine.pump()
    marks = dict(Address.objects.filter(contact__in=refused).values_list("contact", "denied"))
    assert [marks[row.pk] for row in refused] == [True, True, False]
    assert Address.objects.get(dead=True).contact == refused[2]
    assert (engine.sending().reach or {})["accounts"][str(engine.account.pk)]["people"] == 3


def test_it_asks_again_for_whom_an_answer_left_out_with_the_same_key(engine: Engine) -> None:
    engine.sending()
    engine.vk.control(omit={"calls": 1, "peers": [2]})
    engine.pump()
    assert (only_batch().status, only_batch().accepted) == (Batch.Status.QUEUED, 2)
    engine.pump(later=5)
    assert engine.heard(only_batch()) == [("accepted", 1), ("accepted", 2), ("accepted", 3), ("repeat", 2)]
    assert (only_batch().status, only_batch().accepted) == (Batch.Status.DONE, 3)


def test_it_waits_before_it_tries_again(engine: Engine) -> None:
    engine.sending()
    engine.vk.control(error={"code": 6})
    engine.pump()
    batch = only_batch()
    assert (batch.status, batch.reason, batch.in_doubt, batch.not_before > now()) == (Batch.Status.QUEUED, "6", False, True)
    assert engine.pump() == 0


def test_it_tries_again_when_the_platform_was_busy(engine: Engine) -> None:
    engine.sending()
    engine.vk.control(error={"code": 6})
    engine.pump()
    engine.pump(later=2)
    assert engine.heard(only_batch()) == [("accepted", 1), ("accepted", 2), ("accepted", 3)]


def test_it_pauses_the_account_whose_token_is_refused_and_leaves_the_rest_queued(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.contacts([4], language="en")
    engine.sending()
    monkeypatch.setenv("VK_MINISTRY", "revoked")
    before = engine.calls()
    engine.pump()
    account = Account.objects.get(pk=engine.account.pk)
    assert (account.paused_reason, account.paused_at is None, engine.calls()) == ("5", False, before + 1)
    assert {*Batch.objects.values_list("status", flat=True)} == {Batch.Status.QUEUED}


def test_it_goes_on_with_an_account_that_was_resumed(engine: Engine) -> None:
    engine.sending()
    engine.vk.control(error={"code": 5})
    engine.pump()
    Account.objects.update(paused_at=None)
    assert engine.pump(later=5) == 1
    assert only_batch().accepted == 3


def test_it_pauses_an_account_without_a_secret_and_asks_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.sending()
    monkeypatch.delenv("VK_MINISTRY")
    before = engine.calls()
    assert engine.pump() == 0
    assert Account.objects.get(pk=engine.account.pk).paused_reason == "no_secret"
    assert engine.calls() == before


@pytest.mark.parametrize("code", [100, 914])
def test_it_pauses_the_campaign_whose_words_the_platform_refuses(engine: Engine, code: int) -> None:
    campaign = engine.sending()
    engine.vk.control(error={"code": code})
    engine.pump()
    paused = Campaign.objects.get(pk=campaign.pk)
    assert (paused.status, f"refuses this text ({code})" in paused.status_reason) == (Status.PAUSED, True)
    assert (only_batch().status, Account.objects.get().paused_at, Delivery.objects.count()) == (Batch.Status.QUEUED, None, 0)


def test_a_refused_text_does_not_hold_up_other_campaigns(engine: Engine) -> None:
    first, second = engine.sending(), engine.sending()
    engine.vk.control(error={"code": 914})
    engine.pump()
    assert {row.pk: row.status for row in Campaign.objects.all()} == {first.pk: Status.PAUSED, second.pk: Status.SENT}


LOST = [
    {"lose_after": 1},
    {"fail": {"status": 503, "after": True}},
    *({"garbage": {"form": form}} for form in ("html", "truncated")),
]


@pytest.mark.parametrize("fault", LOST, ids=str)
def test_it_repeats_a_request_whose_answer_was_lost_and_is_recognised(engine: Engine, fault: dict[str, Any]) -> None:
    engine.sending()
    engine.vk.control(**fault)
    engine.pump()
    assert (only_batch().status, only_batch().in_doubt, Delivery.objects.count()) == (Batch.Status.QUEUED, True, 0)
    engine.pump(later=5)
    assert engine.heard(only_batch()) == [(kind, peer) for kind in ("accepted", "repeat") for peer in (1, 2, 3)]
    assert (only_batch().status, only_batch().accepted) == (Batch.Status.DONE, 3)


def test_it_repeats_what_may_not_have_arrived_either(engine: Engine) -> None:
    engine.sending()
    engine.vk.control(lose_before=1)
    engine.pump()
    engine.pump(later=5)
    assert engine.heard(only_batch()) == [("accepted", 1), ("accepted", 2), ("accepted", 3)]


def test_it_has_no_doubt_when_the_platform_was_not_even_reached(engine: Engine, settings: Any) -> None:
    engine.sending()
    settings.CHANNEL_URLS = {**settings.CHANNEL_URLS, "vk-direct": "http://127.0.0.1:1"}
    engine.pump()
    assert (only_batch().status, only_batch().reason, only_batch().in_doubt) == (Batch.Status.QUEUED, "unreachable", False)


def test_it_calls_people_uncertain_once_the_platform_would_not_know_a_repeat(engine: Engine) -> None:
    engine.sending()
    engine.vk.control(lose_after=1)
    engine.pump()
    before = engine.calls()
    engine.pump(later=3001)
    assert {(status, reason) for _, status, reason in outcomes()} == {("uncertain", "no answer in time")}
    assert (only_batch().uncertain, only_batch().status, engine.calls()) == (3, Batch.Status.DONE, before)


def test_the_doubt_about_people_stays_while_others_were_answered(engine: Engine) -> None:
    engine.sending()
    engine.vk.control(lose_after=1, omit={"calls": 1, "peers": [2]})
    engine.pump()
    engine.pump(later=5)
    engine.pump(later=3001)
    assert sorted(status for _, status, _ in outcomes()) == ["accepted", "accepted", "uncertain"]


def test_it_takes_over_a_batch_whose_holder_died_with_the_same_key(engine: Engine) -> None:
    engine.sending()
    sql("UPDATE messaging_batch SET status = 'sending', asked_at = now(), lease_until = now() + interval '1 minute'")
    assert engine.pump() == 0
    engine.pump(later=61)
    assert engine.heard(only_batch()) == [("accepted", 1), ("accepted", 2), ("accepted", 3)]


def test_it_does_not_repeat_what_a_dead_pump_may_have_sent_too_long_ago(engine: Engine) -> None:
    engine.sending()
    sql("UPDATE messaging_batch SET status = 'sending', asked_at = now(), lease_until = now() + interval '1 minute'")
    before = engine.calls()
    engine.pump(later=3001)
    assert (only_batch().uncertain, only_batch().status, engine.calls()) == (3, Batch.Status.DONE, before)


def test_it_serves_only_the_unanswered_people_of_a_batch_it_takes_over(engine: Engine) -> None:
    engine.sending()
    batch = only_batch()
    Delivery.objects.create(
        campaign=batch.campaign, account=batch.account, batch=batch, contact=batch.people[0], status="accepted"
    )
    Batch.objects.update(attempt=1, accepted=1)
    engine.pump()
    assert engine.heard(batch) == [("accepted", 2), ("accepted", 3)]
    assert only_batch().accepted == 3


def test_a_holder_whose_batch_was_taken_over_writes_nothing(engine: Engine) -> None:
    engine.sending()
    with on_the_wire(engine):
        sql("UPDATE messaging_batch SET fence = fence + 1")
        before = sql("SELECT * FROM messaging_batch")
    assert sql("SELECT * FROM messaging_batch") == before
    assert Delivery.objects.count() == 0


def test_a_lane_that_another_holds_is_left_alone(engine: Engine) -> None:
    engine.sending()
    sql("UPDATE messaging_lane SET lease_until = crisis_now() + interval '1 minute'")
    before = sql("SELECT * FROM messaging_lane")
    assert engine.pump() == 0
    assert sql("SELECT * FROM messaging_lane") == before


def test_a_lane_is_free_again_when_its_pump_is_done(engine: Engine) -> None:
    engine.sending()
    engine.pump()
    assert sql("SELECT lease_until IS NULL, next_at > crisis_now() FROM messaging_lane") == [(True, True)]


def test_a_lane_of_a_dead_pump_is_taken_when_its_lease_is_over(engine: Engine) -> None:
    engine.sending()
    sql("UPDATE messaging_lane SET lease_until = crisis_now() + interval '1 minute'")
    assert engine.pump(later=61) == 1


def test_a_paused_account_sends_nothing(engine: Engine) -> None:
    engine.sending()
    Account.objects.update(paused_at=now(), paused_reason="by hand")
    before = engine.calls()
    assert (engine.pump(), engine.calls(), sql("SELECT fence FROM messaging_lane")) == (0, before, [(0,)])


@pytest.mark.parametrize("verb", [workflow.stop, workflow.pause])
def test_no_request_begins_after_a_stop_or_a_pause(engine: Engine, verb: Callable[..., object]) -> None:
    world.contacts([4], language="en")
    campaign, before = engine.sending(), engine.calls()
    with on_the_wire(engine):
        verb(campaign, by=engine.author)
    after = Batch.Status.STOPPED if verb is workflow.stop else Batch.Status.QUEUED
    assert {*Batch.objects.values_list("status", flat=True)} == {Batch.Status.DONE, after}
    assert engine.calls() == before + 1


def test_a_stop_sends_nothing_that_was_still_queued(engine: Engine) -> None:
    campaign, before = engine.sending(), engine.calls()
    workflow.stop(campaign, by=engine.author)
    assert (engine.pump(), engine.calls()) == (0, before)


def test_what_has_expired_is_not_sent(engine: Engine) -> None:
    engine.sending(not_after=now() + timedelta(minutes=5))
    before = engine.calls()
    assert (engine.pump(later=301), engine.calls()) == (0, before)


def test_people_who_opted_out_since_the_snapshot_are_not_written_to(engine: Engine) -> None:
    engine.sending()
    denied, dead, _ = only_batch().people
    Address.objects.filter(contact=denied).update(denied=True)
    Address.objects.filter(contact=dead).update(dead=True)
    engine.pump()
    assert {(c, r) for c, status, r in outcomes() if status == "failed"} == {(denied, "denied"), (dead, "dead")}
    assert len(engine.heard(only_batch())) == 1


def test_the_urgent_is_sent_before_the_mild(engine: Engine) -> None:
    mild, urgent = engine.sending(severity="Minor"), engine.sending(severity="Extreme")
    engine.pump()
    keys = dict(Batch.objects.values_list("campaign", "key"))
    heard = [line["random_id"] for line in engine.vk.lines("accepted")[-6:]]
    assert heard == [keys[urgent.pk]] * 3 + [keys[mild.pk]] * 3


COPY = """
    INSERT INTO messaging_batch (campaign_id, account_id, text_id, number, rank, people, total, status, key, fence, attempt,
                                 in_doubt, reason, accepted, failed, uncertain, delivered, read)
    SELECT campaign_id, account_id, text_id, number + n, rank, people, total, 'queued', key - n, 0, 0, false, '', 0, 0, 0, 0, 0
      FROM (SELECT * FROM messaging_batch ORDER BY id LIMIT 1) b, generate_series(%s, %s) n
"""


def test_it_keeps_the_platforms_pace_also_across_two_pumps(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VK_MINISTRY", UNUSED)
    Account.objects.update(rate=20)
    engine.vk.control(limit=True)
    engine.sending()
    unguarded(COPY, 1, 19)
    assert engine.pump() == 20
    unguarded("UPDATE messaging_campaign SET status = 'sending'")
    unguarded(COPY, 20, 29)
    engine.pump()
    assert "error:6" not in {line["result"] for line in engine.vk.lines("call")[-30:]}
    assert sum(Batch.objects.values_list("accepted", flat=True)) == 90
