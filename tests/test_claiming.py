"""What a claim costs does not grow with what waits: a million people are ten thousand batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from messaging import workflow
from messaging.delivery import turns
from messaging.delivery.claiming import OPEN, HeldLane, claim, take
from messaging.models import Campaign, Lane
from tests import world
from tests.stages import Cast
from tests.world import sql

WAITING = 300
FIRST = (
    f"EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF, FORMAT JSON) {OPEN} ORDER BY b.rank, b.id LIMIT 1 FOR UPDATE OF b SKIP LOCKED"
)


@pytest.fixture
def cast(committed: str, monkeypatch: pytest.MonkeyPatch) -> Cast:
    """Everybody is a batch of their own."""
    monkeypatch.setattr(turns, "MOST", 1)
    cast = Cast()
    world.contacts([*range(1001, 1001 + WAITING)])
    return cast


def sending(cast: Cast) -> Campaign:
    return world.approve(cast.submitted(), cast.approver)


def held(cast: Cast) -> HeldLane:
    lane = take(Lane.objects.get(account=cast.account).pk)
    assert lane is not None
    return lane


def scans(cast: Cast) -> list[dict[str, Any]]:
    """The steps of looking for the next batch."""
    with connection.cursor() as cursor:
        cursor.execute(FIRST, {"account": cast.account.pk})
        return [*_steps(cursor.fetchone()[0][0]["Plan"])]


def _steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for step in plan.get("Plans", ()):
        yield from _steps(step)


def test_the_next_batch_is_found_without_reading_those_behind_it_whatever_statistics_say(cast: Cast) -> None:
    sql("UPDATE messaging_batch SET status = 'done' WHERE campaign_id = %s", sending(cast).pk)
    sql("SELECT tests_analyze()")
    sending(cast)
    steps = scans(cast)
    assert "Sort" not in {step["Node Type"] for step in steps}
    assert max(step["Actual Rows"] for step in steps) < WAITING / 10


def test_people_of_a_paused_campaign_are_passed_over_without_a_look_at_it_for_each(cast: Cast) -> None:
    workflow.pause(sending(cast), by=cast.author)
    sending(cast)
    assert max(step["Actual Loops"] for step in scans(cast)) < WAITING / 10
    claimed = claim(held(cast))
    assert claimed is not None
    assert claimed.campaign_status == "sending"


def test_a_claim_is_planned_once_whatever_statistics_promise(cast: Cast) -> None:
    sending(cast)
    lane = held(cast)
    assert all(claim(lane) for _ in range(8))
    sql("SELECT tests_analyze()")
    assert all(claim(lane) for _ in range(8))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(custom_plans) FROM pg_prepared_statements WHERE statement LIKE '%%RETURNING b.id, b.campaign_id%%'"
        )
        assert cursor.fetchone() == (0,)
