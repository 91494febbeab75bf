"""Making a backup: one instant of the whole database, while the console goes on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkstemp
from typing import Any

from django.db import connections, transaction
from django.db.migrations.recorder import MigrationRecorder

from crisis import audit, sealing
from crisis.backups import keys_needed, seal_of
from crisis.backups.programs import run
from crisis.refusal import Refused

SNAPSHOT = "SELECT pg_export_snapshot(), crisis_now(), (SELECT hash FROM crisis_auditentry ORDER BY id DESC LIMIT 1)"


@dataclass(frozen=True, slots=True)
class Made:
    """A finished backup, the audit head it holds, and the keys without which no address in it can be read."""

    path: Path
    seal: Path
    size: int
    head: str
    keys: list[str]


def make(path: Path) -> Made:
    """Write the database as it is at this instant to `path`, and its seal beside it, for our eyes alone (0600).

    Both get their names last, so that half a backup is never taken for one. Raises Refused rather than replace a file.
    """
    for taken in (path, seal_of(path)):
        if taken.exists():
            raise Refused(f"{taken} is there already. Nothing was written. Choose another name.")
    if not path.parent.is_dir():
        raise Refused(f"There is no directory {path.parent}. Nothing was written. Make it first.")
    with _draft_of(path) as dump, _draft_of(seal_of(path)) as seal:
        found = _dump(dump) | {"file": path.name, "bytes": dump.stat().st_size, "sha256": sealing.digest(dump)}
        seal.write_text(sealing.seal(found))
        _publish(seal, seal_of(path))
        _publish(dump, path)
    with transaction.atomic():
        told = {name: found[name] for name in ("file", "bytes", "sha256", "head", "keys")}
        audit.record("backup.made", by=None, data=told)
    return Made(path, seal_of(path), found["bytes"], found["head"], found["keys"])


def _dump(target: Path) -> dict[str, Any]:
    """Dump what one snapshot sees, and say what it sees: pg_dump looks through the same."""
    keys = sorted(keys_needed())
    owner = connections["owner"]
    with transaction.atomic(using="owner"), owner.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute(SNAPSHOT)
        snapshot, at, head = cursor.fetchone()
        applied = sorted(MigrationRecorder(owner).applied_migrations())
        run("pg_dump", "--format=custom", f"--snapshot={snapshot}", f"--file={target}")
    migrations = [f"{app}.{name}" for app, name in applied]
    return {"what": "backup", "at": at.isoformat(), "head": head or "", "migrations": migrations, "keys": keys}


@contextmanager
def _draft_of(path: Path) -> Iterator[Path]:
    """An empty file beside it, for us alone, gone after the block unless it got its name."""
    descriptor, name = mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _publish(draft: Path, path: Path) -> None:
    """Give a finished file its name once it is on the disk. Raises Refused when somebody has taken the name meanwhile."""
    descriptor = os.open(draft, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise Refused(f"{path} was made by somebody else meanwhile. Choose another name.") from None
    draft.replace(path)
