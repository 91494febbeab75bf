"""A POST of a program has its effect once, however often and from how many sides it comes."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction

from crisis.api import once
from crisis.api.once import KEPT
from crisis.clock import now
from crisis.models import ApiAnswer, AuditEntry
from messaging.models import Campaign
from tests import world
from tests.programs import Scene, said, sentences

pytestmark = pytest.mark.usefixtures("quiet")

SAME = {"Idempotency-Key": "the same"}


@pytest.mark.django_db
def test_the_first_answer_is_said_again_with_its_status() -> None:
    scene = Scene()
    body = scene.draft_body()
    first, before = scene.ours.post("campaigns", body, **SAME), world.counts()
    again = scene.ours.post("campaigns", body, **SAME)
    assert (again.status_code, again.content) == (first.status_code, first.content) == (201, first.content)
    assert world.counts() == before


@pytest.mark.django_db
def test_a_repeated_submit_is_answered_as_the_first_was() -> None:
    scene = Scene()
    campaign = scene.drafted()
    answers = [scene.ours.post(f"campaigns/{campaign.pk}/submit", **SAME) for _ in range(2)]
    assert [(answer.status_code, said(answer)["status"]) for answer in answers] == [(200, "submitted")] * 2
    assert AuditEntry.objects.filter(action="campaign.submit").count() == 1


@pytest.mark.django_db
def test_another_call_under_the_same_key_is_refused() -> None:
    scene = Scene()
    campaign = scene.drafted()
    scene.ours.post(f"campaigns/{campaign.pk}/submit", **SAME)
    before = world.counts()
    others = [
        scene.ours.post("campaigns", scene.draft_body(), **SAME),
        scene.ours.post(f"campaigns/{campaign.pk}/stop", **SAME),
    ]
    assert [(answer.status_code, next(sentences(answer))[0]) for answer in others] == [(422, "Idempotency-Key")] * 2
    assert world.counts() == before


@pytest.mark.django_db
def test_a_refusal_is_not_remembered_because_it_did_nothing() -> None:
    scene = Scene()
    assert scene.ours.post("campaigns", scene.draft_body(incident=999), **SAME).status_code == 422
    assert scene.ours.post("campaigns", scene.draft_body(), **SAME).status_code == 201


@pytest.mark.django_db
def test_the_keys_of_one_client_are_not_those_of_another() -> None:
    scene = Scene()
    body = scene.draft_body()
    answers = [one.post("campaigns", body, **SAME) for one in (scene.ours, scene.theirs)]
    assert len({said(answer)["id"] for answer in answers}) == 2


@pytest.mark.django_db
def test_a_key_is_forgotten_after_seven_days() -> None:
    scene = Scene()
    body = scene.draft_body()
    first = scene.ours.post("campaigns", body, **SAME)
    ApiAnswer.objects.update(at=now() - KEPT + timedelta(minutes=1))
    assert said(scene.ours.post("campaigns", body, **SAME))["id"] == said(first)["id"]
    ApiAnswer.objects.update(at=now() - KEPT)
    assert said(scene.ours.post("campaigns", body, **SAME))["id"] != said(first)["id"]


@pytest.mark.django_db
def test_the_answer_is_lost_with_its_effect_and_never_alone() -> None:
    scene = Scene()
    before = world.counts()
    with transaction.atomic():
        scene.ours.post("campaigns", scene.draft_body(), **SAME)
        transaction.set_rollback(True)
    assert world.counts() == before


@pytest.mark.usefixtures("committed")
def test_the_same_call_from_eight_sides_at_once_makes_one_campaign() -> None:
    scene = Scene()
    body = scene.draft_body()

    def call(_number: int) -> Any:
        try:
            return scene.ours.post("campaigns", body, **SAME)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = [*pool.map(call, range(8))]
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses[201] >= 1
    assert set(statuses) <= {201, 409}
    assert len({said(answer)["id"] for answer in answers if answer.status_code == 201}) == 1
    assert (Campaign.objects.count(), ApiAnswer.objects.count()) == (1, 1)


@pytest.mark.django_db
def test_a_key_that_is_not_remembered_lets_one_call_have_two_effects(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug planted: else one effect would prove nothing."""
    monkeypatch.setitem(once.__globals__, "_name", lambda request: uuid4().hex)
    scene = Scene()
    body = scene.draft_body()
    answers = [scene.ours.post("campaigns", body, **SAME) for _ in range(2)]
    assert len({answer.content for answer in answers}) == Campaign.objects.count() == 2
