"""“What do you hold about me?” and “Forget me”: by one exact address, audited without it, and nothing of the person is left."""

from __future__ import annotations

from typing import Any

import pytest

from audiences import forgetting, keys, presence
from audiences.models import Address, AddressKind, Contact, ContactList, ListMember, Presence, Source, StaffMember, Trip
from crisis.clock import now
from crisis.models import AuditEntry, Destruction, User
from crisis.refusal import Forbidden, Refused
from messaging.models import Batch, Delivery, Reply
from tests import visits, world
from tests.stages import Cast
from tests.world import sql

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quiet")]
VK, PHONE = AddressKind.VK, AddressKind.PHONE
NUMBER = "123456789"
PHONE_NUMBER = "+79160001122"
HMAC = "0" * 64


@pytest.fixture
def gleb() -> User:
    return world.person("gleb", "admin")


@pytest.fixture
def contact(gleb: User) -> Contact:
    """Somebody of whom everything is held: seen, travelling, on a list, a colleague for tests, with an opted-out phone."""
    (who,) = world.contacts([int(NUMBER)])
    world.contacts([2])
    source, today = Source.objects.get(), now().date()
    Trip.objects.create(contact=who, country="TR", starts_on=today, ends_on=today, source=source)
    ListMember.objects.create(list=ContactList.objects.create(name="Flight 9268", source=source), contact=who)
    StaffMember.objects.create(name="an engineer", contact=who, added_by=gleb)
    sealed, hmac = keys.encrypt(PHONE, PHONE_NUMBER), keys.fingerprint(PHONE, PHONE_NUMBER)
    Address.objects.create(contact=who, kind=PHONE, value_encrypted=sealed, value_hmac=hmac, permitted=True, denied=True)
    return who


def forget(by: User) -> Destruction:
    return forgetting.forget(VK, keys.fingerprint(VK, NUMBER), by=by)


def left(contact: Contact) -> dict[str, int]:
    rows: Any = (Presence, Trip, ListMember, StaffMember, Address)
    return {row.__name__: row.objects.filter(contact=contact).count() for row in rows}


def test_it_says_all_that_is_held_and_masks_the_addresses(contact: Contact) -> None:
    shown = visits.post(world.person("boris", "supervisor"), "person_held", kind=VK, address=NUMBER).content.decode()
    for words in ("Egypt", "Story", "Türkiye", "Flight 9268", "A colleague who gets tests", "…89", "…22", "opted out"):
        assert words in shown
    assert PHONE_NUMBER not in shown
    assert "Forget this person" not in shown


def test_the_question_is_audited_with_a_keyed_hash_in_place_of_the_address(contact: Contact, gleb: User) -> None:
    visits.post(gleb, "person_held", kind=VK, address=NUMBER)
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.object_id) == ("person.held", "")
    assert entry.data == {"kind": "vk", "hmac": keys.fingerprint(VK, NUMBER).hex()[:12], "found": True}


@pytest.mark.parametrize("role", ["operator", "auditor"])
def test_nobody_else_may_ask(role: str) -> None:
    assert visits.post(world.person("anna", role), "person_held", kind=VK, address=NUMBER).status_code == 403


def test_an_address_in_the_url_asks_nothing(contact: Contact, gleb: User) -> None:
    assert "What is held</h2>" not in visits.page(gleb, "person_held", kind="1", address=NUMBER)
    assert not AuditEntry.objects.filter(action="person.held").exists()


def test_everything_of_the_person_goes_and_of_others_nothing(contact: Contact, gleb: User) -> None:
    act = forget(gleb)
    expected = {"replies": 0, "presence": 1, "trips": 1, "lists": 1, "staff": 1, "addresses": 1, "contacts": 1}
    assert (act.kind, Destruction.objects.get().counts) == ("person.forget", expected)
    assert {*left(contact).values()} == {0}
    assert [*Contact.objects.all()] == [presence.find(VK, "2")]
    assert Presence.objects.count() == 1
    sql("SET CONSTRAINTS ALL IMMEDIATE")


def test_an_opt_out_stays_as_the_keyed_hash_of_nobody(contact: Contact, gleb: User) -> None:
    forget(gleb)
    row = Address.objects.get(kind=PHONE)
    assert (row.contact_id, row.denied, row.permitted, bytes(row.value_encrypted)) == (None, True, False, b"")
    assert bytes(row.value_hmac) == keys.fingerprint(PHONE, PHONE_NUMBER)


def test_neither_the_record_nor_the_audit_name_the_person(contact: Contact, gleb: User) -> None:
    act = forget(gleb)
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.data) == ("person.forget", Destruction.objects.get(pk=act.pk).counts)
    kept = " ".join(str(row) for row in sql("SELECT to_jsonb(a) FROM crisis_auditentry a"))
    kept += str(sql("SELECT to_jsonb(d) FROM crisis_destruction d"))
    assert NUMBER not in kept
    assert keys.fingerprint(VK, NUMBER).hex()[:12] not in kept


def test_it_is_asked_once_more_before_anything_is_destroyed(contact: Contact, gleb: User) -> None:
    who = {"kind": VK, "hmac": keys.fingerprint(VK, NUMBER).hex()}
    asked = visits.post(gleb, "person_forget", **who).content.decode()
    assert "Destroyed for good" in asked
    assert Contact.objects.filter(pk=contact.pk).exists()
    assert "Forgotten." in visits.post(gleb, "person_forget", **who, sure="on").content.decode()
    assert not Contact.objects.filter(pk=contact.pk).exists()


def test_a_supervisor_forgets_nobody(contact: Contact) -> None:
    with pytest.raises(Forbidden):
        forget(world.person("boris", "supervisor"))


@pytest.mark.parametrize("sure", ["", "on"])
def test_nobody_is_said_to_be_nobody(gleb: User, sure: str) -> None:
    answer = visits.post(gleb, "person_forget", kind=VK, hmac=HMAC, sure=sure)
    assert (answer.status_code, "Nobody with this address" in answer.content.decode()) == (409, True)


@pytest.mark.parametrize("hmac", ["", "0" * 63, "g" * 64, "\0" * 64, "0" * 64 + "\n;"])
def test_what_names_nobody_is_refused_in_a_sentence(gleb: User, hmac: str) -> None:
    assert visits.post(gleb, "person_forget", kind=VK, hmac=hmac).status_code == 422


class Sent(Cast):
    """A message is under way to somebody."""

    def __init__(self) -> None:
        super().__init__()
        self.gleb = world.person("inna", "admin")
        self.campaign = self.at("sending")
        self.batch = Batch.objects.get()
        self.contact = self.batch.people[0]
        address = Address.objects.get(contact=self.contact)
        self.named = (address.kind, bytes(address.value_hmac))

    def forget(self) -> Destruction:
        return forgetting.forget(*self.named, by=self.gleb)


@pytest.mark.parametrize("status", ["queued", "sending"])
def test_nobody_is_forgotten_while_a_message_to_them_is_under_way(status: str) -> None:
    sent = Sent()
    Batch.objects.update(status=status)
    with pytest.raises(Refused, match="under way"):
        sent.forget()
    asked = visits.post(sent.gleb, "person_forget", kind=sent.named[0], hmac=sent.named[1].hex()).content.decode()
    assert "under way" in asked
    assert "Destroy what is held" not in asked
    assert Contact.objects.filter(pk=sent.contact).exists()


def test_what_became_of_their_messages_is_told_and_stays_until_the_incident_goes() -> None:
    sent = Sent()
    values = {"campaign": sent.campaign, "account": sent.account, "batch": sent.batch}
    Delivery.objects.create(**values, contact=sent.contact, status="accepted")
    Batch.objects.update(status="done")
    _address, held = forgetting.look(*sent.named, by=sent.gleb)
    assert held is not None
    assert f"№ {sent.campaign.pk}" in held.others[0]
    sent.forget()
    assert Delivery.objects.count() == 1


def test_their_replies_go_once_somebody_has_read_them() -> None:
    sent = Sent()
    Batch.objects.update(status="done")
    sql("INSERT INTO messaging_receipt (account_id, event_id, kind, at, provider_ref, data)"
        " SELECT %s, 'e', 'reply', crisis_now(), '', '{}'", sent.account.pk)  # fmt: skip
    receipt = sql("SELECT id FROM messaging_receipt")[0][0]
    Reply.objects.create(account=sent.account, receipt_id=receipt, contact=sent.contact, text="call me", key=1, answer="sent")
    with pytest.raises(Refused, match="nobody has read"):
        sent.forget()
    Reply.objects.update(read_at=now(), read_by=sent.gleb)
    assert sent.forget().counts["replies"] == 1
    assert not Reply.objects.exists()
