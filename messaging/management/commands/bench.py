"""`manage.py bench NAME [--contacts N] [--sightings N] [--people N] [--json]`: the product beside what its parts could do.

Everything happens on servers of its own in a temporary directory, durable ones. Only ratios of one run mean anything.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
from argparse import ArgumentParser
from importlib import import_module
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from crisis import embedded

MARK = "CRISIS_BENCH"  # the process that has its own settings already
BENCHES = {  # the module of each, and the options that it takes
    "console": ("console", "people"),
    "import": ("importing", "contacts", "sightings"),
    "ingest": ("ingest", "contacts", "sightings"),
    "launch": ("launching", "people"),
    "reach": ("reach", "contacts", "sightings"),
    "receipts": ("settling", "people"),
    "send": ("sending", "people", "lanes", "peers"),
}


class Command(BaseCommand):
    help = "Measures the product's own functions and, in the same rounds, the floor beside them. Small sizes end within 30 s."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("bench", choices=BENCHES)
        parser.add_argument("--contacts", type=int, default=50_000, metavar="N")
        parser.add_argument("--sightings", type=int, default=200_000, metavar="N", help="rows of presence before the measuring")
        parser.add_argument("--people", type=int, default=2_000, metavar="N", help="people who are written to")
        parser.add_argument("--lanes", type=int, metavar="N", help="send by so many lanes alone, not by 1, 2 and 4")
        parser.add_argument("--peers", action="store_true", help="measure other products too; installs them into .venv-peers")
        parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds that have to be quiet enough to count")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        if os.environ.get(MARK) != str(os.getpid()):
            _begin_apart()
        signal.signal(signal.SIGTERM, lambda *_signal: sys.exit(1))  # leaving no directory behind either
        try:
            with embedded.servers(settings.DATA_DIR) as servers:
                call_command("migrate", database="owner", verbosity=0)
                self.report(servers, **options)
        except embedded.EmbeddedError as error:
            raise CommandError(str(error)) from error
        finally:
            shutil.rmtree(settings.DATA_DIR, ignore_errors=True)

    def report(self, servers: embedded.Servers, *, bench: str, rounds: int, **options: Any) -> None:
        """Measure on these servers, whose database is migrated and empty, and print what was found."""
        module, *names = BENCHES[bench]
        found = import_module(f"tests.benchmarks.{module}").measure(*(options[name] for name in names), rounds, servers)
        self.stdout.write(json.dumps(found) if options["json"] else _in_lines(found))


def _begin_apart() -> None:
    """Begin this command again in the same process, with settings of its own: they are read once, at start."""
    for name in ("DATABASE_URL", "OWNER_DATABASE_URL", "REDIS_URL"):  # never on servers of others
        os.environ.pop(name, None)
    directory = Path(tempfile.mkdtemp(prefix="crisis-bench-"))
    apart = {"CRISIS_DATA_DIR": str(directory), "CRISIS_DEMO": "1", MARK: str(os.getpid())}
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **apart})  # noqa: S606


def _in_lines(found: dict[str, Any]) -> str:
    ratios = [f"{name}: {r['median']:.2f} (smallest {r['min']:.2f})" for name, r in found["ratios"].items()]
    absolute = [f"{name}: {a['median']:,g} {a['unit']}" for name, a in found["absolute"].items()]
    quiet = f"{found['rounds']} rounds, {found['quiet_rounds']} of them quiet, noise {found['noise']:.0%}"
    head = f"{quiet}, {found['memory_mb']} MB"
    return "\n".join([head, "ratios", *(f"  {line}" for line in ratios), "absolute", *(f"  {line}" for line in absolute)])
