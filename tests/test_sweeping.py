"""What is due and nobody does: starts, holds, expiry, doubt, neglected work; and that one failure holds up nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from audiences.keys import fingerprint
from audiences.models import AddressKind
from crisis import daily
from crisis.clock import now
from crisis.models import AuditEntry, Incident, LogEntry
from messaging import bell, workflow
from messaging.delivery import sweeping
from messaging.models import Account, Batch, Campaign, Delivery, Receipt, Status
from tests import world
from tests.byhand import Hotels
from tests.byhand import fresh as still
from tests.stages import Cast, ahead, everything, expect_refusal, stand_still
from tests.world import sql

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def cast() -> Cast:
    return Cast()


@pytest.fixture(autouse=True)
def _no_redis(settings: Any) -> Iterator[None]:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    bell.redis.cache_clear()
    yield
    bell.redis.cache_clear()


def fresh(campaign: Campaign) -> Campaign:
    return Campaign.objects.get(pk=campaign.pk)


def sweep() -> dict[str, int]:
    return sweeping.sweep(pump_for=0)


def test_it_leaves_alone_what_is_not_due(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daily, "DUTIES", {})
    cast.at("approved")
    before = everything()
    assert set(sweep().values()) == {0}
    assert everything() == before


def test_it_starts_a_campaign_at_its_time(cast: Cast) -> None:
    campaign = cast.at("approved")
    ahead(hours=1, seconds=1)
    assert sweep()["started"] == 1
    assert (fresh(campaign).status, Batch.objects.get().total) == (Status.SENDING, 3)
    assert AuditEntry.objects.get(action="campaign.start").by is None


def test_it_starts_late_when_it_was_not_there_in_time(cast: Cast) -> None:
    campaign = cast.at("approved")
    ahead(hours=11)
    sweep()
    assert fresh(campaign).status == Status.SENDING


def test_it_starts_nothing_past_its_last_instant(cast: Cast) -> None:
    campaign = cast.at("approved")
    ahead(hours=12, seconds=1)
    assert (sweep()["started"], fresh(campaign).status, Batch.objects.count()) == (0, Status.EXPIRED, 0)


def test_it_holds_a_campaign_whose_reach_grew_until_its_time(cast: Cast) -> None:
    campaign = cast.at("approved")
    world.contacts([*range(1001, 1106)])
    ahead(hours=1, seconds=1)
    sweep()
    held = fresh(campaign)
    assert (held.status, held.round, Batch.objects.count()) == (Status.SUBMITTED, 2, 0)
    assert "would now reach 100 people; the approver saw fewer than 10" in held.status_reason


def test_a_held_campaign_starts_once_it_is_approved_again(cast: Cast) -> None:
    campaign = cast.at("approved")
    world.contacts([*range(1001, 1106)])
    ahead(hours=1, seconds=1)
    sweep()
    assert world.approve(campaign, cast.approver).status == Status.SENDING


def test_it_holds_a_campaign_whose_account_was_changed_since(cast: Cast) -> None:
    campaign = cast.at("approved")
    world.rename(cast.account, "100000009")
    ahead(hours=1, seconds=1)
    sweep()
    assert (fresh(campaign).status, Batch.objects.count()) == (Status.SUBMITTED, 0)
    assert "was changed since this was approved" in fresh(campaign).status_reason


def test_it_holds_a_campaign_whose_approver_has_lost_the_role(cast: Cast) -> None:
    campaign = cast.at("approved")
    world.grant(cast.approver)
    ahead(hours=1, seconds=1)
    sweep()
    assert (fresh(campaign).status, Batch.objects.count()) == (Status.SUBMITTED, 0)


def test_it_holds_a_campaign_whose_incident_was_closed_since(cast: Cast) -> None:
    campaign = cast.at("approved")
    Incident.objects.update(status=Incident.Status.CLOSED)
    ahead(hours=1, seconds=1)
    sweep()
    assert (fresh(campaign).status, Batch.objects.count()) == (Status.SUBMITTED, 0)
    assert fresh(campaign).status_reason.startswith("The incident was closed after this was approved.")


def test_a_hold_is_noted_in_the_log_and_the_audit(cast: Cast) -> None:
    cast.at("approved")
    world.rename(cast.account, "100000009")
    ahead(hours=1, seconds=1)
    sweep()
    assert LogEntry.objects.filter(text__startswith="Held: ").count() == 1
    assert AuditEntry.objects.filter(action="campaign.hold", by=None).count() == 1


def test_a_campaign_that_is_held_does_not_hold_up_the_next(cast: Cast) -> None:
    first, other = cast.at("approved"), world.account("vk-geo")
    second = cast.submitted(accounts=[other], starts_at=now() + timedelta(hours=1))
    world.approve(second, cast.approver)
    world.rename(cast.account, "100000009")
    ahead(hours=1, seconds=1)
    sweep()
    assert (fresh(first).status, fresh(second).status) == (Status.SUBMITTED, Status.SENDING)


@pytest.mark.parametrize("status", ["submitted", "approved", "sending", "paused"])
def test_it_expires_whatever_is_past_its_last_instant(cast: Cast, status: str) -> None:
    campaign = cast.at(status)
    ahead(hours=12, seconds=1)
    assert sweep()["expired"] == 1
    assert (fresh(campaign).status, fresh(campaign).ended_at is None) == (Status.EXPIRED, False)
    assert {*Batch.objects.values_list("status", flat=True)} <= {Batch.Status.EXPIRED}


@pytest.mark.parametrize("status", ["draft", "sent", "stopped", "rejected", "expired"])
def test_it_does_not_expire_what_is_not_on_its_way(cast: Cast, status: str) -> None:
    campaign = cast.at(status)
    ahead(hours=12, seconds=1)
    assert (sweep()["expired"], fresh(campaign).status) == (0, status)


def test_the_last_instant_itself_is_too_late(cast: Cast) -> None:
    at = stand_still()
    campaign = world.approve(cast.submitted(not_after=at + timedelta(hours=1)), cast.approver)
    ahead(minutes=59)
    assert (sweep()["expired"], fresh(campaign).status) == (0, Status.SENDING)
    ahead(hours=1)
    assert (sweep()["expired"], fresh(campaign).status) == (1, Status.EXPIRED)


def test_it_finishes_a_campaign_of_which_nothing_is_open(cast: Cast) -> None:
    campaign = cast.at("sending")
    assert sweep()["finished"] == 0
    sql("UPDATE messaging_batch SET status = 'sending', lease_until = crisis_now() + interval '1 minute'")
    assert sweep()["finished"] == 0
    sql("UPDATE messaging_batch SET status = 'done'")
    assert (sweep()["finished"], fresh(campaign).status) == (1, Status.SENT)


def test_a_paused_campaign_is_not_finished(cast: Cast) -> None:
    campaign = cast.at("paused")
    sql("UPDATE messaging_batch SET status = 'done'")
    assert (sweep()["finished"], fresh(campaign).status) == (0, Status.PAUSED)


def crashed(cast: Cast) -> Campaign:
    """A campaign that was stopped while a pump died with its batch in hand, one person of which is known to have got it."""
    campaign = cast.at("sending")
    batch = Batch.objects.get()
    Delivery.objects.create(campaign=campaign, account=cast.account, batch=batch, contact=batch.people[0], status="accepted")
    sql("UPDATE messaging_batch SET status = 'sending', accepted = 1, lease_until = crisis_now() + interval '1 minute'")
    workflow.stop(campaign, by=cast.author)
    return campaign


def test_it_waits_for_the_lease_of_a_batch_under_way_when_its_campaign_was_stopped(cast: Cast) -> None:
    crashed(cast)
    assert (sweep()["doubted"], Batch.objects.get().status) == (0, Batch.Status.SENDING)


def test_it_calls_uncertain_whom_a_dead_pump_may_have_written_to(cast: Cast) -> None:
    crashed(cast)
    ahead(seconds=61)
    assert sweep()["doubted"] == 1
    batch = Batch.objects.get()
    assert (batch.status, batch.accepted, batch.uncertain) == (Batch.Status.STOPPED, 1, 2)
    assert sorted(Delivery.objects.values_list("status", flat=True)) == ["accepted", "uncertain", "uncertain"]


def test_it_calls_uncertain_whose_answer_was_lost_before_a_stop(cast: Cast) -> None:
    campaign = cast.at("sending")
    sql("UPDATE messaging_batch SET in_doubt = true, asked_at = crisis_now()")
    workflow.stop(campaign, by=cast.author)
    sweep()
    assert (Batch.objects.get().uncertain, Batch.objects.get().in_doubt) == (3, False)


def test_a_doubt_is_written_down_once(cast: Cast) -> None:
    crashed(cast)
    ahead(seconds=61)
    sweep()
    assert (sweep()["doubted"], Delivery.objects.count(), Batch.objects.get().uncertain) == (0, 3, 2)


def test_it_pumps_what_nobody_has_pumped_for_five_seconds(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a secret a pump pauses its account, which shows that there was one."""
    monkeypatch.delenv("VK_MINISTRY", raising=False)
    cast.at("sending")
    ahead(seconds=4)
    sweep()
    assert Account.objects.get().paused_at is None
    ahead(seconds=6)
    sweep()
    assert Account.objects.get().paused_reason == "no_secret"


@pytest.mark.parametrize("why_not", [
    "UPDATE messaging_lane SET lease_until = crisis_now() + interval '1 hour'",
    "UPDATE messaging_account SET paused_at = crisis_now()",
    "UPDATE messaging_batch SET not_before = crisis_now() + interval '1 hour'",
    "UPDATE messaging_batch SET status = 'sending', lease_until = crisis_now() + interval '1 hour'",
    "UPDATE messaging_campaign SET status = 'paused'",
])  # fmt: skip
def test_it_pumps_nothing_that_is_in_good_hands_or_not_due(cast: Cast, why_not: str) -> None:
    cast.at("sending")
    sql(why_not)
    ahead(seconds=60)
    before = sql("SELECT fence FROM messaging_lane")
    assert (sweep()["pumped"], sql("SELECT fence FROM messaging_lane")) == (0, before)


def as_owner(statement: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement)


def test_a_part_that_the_database_refuses_does_not_hold_up_the_others(cast: Cast) -> None:
    campaign = cast.at("sending")
    as_owner("REVOKE SELECT ON messaging_receipt FROM crisis_app")
    sql("UPDATE messaging_batch SET status = 'done'")
    done = sweep()
    assert ("settled" in done, done["finished"], fresh(campaign).status) == (False, 1, Status.SENT)


def test_a_pump_that_fails_does_not_end_the_sweeper(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VK_MINISTRY", "t")
    cast.at("sending")
    as_owner("ALTER TABLE messaging_rendering DISABLE TRIGGER content; DELETE FROM messaging_rendering")
    ahead(seconds=60)
    assert "pumped" not in sweeping.sweep(pump_for=5)


def test_an_approval_that_cannot_be_read_holds_its_campaign_alone(cast: Cast) -> None:
    broken, late = cast.at("approved"), cast.at("approved")
    as_owner("ALTER TABLE messaging_approval DISABLE TRIGGER append_only")
    as_owner(f"UPDATE messaging_approval SET reach = '{{}}' WHERE campaign_id = {broken.pk}")
    ahead(hours=1, seconds=1)
    sweep()
    assert (fresh(broken).status, fresh(late).status) == (Status.SUBMITTED, Status.SENDING)


def test_a_receipt_that_cannot_be_read_does_not_hold_up_the_others(cast: Cast) -> None:
    (anna,) = world.contacts([1000])
    values = {"account": cast.account, "at": now()}
    Receipt.objects.create(event_id="e1", kind="order", data={"unknown": True}, **values)
    Receipt.objects.create(event_id="e2", kind="denied", person_hmac=fingerprint(AddressKind.VK, "1000"), **values)
    assert (sweep()["settled"], anna.addresses.get().denied) == (2, True)


def test_a_desk_is_asked_no_more_and_to_be_stopped_when_the_words_are_valid_no_longer() -> None:
    hotels = Hotels()
    order = hotels.asked()
    workflow.go_on_without(order, by=hotels.anna)
    assert sweep()["outlived"] == 0
    ahead(hours=12, seconds=1)
    with expect_refusal("These words are valid no longer, so nobody is asked any more. Nothing was changed."):
        hotels.ask(order)
    assert (sweep()["outlived"], sweep()["outlived"]) == (1, 0)
    assert still(order).cancel_asked_at is not None
