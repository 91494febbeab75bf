"""What an installation must find when it starts: every migration applied, and a clock that the database shares.

A database that does not answer is no reason to stay away: every part waits for it and goes on when it is there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.core.management.base import CommandError
from django.db import DatabaseError, connection
from django.db.migrations.recorder import MigrationRecorder

from crisis.clock import now

SKEW = 2.0  # seconds between our clock and the database's
log = logging.getLogger(__name__)


def demand_ready_database() -> None:
    """Raises CommandError with a sentence and its remedy. Says so in the log when the database does not answer."""
    try:
        found = wrong_with_database()
    except DatabaseError as error:
        log.warning("The database does not answer (%s). Started without it.", type(error).__name__)
        return
    if found:
        raise CommandError(f"Not started. {found}")


def wrong_with_database() -> str:
    """The first thing that is wrong, in a sentence; empty when nothing is. Raises DatabaseError."""
    return _missing() or _skew()


def _missing() -> str:
    """Compares names alone: loading every migration would cost each process a second."""
    applied = MigrationRecorder(connection).applied_migrations()
    found = [migration for migration in _on_disk() if migration not in applied]
    if not found:
        return ""
    others = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"The database lacks the migration {'.'.join(found[0])}{others}. Run: manage.py migrate --database owner"


def _on_disk() -> Iterator[tuple[str, str]]:
    for app in apps.get_app_configs():
        for path in sorted(Path(app.path).glob("migrations/[0-9]*.py")):
            yield app.label, path.stem


def _skew() -> str:
    """Leases go by the database's clock alone; log-ins and links go by ours, and people compare the two on their screens."""
    apart = time.time() - now().timestamp()
    if abs(apart) <= SKEW:
        return ""
    way = "ahead of" if apart > 0 else "behind"
    return f"The clock here is {abs(apart):.0f} s {way} the database's. Set both by the same time server."
