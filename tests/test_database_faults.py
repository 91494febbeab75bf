"""The database at its limits, with real processes: no connection left, a migration killed half-way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from crisis import embedded
from crisis.starting import demand_ready_database, wrong_with_database
from tests.faults.conftest import theatre as theatre
from tests.faults.theatre import Theatre
from tests.simulated import until
from tests.stages import set_clock
from tests.vault import by_owner
from tests.world import sql

ROOT = Path(__file__).resolve().parent.parent
OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'crisis_app' AND pid <> ALL (%s)"


@contextmanager
def every_connection_taken(theatre: Theatre) -> Iterator[None]:
    """Idle strangers hold every connection that the console's role can have; those it had are cut."""
    where = {role: embedded.database_url(theatre.stage.data_dir, role) for role in ("owner", "crisis_app")}
    with ExitStack() as held, psycopg.connect(where["owner"], autocommit=True) as owner:
        strangers: list[int] = []
        for _round in range(50):
            strangers += fill(held, where["crisis_app"])
            if not owner.execute(OTHERS, [strangers]).fetchall():
                break
        else:
            raise AssertionError("the processes got their connections back each time")
        yield


def fill(held: ExitStack, where: str) -> list[int]:
    """Connect until the server refuses: process ids of the new backends."""
    taken: list[int] = []
    while True:
        try:
            taken.append(held.enter_context(psycopg.connect(where)).info.backend_pid)
        except psycopg.OperationalError:
            return taken


def said(theatre: Theatre, log: str, words: str) -> bool:
    return words in (theatre.stage.data_dir / "logs" / f"{log}.log").read_text(errors="replace")


def test_the_engine_goes_on_after_every_connection_was_taken(theatre: Theatre) -> None:
    theatre.begin()
    with every_connection_taken(theatre):
        theatre.vk.control(release=True)
        assert theatre.until(lambda: said(theatre, "sweeper", "The database does not answer")), "the sweeper noticed nothing"
        assert theatre.until(lambda: said(theatre, "workers", "django.db.utils.")), "the worker noticed nothing"
    theatre.finish()
    theatre.expect_everybody_once()
    theatre.expect_a_repeat_with_the_same_key()


# A migration killed half-way


def manage(database: str, *words: str) -> subprocess.Popen[str]:
    """A command of ours on a test's own database."""
    urls = {name: embedded.database_url(settings.DATA_DIR, role).replace("/crisis?", f"/{database}?") for name, role in (
        ("DATABASE_URL", "crisis_app"), ("OWNER_DATABASE_URL", "owner"),
    )}  # fmt: skip
    argv = [sys.executable, "manage.py", *words]
    return subprocess.Popen(argv, cwd=ROOT, env={**os.environ, **urls}, stderr=subprocess.PIPE, text=True)


def test_a_migration_killed_half_way_is_named_at_the_start_and_completed_by_the_next(committed: str) -> None:
    call_command("migrate", "messaging", "0007", database="owner", verbosity=0)
    with psycopg.connect(embedded.database_url(settings.DATA_DIR, "owner"), dbname=committed) as other:
        other.execute("LOCK TABLE messaging_delivery IN ROW EXCLUSIVE MODE")
        with manage(committed, "migrate", "--database", "owner", "--verbosity", "0") as migrating:
            try:
                until(lambda: sql("SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'ShareRowExclusiveLock'"), seconds=60)
            finally:
                migrating.send_signal(signal.SIGKILL)
    with manage(committed, "serve", "sweeper") as refused:
        sentence = refused.communicate(timeout=60)[1]
    assert (refused.returncode, "lacks the migration messaging.0008_purge" in sentence) == (1, True)
    with manage(committed, "migrate", "--database", "owner", "--verbosity", "0") as again:
        assert again.wait(60) == 0
    assert wrong_with_database() == ""


# What is found at the start


def test_nothing_is_wrong_with_a_database_that_has_every_migration(committed: str) -> None:
    assert wrong_with_database() == ""


@pytest.mark.parametrize(("seconds", "words"), [(-60, "60 s ahead of the database's"), (60, "60 s behind the database's")])
def test_it_does_not_start_under_a_clock_that_the_database_does_not_share(committed: str, seconds: int, words: str) -> None:
    set_clock(f"statement_timestamp() + interval '{seconds} seconds'")
    with pytest.raises(CommandError, match=words):
        demand_ready_database()


def test_it_starts_without_a_database_that_does_not_answer_and_says_so(
    committed: str, caplog: pytest.LogCaptureFixture
) -> None:
    by_owner(f'ALTER DATABASE "{committed}" CONNECTION LIMIT 0')
    connection.close()
    demand_ready_database()
    assert "The database does not answer" in caplog.text
