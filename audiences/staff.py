"""The closed list of colleagues who get TEST messages: who stands on it, added and removed by name."""

from __future__ import annotations

from django.db import connection, transaction
from django.utils.translation import gettext as _

from audiences import keys
from audiences.models import Address, AddressKind, Contact, StaffMember
from crisis import audit
from crisis.models import User
from crisis.permissions import demand
from crisis.refusal import Refused

MOST = 200  # people; the database holds a TEST to the same number
ONLY_STAFF = "SELECT contact_id FROM audiences_staffmember WHERE active"
PREFIX = 12  # hex digits of the keyed hash that the audit keeps
LIST_LOCK = 7_261_004  # so that two who add at once cannot pass the limit together


@transaction.atomic
def add(name: str, kind: int, address: str, *, by: User) -> StaffMember:
    """Put the person with this exact address on the list; an address not known before becomes a contact of ours.

    Whoever adds them says that they agreed. Raises Refused for what is no address, for one that opted out, and for a full list.
    """
    demand(by, "staff.write")
    if not (name := name.strip()):
        raise Refused(_("Say who it is."), field="name", status=422)
    hmac = keys.fingerprint(kind, address)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LIST_LOCK])
    contact = _contact(kind, address, hmac)
    if StaffMember.objects.filter(active=True).exclude(contact=contact).count() >= MOST:
        raise Refused(_("The list is full: 200 colleagues. Remove somebody first."), status=422)
    member, _created = StaffMember.objects.update_or_create(
        contact=contact, defaults={"name": name[:120], "active": True, "added_by": by}
    )
    audit.record("staff.add", by=by, about=member, data={"kind": AddressKind(kind).slug, "hmac": hmac.hex()[:PREFIX]})
    return member


@transaction.atomic
def remove(member: StaffMember, *, by: User) -> None:
    """Take somebody off the list. They stay a contact of ours and get no TEST any more."""
    demand(by, "staff.write")
    if not StaffMember.objects.select_for_update().filter(pk=member.pk, active=True).update(active=False):
        raise Refused(_("This colleague was removed already. Nothing was changed."))
    audit.record("staff.remove", by=by, about=member)


def _contact(kind: int, address: str, hmac: bytes) -> Contact:
    known = Address.objects.select_for_update(of=("self",)).filter(kind=kind, value_hmac=hmac).first()
    if known and (known.denied or known.contact_id is None):
        raise Refused(_("This address has opted out: nobody writes to it, not even a TEST."), field="address", status=422)
    if known and known.contact_id is not None:
        return Contact.objects.get(pk=known.contact_id)
    contact = Contact.objects.create(language="ru")
    sealed = keys.encrypt(kind, address)
    Address.objects.create(contact=contact, kind=kind, value_encrypted=sealed, value_hmac=hmac, permitted=True)
    return contact
