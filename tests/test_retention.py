"""Nobody is remembered longer than the source lets us; what was destroyed is written down; the newest row stays marked."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from audiences import retention, traits
from audiences.models import Address, AddressKind, Contact, ContactList, ListMember, Presence, Source, StaffMember, Trip
from audiences.presence import Sighting, ingest
from crisis.clock import now
from crisis.models import AuditEntry, Destruction
from messaging.delivery import sweep
from tests import world

pytestmark = pytest.mark.django_db
VK = AddressKind.VK


@pytest.fixture
def source() -> Source:
    return Source.objects.create(name="VK", owner="VK", legal_basis="a letter", retention_days=30)


def seen(contact: Contact, source: Source, **ago: float) -> None:
    for country, days in ago.items():
        address = contact.addresses.get()
        ingest([Sighting(VK, bytes(address.value_hmac), country, 1, now() - timedelta(days=days))], source)


def person(number: int) -> Contact:
    row = Contact.objects.create(language="ru")
    Address.objects.create(contact=row, kind=VK, value_hmac=b"%d" % number, permitted=True)
    return row


def test_a_sighting_goes_when_its_source_may_keep_it_no_longer(source: Source) -> None:
    gone, kept = person(1), person(2)
    seen(gone, source, EG=30.01)
    seen(kept, source, EG=29.99)
    assert retention.destroy_old() == (True, {"presence": 1, "trips": 0, "lists": 0, "contacts": 0})
    assert [row.contact_id for row in Presence.objects.all()] == [kept.pk]


def test_no_source_keeps_a_sighting_longer_than_the_longest_window(source: Source) -> None:
    Source.objects.filter(pk=source.pk).update(retention_days=400)
    seen(person(1), source, EG=90.01)
    assert retention.destroy_old()[1]["presence"] == 1


def test_the_newest_row_that_is_left_is_marked_as_such(source: Source) -> None:
    longer = Source.objects.create(name="lists", owner="o", legal_basis="b", retention_days=90)
    who = person(1)
    seen(who, longer, EG=50, TR=60)
    seen(who, source, IL=40)
    retention.destroy_old()
    marked = {row.country: bool(row.traits & traits.LATEST) for row in Presence.objects.all()}
    assert marked == {"EG": True, "TR": False}


def test_trips_and_lists_go_too_and_a_person_of_whom_nothing_is_left(source: Source) -> None:
    long_ago = date.today() - timedelta(days=40)
    nobody, known = Contact.objects.create(), person(2)
    for who in (nobody, known):
        Trip.objects.create(contact=who, country="EG", starts_on=long_ago, ends_on=long_ago, source=source)
    old = ContactList.objects.create(name="passengers", source=source, uploaded_at=now() - timedelta(days=31))
    ListMember.objects.create(list=old, contact=nobody)
    assert retention.destroy_old() == (True, {"presence": 0, "trips": 2, "lists": 1, "contacts": 1})
    assert [*Contact.objects.all()] == [known]


def test_a_colleague_who_gets_tests_stays(source: Source) -> None:
    who = Contact.objects.create()
    StaffMember.objects.create(name="an engineer", contact=who, added_by=world.person("boris", "supervisor"))
    Trip.objects.create(contact=who, country="EG", starts_on=date(2015, 1, 1), ends_on=date(2015, 1, 2), source=source)
    retention.destroy_old()
    assert Contact.objects.filter(pk=who.pk).exists()


def test_an_opt_out_outlives_its_person(source: Source) -> None:
    address = Address.objects.create(kind=VK, value_hmac=b"1", denied=True)
    seen(person(2), source, EG=80)
    retention.destroy_old()
    assert Address.objects.filter(pk=address.pk, denied=True).exists()


def test_the_sweeper_does_it_and_writes_down_how_much_in_one_record(source: Source) -> None:
    seen(person(1), source, EG=31, TR=32)
    for _round in range(9):
        sweep()
    act = Destruction.objects.get()
    assert (act.kind, act.counts["presence"], act.ended_at is not None) == ("retention", 2, True)
    assert AuditEntry.objects.filter(action="retention").count() == 1


def test_a_day_on_which_nothing_is_too_old_leaves_no_record(source: Source) -> None:
    seen(person(1), source, EG=1)
    for _round in range(9):
        sweep()
    assert not Destruction.objects.exists()
