"""PostgreSQL's own programs against our database, as the owner of its tables."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.backends.postgresql.client import DatabaseClient

from crisis import embedded
from crisis.refusal import Refused


def run(name: str, *words: str) -> None:
    """Run pg_dump or pg_restore as the owner. Raises Refused with the last line of what it says when it fails."""
    told, secrets = DatabaseClient.settings_to_cmd_args_env(connections["owner"].settings_dict, [])
    where = [*told[1:-1], "--dbname", told[-1]]  # the password is not among them: others of this machine can read these
    env = {**os.environ, **(secrets or {}), "LC_ALL": "C"}
    done = subprocess.run([program(name), *where, *words], env=env, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise Refused(f"{name} failed: {_complaint(done.stderr)}")


def program(name: str) -> str:
    """Its path: ours beside the embedded server, the machine's own beside any other. Raises Refused where it is missing."""
    if is_embedded():
        return str(embedded.postgres_program(name))
    if found := shutil.which(name):
        return found
    raise Refused(f"{name} is not in PATH. Install the client programs of PostgreSQL {embedded.PG_MAJOR}, then try again.")


def is_embedded() -> bool:
    return bool(connections["owner"].settings_dict["HOST"] == str(embedded.runtime_dir(settings.DATA_DIR)))


@contextmanager
def server() -> Iterator[None]:
    """Have the embedded server answer inside the block, where it is ours to start."""
    if not is_embedded():
        yield
        return
    with embedded.servers(settings.DATA_DIR):
        yield


@contextmanager
def as_owner(database: str) -> Iterator[None]:
    """Inside the block everything speaks to this database as the owner of the tables."""
    there = {**connections["owner"].settings_dict, "NAME": database}
    with _pointed_at({"default": there, "owner": there}):
        yield


@contextmanager
def _pointed_at(places: dict[str, dict[str, Any]]) -> Iterator[None]:
    before = {alias: {**connections[alias].settings_dict} for alias in places}
    _point(places)
    try:
        yield
    finally:
        _point(before)


def _point(places: dict[str, dict[str, Any]]) -> None:
    for alias, place in places.items():
        connections[alias].close()
        connections[alias].settings_dict.update(place)


def _complaint(said: str) -> str:
    lines = [line for line in said.splitlines() if "error:" in line] or said.splitlines() or ["it does not say why"]
    return lines[0].strip()
