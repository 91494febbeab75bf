"""`manage.py audit_export --out DIR [--day YYYY-MM-DD]`: a day of the audit log as JSON lines, and its signed seal."""

from __future__ import annotations

import hashlib
import json
from argparse import ArgumentParser
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from crisis import audit, sealing
from crisis.clock import now
from crisis.models import AuditEntry


class Command(BaseCommand):
    help = "Writes a day of the audit log and its seal, and the head of the chain into the log. Without --day: yesterday."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--out", type=Path, required=True, metavar="DIR")
        parser.add_argument("--day", type=date.fromisoformat, metavar="YYYY-MM-DD")

    def handle(self, *args: Any, **options: Any) -> None:
        day: date = options["day"] or timezone.localdate(now()) - timedelta(days=1)
        folder: Path = options["out"]
        lines = [line(row) for row in rows_of(day)]
        written, seal = folder / f"audit-{day}.jsonl", folder / f"audit-{day}.seal.json"
        raw = "".join(f"{one}\n" for one in lines).encode()
        sealed = {
            "day": day.isoformat(), "rows": len(lines), "head": audit.anchor(f"day {day}"), "file": written.name,
            "sha256": hashlib.sha256(raw).hexdigest(), "exported_at": now().isoformat(),
        }  # fmt: skip
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            written.write_bytes(raw)
            seal.write_text(sealing.seal(sealed))
        except OSError as error:
            raise CommandError(f"{folder} cannot be written to: {error.strerror}") from error
        self.stdout.write(f"{len(lines)} rows in {written}, sealed by {seal.name}")


def rows_of(day: date) -> Any:
    """The rows of one day by the installation's own clock, oldest first."""
    begins = timezone.make_aware(datetime.combine(day, datetime.min.time()), timezone.get_default_timezone())
    return AuditEntry.objects.filter(at__gte=begins, at__lt=begins + timedelta(days=1)).select_related("by").order_by("id")


def line(row: AuditEntry) -> str:
    """A row as one line of JSON."""
    return json.dumps(audit.as_json(row), ensure_ascii=False, sort_keys=True)
