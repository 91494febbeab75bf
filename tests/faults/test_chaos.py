"""A short chaos: a campaign to two platforms while workers, PostgreSQL, Redis, wires and platforms break.

The long one is `python -m tests.faults --layer chaos`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker
from pytest_django.fixtures import Settings

from tests.faults.chaos import endure
from tests.faults.conftest import opened
from tests.faults.layers import Options
from tests.faults.troubled import Troubled


class Small(Troubled):
    people = 120


@pytest.fixture
def troubled(
    tmp_path: Path, settings: Settings, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Troubled]:
    with django_db_blocker.unblock(), opened(Small, tmp_path / "var", settings) as place:
        yield place


def test_everybody_gets_it_once_or_is_said_to_be_in_doubt_whatever_breaks(troubled: Troubled) -> None:
    result = endure(troubled, Options(seed=1, seeds=1, faults=8))
    assert result.failures == []
    assert result.faults.total() >= 6
    assert result.deliveries == 2 * Small.people
