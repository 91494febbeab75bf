"""Every public function of the engine struck once: what a dead process leaves is taken up by a living one.

The workflow's are struck by `python -m tests.faults --layer crash`, like these, in every way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from django.test import override_settings
from pytest_django import DjangoDbBlocker

from tests.faults.crash import Catalogue, scout, struck, struck_naive
from tests.faults.points import KILLED_BEFORE, OUTCOMES, Strike
from tests.faults.stage import PUSH, SLUGS, VK, Stage, stage
from tests.faults.stories import STORIES


@pytest.fixture(scope="module")
def here(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Stage]:
    with django_db_blocker.unblock(), override_settings(LANGUAGE_CODE="en"), stage() as made:
        yield made


@pytest.fixture(scope="module")
def catalogue(here: Stage) -> Catalogue:
    """By each way half of the stories."""
    return scout(here, [(story, SLUGS[number % len(SLUGS)]) for number, story in enumerate(STORIES)])


def test_the_stories_come_to_every_public_function(catalogue: Catalogue) -> None:
    assert catalogue.unreached == []
    assert len(catalogue.points) > 90


def test_nothing_is_lost_or_doubled_wherever_a_process_dies(here: Stage, catalogue: Catalogue) -> None:
    engine = [n for n, point in enumerate(catalogue.points, 1) if point.startswith("messaging.delivery.")]
    results = [struck(here, catalogue, seed) for seed in engine]
    assert [failure for result in results for failure in result.failures] == []
    faults = sum((result.faults for result in results), Counter[str]())
    assert {*faults} == {*OUTCOMES}


def test_the_same_judge_sees_what_one_job_a_person_loses_and_doubles(here: Stage) -> None:
    """Else its silence about ours would prove nothing."""
    never_queued, not_noted = (Strike(f"tests.faults.naive.{name}", KILLED_BEFORE) for name in ("enqueue", "note"))
    assert struck_naive(here, VK, never_queued)["lost"] == 12
    assert struck_naive(here, VK, not_noted)["duplicated"] == 1
    assert struck_naive(here, PUSH, not_noted)["duplicated_unflagged"] == 1
