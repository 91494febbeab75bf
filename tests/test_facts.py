"""The fact sheet of an incident: stated once, changed by a new row, kept for ever."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import DatabaseError
from django.test import Client
from django.urls import reverse

from crisis import facts, incidents
from crisis.models import AuditEntry, Fact, Incident, User
from crisis.refusal import Refused
from tests import world

Clients = Callable[[User], Client]
pytestmark = pytest.mark.django_db


@pytest.fixture
def incident(anna: User) -> Incident:
    return world.incident(anna)


def state(incident: Incident, by: User, name: str = "Рейс", value: str = "SU 400", **more: str) -> Fact:
    return facts.state_fact(Fact(incident=incident, name_ru=name, value_ru=value, **more), by=by)


def said(incident: Incident) -> list[tuple[str, str]]:
    return [(fact.name_ru, fact.value_ru) for fact in facts.sheet(Incident.objects.get(pk=incident.pk))]


def test_the_newest_row_of_a_name_counts_and_the_log_says_what_changed(incident: Incident, anna: User) -> None:
    state(incident, anna)
    state(incident, anna, value="SU 402")
    assert said(incident) == [("Рейс", "SU 402")]
    assert "Рейс: SU 400 → SU 402" in incident.log.first().text  # type: ignore[union-attr]
    assert AuditEntry.objects.filter(action="incident.fact").count() == 2


def test_an_empty_value_takes_a_fact_off_the_sheet_and_keeps_its_history(incident: Incident, anna: User) -> None:
    state(incident, anna)
    state(incident, anna, value="")
    assert (said(incident), incident.facts.count()) == ([], 2)


def test_the_hotline_of_the_incident_is_on_the_sheet_until_a_row_says_otherwise(incident: Incident, anna: User) -> None:
    Incident.objects.filter(pk=incident.pk).update(hotline="+7 495 000-00-01")
    assert said(incident) == [("Горячая линия", "+7 495 000-00-01")]
    state(incident, anna, "Горячая линия", "+7 495 000-00-02")
    assert said(incident) == [("Горячая линия", "+7 495 000-00-02")]


def test_a_changed_hotline_is_what_new_texts_and_answers_name(incident: Incident, anna: User) -> None:
    state(incident, anna, "Горячая линия", "+7 495 000-00-02")
    assert Incident.objects.get(pk=incident.pk).hotline == "+7 495 000-00-02"


@pytest.mark.parametrize(
    ("field", "fact"),
    [
        ("name_ru", {"name": " "}),
        ("name_ru", {"name": "Рейс [1]"}),
        ("name_ru", {"name": "Р" * 81}),
        ("value_ru", {"value": "one\ntwo"}),
        ("value_ru", {"value": "1" * 301}),
        ("value_ru", {"value": "call us", "kind": "phone"}),
        ("value_ru", {"value": ""}),
        ("kind", {"kind": "poem"}),
    ],
)
def test_what_texts_cannot_say_is_refused_at_its_field(
    incident: Incident, anna: User, field: str, fact: dict[str, str]
) -> None:
    with pytest.raises(Refused) as refused:
        state(incident, anna, **fact)
    assert [problem.field for problem in refused.value.problems] == [field]
    assert not incident.facts.exists()


def test_the_sheet_of_a_closed_incident_stays_as_it_is(incident: Incident, anna: User) -> None:
    incidents.move(incident, "closed", by=anna)
    with pytest.raises(Refused, match="closed"):
        state(incident, anna)


def test_an_auditor_states_no_fact(incident: Incident) -> None:
    with pytest.raises(Refused, match="role"):
        state(incident, world.person("dina", "auditor"))


def test_the_database_changes_no_row_of_the_sheet(incident: Incident, anna: User) -> None:
    state(incident, anna)
    with pytest.raises(DatabaseError):
        incident.facts.update(value_ru="SU 500")


def test_the_incident_shows_its_facts_and_takes_a_new_one(incident: Incident, client_of: Clients, anna: User) -> None:
    desk = client_of(anna)
    typed = {"name_ru": "Рейс", "name_en": "Flight", "kind": "flight", "value_ru": "SU 400"}
    answer = desk.post(reverse("incident_fact", args=[incident.pk]), typed)
    assert answer.status_code == 302
    page = desk.get(reverse("incident_detail", args=[incident.pk])).content.decode()
    assert "Flight" in page
    assert "SU 400" in page


def test_a_value_that_cannot_be_read_takes_no_fact_off_the_sheet(incident: Incident, client_of: Clients, anna: User) -> None:
    state(incident, anna)
    unreadable = {"name_ru": "Рейс", "kind": "text", "value_ru": "SU\x00402"}
    assert client_of(anna).post(reverse("incident_fact", args=[incident.pk]), unreadable).status_code == 422
    assert said(incident) == [("Рейс", "SU 400")]
