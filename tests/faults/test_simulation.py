"""Some runs of the simulation: nothing lost, nothing doubled, nothing unsaid, whatever goes wrong; and a seed is one run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

from tests.faults.ground import Ground
from tests.faults.layers import WRONGS
from tests.faults.simulation import FAULTS, result_of, run

SEEDS = range(1, 17)


def test_every_promise_is_kept_whatever_goes_wrong(there: Ground) -> None:
    results = [result_of(run(there, seed), FAULTS) for seed in SEEDS]
    assert [failure for result in results for failure in result.failures] == []
    faults = sum((result.faults for result in results), Counter[str]())
    assert faults.total() >= 8 * len(SEEDS)
    assert sum(result.deliveries for result in results) >= 50 * len(SEEDS)


def test_without_a_fault_everybody_gets_everything_once(there: Ground) -> None:
    verdict = run(there, 7, faults=0)
    assert {name: found for name, found in verdict.wrongs.items() if found} == {}


def test_a_seed_is_always_the_same_run(there: Ground) -> None:
    first, other, again = run(there, 3), run(there, 4), run(there, 3)
    assert first.trace == again.trace
    assert first.digest == again.digest != other.digest


def test_the_command_says_how_many_of_everything_and_whether_all_is_well() -> None:
    command = [sys.executable, "-m", "tests.faults", "--layer", "sim", "--seed", "1", "--faults", "8", "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    said = json.loads(ran.stdout)
    assert {name: said[name] for name in WRONGS} == dict.fromkeys(WRONGS, 0)
    assert (said["layer"], said["seeds"], said["failures"]) == ("sim", 1, [])
    assert said["faults"] == sum(said["faults_by_kind"].values())
