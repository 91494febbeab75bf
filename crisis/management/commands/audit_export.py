"""`manage.py audit_export --out DIR [--day YYYY-MM-DD]`: a day of the audit log as JSON lines, and its signed seal.

The sweeper does it by itself for every day that has ended, into CRISIS_AUDIT_EXPORT_DIR.
"""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from crisis.clock import now
from crisis.exporting import export


class Command(BaseCommand):
    help = "Writes a day of the audit log and its seal, and the head of the chain into the log. Without --day: yesterday."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--out", type=Path, required=True, metavar="DIR")
        parser.add_argument("--day", type=date.fromisoformat, metavar="YYYY-MM-DD")

    def handle(self, *args: Any, **options: Any) -> None:
        day: date = options["day"] or timezone.localdate(now()) - timedelta(days=1)
        try:
            written, seal, rows = export(day, options["out"])
        except OSError as error:
            raise CommandError(f"{options['out']} cannot be written to: {error.strerror}") from error
        self.stdout.write(f"{rows} rows in {written}, sealed by {seal.name}")
