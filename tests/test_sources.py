"""The register of sources: who may change it, what is refused, and a switch that takes effect at once."""

from __future__ import annotations

from typing import Any

import pytest

from audiences import sources
from audiences.criteria import Criteria, Seen
from audiences.models import AddressKind, ContactList, ListMember, Source, Trip
from audiences.reach import reach
from crisis.clock import now
from crisis.models import AuditEntry, User
from crisis.refusal import Forbidden, Refused
from tests import visits, world

pytestmark = pytest.mark.django_db
TYPED = {"name": "A carrier", "owner": "The carrier", "legal_basis": "a contract", "retention_days": "30"}
EGYPT = Criteria(Seen(("EG",), 336))


@pytest.fixture
def gleb() -> User:
    return world.person("gleb", "admin")


@pytest.fixture
def source() -> Source:
    world.contacts([1, 2, 3])
    return Source.objects.get()


def people() -> int:
    return reach(EGYPT, [AddressKind.VK], at=now()).people


def last() -> tuple[str, Any]:
    entry = AuditEntry.objects.latest("id")
    return entry.action, entry.data


def test_an_administrator_enters_a_source_and_the_audit_keeps_what_it_said(gleb: User) -> None:
    visits.post(gleb, "source_new", **TYPED)
    assert last() == ("source.add", {**TYPED, "retention_days": 30})
    assert "The carrier" in visits.page(world.person("anna", "operator"), "source_list")


def test_a_change_is_audited_with_what_it_said_before(gleb: User, source: Source) -> None:
    visits.post(gleb, "source_edit", source.pk, **{**TYPED, "name": "Story"})
    expected = {"owner": ["Story", "The carrier"], "legal_basis": ["invented", "a contract"], "retention_days": [90, 30]}
    assert last() == ("source.change", expected)


def test_what_changes_nothing_is_no_row_of_the_audit(gleb: User, source: Source) -> None:
    rows = AuditEntry.objects.count()
    sources.write(source, by=gleb)
    assert AuditEntry.objects.count() == rows


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("retention_days", 0, "1 to 90 days"),
        ("retention_days", 91, "1 to 90 days"),
        ("name", "Story", "in the register already"),
        ("name", "a\u202eb", "does not belong into one line"),
        ("owner", " ", "needed"),
    ],
)
def test_it_is_refused_with_the_reason(gleb: User, source: Source, field: str, value: Any, sentence: str) -> None:
    row = Source(**{**TYPED, "retention_days": 30, field: value})
    with pytest.raises(Refused, match=sentence):
        sources.write(row, by=gleb)
    assert Source.objects.count() == 1


def test_nobody_but_an_administrator_changes_it(boris: User, source: Source) -> None:
    with pytest.raises(Forbidden):
        sources.write(source, by=boris)


def test_a_supervisor_switches_a_source_off_and_nobody_is_counted_by_it_from_that_moment(boris: User, source: Source) -> None:
    assert people() == 3
    visits.post(boris, "source_switch", source.pk, on="no")
    assert (people(), last()) == (0, ("source.off", {}))
    visits.post(boris, "source_switch", source.pk, on="yes")
    assert (people(), last()) == (3, ("source.on", {}))


def test_a_switch_pressed_twice_says_so_and_changes_nothing(boris: User, source: Source) -> None:
    sources.switch(source, on=False, by=boris)
    with pytest.raises(Refused, match="switched off already"):
        sources.switch(source, on=False, by=boris)
    assert AuditEntry.objects.filter(action="source.off").count() == 1


def test_an_operator_sees_no_switch_and_has_none(source: Source) -> None:
    anna = world.person("anna", "operator")
    assert "Switch the source off" not in visits.page(anna, "source_detail", source.pk)
    with pytest.raises(Forbidden):
        sources.switch(source, on=False, by=anna)


def test_a_source_without_a_legal_basis_is_said_to_bring_nothing(gleb: User, source: Source) -> None:
    Source.objects.update(legal_basis=" ")
    assert "none noted" in visits.page(gleb, "source_list")
    assert "Nothing can be imported from this source" in visits.page(gleb, "source_detail", source.pk)


def test_people_are_counted_once_whatever_is_held_of_them(source: Source) -> None:
    (seen, *_others), (told, listed) = world.contacts([4, 5]), world.contacts([6, 7])
    other = Source.objects.create(name="lists", owner="o", legal_basis="b")
    for who in (seen, told):
        Trip.objects.create(contact=who, country="EG", starts_on=now().date(), ends_on=now().date(), source=other)
    made = ContactList.objects.create(name="passengers", source=other)
    for who in (told, listed):
        ListMember.objects.create(list=made, contact=who)
    assert (sources.people_of(other), sources.people_of(source)) == (3, 7)
    assert sources.held()[source.pk].sightings == 7


def test_the_reference_data_only_show_it(gleb: User, source: Source) -> None:
    screen = visits.screen_of(gleb)
    answer = screen.post(f"/admin/audiences/source/{source.pk}/change/", {**TYPED, "name": "another"})
    assert (answer.status_code, Source.objects.get().name) == (403, "Story")


def test_who_sends_nothing_is_not_told_how_few_people_a_source_holds(gleb: User, boris: User, source: Source) -> None:
    assert "fewer than 10 people, fewer than 10 sightings" in visits.page(gleb, "source_detail", source.pk)
    assert "3 people, 3 sightings" in visits.page(boris, "source_detail", source.pk)
