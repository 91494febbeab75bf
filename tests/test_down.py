"""What does not work where stands on the situation page and in the handover, each with who says so and where it is ended."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from audiences import outages
from audiences.models import AddressKind, Outage
from crisis.clock import now
from crisis.models import Country, Incident, User
from messaging import down, handover
from tests import visits, world

pytestmark = pytest.mark.django_db
PAGES = ("situation", "shift_handover")


def report(by: User, *codes: str, kind: int = AddressKind.VK) -> list[Outage]:
    return outages.report(kind, Country.objects.filter(pk__in=codes), now() - timedelta(hours=1), "the operator", by=by)


def ended_at(by: User) -> list[str]:
    return [row.url.partition("#")[0] for row in down.lasting(by)]


def page_of(incident: Incident) -> str:
    return reverse("incident_detail", args=[incident.pk])


@pytest.mark.parametrize("name", PAGES)
def test_it_stands_there_in_a_line_until_it_ends(anna: User, name: str) -> None:
    incident = world.incident(anna)
    (outage,) = report(anna, "EG")
    shown = visits.page(anna, name)
    parts = (
        "VK unreachable from Egypt since ",
        "Says so: the operator · entered by Anna",
        f"{page_of(incident)}#outages",
    )
    assert [part in shown for part in parts] == [True] * 3
    outages.end(outage, now(), by=anna)
    assert "unreachable" not in visits.page(anna, name)


def test_it_is_ended_on_the_page_of_an_open_incident_there_and_never_of_a_drill(anna: User) -> None:
    here, elsewhere = world.incident(anna), world.incident(anna, countries=("TR",))
    world.incident(anna, drill=True)
    report(anna, "EG", "BY")
    assert sorted(ended_at(anna)) == sorted([page_of(here), page_of(elsewhere)])
    Incident.objects.filter(pk=here.pk).update(status=Incident.Status.CLOSED)
    assert ended_at(anna) == [page_of(elsewhere)] * 2


def test_without_an_incident_it_is_told_and_nowhere_ended(anna: User) -> None:
    report(anna, "EG")
    assert ended_at(anna) == [""]


@pytest.mark.parametrize("name", PAGES)
def test_who_may_not_end_it_reads_it_and_is_offered_nothing(anna: User, name: str) -> None:
    world.incident(anna)
    report(anna, "EG")
    shown = visits.page(world.person("dina", "auditor"), name)
    assert ("VK unreachable from Egypt" in shown, "works again" in shown) == (True, False)


@pytest.mark.parametrize("name", PAGES)
def test_a_mission_reads_of_its_own_country_alone(anna: User, name: str) -> None:
    report(anna, "EG", "TR")
    vera = world.place(world.person("vera", "operator"), mission=world.mission("EG"))
    shown = visits.page(vera, name)
    assert ("from Egypt" in shown, "from Türkiye" in shown) == (True, False)


def test_the_line_to_copy_names_three_and_counts_the_others(anna: User) -> None:
    report(anna, "EG", "TR", "BY", "CY")
    line = handover.line(handover.shift_of(anna, now()))
    assert (line.count("unreachable from"), "1 more outage" in line) == (3, True)
