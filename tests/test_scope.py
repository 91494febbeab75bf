"""What people of a mission see: the incidents that touch their mission's country, and nothing else is there for them."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import QueryDict

from audiences.forms import AudienceFilter
from audiences.models import Audience
from crisis.clock import now
from crisis.models import AuditEntry, Country, Incident, Mission, User
from crisis.refusal import Refused
from messaging import waiting, workflow
from messaging.models import Account, Campaign, Receipt, Reply
from tests import visits, world

pytestmark = pytest.mark.django_db
PLACES = ("situation", "incident_list", "campaign_list", "audience_list", "coverage")


class Abroad:
    """An embassy in Egypt with an operator; an incident there and one in Turkey, each with a campaign and an audience."""

    def __init__(self) -> None:
        self.mission = Mission.objects.create(
            country_id="EG", kind="embassy", name_ru="Посольство", name_en="Embassy in Egypt", city_ru="Каир", city_en="Cairo"
        )
        self.ministry = world.person("anna", "operator")
        self.embassy = self.of_mission("olga", "operator")
        self.account = world.account()
        self.here = self.campaign("EG", "Hurghada")
        self.there = self.campaign("TR", "Antalya")

    def of_mission(self, name: str, role: str) -> User:
        return world.place(world.person(name, role), mission=self.mission)

    def campaign(self, country: str, name: str) -> Campaign:
        incident = world.incident(self.ministry, countries=(country,))
        Incident.objects.filter(pk=incident.pk).update(title_en=f"{name} incident", title_ru=f"{name} incident")
        version = world.audience(self.ministry)
        Audience.objects.filter(pk=version.audience_id).update(incident=incident, name=f"{name} audience")
        content = world.content(self.account, version=version)
        return workflow.draft(incident, content, by=self.ministry)


@pytest.fixture
def abroad() -> Abroad:
    return Abroad()


def test_people_of_the_ministry_see_everything(abroad: Abroad) -> None:
    assert {*Campaign.objects.seen_by(abroad.ministry)} == {abroad.here, abroad.there}
    assert Incident.objects.seen_by(abroad.ministry).count() == Audience.objects.seen_by(abroad.ministry).count() == 2


def test_people_of_a_mission_see_what_touches_its_country(abroad: Abroad) -> None:
    assert [*Campaign.objects.seen_by(abroad.embassy)] == [abroad.here]
    assert [*Incident.objects.seen_by(abroad.embassy)] == [abroad.here.incident]
    assert [row.name for row in Audience.objects.seen_by(abroad.embassy)] == ["Hurghada audience"]


def test_an_incident_in_several_countries_is_listed_once(abroad: Abroad) -> None:
    abroad.here.incident.countries.add(Country.objects.get(pk="TR"))
    assert [*Incident.objects.seen_by(abroad.embassy)] == [abroad.here.incident]


def test_an_audience_of_no_incident_is_everybodys(abroad: Abroad) -> None:
    Audience.objects.update(incident=None)
    assert Audience.objects.seen_by(abroad.embassy).count() == 2


@pytest.mark.parametrize("name", PLACES)
def test_a_list_names_nothing_of_another_country(abroad: Abroad, name: str) -> None:
    page = visits.page(abroad.embassy, name)
    assert "Antalya" not in page
    assert "Antalya" in visits.page(abroad.ministry, name) or name in ("situation", "coverage")


def test_filters_offer_only_what_is_seen(abroad: Abroad) -> None:
    form: Any = AudienceFilter(QueryDict(), by=abroad.embassy)
    assert [*form.fields["incident"].queryset] == [abroad.here.incident]


@pytest.mark.parametrize("name", ["draft", "preview", "decision", "report_json", "stop", "replies"])
def test_a_foreign_campaign_is_not_there(abroad: Abroad, name: str) -> None:
    visits.expect_status(404, abroad.embassy, f"campaign_{name}", abroad.there.pk)


def test_a_foreign_campaign_is_not_acted_on(abroad: Abroad) -> None:
    assert visits.post(abroad.embassy, "campaign_submit", abroad.there.pk).status_code == 404
    assert Campaign.objects.get(pk=abroad.there.pk).status == "draft"


def test_a_foreign_incident_is_neither_read_nor_written(abroad: Abroad) -> None:
    there = abroad.there.incident
    visits.expect_status(404, abroad.embassy, "incident_detail", there.pk)
    assert visits.post(abroad.embassy, "incident_note", there.pk, text="words").status_code == 404
    assert not there.log.filter(text="words").exists()


def test_a_draft_cannot_be_begun_for_a_foreign_incident(abroad: Abroad) -> None:
    visits.expect_status(404, abroad.embassy, "campaign_new", abroad.there.incident_id)


def test_a_reply_is_found_under_its_own_campaign_alone(abroad: Abroad) -> None:
    receipt = Receipt.objects.create(account=abroad.account, event_id="1", kind="reply", at=now())
    reply = Reply.objects.create(account=abroad.account, receipt=receipt, campaign=abroad.there, text="words", key=1)
    assert visits.post(abroad.embassy, "reply_read", abroad.there.pk, reply.pk).status_code == 404
    assert visits.post(abroad.embassy, "reply_read", abroad.here.pk, reply.pk).status_code == 404


def test_what_waits_is_what_is_seen(abroad: Abroad) -> None:
    Incident.objects.update(next_update_at="2020-01-01T00:00:00Z")
    assert ["Antalya" in item["text"] for item in waiting.found(abroad.embassy)] == [False]


def test_a_mission_declares_only_where_it_works(abroad: Abroad) -> None:
    with pytest.raises(Refused, match="Your mission is in another country"):
        world.incident(abroad.embassy, countries=("TR",))
    assert world.incident(abroad.embassy, countries=("TR", "EG")).pk


def test_a_mission_reads_the_audit_of_its_own_office(abroad: Abroad) -> None:
    chief = abroad.of_mission("boris", "supervisor")
    world.incident(abroad.embassy)
    assert {entry.by for entry in AuditEntry.objects.seen_by(chief)} == {abroad.embassy}
    assert "Anna" not in visits.page(chief, "audit_list").split("<main")[1].split("</form>")[-1]


def test_accounts_are_everybodys(abroad: Abroad) -> None:
    visits.expect_status(200, abroad.embassy, "account_detail", Account.objects.get().pk)
