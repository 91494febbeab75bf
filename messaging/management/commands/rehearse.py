"""`manage.py rehearse STORY`: a story without hands in a temporary directory, judged by the platforms' own journals."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from django.test import Client

from crisis import embedded
from crisis.models import User
from crisis.refusal import Refused
from crisis.supervisor import Supervisor
from messaging.models import Account, Campaign
from messaging.stage import Stage, StageError
from messaging.stories import acting, deciding, egypt, judging, ordering, scanning, telling

DECISION, ORDERS = "egypt-decision", "egypt-orders"
WAYS = {"egypt": ("vk-direct", "vk-geo"), "direct": ("vk-direct",)}
STORIES = {
    "egypt": (egypt.generate, egypt.PEOPLE),
    "direct": (egypt.generate_direct, egypt.DIRECT_PEOPLE),
    DECISION: (egypt.generate, 2_000),
    ORDERS: (egypt.generate, 20_000),
}
READY_SECONDS, SENT_SECONDS = 60.0, 300.0
ZERO = ("lost", "duplicated", "unexpected", "identifiers_leaked", "addresses_in_clear", "rate_limited")


class Command(BaseCommand):
    help = "Plays a story through the verbs, workers and simulated platforms. Exit 0 only if nobody was lost or got it twice."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "story",
            choices=sorted(STORIES),
            help="egypt: by two roads; direct: the load case by one; egypt-decision: who is woken when; egypt-orders: "
            "what others find and send, one of them silent, one stopped midway",
        )
        parser.add_argument(
            "--people",
            type=int,
            metavar="N",
            help="default: 70,000 in egypt, 20,000 in direct and egypt-orders, 2,000 in egypt-decision",
        )
        parser.add_argument("--no-limit", action="store_true", help="neither VK nor our account counts calls per second")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        stage = Stage.entered(settings.DATA_DIR, limited=not options["no_limit"])
        if stage is None:
            for name in ("DATABASE_URL", "OWNER_DATABASE_URL", "REDIS_URL"):  # never on servers of others
                os.environ.pop(name, None)
            if options["story"] == DECISION:
                os.environ.setdefault("CRISIS_ESCALATE_SECONDS", deciding.STEP)
            Stage.at(Path(tempfile.mkdtemp(prefix="crisis-rehearsal-"))).enter()
            return
        try:
            found = self._rehearse(stage, options["story"], options["people"])
        except (embedded.EmbeddedError, StageError, egypt.StoryError, Refused) as error:
            raise CommandError(str(error)) from error
        finally:
            shutil.rmtree(stage.data_dir, ignore_errors=True)
        in_lines = "\n".join(f"{key}: {value}" for key, value in found.items())
        self.stdout.write(json.dumps(found) if options["json"] else in_lines)
        if any(found.get(name) for name in ZERO) or not found["as_expected"]:
            sys.exit(1)

    def _rehearse(self, stage: Stage, story: str, people: int | None) -> dict[str, Any]:
        generate, usual = STORIES[story]
        stage.secrets()
        directory = stage.data_dir / "story"
        with embedded.servers(stage.data_dir):
            at = telling.prepare(directory, partial(generate, people=people or usual))
            if not stage.limited:
                Account.objects.update(rate=None)
            commands = [*stage.simulators(at, telling.hooks(stage.web), lively=False), *stage.console(telling.workers())]
            with Supervisor(commands) as supervisor:
                if not supervisor.run_until(stage.answers, READY_SECONDS):
                    raise StageError("The console or a simulator does not answer.")
                found = _played(stage, supervisor, directory, story)
            connections.close_all()
        return found


def _played(stage: Stage, supervisor: Supervisor, directory: Path, story: str) -> dict[str, Any]:
    if story == DECISION:
        return deciding.rehearse(stage, supervisor, directory)
    if story == ORDERS:
        ordered = ordering.rehearse(stage, supervisor, directory)
        found = ordering.verdict(ordered, stage)
        sent = _judged(stage, directory, ordered.played, ordered.stopped.campaign)
        return sent | found | {"as_expected": sent["as_expected"] and found["orders_as_expected"]}
    played = acting.play(directory, ways=WAYS[story])
    if not supervisor.run_until(acting.ended(played.campaign), SENT_SECONDS):
        raise StageError(f"The sending has not ended after {SENT_SECONDS:.0f} s.")
    return _judged(stage, directory, played)


def _judged(stage: Stage, directory: Path, played: acting.Played, *others: Campaign) -> dict[str, Any]:
    """The sending by the platforms' journals; and who of anybody's people stands where nobody may, also of other campaigns."""
    exports = [content for campaign in (played.campaign, *others) for content in _exports(campaign)]
    leaked = scanning.leaks(_marks(stage), _written(stage), exports)
    clear = scanning.in_clear(_addresses(directory), (stage.data_dir / "logs").glob("*.log"), exports)
    return _found(stage, directory, played, leaked) | {"addresses_in_clear": sum(clear.values()), "in_clear_where": clear}


def _found(stage: Stage, directory: Path, played: acting.Played, leaked: dict[str, int]) -> dict[str, Any]:
    """The verdict as one flat object."""
    expected = judging.expectations(directory / "expected.csv")
    journal = judging.lines(stage.journal("vk"))
    verdict, calls = judging.judge(journal, expected), judging.calls(journal, played.approved_at)
    ledger = acting.ledger_of(played.campaign)
    due = judging.due(expected)
    return {
        "people": len(due),
        "accepted": verdict.accepted,
        "failed": dict(verdict.failed),
        "delegated": acting.order_of(played.campaign),
        "lost": verdict.lost,
        "duplicated": verdict.duplicated,
        "unexpected": verdict.unexpected,
        "identifiers_leaked": sum(leaked.values()),
        "leaked_where": leaked,
        "as_expected": ledger == {"accepted": verdict.accepted, **verdict.failed} == judging.totals(due),
        "reach_preview_ms": played.reach_preview_ms,
        "snapshot_s": played.snapshot_s,
        "approve_to_first_call_s": calls.first_s,
        "approve_to_last_call_s": calls.last_s,
        "calls": calls.calls,
        "calls_per_s": calls.per_second,
        "max_calls_in_any_second": calls.max_in_any_second,
        "rate_limited": calls.rate_limited,
        "repeats": calls.repeats,
    }


def _marks(stage: Stage) -> str:
    """What every identifier of a platform's people looks like, as a platform itself tells."""
    with urlopen(f"http://127.0.0.1:{stage.platforms['delegated']}/control/identifiers", timeout=10) as answer:
        told = json.load(answer)
    digits = len(told["identifiers"][0]) - len(told["prefix"])
    return f"{told['prefix']}[0-9a-f]{{{digits}}}"


def _addresses(directory: Path) -> frozenset[bytes]:
    """Those of the story, as its file names them."""
    _header, *lines = (directory / "addresses.csv").read_bytes().splitlines()
    return frozenset(line.split(b",")[2] for line in lines)


def _written(stage: Stage) -> Iterator[Path]:
    yield from (stage.data_dir / "logs").glob("*.log")
    yield from (stage.data_dir / "simulators").glob("*.jsonl")


def _exports(campaign: Campaign) -> Iterator[bytes]:
    client = Client()
    client.force_login(User.objects.get(username="boris"))
    for name in ("report/", "report.csv", "report.json", "live/", "data/", "data.json"):
        yield client.get(f"/campaigns/{campaign.pk}/{name}").content
