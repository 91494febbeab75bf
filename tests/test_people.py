"""Who got it, and if not, why: one exact address, for supervisors, audited without the address."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from audiences import keys, presence
from audiences.models import AddressKind, Contact, Presence, Source
from crisis.models import AuditEntry, User
from messaging import tracing, workflow
from messaging.models import Account, Batch, Campaign, Delivery
from tests import world

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quiet")]
VK = AddressKind.VK


@pytest.fixture
def operator() -> User:
    return world.person("anna", "operator")


@pytest.fixture
def supervisor() -> User:
    return world.person("boris", "supervisor")


@pytest.fixture
def account() -> Account:
    return world.account()


def sending(author: User, approver: User, account: Account, *peers: int, mode: str = "last_seen_there") -> Campaign:
    """A campaign being sent to these peers."""
    world.contacts([*peers])
    version = world.audience(author, mode=mode)
    return world.approve(world.submitted(author, account, version=version), approver)


def search(user: User, address: str, kind: int = VK, expected: int = 200) -> str:
    client = Client()
    client.force_login(user)
    answer = client.post(reverse("people"), {"kind": kind, "address": address})
    assert answer.status_code == expected
    return answer.content.decode()


def told(campaign: Campaign, contact: int, status: str, reason: str = "") -> None:
    batch = Batch.objects.get(campaign=campaign)
    Delivery.objects.create(
        campaign=campaign, account=batch.account, batch=batch, contact=contact, status=status, reason=reason
    )


def contact_of(peer: int) -> int:
    found = presence.find(VK, str(peer))
    assert found is not None
    return found.pk


def only(contact: int) -> tracing.Trace:
    (found,) = tracing.trace(contact, by=User())
    return found


@pytest.mark.parametrize("role", ["operator", "admin", "auditor"])
def test_it_lets_nobody_but_supervisors_search(role: str) -> None:
    search(world.person("gleb", role), "1000", expected=403)
    assert not AuditEntry.objects.filter(action="people.search").exists()


def test_it_shows_an_empty_form_first(supervisor: User) -> None:
    client = Client()
    client.force_login(supervisor)
    html = client.get(reverse("people"), {"address": "1000", "kind": "1"}).content.decode()
    assert "What is known" not in html
    assert not AuditEntry.objects.filter(action="people.search").exists()


def test_it_says_that_nobody_is_held(supervisor: User) -> None:
    assert "Nobody with this address is held here" in search(supervisor, "1000")


def test_it_says_what_is_no_address(supervisor: User) -> None:
    assert "This is not the number of a person" in search(supervisor, "anna", expected=422)


def test_it_audits_a_search_without_the_address(supervisor: User) -> None:
    world.contacts([123_456_789])
    search(supervisor, "123456789")
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.by, entry.object_id) == ("people.search", supervisor, "")
    assert entry.data == {"kind": "vk", "hmac": keys.fingerprint(VK, "123456789").hex()[:12], "found": True}


def test_it_finds_a_person_by_another_spelling(supervisor: User, operator: User, account: Account) -> None:
    sending(operator, supervisor, account, 1000)
    assert "The turn has not come yet".lower() in search(supervisor, " 01000 ").lower()


def test_it_says_who_got_it_and_when(supervisor: User, operator: User, account: Account) -> None:
    campaign = sending(operator, supervisor, account, 1000)
    told(campaign, contact_of(1000), "accepted")
    html = search(supervisor, "1000")
    assert "got it" in html
    assert "Accepted by vk-direct." in html


def test_it_says_why_it_failed(supervisor: User, operator: User, account: Account) -> None:
    campaign = sending(operator, supervisor, account, 1000)
    told(campaign, contact_of(1000), "failed", "900")
    assert "have blocked our group" in only(contact_of(1000)).sentence


def test_it_says_that_nobody_knows(supervisor: User, operator: User, account: Account) -> None:
    campaign = sending(operator, supervisor, account, 1000)
    told(campaign, contact_of(1000), "uncertain", "no answer in time")
    assert only(contact_of(1000)).label == "may or may not have got it"


def test_it_says_that_the_sending_ended_before_their_turn(supervisor: User, operator: User, account: Account) -> None:
    campaign = sending(operator, supervisor, account, 1000)
    workflow.stop(campaign, by=operator)
    assert "before this person's turn" in only(contact_of(1000)).sentence


def test_it_says_that_a_paused_sending_waits(supervisor: User, operator: User, account: Account) -> None:
    campaign = sending(operator, supervisor, account, 1000)
    workflow.pause(campaign, by=operator)
    assert "paused" in only(contact_of(1000)).sentence


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"permitted": False}, "Has not allowed our messages: VK."),
        ({"denied": True}, "Has opted out: VK."),
        ({"dead": True}, "The address does not exist any more: VK."),
    ],
)
def test_it_says_what_kept_an_address_out(
    flags: dict[str, bool], sentence: str, supervisor: User, operator: User, account: Account
) -> None:
    (row,) = world.contacts([2000], **flags)
    sending(operator, supervisor, account, 1000)
    assert only(row.pk).sentence == sentence


def test_it_says_that_the_person_had_left(supervisor: User, operator: User, account: Account) -> None:
    (row,) = world.contacts([2000], at=world.now() - timedelta(hours=30))
    sighting = presence.Sighting(VK, keys.fingerprint(VK, "2000"), "TR", 608296727236345855, world.now() - timedelta(hours=2))
    presence.ingest([sighting], Source.objects.get())
    sending(operator, supervisor, account, 1000)
    assert only(row.pk).sentence == "Has left: was last seen in another country."


def test_it_says_that_the_person_was_outside_the_window(supervisor: User, operator: User, account: Account) -> None:
    (row,) = world.contacts([2000], at=world.now() - timedelta(days=20))
    sending(operator, supervisor, account, 1000)
    assert only(row.pk).sentence == "Seen there only before the window began."


def test_it_says_that_the_person_was_seen_too_late(supervisor: User, operator: User, account: Account) -> None:
    sending(operator, supervisor, account, 1000)
    (row,) = world.contacts([2000])
    Presence.objects.filter(contact=row).update(last_seen_at=world.now() + timedelta(minutes=1))
    assert only(row.pk).sentence == "Seen there only after the sending began."


def test_it_says_that_the_person_was_never_there(supervisor: User, operator: User, account: Account) -> None:
    (row,) = world.contacts([2000], country="TR")
    sending(operator, supervisor, account, 1000)
    assert only(row.pk).sentence == "Never seen there."


def test_it_says_that_a_source_was_switched_off(supervisor: User, operator: User, account: Account) -> None:
    (row,) = world.contacts([2000])
    Source.objects.update(active=False)
    campaign = world.submitted(operator, account, world.account("vk-geo", handle="geo"))
    world.approve(campaign, supervisor)
    assert tracing.trace(row.pk, by=supervisor)[0].sentence == "Seen there only by a source that is switched off."


def test_it_says_that_the_person_would_be_chosen_now(supervisor: User, operator: User, account: Account) -> None:
    (row,) = world.contacts([2000], permitted=False)
    sending(operator, supervisor, account, 1000)
    presence.permit(VK, [keys.fingerprint(VK, "2000")])
    assert only(row.pk).sentence.startswith("Would be chosen now")


def test_it_names_no_person_of_an_order(supervisor: User, operator: User) -> None:
    (row,) = world.contacts([1000])
    campaign = world.submitted(operator, world.account("vk-geo"))
    world.approve(campaign, supervisor)
    assert (only(row.pk).status, only(row.pk).sentence) == ("unknown", "vk-geo chose the people by itself and names nobody.")


def test_it_forgets_after_thirty_days(supervisor: User, operator: User, account: Account) -> None:
    sending(operator, supervisor, account, 1000)
    world.sql("UPDATE messaging_campaign SET started_at = started_at - interval '31 days'")
    assert tracing.trace(contact_of(1000), by=supervisor) == []
    assert "no campaign was sent" in search(supervisor, "1000")


def test_it_says_that_an_address_we_do_not_hold_opted_out(supervisor: User) -> None:
    presence.deny(VK, [keys.fingerprint(VK, "1000")])
    html = search(supervisor, "1000")
    assert "has opted out" in html
    assert "Nobody with this address is held here" in html
    assert not Contact.objects.exists()
