"""The embedded servers, really started and really killed, on one cluster made once."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
import redis

from crisis import embedded
from crisis.embedded.keeper import Keeper

PROJECT = Path(__file__).resolve().parent.parent
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user; the other tests run as one")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_dir = tmp_path_factory.mktemp("template") / "var"
    with embedded.servers(data_dir, durable=False):
        execute(data_dir, "CREATE TABLE kept (word text); INSERT INTO kept VALUES ('Каир')", role="owner")
    return data_dir


@pytest.fixture
def data_dir(template: Path) -> Iterator[Path]:
    """The template itself, at rest: whatever a test does to its servers, the next one starts them."""
    assert eventually(lambda: nothing_is_left(template))
    yield template
    assert eventually(lambda: nothing_is_left(template))
    shutil.rmtree(embedded.runtime_dir(template), ignore_errors=True)


@pytest.fixture(scope="module")
def running(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.Servers]:
    """Servers for the tests that leave them running, also those that kill one: it comes back."""
    data_dir = Path(shutil.copytree(template, tmp_path_factory.mktemp("running") / "var"))
    with embedded.servers(data_dir, durable=False) as servers:
        yield servers


@pytest.fixture
def outline(tmp_path: Path) -> Path:
    """As much of a data directory as is read before a server starts."""
    data_dir = tmp_path / "var"
    (data_dir / "pg").mkdir(parents=True, mode=0o700)
    (data_dir / "pg" / "PG_VERSION").write_text("18\n")
    (data_dir / "pg" / "crisis_layout").write_text("1\n")
    (data_dir / "pgpass").write_text("*:*:*:owner:secret\n*:*:*:crisis_app:secret\n")
    return data_dir


@pytest.fixture
def public_dir() -> Iterator[Path]:
    """A directory that an ordinary user can enter, unlike pytest's."""
    path = Path(tempfile.mkdtemp(prefix="crisis-embedded-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def execute(data_dir: Path, statement: str, role: str = "crisis_app") -> list[tuple[object, ...]]:
    with psycopg.connect(embedded.database_url(data_dir, role), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def postmaster(data_dir: Path) -> int:
    with suppress(FileNotFoundError, IndexError):  # it is made empty, then filled
        return int((data_dir / "pg" / "postmaster.pid").read_text().split()[0])
    return 0


def valkey(data_dir: Path) -> int:
    with suppress(redis.ConnectionError):
        return int(redis.Redis.from_url(embedded.redis_url(data_dir)).info()["process_id"])
    return 0


def nothing_is_left(data_dir: Path) -> bool:
    """Every server process holds this lock by inheritance."""
    with (data_dir / "servers.lock").open() as lock, suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return True
    return False


def in_another_process(script: str, *words: str) -> subprocess.Popen[str]:
    argv = [*words, sys.executable, "-c", script]
    return subprocess.Popen(argv, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def refusal(data_dir: Path) -> str:
    with pytest.raises(embedded.EmbeddedError) as caught, embedded.servers(data_dir, durable=False):
        pass
    return str(caught.value)


def test_it_is_imported_without_any_package_installed():
    bare = [sys.executable, "-S", "-c", "from crisis import embedded, supervisor"]
    assert subprocess.run(bare, cwd=PROJECT, check=False).returncode == 0


def test_it_keeps_socket_paths_short_below_a_deep_data_directory(tmp_path):
    deep = tmp_path.joinpath(*["a-long-name-of-a-folder"] * 8)
    assert len(embedded.redis_url(deep)) < 107
    assert len(embedded.database_settings(deep, "owner")["HOST"] + "/.s.PGSQL.5432.lock") < 107


def test_it_keeps_data_between_starts(running):
    assert execute(running.data_dir, "SELECT word FROM kept WHERE word ILIKE 'кАИР'", role="owner") == [("Каир",)]


def test_it_gives_the_application_a_role_that_can_only_connect(running):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(running.data_dir, "CREATE TABLE mine (x int)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(running.data_dir, "SELECT * FROM kept")
    assert execute(running.data_dir, "SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user") == [
        (False, False)
    ]


def test_it_asks_for_the_password_on_the_socket(running):
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(host=str(embedded.runtime_dir(running.data_dir)), user="owner", dbname="crisis", passfile="/dev/null")


def test_it_listens_on_no_network_address(running):
    assert execute(running.data_dir, "SHOW listen_addresses") == [("",)]
    assert redis.Redis.from_url(embedded.redis_url(running.data_dir)).config_get("port") == {"port": "0"}


def test_a_second_process_attaches_and_leaves_the_servers_running(running):
    where = repr(str(running.data_dir))
    second = in_another_process(f"""
from pathlib import Path
from crisis import embedded
with embedded.servers(Path({where})) as servers:
    print(servers.keeper, embedded.running(Path({where})))
""")
    assert second.communicate()[0] == "None True\n"
    assert embedded.running(running.data_dir)


def test_it_starts_postgresql_again_after_kill_9_even_beside_a_busy_backend(running):
    before = postmaster(running.data_dir)

    def work() -> None:
        with suppress(psycopg.OperationalError):
            execute(running.data_dir, "SELECT count(*) FROM generate_series(1, 1000000000)")

    busy = threading.Thread(target=work)
    busy.start()
    working = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND usename = 'crisis_app'"
    assert eventually(lambda: bool(execute(running.data_dir, working, role="owner")))
    os.kill(before, signal.SIGKILL)
    assert eventually(lambda: postmaster(running.data_dir) not in {0, before} and embedded.running(running.data_dir))
    busy.join()
    assert execute(running.data_dir, "SELECT word FROM kept", role="owner") == [("Каир",)]


def test_it_answers_again_after_kill_9_of_a_backend(running):
    with psycopg.connect(embedded.database_url(running.data_dir, "owner")) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert eventually(lambda: embedded.running(running.data_dir))


def test_it_starts_valkey_again_after_kill_9(running):
    before = valkey(running.data_dir)
    os.kill(before, signal.SIGKILL)
    assert eventually(lambda: valkey(running.data_dir) not in {0, before})


def test_kill_9_of_the_keeper_leaves_no_process_and_the_next_start_works(data_dir):
    with embedded.servers(data_dir, durable=False) as servers:
        os.kill(servers.keeper, signal.SIGKILL)
        assert eventually(lambda: not embedded.running(data_dir))
        with embedded.servers(data_dir, durable=False) as next_servers:
            assert next_servers.keeper not in {None, servers.keeper}
            assert execute(data_dir, "SELECT word FROM kept", role="owner") == [("Каир",)]
            os.kill(next_servers.keeper, signal.SIGKILL)
            assert eventually(lambda: nothing_is_left(data_dir))


def test_kill_9_of_whoever_asked_for_the_servers_leaves_no_process(data_dir):
    first = in_another_process(f"""
import time
from pathlib import Path
from crisis import embedded
with embedded.servers(Path({str(data_dir)!r}), durable=False) as servers:
    time.sleep(60)
""")
    assert eventually(lambda: embedded.running(data_dir))
    first.kill()
    first.communicate()
    assert eventually(lambda: nothing_is_left(data_dir))


def test_a_stop_leaves_no_process_and_no_sockets(data_dir):
    with embedded.servers(data_dir, durable=False):
        assert not nothing_is_left(data_dir)
    assert nothing_is_left(data_dir)
    assert not embedded.runtime_dir(data_dir).exists()


def test_it_neither_believes_nor_kills_the_stranger_a_stale_file_names(data_dir):
    with subprocess.Popen(["sleep", "60"]) as stranger:
        (data_dir / "pg" / "postmaster.pid").write_text(f"{stranger.pid}\n{data_dir / 'pg'}\n1\n5432\n")
        embedded.runtime_dir(data_dir).mkdir(mode=0o700)
        (embedded.runtime_dir(data_dir) / ".s.PGSQL.5432.lock").write_text(f"{stranger.pid}\n{data_dir / 'pg'}\n1\n5432\n")
        with embedded.servers(data_dir, durable=False):
            assert postmaster(data_dir) != stranger.pid
        assert stranger.poll() is None
        stranger.kill()


def test_it_refuses_to_run_beside_somebody_elses_server_on_the_same_cluster(outline):
    with subprocess.Popen(["sleep", "60"], cwd=outline / "pg") as other:
        (outline / "pg" / "postmaster.pid").write_text(f"{other.pid}\n")
        assert f"(process {other.pid})" in refusal(outline)
        other.kill()


@pytest.mark.parametrize(("name", "number"), [("PG_VERSION", "99"), ("crisis_layout", "99")])
def test_it_refuses_a_cluster_written_by_a_newer_program(outline, name, number):
    (outline / "pg" / name).write_text(f"{number}\n")
    assert "was written by" in refusal(outline)


def test_it_refuses_a_cluster_whose_passwords_are_gone(outline):
    (outline / "pgpass").unlink()
    assert "with the passwords" in refusal(outline)


def test_it_says_why_postgresql_does_not_start(outline):
    (outline / "pg" / "postgresql.conf").write_text("work_mem = lots\n")
    assert "contains errors" in refusal(outline)


def test_it_says_when_the_data_directory_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    assert "Not a directory" in refusal(tmp_path / "file" / "var")


def test_it_says_when_the_disk_is_full(outline, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1, 1, 1_000_000))  # type: ignore[attr-defined]
    with pytest.raises(embedded.EmbeddedError, match="has 1 MB free"):
        Keeper(outline, os.getpid(), durable=True).refuse_a_full_disk()


def test_it_does_not_trust_a_socket_directory_open_to_others(outline):
    embedded.runtime_dir(outline).mkdir(mode=0o755)
    assert "not a private directory" in refusal(outline)
    embedded.runtime_dir(outline).rmdir()


def test_it_deletes_the_cluster_only_when_nothing_runs(running, outline):
    with pytest.raises(embedded.EmbeddedError, match="are running"):
        embedded.reset(running.data_dir)
    embedded.reset(outline)
    assert not (outline / "pg").exists()


@as_root
def test_it_makes_and_runs_a_cluster_as_an_ordinary_user(public_dir):
    os.chown(public_dir, 65534, 65534)
    # An interpreter below a private home is no business of this test: let the user pass through directories.
    passing = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    ordinary = in_another_process(
        f"""
import os
from pathlib import Path
from crisis import embedded
with embedded.servers(Path({str(public_dir / "var")!r}), durable=False):
    print(os.getuid(), embedded.running(Path({str(public_dir / "var")!r})))
""",
        *["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *passing],
    )
    assert ordinary.communicate()[0] == "65534 True\n"
    assert (public_dir / "var" / "pg").stat().st_uid == 65534


@as_root
def test_it_really_becomes_nobody_where_user_namespaces_are_refused(template, public_dir):
    data_dir = Path(shutil.copytree(template, public_dir / "var"))
    refused = in_another_process(f"""
import os, sys
from crisis.embedded import identity, keeper
identity.namespaces_work = lambda: False
sys.exit(keeper.main([{str(data_dir)!r}, str(os.getppid()), "volatile"]))
""")
    try:
        assert eventually(lambda: embedded.running(data_dir)), refused.communicate()[0]
        assert Path(f"/proc/{postmaster(data_dir)}").stat().st_uid == 65534
    finally:
        refused.terminate()
        refused.communicate()
    with embedded.servers(data_dir, durable=False):  # and back again, in a namespace
        assert execute(data_dir, "SELECT word FROM kept", role="owner") == [("Каир",)]


@as_root
def test_it_says_when_nobody_could_not_reach_the_data(outline, monkeypatch):
    monkeypatch.setattr("crisis.embedded.identity.namespaces_work", lambda: False)
    with pytest.raises(embedded.EmbeddedError, match="no other user can enter"):
        Keeper(outline, os.getpid(), durable=True).prepare()
