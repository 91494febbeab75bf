"""What `manage.py bench` prints, at sizes that say nothing about speed."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from crisis import embedded
from messaging.management.commands.bench import Command

HEAD = {"bench", "rounds", "quiet_rounds", "noise", "ratios", "absolute", "memory_mb"}


SIZES = {"contacts": 1_000, "sightings": 3_000, "people": 100, "lanes": None, "peers": False}


def report(bench: str, blocker: DjangoDbBlocker, settings: Any, *, as_json: bool) -> str:
    printed, servers = StringIO(), embedded.Servers(settings.DATA_DIR, durable=False, process=None)
    with blocker.unblock():
        Command(stdout=printed).report(servers, bench=bench, rounds=1, json=as_json, **SIZES)
    return printed.getvalue()


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize("bench", ["console", "ingest", "launch", "reach", "receipts", "send"])
def test_a_bench_prints_ratios_and_times_of_what_it_measured(
    bench: str, committed: str, django_db_blocker: DjangoDbBlocker, settings: Any
) -> None:
    found = json.loads(report(bench, django_db_blocker, settings, as_json=True))
    assert (set(found), found["bench"], found["rounds"]) == (HEAD, bench, 1)
    assert all(set(ratio) == {"median", "min"} and ratio["min"] > 0 for ratio in found["ratios"].values())
    assert all(set(value) == {"median", "unit"} for value in found["absolute"].values())
    faults = [name for name in found["absolute"] if "deadlocks" in name or "failures" in name or "drift" in name]
    assert [found["absolute"][name]["median"] for name in faults] == [0] * len(faults)


def test_for_people_a_bench_says_how_many_rounds_were_quiet(
    committed: str, django_db_blocker: DjangoDbBlocker, settings: Any
) -> None:
    assert "1 rounds, " in report("ingest", django_db_blocker, settings, as_json=False)
