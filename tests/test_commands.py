"""Commands as a person runs them: what they say, how they end, and what is left after them."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections, transaction

from crisis import audit, embedded
from crisis.models import AuditEntry, User

PROJECT = Path(__file__).resolve().parent.parent


def manage(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A command as started from a shell, with nothing of this test run in its environment."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("CRISIS_", "PYTEST_"))}
    argv = [sys.executable, "manage.py", *words]
    return subprocess.run(argv, cwd=PROJECT, env={**ours, **env}, capture_output=True, text=True, timeout=120, check=False)


# The audit log


@pytest.fixture
def entries(committed: str, person: Callable[..., User]) -> list[int]:
    somebody = person("anna", "operator")
    for number in range(5):
        with transaction.atomic():
            audit.record("incident.note", by=somebody, data={"n": number})
    return [*AuditEntry.objects.order_by("id").values_list("pk", flat=True)]


def tamper(statement: str) -> None:
    """What only the owner of the database can do, with the guards switched off."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE crisis_auditentry DISABLE TRIGGER ALL")
        cursor.execute(statement)
        cursor.execute("ALTER TABLE crisis_auditentry ENABLE TRIGGER ALL")


def verify(head: str = "") -> tuple[int, str]:
    """Exit status and everything the command said."""
    said = io.StringIO()
    try:
        call_command("audit_verify", head=head, stdout=said, stderr=said)
    except SystemExit as ended:
        return int(ended.code or 0), said.getvalue()
    return 0, said.getvalue()


def test_an_untouched_log_verifies(entries: list[int]) -> None:
    status, said = verify()
    assert (status, said.startswith("5 rows, head ")) == (0, True)


def test_it_finds_one_changed_row(entries: list[int]) -> None:
    tamper(f"UPDATE crisis_auditentry SET data = '{{\"n\": 99}}' WHERE id = {entries[2]}")
    status, said = verify()
    assert (status, f"Row {entries[2]} was changed" in said) == (1, True)


def test_it_finds_one_removed_row(entries: list[int]) -> None:
    tamper(f"DELETE FROM crisis_auditentry WHERE id = {entries[2]}")
    status, said = verify()
    assert (status, f"Row {entries[3]} does not follow" in said) == (1, True)


def test_it_finds_one_inserted_row(entries: list[int]) -> None:
    names = "at, by_id, action, object_type, object_id, data, prev_hash, hash"
    forged = names.replace("prev_hash, hash", "hash, repeat('0', 64)")
    tamper(f"INSERT INTO crisis_auditentry (id, {names}) SELECT 1000, {forged} FROM crisis_auditentry WHERE id = {entries[4]}")
    status, said = verify()
    assert (status, "Row 1000 was changed after it was written, or was not written by the log itself" in said) == (1, True)


def test_it_finds_rows_cut_off_at_the_end_by_a_head_noted_earlier(entries: list[int]) -> None:
    head = AuditEntry.objects.get(pk=entries[-1]).hash
    assert verify(head)[0] == 0
    tamper(f"DELETE FROM crisis_auditentry WHERE id = {entries[-1]}")
    assert (verify()[0], verify(head)[0]) == (0, 1)


# The demonstration, where it cannot begin


def test_the_demo_says_when_its_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = manage("demo", "--port", str(taken.getsockname()[1]), "--data-dir", str(tmp_path))
    assert (ended.returncode, "Choose another with --port" in ended.stderr, "Traceback" in ended.stderr) == (1, True, False)


def test_the_demo_says_when_its_data_directory_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    ended = manage("demo", "--port", str(free_port()), "--data-dir", str(file))
    assert (ended.returncode, str(file) in ended.stderr, "Traceback" in ended.stderr) == (1, True, False)


def test_the_demo_refuses_a_cluster_of_a_newer_version(tmp_path: Path) -> None:
    (tmp_path / "demonstration").touch()
    (tmp_path / "pg").mkdir()
    (tmp_path / "pg" / "PG_VERSION").write_text("19\n")
    ended = manage("demo", "--port", str(free_port()), "--data-dir", str(tmp_path))
    assert (ended.returncode, "PostgreSQL 19" in ended.stderr, "Traceback" in ended.stderr) == (1, True, False)


@pytest.mark.parametrize("flags", [(), ("--reset",)])
def test_the_demo_takes_and_removes_nothing_of_a_real_installation(tmp_path: Path, flags: tuple[str, ...]) -> None:
    (tmp_path / "keys.json").write_text("the keys of stored addresses")
    done = manage("demo", *flags, "--port", str(free_port()), "--data-dir", str(tmp_path))
    assert (done.returncode, "was not made by a demonstration" in done.stderr) == (1, True)
    assert (tmp_path / "keys.json").read_text() == "the keys of stored addresses"


# The demonstration, played


class Played:
    """A small demonstration in a process of its own."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir, self.port = data_dir, free_port()
        argv = [sys.executable, "manage.py", "demo", "--people", "700", "--port", str(self.port), "--data-dir", str(data_dir)]
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("CRISIS_", "PYTEST_"))}
        self.process = subprocess.Popen(argv, cwd=PROJECT, env=ours, stdout=subprocess.PIPE, text=True)
        self.said = [*iter(self._next, f"ready http://localhost:{self.port}")]

    def _next(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the demonstration ended before it was ready"
        return line.strip()

    def ask(self, statement: str, role: str = "owner") -> list[tuple[object, ...]]:
        with psycopg.connect(embedded.database_url(self.data_dir, role), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def end(self, signum: int = signal.SIGTERM) -> int:
        self.process.send_signal(signum)
        status = self.process.wait(20)
        if self.process.stdout:
            self.process.stdout.close()
        return status


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    found = Played(tmp_path_factory.mktemp("demo") / "var")
    yield found
    found.end(signal.SIGKILL)


@pytest.fixture(scope="module")
def ended(running: Played) -> tuple[Path, int]:
    """The data directory after Ctrl-C, and the status the demonstration ended with."""
    return running.data_dir, running.end(signal.SIGINT)


def demo(data_dir: Path) -> subprocess.CompletedProcess[str]:
    return manage("demo", "--port", str(free_port()), "--data-dir", str(data_dir))


def expect_refusal(done: subprocess.CompletedProcess[str], sentence: str) -> None:
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert sentence in done.stderr


def test_a_second_demo_of_the_same_directory_is_refused(running: Played) -> None:
    expect_refusal(demo(running.data_dir), "Another demonstration uses")


def test_the_demo_comes_back_when_the_keeper_of_its_servers_is_killed(running: Played) -> None:
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        words = _read(line).split(b"\0")
        if b"crisis.embedded.keeper" in words and str(running.data_dir).encode() in words:
            os.kill(int(line.parent.name), signal.SIGKILL)
    assert eventually(lambda: running.ask("SELECT 1") == [(1,)])


def test_the_demo_ends_by_ctrl_c_with_status_0_and_leaves_nothing(ended: tuple[Path, int]) -> None:
    data_dir, status = ended
    assert (status, processes_of(data_dir)) == (0, [])


def test_the_demo_keeps_its_data_tells_the_story_once_and_ends_by_sigterm(ended: tuple[Path, int]) -> None:
    again = Played(ended[0])
    assert again.ask("SELECT count(*), max(id) FROM audiences_contact") == [(703, 703)]  # and three colleagues for TESTs
    assert (again.end(signal.SIGTERM), processes_of(ended[0])) == (0, [])


def test_the_demo_refuses_a_database_migrated_by_a_newer_version(ended: tuple[Path, int]) -> None:
    with written(ended[0], "INSERT INTO django_migrations (app, name, applied) VALUES ('messaging', '9999_later', now())"):
        expect_refusal(demo(ended[0]), "newer version")


def test_the_demo_refuses_a_database_where_others_work(ended: tuple[Path, int]) -> None:
    with written(ended[0], "UPDATE crisis_user SET username = 'somebody' WHERE username = 'anna'"):
        expect_refusal(demo(ended[0]), "People of a real installation")


@contextmanager
def written(data_dir: Path, statement: str) -> Iterator[None]:
    """The database with something done by its owner, which is undone afterwards."""
    with embedded.servers(data_dir, durable=False):
        _owner(data_dir, statement)
        yield
        _owner(data_dir, "DELETE FROM django_migrations WHERE name = '9999_later'")
        _owner(data_dir, "UPDATE crisis_user SET username = 'anna' WHERE username = 'somebody'")


def _owner(data_dir: Path, statement: str) -> None:
    with psycopg.connect(embedded.database_url(data_dir, "owner"), autocommit=True) as connection:
        connection.execute(statement)


def processes_of(data_dir: Path) -> list[str]:
    """Ids of processes that were started for this data directory and still live."""
    mine = str(data_dir).encode()
    return [one.parent.name for one in Path("/proc").glob("[0-9]*/environ") if mine in _read(one)]


def _read(path: Path) -> bytes:
    with suppress(OSError):
        return path.read_bytes()
    return b""


# The rehearsal

CLEAN = ("lost", "duplicated", "unexpected", "identifiers_leaked", "addresses_in_clear", "rate_limited")


def test_a_small_rehearsal_loses_nobody_and_doubles_nobody() -> None:
    done = manage("rehearse", "egypt", "--json", "--people", "700")
    found = json.loads(done.stdout)
    assert (done.returncode, found["people"], found["accepted"], found["failed"]) == (0, 66, 63, {"18": 1, "900": 1, "901": 1})
    assert [found[name] for name in CLEAN] == [0] * len(CLEAN)
    assert (found["delegated"]["matched"], found["delegated"]["sent"]) == (20_000, 19_400)


def eventually(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with suppress(psycopg.Error):
            if true():
                return True
        time.sleep(0.1)
    return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
