"""The form of a draft: what it takes for wrong, and what it calls needed."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from crisis.models import Incident
from messaging import workflow
from messaging.forms.campaigns import CampaignForm
from tests import visits, world
from tests.desk import Desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def incident() -> Incident:
    return world.incident(world.person("anna", "operator"))


def form(incident: Incident, **typed: Any) -> CampaignForm:
    return CampaignForm({"kind": "alert", **typed}, incident=incident)


def test_what_is_folded_away_under_a_saved_audience_is_not_judged(incident: Incident) -> None:
    version = world.audience(world.person("olga", "operator"))
    assert form(incident, audience=str(version.pk), hours="5000", mode="nonsense", countries=["XX"]).errors == {}


def test_a_new_audience_is_judged_where_it_is_written(incident: Incident) -> None:
    assert {"hours", "mode"} <= form(incident, audience="new", hours="5000", mode="nonsense", countries=["EG"]).errors.keys()


def test_what_is_needed_to_submit_is_not_called_optional(incident: Incident) -> None:
    fields = CampaignForm(incident=incident).fields
    needed = {name for name, field in fields.items() if field.required or getattr(field, "needed", False)}
    assert {"body_ru", "audience", "accounts", "not_after"} <= needed
    assert "link" not in needed


def test_nothing_follows_a_message_that_was_rejected() -> None:
    desk = Desk()
    earlier = desk.submitted()
    workflow.reject(earlier, "Wrong country", by=desk.chief)
    assert [*CampaignForm(incident=desk.incident).fields["refers_to"].queryset] == []  # type: ignore[attr-defined]
    address = reverse("campaign_new", args=[desk.incident.pk])
    assert visits.screen_of(desk.author).get(address, {"template": "update", "refers_to": earlier.pk}).status_code == 404
