"""Restoring: a sealed backup into an empty database, which the console may enter only once nothing in it can be sent twice.

What was done after the backup is lost, and some of it reached people. So nothing goes on by itself: log-ins end, the situation
log says what is missing, and the apps above hold what they would otherwise repeat (`crisis.backups.afterwards`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connection, connections, transaction
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crisis import audit, incidents, sealing
from crisis.backups import AFTERMATHS, keys_at_hand, seal_of
from crisis.backups.programs import as_owner, run
from crisis.models import Incident, Session
from crisis.refusal import Refused
from crisis.templatetags.console import local_time

Say = Callable[[str], None]
FILLED = """
    SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
OTHERS = """
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back: the database, the instant it shows, what was done to make it safe, the keys its addresses lack here."""

    database: str
    at: datetime
    counts: Mapping[str, int]
    missing_keys: list[str]


def restore(path: Path, *, into: str = "", key: str = "", say: Say = lambda words: None) -> Restored:
    """Bring a backup back, into the configured database or a fresh one named `into`. Raises Refused.

    * Refused, and nothing changed: another key's seal, a spoilt file, migrations newer than this program, a database in use.
    * While it is filled, and when anything fails on the way, the console's role cannot enter it.
    * Older migrations are run forward, the audit chain is verified, and one transaction makes it safe.
    """
    told = sealed(path, key)
    _refuse_newer(told["migrations"])
    database = into or connections["owner"].settings_dict["NAME"]
    if into:
        _create(into)
    with as_owner(database):
        _shut(database)
        say(f"Filling “{database}” …")
        run("pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", str(path))
        call_command("migrate", database="owner", verbosity=0, interactive=False)
        counts = _make_safe(told)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        _open(database)
    return Restored(database, datetime.fromisoformat(told["at"]), counts, sorted({*told["keys"]} - keys_at_hand()))


def sealed(path: Path, key: str = "") -> dict[str, Any]:
    """What the seal says of a backup that is as it was made. Raises Refused."""
    try:
        raw = seal_of(path).read_bytes()
        whole, sentence = sealing.judge(raw, key=key)
        if not whole:
            raise Refused(f"{seal_of(path)}: {sentence}")
        told: dict[str, Any] = json.loads(raw)["payload"]
        if told.get("what") != "backup":
            raise Refused(f"{seal_of(path)} is no seal of a backup.")
        if sealing.digest(path) != told["sha256"]:
            raise Refused(f"{path} is not the file that was sealed: it was changed, or a part of it is missing.")
    except OSError as error:
        raise Refused(f"{error.filename} cannot be read: {error.strerror}. A backup and its seal lie side by side.") from error
    return told


def _refuse_newer(applied: list[str]) -> None:
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if newer := sorted({*applied} - known):
        raise Refused(f"A newer version of this program made the backup: {newer[0]} is unknown here. Install that version.")


def _create(database: str) -> None:
    owner = connections["owner"]
    with owner.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
        if cursor.fetchone() is None:
            cursor.execute(f"CREATE DATABASE {owner.ops.quote_name(database)}")


def _shut(database: str) -> None:
    """Let nobody in but the owner. Raises Refused when something is in it, or somebody."""
    with connection.cursor() as cursor:
        cursor.execute(FILLED)
        if cursor.fetchone() != (0,):
            raise Refused(f"“{database}” is not empty. Nothing was changed. Restore into a fresh database: --into NAME.")
        cursor.execute(f"REVOKE CONNECT ON DATABASE {connection.ops.quote_name(database)} FROM PUBLIC, crisis_app")
        cursor.execute(OTHERS)
        if others := cursor.fetchone()[0]:
            _open(database)
            raise Refused(f"“{database}” is in use by {others} connections. Stop the console, workers and sweeper first.")


def _open(database: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"GRANT CONNECT, TEMPORARY ON DATABASE {connection.ops.quote_name(database)} TO crisis_app")


@transaction.atomic
def _make_safe(told: Mapping[str, Any]) -> dict[str, int]:
    """Everything that keeps a restored console from acting on what it no longer knows, or nothing of it."""
    _rows, _head, wrong = audit.verify(told["head"])
    if wrong:
        raise Refused(f"The audit log of the backup is broken: {wrong[0]} The database stays shut.")
    at = datetime.fromisoformat(told["at"])
    counts = {"sessions": Session.objects.all().delete()[0]}
    for aftermath in AFTERMATHS.values():
        counts |= aftermath(at)
    sentence = _(
        "The console was restored from a backup of %(time)s. What was done after that is missing: messages, decisions, "
        "opt-outs, entries of this log. Nothing that was being sent goes on by itself."
    )
    for incident in Incident.objects.exclude(status=Incident.Status.CLOSED):
        with incidents.our_language():
            incidents.tell(incident.pk, sentence, time=day_and_time(at))
    audit.record("backup.restored", by=None, data={"file": told["file"], "made_at": told["at"], **counts})
    return counts


def day_and_time(at: datetime) -> str:
    """ "29.11.2026, 09:10 (Moscow)": an instant that may be days ago, by the installation's own clock."""
    return f"{timezone.localtime(at):%d.%m.%Y}, {local_time(at)}"
