"""Saved audiences: versions are written once, by somebody named, and the database keeps them as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction

from audiences.criteria import AnyOf, Criteria, Permitted, Seen, Speaks, Subscribed
from audiences.definitions import define, revise
from audiences.models import AudienceVersion
from crisis.models import AuditEntry, User
from crisis.refusal import Forbidden, Refused

db = pytest.mark.django_db

CHANGES = ["UPDATE audiences_audienceversion SET number = 7", "DELETE FROM audiences_audienceversion"]
EGYPT = Criteria(Seen(("EG",), 336))


@pytest.fixture
def anna(person: Callable[..., User]) -> User:
    return person("anna", "operator")


@db
def test_it_defines_an_audience_and_says_who_wrote_it(anna: User) -> None:
    version = define(" In Egypt ", EGYPT, by=anna)
    assert (version.audience.name, version.number, version.written_by) == ("In Egypt", 1, anna)
    assert Criteria.from_json(AudienceVersion.objects.get().criteria) == EGYPT
    assert AuditEntry.objects.latest("id").action == "audience.write"


@db
def test_a_revision_is_a_further_version(anna: User, person: Callable[..., User]) -> None:
    first, boris = define("In Egypt", EGYPT, by=anna), person("boris", "supervisor")
    second = revise(first.audience, Criteria(*EGYPT.of, Speaks(("ru",))), by=boris)
    assert (second.number, second.written_by) == (2, boris)
    assert AudienceVersion.objects.get(number=1).criteria == EGYPT.to_json()


@db
def test_saying_the_same_again_writes_nothing(anna: User) -> None:
    first = define("In Egypt", EGYPT, by=anna)
    assert revise(first.audience, EGYPT, by=anna) == first
    assert AudienceVersion.objects.count() == 1


@db
def test_saying_the_same_in_another_order_writes_nothing(anna: User) -> None:
    place, other = EGYPT.of[0], Seen(("TR",), 24)
    follow, choice = Subscribed("vk", True), AnyOf(Speaks(("ru",)), Permitted("vk", True))
    first = define("In Egypt", Criteria(place, other, follow, choice), by=anna)
    turned = AnyOf(Permitted("vk", True), Speaks(("ru",)))
    assert revise(first.audience, Criteria(turned, follow, place, other), by=anna) == first
    assert revise(first.audience, Criteria(other, place, follow, choice), by=anna) != first


@db
@pytest.mark.parametrize("name", ["", "  ", "x" * 201])
def test_it_refuses_a_name_that_is_empty_or_too_long(anna: User, name: str) -> None:
    with pytest.raises(Refused):
        define(name, EGYPT, by=anna)


@db
def test_it_refuses_a_role_that_does_not_write_audiences(person: Callable[..., User]) -> None:
    with pytest.raises(Forbidden):
        define("In Egypt", EGYPT, by=person("clara", "auditor"))


@db
@pytest.mark.parametrize("statement", CHANGES)
def test_the_application_may_not_change_a_version(anna: User, statement: str) -> None:
    define("In Egypt", EGYPT, by=anna)
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("statement", [*CHANGES, "TRUNCATE audiences_audienceversion CASCADE"])
def test_not_even_the_owner_of_the_tables_changes_a_version(
    committed: str, person: Callable[..., User], django_db_blocker: Any, statement: str
) -> None:
    with django_db_blocker.unblock():
        define("In Egypt", EGYPT, by=person("anna", "operator"))
        with pytest.raises(DatabaseError, match="only grows"), connections["owner"].cursor() as cursor:
            cursor.execute(statement)
