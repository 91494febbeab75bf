"""What is done once a day: exactly once, also after days on which nothing ran, and again later when it fails."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from crisis import daily
from crisis.clock import now
from crisis.models import DailyDuty
from messaging.delivery import sweep
from tests import world
from tests.stages import ahead
from tests.world import sql


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[date]:
    """The days on which the only duty was done."""
    days: list[date] = []
    monkeypatch.setattr(daily, "DUTIES", {"a duty": lambda day: days.append(day) is None})
    return days


def today() -> date:
    return timezone.localdate(now())


@pytest.mark.django_db
def test_every_day_that_ended_is_done_once_the_oldest_first(done: list[date]) -> None:
    for _round in range(daily.CAUGHT_UP + 3):
        daily.do_due()
    assert done == [today() - timedelta(days=back) for back in range(daily.CAUGHT_UP, 0, -1)]


@pytest.mark.django_db
def test_a_duty_that_has_more_to_do_goes_on_in_the_next_round(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False, False, True])
    monkeypatch.setattr(daily, "DUTIES", {"a duty": lambda day: next(answers)})
    assert [daily.do_due() for _round in range(3)] == [0, 0, 1]
    assert DailyDuty.objects.get(ended_at__isnull=False).day == today() - timedelta(days=daily.CAUGHT_UP)


@pytest.mark.django_db
def test_a_duty_that_fails_is_tried_again_later_and_hinders_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def fail(day: date) -> bool:
        tried.append("failed")
        raise OSError("the disk is full")

    monkeypatch.setattr(daily, "DUTIES", {"fails": fail, "works": lambda day: tried.append("worked") is None})
    assert [daily.do_due(), daily.do_due()] == [1, 1]
    assert tried == ["failed", "worked", "worked"]
    sql("UPDATE crisis_dailyduty SET next_at = crisis_now() WHERE name = 'fails'")
    daily.do_due()
    assert tried.count("failed") == 2


@pytest.mark.usefixtures("committed")
def test_the_sweeper_exports_the_audit_of_a_day_that_ended(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_EXPORT_DIR = tmp_path / "audit"
    world.incident(world.person("anna", "operator"))
    day = today()
    for _round in range(daily.CAUGHT_UP):
        sweep()
    assert not settings.AUDIT_EXPORT_DIR.exists()
    ahead(days=1)
    sweep()
    (seal,) = settings.AUDIT_EXPORT_DIR.glob("*.seal.json")
    assert json.loads(seal.read_text())["payload"]["day"] == day.isoformat()
