"""What is held about one person, and forgetting them at their own request. The person is named by the keyed hash of an address.

Other apps say here what they hold besides (`TELLERS`), what keeps a person from being forgotten now (`HINDRANCES`), and destroy
their part of it (`ERASERS`). Each is asked about a contact's number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from audiences import keys
from audiences.models import Address, AddressKind, Contact, ListMember, Presence, StaffMember, Trip
from crisis import audit
from crisis.clock import Now
from crisis.models import Destruction, User
from crisis.permissions import demand
from crisis.refusal import Problem, Refused

PREFIX = 12  # hex digits of the keyed hash that the audit keeps: enough to recognise a repeated question
SHOWN = 2  # last signs of an address that stay readable

TELLERS: list[Callable[[int], Iterator[str]]] = []
HINDRANCES: list[Callable[[int], Iterator[Problem]]] = []
ERASERS: dict[str, Callable[[int], int]] = {}

DESTROY = {
    "presence": "DELETE FROM audiences_presence WHERE contact_id = %(contact)s",
    "trips": "DELETE FROM audiences_trip WHERE contact_id = %(contact)s",
    "lists": "DELETE FROM audiences_listmember WHERE contact_id = %(contact)s",
    "staff": "DELETE FROM audiences_staffmember WHERE contact_id = %(contact)s",
    "addresses": "DELETE FROM audiences_address WHERE contact_id = %(contact)s AND NOT denied",
}
# An opt-out outlives the person: without a contact, and without the address itself.
DETACH = """
    UPDATE audiences_address
       SET contact_id = NULL, value_encrypted = '', subscribed = false, permitted = false, dead = false,
           updated_at = crisis_now()
     WHERE contact_id = %(contact)s
"""
CONTACT = "DELETE FROM audiences_contact WHERE id = %(contact)s"


@dataclass(frozen=True, slots=True)
class Held:
    """All that is kept about one person. Addresses are masked, sightings have no place within the country."""

    contact: Contact
    addresses: list[dict[str, Any]]
    sightings: list[Presence]
    trips: list[Trip]
    lists: list[ListMember]
    is_staff: bool
    others: list[str]


@transaction.atomic
def look(kind: int, hmac: bytes, *, by: User) -> tuple[Address | None, Held | None]:
    """The address that is asked about and what is held of the person who has it; each None where there is nothing. Audited."""
    demand(by, "person.held")
    address = Address.objects.filter(kind=kind, value_hmac=hmac).select_related("contact").first()
    found = _held(address.contact) if address and address.contact else None
    data = {"kind": AddressKind(kind).slug, "hmac": hmac.hex()[:PREFIX], "found": found is not None}
    audit.record("person.held", by=by, data=data)
    return address, found


@transaction.atomic
def forget(kind: int, hmac: bytes, *, by: User) -> Destruction:
    """Destroy for good all that is held about the person who has this address. Opt-outs stay, as keyed hashes of nobody.

    Raises Refused when nobody has it and while a message to them is under way.
    """
    demand(by, "person.forget")
    contact = Contact.objects.select_for_update().filter(addresses__kind=kind, addresses__value_hmac=hmac).first()
    if contact is None:
        raise Refused(_("Nobody with this address is held here. Nothing was destroyed."))
    if problems := [*hindrances(contact.pk)]:
        raise Refused(problems=problems)
    counts = {name: erase(contact.pk) for name, erase in ERASERS.items()}
    with connection.cursor() as cursor:
        for name, statement in DESTROY.items():
            cursor.execute(statement, {"contact": contact.pk})
            counts[name] = cursor.rowcount
        cursor.execute(DETACH, {"contact": contact.pk})
        cursor.execute(CONTACT, {"contact": contact.pk})
    act = Destruction.objects.create(kind=Destruction.Kind.PERSON, by=by, counts={**counts, "contacts": 1})
    Destruction.objects.filter(pk=act.pk).update(ended_at=Now())
    audit.record("person.forget", by=by, about=act, data=act.counts)
    return act


def hindrances(contact: int) -> Iterator[Problem]:
    """Why this person cannot be forgotten now, each with its remedy."""
    for told in HINDRANCES:
        yield from told(contact)


def masked(address: Address) -> str:
    """An address as it may be shown: its last signs alone."""
    return f"…{keys.decrypt(address.kind, bytes(address.value_encrypted))[-SHOWN:]}"


def _held(contact: Contact) -> Held:
    return Held(
        contact,
        [{"row": row, "masked": masked(row)} for row in contact.addresses.order_by("kind", "pk") if row.value_encrypted],
        [*Presence.objects.filter(contact=contact).select_related("source").order_by("-last_seen_at")],
        [*contact.trips.select_related("source").order_by("starts_on")],
        [*contact.lists.select_related("list__source")],
        StaffMember.objects.filter(contact=contact).exists(),
        [words for tell in TELLERS for words in tell(contact.pk)],
    )
