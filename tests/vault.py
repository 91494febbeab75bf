"""A backup of a test's own database, and the database that comes back from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connections

from crisis.backups import making, restoring


class Vault:
    """Saves and brings back; whoever brings back speaks to the restored database from then on."""

    def __init__(self, database: str, folder: Path) -> None:
        self.database, self.path = f"{database}_r", folder / "crisis.backup"

    def save(self) -> making.Made:
        return making.make(self.path)

    def bring_back(self, *, key: str = "") -> restoring.Restored:
        done = restoring.restore(self.path, into=self.database, key=key)
        self.enter()
        return done

    def enter(self) -> None:
        point_at(self.database)


@contextmanager
def vault_of(database: str, folder: Path) -> Iterator[Vault]:
    """One for a test; what came back is gone after it."""
    vault = Vault(database, folder)
    try:
        yield vault
    finally:
        point_at(database)
        by_owner(f'DROP DATABASE IF EXISTS "{vault.database}" WITH (FORCE)')


def point_at(database: str) -> None:
    for connection in connections.all():
        connection.close()
        connection.settings_dict["NAME"] = database


def by_owner(statement: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement)
