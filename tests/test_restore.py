"""A console at work, brought back from a backup: judged by the journal of a simulated VK and by what people then read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from audiences import keys
from audiences.models import Address
from crisis import audit, backups
from crisis.clock import now
from crisis.models import AuditEntry, LogEntry, Session
from messaging import delivery, workflow
from messaging.models import Batch, Campaign, Delivery, Lane, Order, Receipt, Reply, Status
from tests import world
from tests.engine import Engine, on_the_wire
from tests.programs import Program
from tests.stages import Cast
from tests.test_orders import Desk, for_everybody
from tests.test_orders import desk as desk
from tests.test_orders import platform as platform
from tests.vault import Vault, vault_of
from tests.world import sql

pytestmark = pytest.mark.usefixtures("committed")
PEOPLE = 250  # in three batches


@pytest.fixture
def vault(committed: str, tmp_path: Path) -> Iterator[Vault]:
    with vault_of(committed, tmp_path) as found:
        yield found


def many(engine: Engine) -> set[int]:
    """So many people that they take three batches; their numbers at the platform."""
    peers = [1000 + n for n in range(PEOPLE - 3)]
    world.contacts(peers)
    return {1, 2, 3, *peers}


def accepted(engine: Engine) -> Counter[int]:
    """How often the platform took a message for each person."""
    return Counter(line["peer_id"] for line in engine.vk.lines("accepted"))


def peers_with(status: str) -> set[int]:
    """Numbers at the platform of the people of whom the ledger says this."""
    rows = Address.objects.filter(contact__in=Delivery.objects.filter(status=status).values("contact"))
    return {int(keys.decrypt(row.kind, bytes(row.value_encrypted))) for row in rows}


def found(campaign: Campaign) -> Campaign:
    """The campaign as it stands in the database we speak to now."""
    return Campaign.objects.get(pk=campaign.pk)


def half_sent(engine: Engine, vault: Vault, **changes: Any) -> Campaign:
    """One batch is done, one is on the wire, one waits: that is the moment of the backup. Then the rest is sent."""
    campaign = engine.sending(**changes)
    sql("UPDATE messaging_batch SET not_before = crisis_now() + interval '1 hour' WHERE number > 1")
    engine.pump()
    sql("UPDATE messaging_batch SET not_before = NULL")
    with on_the_wire(engine):
        vault.save()
    assert found(campaign).status == Status.SENT
    return campaign


def test_nobody_is_lost_and_nobody_gets_it_twice_after_a_backup_of_a_sending_half_done(engine: Engine, vault: Vault) -> None:
    everybody = many(engine)
    campaign = half_sent(engine, vault)
    vault.bring_back()
    workflow.resume(found(campaign), by=engine.approver)
    engine.pump()
    delivery.sweep()
    assert accepted(engine) == Counter(dict.fromkeys(everybody, 1))
    assert engine.vk.lines("repeat") == []
    assert (len(peers_with("accepted")), len(peers_with("uncertain"))) == (100, 150)
    assert peers_with("accepted") | peers_with("uncertain") == everybody
    assert found(campaign).status == Status.SENT


def test_a_restored_sending_is_paused_until_a_person_has_looked(engine: Engine, vault: Vault) -> None:
    many(engine)
    campaign = half_sent(engine, vault)
    vault.bring_back()
    assert (found(campaign).status, engine.pump(), len(accepted(engine))) == (Status.PAUSED, 0, PEOPLE)
    assert "Restored from a backup of" in found(campaign).status_reason


def test_the_counters_of_a_restored_sending_are_those_of_its_people(engine: Engine, vault: Vault) -> None:
    many(engine)
    half_sent(engine, vault)
    assert vault.bring_back().counts["uncertain"] == 150
    counted = Batch.objects.order_by("number").values_list("status", "accepted", "uncertain", "in_doubt")
    assert [*counted] == [("done", 100, 0, False), ("done", 0, 100, False), ("done", 0, 50, False)]
    assert {reason[:27] for reason in Delivery.objects.filter(status="uncertain").values_list("reason", flat=True)} == {
        "restored from a backup of 2"
    }


@pytest.mark.parametrize(("before", "after", "held"), [
    (Status.DRAFT, Status.DRAFT, True), (Status.SUBMITTED, Status.SUBMITTED, True), (Status.APPROVED, Status.SUBMITTED, True),
    (Status.SENDING, Status.PAUSED, True), (Status.PAUSED, Status.PAUSED, True), (Status.SENT, Status.SENT, False),
    (Status.STOPPED, Status.STOPPED, False), (Status.EXPIRED, Status.EXPIRED, False),
    (Status.REJECTED, Status.REJECTED, False),
])  # fmt: skip
def test_whatever_was_not_over_waits_for_a_person_who_reads_why(
    before: Status, after: Status, held: bool, vault: Vault
) -> None:
    campaign = Cast().at(before)
    vault.save()
    vault.bring_back()
    assert (found(campaign).status, "Restored from a backup of" in found(campaign).status_reason) == (after, held)


def test_what_had_not_begun_is_approved_anew_by_people_who_are_told_of_it(vault: Vault) -> None:
    campaign = Cast().at(Status.APPROVED)
    vault.save()
    vault.bring_back()
    assert (found(campaign).round, campaign.round) == (2, 1)
    assert found(campaign).notices.filter(round=2).exists()


def test_a_message_of_a_stopped_sending_whose_answer_never_came_is_uncertain(engine: Engine, vault: Vault) -> None:
    campaign = engine.sending()
    with on_the_wire(engine):
        workflow.stop(campaign, by=engine.author)
        vault.save()
    vault.bring_back()
    assert Batch.objects.values_list("status", "uncertain").get() == ("stopped", 3)
    assert found(campaign).status == Status.STOPPED


def test_nothing_is_sent_again_by_itself_after_a_restore_even_where_that_was_approved(engine: Engine, vault: Vault) -> None:
    many(engine)
    campaign = half_sent(engine, vault, when_uncertain="resend")
    vault.bring_back()
    workflow.resume(found(campaign), by=engine.approver)
    delivery.sweep()
    engine.pump(later=60)
    assert (len(accepted(engine)), engine.vk.lines("repeat"), Batch.objects.count()) == (PEOPLE, [], 3)
    assert workflow.resend(found(campaign), by=engine.approver) == 150


def test_what_was_being_sent_again_is_uncertain_once(engine: Engine, vault: Vault) -> None:
    campaign = engine.sending()
    sql(
        "INSERT INTO messaging_delivery (campaign_id, account_id, batch_id, contact, status, reason, people, at)"
        " SELECT campaign_id, account_id, id, unnest(people), 'uncertain', '', 1, crisis_now() FROM messaging_batch"
    )
    sql("UPDATE messaging_batch SET status = 'done', uncertain = 3")
    delivery.finish()
    workflow.resend(found(campaign), by=engine.approver)
    vault.save()
    vault.bring_back()
    assert [*Batch.objects.order_by("number").values_list("status", "uncertain")] == [("done", 0), ("done", 3)]
    assert Counter(Delivery.objects.values_list("status", flat=True)) == {"resent": 3, "uncertain": 3}


def test_an_automatic_answer_that_may_have_gone_out_is_not_given_again(engine: Engine, vault: Vault) -> None:
    receipt = Receipt.objects.create(account=engine.account, event_id="1", kind="reply", at=now())
    Reply.objects.create(account=engine.account, receipt=receipt, contact=1, text="Где автобус?", key=1)
    vault.save()
    assert vault.bring_back().counts["replies"] == 1
    assert (engine.pump(), Reply.objects.get().answer) == (0, Reply.Answer.FAILED)


def test_whoever_held_something_before_the_restore_holds_nothing_after_it(engine: Engine, vault: Vault) -> None:
    engine.sending()
    with on_the_wire(engine):
        vault.save()
        before = Batch.objects.get().fence, Lane.objects.get().fence
    vault.bring_back()
    assert not Batch.objects.exclude(lease_until=None).exists()
    assert not Lane.objects.exclude(lease_until=None).exists()
    assert Batch.objects.get().fence > before[0] + 1000
    assert Lane.objects.get().fence > before[1] + 1000


def test_an_order_placed_after_the_backup_is_found_again_by_its_number_and_followed(desk: Desk, vault: Vault) -> None:
    order = desk.ordered(**for_everybody())
    vault.save()
    desk.pump()
    desk.done(order)
    vault.bring_back()
    workflow.resume(Campaign.objects.get(), by=desk.approver)
    desk.pump()
    desk.pump(later=5)
    assert (desk.heard(order).count("order"), Order.objects.get().status) == (1, Order.Status.DONE)
    assert (Order.objects.get().pk, Campaign.objects.get().status) == (order.pk, Status.SENT)


def test_log_ins_end_and_keys_of_programs_stay(vault: Vault, client_of: Any) -> None:
    cast = Cast()
    makers = world.person("gleb", "admin"), world.person("zoya", "admin")
    program = Program("Embassy desk", makers)
    client_of(cast.author)
    vault.save()
    assert vault.bring_back().counts["sessions"] == 1
    assert not Session.objects.exists()
    assert program.get("incidents").status_code == 200


def test_the_situation_log_and_the_audit_log_say_what_came_back(vault: Vault) -> None:
    Cast().at(Status.SENDING)
    vault.save()
    vault.bring_back()
    last = AuditEntry.objects.order_by("-id")[0]
    assert (last.action, last.data["paused"], last.data["uncertain"]) == ("backup.restored", 1, 3)
    assert LogEntry.objects.filter(text__startswith="The console was restored from a backup of").count() == 1
    assert audit.verify()[2] == []


def test_the_console_cannot_enter_a_database_that_was_not_made_safe(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    Cast().at(Status.SENDING)
    vault.save()
    monkeypatch.setitem(backups.AFTERMATHS, "messaging", lambda at: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        vault.bring_back()
    vault.enter()
    with pytest.raises(OperationalError, match="permission denied for database"):
        Campaign.objects.exists()
