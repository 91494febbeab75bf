"""The whole database in one file, and back from it: `manage.py backup` and `manage.py restore`.

make      a dump of one instant and its signed seal; the console goes on meanwhile     crisis.backups.making
restore   into an empty database, shut to the console until it is safe to open         crisis.backups.restoring
programs  PostgreSQL's own pg_dump and pg_restore                                       crisis.backups.programs

Neither the key ring nor the secrets are in it: whoever finds a backup reads no address. What a restored database means for the
apps above is theirs to say: they register it, as `crisis.daily` lets them do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

Aftermath = Callable[[datetime], Mapping[str, int]]
KeyNames = Callable[[], set[str]]

AFTERMATHS: dict[str, Aftermath] = {}
KEYS: list[tuple[KeyNames, KeyNames]] = []


def afterwards(name: str, aftermath: Aftermath) -> None:
    """Have this done to a restored database before anybody may use it, in one transaction, told the instant of the backup.

    It returns what it did as counts for the audit log.
    """
    AFTERMATHS[name] = aftermath


def register_keys(needed: KeyNames, at_hand: KeyNames) -> None:
    """Say by which keys the data are encrypted, and which of them this installation has."""
    KEYS.append((needed, at_hand))


def keys_needed() -> set[str]:
    return {name for needed, _at_hand in KEYS for name in needed()}


def keys_at_hand() -> set[str]:
    return {name for _needed, at_hand in KEYS for name in at_hand()}


def seal_of(path: Path) -> Path:
    """Where the seal of a backup lies: beside it."""
    return path.with_name(f"{path.name}.seal.json")
