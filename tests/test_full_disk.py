"""A disk that is really full while a platform has accepted a request: the database stops, and goes on when there is room."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import Error, connections

from tests.faults.conftest import theatre as theatre
from tests.faults.theatre import Theatre
from tests.simulated import until
from tests.vault import by_owner

DISK_MB, LEFT_MB = 300, 4  # what is left is enough for the logs of programs, and not for the database's next 16 MB
MORE_LOG = "SELECT pg_switch_wal() FROM pg_logical_emit_message(true, 'tests', repeat('x', 1000))"


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, small enough to be filled; the theatre plays on it."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(tmp_path)]
    if os.getuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root, and only where mounting is allowed, can make a small disk")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def test_the_engine_goes_on_after_the_disk_was_full(theatre: Theatre, tmp_path: Path) -> None:
    theatre.begin()
    fill(tmp_path / "ballast")
    until(lambda: not writes())
    theatre.vk.control(release=True)
    assert theatre.until(lambda: "No space left on device" in log_of(theatre)), "the disk was not full"
    (tmp_path / "ballast").unlink()
    theatre.finish()
    theatre.expect_everybody_once()
    theatre.expect_a_repeat_with_the_same_key()


def fill(ballast: Path) -> None:
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(ballast.parent).free - LEFT_MB * 1_000_000)


def writes() -> bool:
    """Whether the database still finds room for its log, of which it is made to need more."""
    try:
        by_owner(MORE_LOG)
    except Error:
        connections.close_all()
        return False
    return True


def log_of(theatre: Theatre) -> str:
    return (theatre.stage.data_dir / "logs" / "postgres.log").read_text()
