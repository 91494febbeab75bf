"""The simulation itself is tested: it finds each of these bugs when it is planted. Else its silence would prove nothing."""

from __future__ import annotations

import pytest

from tests.faults.ground import Ground
from tests.faults.oracle import Verdict
from tests.faults.planted import FORGETFUL, PLANTS, Plant, planted
from tests.faults.simulation import run


def found(there: Ground, plant: Plant) -> Verdict | None:
    """The first run in which a promise was broken that this bug breaks."""
    for seed in range(plant.first, plant.first + plant.seeds):
        with planted(plant.changes()):
            verdict = run(there, seed, plant.faults)
        if any(verdict.wrongs[name] for name in plant.notices):
            return verdict
    return None


@pytest.mark.parametrize("name", PLANTS)
def test_it_finds(there: Ground, name: str) -> None:
    assert found(there, PLANTS[name]), f"not found in {PLANTS[name].seeds} seeds"


def test_a_platform_that_never_forgets_would_hide_a_repeat_that_comes_too_late(there: Ground) -> None:
    plant = PLANTS["a repeat after the platform has forgotten"]
    verdict = found(there, plant)
    assert verdict is not None
    with planted([*plant.changes(), *FORGETFUL]):
        assert not run(there, verdict.seed, plant.faults).wrongs["duplicated"]
