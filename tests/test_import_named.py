"""Files about people who are named by reference or by address: stays abroad, and lists that never change."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from audiences import imports
from audiences.imports import Imported, Parsed
from audiences.models import Contact, ContactList, ListMember, Source, Trip
from crisis.refusal import Refused
from tests import world

TRIPS = "contact,kind,value,country,starts_on,ends_on\n"
LIST = "contact,kind,value\n"

db = pytest.mark.django_db


def read(kind: str, text: str) -> Parsed:
    return imports.read(kind, io.BytesIO(text.encode()))


def bring(kind: str, text: str, by: Source | None = None, **more: Any) -> Imported:
    return imports.apply(read(kind, text), by or source(), None, **more)


def source(name: str = "Carrier", **changes: Any) -> Source:
    return Source.objects.get_or_create(name=name, defaults={"owner": name, "legal_basis": "agreement", **changes})[0]


def two_people() -> tuple[Contact, Contact]:
    imports.apply(read("contacts", "contact,language\n1,ru\n2,ru\n"), None, None)
    text = "contact,kind,value,subscribed,permitted,denied\n1,vk,42,1,1,0\n2,phone,8 (916) 123-45-67,0,1,0\n"
    imports.apply(read("addresses", text), None, None)
    one, two = Contact.objects.order_by("reference")
    return one, two


@db
def test_a_stay_is_stored_for_a_person_named_by_reference_or_by_address() -> None:
    one, two = two_people()
    bring("trips", TRIPS + "1,,,EG,2015-11-01,2015-11-14\n,phone,+79161234567,tr,2015-11-02,2015-11-02\n")
    assert [*Trip.objects.order_by("country").values_list("contact_id", "country")] == [(one.pk, "EG"), (two.pk, "TR")]


@db
def test_a_stay_told_again_is_not_stored_twice() -> None:
    two_people()
    bring("trips", TRIPS + "1,,,EG,2015-11-01,2015-11-14\n")
    again = bring("trips", TRIPS + "1,,,EG,2015-11-01,2015-11-14\n,vk,42,EG,2015-11-01,2015-11-14\n")
    assert (again.counts["added"], again.counts["unchanged"], Trip.objects.count()) == (0, 2, 1)


@db
@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("1,vk,42,EG,2015-11-01,2015-11-02", "contact"),
        (",,,EG,2015-11-01,2015-11-02", "contact"),
        (",fax,42,EG,2015-11-01,2015-11-02", "kind"),
        (",phone,+7916,EG,2015-11-01,2015-11-02", "value"),
        ("1,,,XX,2015-11-01,2015-11-02", "country"),
        ("1,,,EG,01.11.2015,2015-11-02", "starts_on"),
        ("1,,,EG,2015-11-01,2015-11-31", "ends_on"),
        ("1,,,EG,2015-11-02,2015-11-01", "ends_on"),
        ("1,,,EG,1999-11-01,2015-11-02", "starts_on"),
        ("1,,,EG,2015-11-01,2100-01-01", "ends_on"),
    ],
)
def test_it_names_the_bad_cell_of_a_stay(row: str, column: str) -> None:
    (error,) = read("trips", f"{TRIPS}{row}\n").errors
    assert (error.line, error.column) == (2, column)


@db
def test_a_list_holds_those_it_names_once_each() -> None:
    one, two = two_people()
    bring("lists", LIST + "1,,\n,vk,42\n1,,\n2,,\n", list_name="Flight 9268")
    made = ContactList.objects.get(name="Flight 9268")
    assert {*made.members.values_list("contact_id", flat=True)} == {one.pk, two.pk}


@db
def test_people_nobody_knows_are_named_by_line_and_not_made() -> None:
    two_people()
    before = Contact.objects.count()
    done = bring("lists", LIST + "nobody,,\n1,,\n,vk,99\n", list_name="Flight")
    assert [(e.line, e.column, e.value) for e in done.errors] == [(2, "contact", "nobody"), (4, "value", "")]
    assert (done.counts["refused"], done.counts["added"], Contact.objects.count()) == (2, 1, before)


@db
@pytest.mark.parametrize(
    ("name", "sentence"),
    [("", "Give the list a name"), ("Known", "another name"), ("a\u202eb", "U\\+202E"), ("x" * 201, "at most 200")],
)
def test_a_list_needs_a_name_of_its_own(name: str, sentence: str) -> None:
    two_people()
    ContactList.objects.create(name="Known", source=source())
    before = world.counts()
    with pytest.raises(Refused, match=sentence):
        bring("lists", LIST + "1,,\n", list_name=name)
    assert world.counts() == before


@db
def test_a_list_of_nobody_known_is_not_made() -> None:
    source()
    before = world.counts()
    with pytest.raises(Refused, match="We know nobody"):
        bring("lists", LIST + "1,,\n", list_name="Flight")
    assert world.counts() == before


@db
@pytest.mark.parametrize("kind", ["trips", "lists"])
@pytest.mark.parametrize(("changes", "why"), [({"legal_basis": " "}, "no legal basis"), ({"active": False}, "switched off")])
def test_who_answers_for_a_file_has_to_be_in_use_with_a_legal_basis(kind: str, changes: dict[str, Any], why: str) -> None:
    two_people()
    text = LIST + "1,,\n" if kind == "lists" else TRIPS + "1,,,EG,2015-11-01,2015-11-14\n"
    by = source("Rumour", **changes)
    before = world.counts()
    with pytest.raises(Refused, match=why):
        bring(kind, text, by, list_name="Flight")
    assert world.counts() == before


def made_list() -> tuple[ContactList, Contact]:
    """A list of the first of two people, and the second."""
    _one, two = two_people()
    bring("lists", LIST + "1,,\n", list_name="Flight")
    return ContactList.objects.get(), two


@pytest.mark.usefixtures("committed")
def test_nobody_is_added_to_a_list_later_or_exchanged_or_taken_out() -> None:
    made, other = made_list()
    changes = (
        lambda: ListMember.objects.create(list=made, contact=other),
        lambda: ListMember.objects.filter(list=made).update(contact=other),
        lambda: ListMember.objects.filter(list=made).delete(),
    )
    for change in changes:
        with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
            change()
    assert made.members.count() == 1


@pytest.mark.usefixtures("committed")
def test_a_person_who_is_forgotten_leaves_every_list() -> None:
    made, _other = made_list()
    Contact.objects.filter(reference="1").delete()
    assert made.members.count() == 0
