"""A day of the audit log as a file of JSON lines, and its signed seal: what an auditor keeps away from this database."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from crisis import audit, daily, sealing
from crisis.clock import now
from crisis.models import AuditEntry


def export(day: date, folder: Path) -> tuple[Path, Path, int]:
    """Write the day's rows and their seal, and the head of the chain into the log. Returns both files and the number of rows.

    Raises OSError when the folder cannot be written to.
    """
    lines = [line(row) for row in rows_of(day)]
    written, seal = folder / f"audit-{day}.jsonl", folder / f"audit-{day}.seal.json"
    raw = "".join(f"{one}\n" for one in lines).encode()
    sealed = {
        "day": day.isoformat(), "rows": len(lines), "head": audit.anchor(f"day {day}"), "file": written.name,
        "sha256": hashlib.sha256(raw).hexdigest(), "exported_at": now().isoformat(),
    }  # fmt: skip
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    written.write_bytes(raw)
    seal.write_text(sealing.seal(sealed))
    return written, seal, len(lines)


def rows_of(day: date) -> Any:
    """The rows of one day by the installation's own clock, oldest first."""
    begins = timezone.make_aware(datetime.combine(day, datetime.min.time()), timezone.get_default_timezone())
    return AuditEntry.objects.filter(at__gte=begins, at__lt=begins + timedelta(days=1)).select_related("by").order_by("id")


def line(row: AuditEntry) -> str:
    """A row as one line of JSON."""
    return json.dumps(audit.as_json(row), ensure_ascii=False, sort_keys=True)


def _export_daily(day: date) -> bool:
    """A day without a row needs no file: nothing was done in it."""
    if rows_of(day).exists():
        export(day, settings.AUDIT_EXPORT_DIR)
    return True


def register() -> None:
    """Have each day exported once it has ended."""
    daily.register("audit.export", _export_daily)
