"""Real sendings stopped at random moments while the platform is in trouble and Redis is away."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.faults.layers import WRONGS


def test_nothing_begins_after_a_stop_and_the_page_counts_who_was_tried() -> None:
    command = [sys.executable, "-m", "tests.faults", "--layer", "stop", "--seed", "5", "--seeds", "1", "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    said = json.loads(ran.stdout)
    assert {name: said[name] for name in WRONGS} == dict.fromkeys(WRONGS, 0)
    assert said["faults_by_kind"]["Redis stands still"] == 1
    assert 0 < said["deliveries"] < 8_000
