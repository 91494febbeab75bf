"""A stage for stories: a whole installation and its simulated platforms on this machine, for `demo` and `rehearse` alone.

Knows which processes there are and what each is told. A real installation uses none of this: there `serve` is kept running by
a service manager.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import socket
import sys
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from crisis import embedded
from crisis.supervisor import Command

MARK = "CRISIS_STAGE"  # process id and ports, from a process to itself through exec
ROOT = Path(__file__).resolve().parent.parent
MANAGE = (sys.executable, str(ROOT / "manage.py"))
VK_ACCOUNTS = {"VK_MINISTRY": 100000001, "DRILL_VK_MINISTRY": 100000002}  # secret name → group, as in the story's accounts
MADE = "demonstration"  # a file that says so; without it nothing of a directory is taken, and nothing removed
FOREIGN = {"pg", "pgpass", "secrets.json", "keys.json"}
OURS = ("story", "simulators", "logs", "secrets.json", "keys.json")  # in the data directory, beside the servers' own


class StageError(Exception):
    """The stage cannot be set; the message is a sentence for the person at the keyboard."""


@dataclass(frozen=True, slots=True)
class Platform:
    """A simulated platform that finds and writes to people by itself, and the name of the secret its account knows it by."""

    name: str
    channel: str
    secret: str
    people: int
    exercise: bool = False

    @property
    def issuer(self) -> str:
        """Whose key it is: the handle of the story's account."""
        return "mfa-drill" if self.exercise else "mfa"


PLATFORMS = (
    Platform("delegated", "vk-geo", "VK_GEO", 80_000),
    Platform("roaming", "operator-roaming", "OPERATOR_ROAMING", 40_000),
    Platform("drill", "vk-geo", "DRILL_VK_GEO", 8_000, exercise=True),
    Platform("roaming-drill", "operator-roaming", "DRILL_OPERATOR_ROAMING", 4_000, exercise=True),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """Where everything is; ports are of 127.0.0.1. `limited`: the simulated VK takes 20 calls a second, like the real one.

    `platforms`: name of a platform → its port.
    """

    data_dir: Path
    web: int
    vk: int
    mail: int
    platforms: Mapping[str, int]
    limited: bool = True

    @classmethod
    def at(cls, data_dir: Path, web: int = 0) -> Self:
        """A stage on free ports, or with the console on `web`. Raises StageError when that one is taken."""
        if web:
            demand_port(web)
        free, vk, mail, *others = free_ports(3 + len(PLATFORMS))
        return cls(data_dir, web or free, vk, mail, {one.name: port for one, port in zip(PLATFORMS, others, strict=True)})

    @classmethod
    def entered(cls, data_dir: Path, *, limited: bool = True) -> Self | None:
        """The stage this process runs on already, or None."""
        entered = json.loads(os.environ.get(MARK) or "{}")
        if entered.pop("pid", None) != os.getpid():
            return None
        return cls(data_dir, limited=limited, **entered)

    def enter(self) -> None:
        """Begin this command again in the same process, under this stage's settings: they are read once, at start."""
        ports = {"web": self.web, "vk": self.vk, "mail": self.mail, "platforms": dict(self.platforms)}
        mark = json.dumps({"pid": os.getpid(), **ports})
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **self.environment(), MARK: mark})  # noqa: S606

    def environment(self) -> dict[str, str]:
        return {
            "CRISIS_DEMO": "1",
            "CRISIS_DATA_DIR": str(self.data_dir),
            "VK_URL": f"http://127.0.0.1:{self.vk}",
            "DRILL_VK_URL": f"http://127.0.0.1:{self.vk}",
            **{f"{one.secret}_URL": self.url_of(one.name) for one in PLATFORMS},
            "EMAIL_URL": f"smtp://127.0.0.1:{self.mail}",
            "CRISIS_URL": self.url,
            "PYTHONUNBUFFERED": "1",
        }

    def lock(self) -> int:
        """Keep this data directory for us alone until the descriptor is closed.

        Raises StageError when somebody has it, and when it holds the data of an installation that is no demonstration.
        """
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = {path.name for path in self.data_dir.iterdir()}
        if MADE not in found and found & FOREIGN:
            raise StageError(f"{self.data_dir} was not made by a demonstration. Choose another --data-dir.")
        (self.data_dir / MADE).touch(mode=0o600)
        fd = os.open(self.data_dir / "stage.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise StageError(f"Another demonstration uses {self.data_dir}. Stop it, or choose another --data-dir.") from None
        return fd

    def clear(self) -> None:
        """Forget everything of earlier starts. Raises embedded.EmbeddedError while servers run on it."""
        embedded.reset(self.data_dir)
        for name in OURS:
            path = self.data_dir / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def secrets(self) -> dict[str, str]:
        """The secrets by which accounts and simulated platforms know each other: drawn once, readable by us alone."""
        path = self.data_dir / "secrets.json"
        if not path.exists():
            part = path.with_suffix(".part")
            part.unlink(missing_ok=True)
            with open(part, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as target:
                json.dump(_drawn(), target)
            part.replace(path)
        found: dict[str, str] = json.loads(path.read_text())
        return found

    def simulators(self, at: datetime, hooks: Mapping[str, str], *, lively: bool) -> list[Command]:
        """The platforms. `hooks`: secret name of an account → the URL its platform calls; `at`: the story's now.

        `lively`: people read and answer, and the platform's officer takes as long to decide as suits people who watch.
        """
        mail = self._simulator("mail", self.mail, [], {})
        others = [self._platform(one, at, hooks, lively=lively) for one in PLATFORMS]
        return [self._vk(hooks, lively=lively), *others, mail]

    def _vk(self, hooks: Mapping[str, str], *, lively: bool) -> Command:
        known = self.secrets()
        callbacks = [word for name, group in VK_ACCOUNTS.items() for word in ("--callback", f"{group}={hooks[name]}")]
        flags = [*callbacks, *(["--lively"] if lively else []), *([] if self.limited else ["--no-limit"])]
        told = {
            "VK_SIM_TOKENS": {known[name]: group for name, group in VK_ACCOUNTS.items()},
            "VK_SIM_CALLBACK_SECRETS": {group: known[f"{name}_WEBHOOK"] for name, group in VK_ACCOUNTS.items()},
            "VK_SIM_CONFIRMATIONS": {group: known[f"{name}_CONFIRMATION"] for name, group in VK_ACCOUNTS.items()},
        }
        return self._simulator("vk", self.vk, flags, {name: json.dumps(value) for name, value in told.items()})

    def _platform(self, one: Platform, at: datetime, hooks: Mapping[str, str], *, lively: bool) -> Command:
        known = self.secrets()
        env = {"PLATFORM_SIM_SECRET": known[one.secret], "PLATFORM_SIM_WEBHOOK_SECRET": known[f"{one.secret}_WEBHOOK"]}
        flags = [*([] if lively else ["--decision-delay", "1", "--duration", "2"]), *(["--exercise"] if one.exercise else [])]
        about = ["--channel", one.channel, "--population", str(one.people), "--at", at.isoformat(), "--issuer", one.issuer]
        about += ["--webhook", hooks.get(one.secret, "")]
        return self._simulator(one.name, self.platforms[one.name], [*about, *flags], env, module="delegated")

    def _simulator(self, name: str, port: int, flags: Iterable[str], env: Mapping[str, str], *, module: str = "") -> Command:
        where = ["--port", str(port), "--log", str(self.journal(name))]
        argv = [sys.executable, "-m", f"messaging.simulators.{module or name}", *where, *flags]
        return Command(f"simulator-{name}", argv, env, self._log("simulators"))

    def journal(self, simulator: str) -> Path:
        return self.data_dir / "simulators" / f"{simulator}.jsonl"

    def console(self, workers: Mapping[str, int]) -> list[Command]:
        """Our own processes. `workers`: channel → how many."""
        web = Command("web", [*MANAGE, "serve", "web", "--bind", f"127.0.0.1:{self.web}"], log=self._log("web"))
        sweeper = Command("sweeper", [*MANAGE, "serve", "sweeper"], log=self._log("sweeper"))
        teller = Command("teller", [*MANAGE, "serve", "teller"], log=self._log("teller"))
        importer = Command("importer", [*MANAGE, "serve", "importer"], log=self._log("importer"))
        return [
            web,
            sweeper,
            teller,
            importer,
            *(self._worker(slug, n + 1) for slug, count in workers.items() for n in range(count)),
        ]

    def _worker(self, slug: str, number: int) -> Command:
        return Command(f"worker-{slug}-{number}", [*MANAGE, "serve", "worker", slug], log=self._log("workers"))

    def _log(self, name: str) -> Path:
        return self.data_dir / "logs" / f"{name}.log"

    @property
    def url(self) -> str:
        return f"http://localhost:{self.web}"  # by name: passkeys refuse 127.0.0.1

    def url_of(self, platform: str) -> str:
        return f"http://127.0.0.1:{self.platforms[platform]}"

    def answers(self) -> bool:
        """Whether the login page and the platforms answer."""
        controls = (f"http://127.0.0.1:{port}/control" for port in (self.vk, *self.platforms.values()))
        return all(map(_answers, (f"{self.url}/login/", *controls)))


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody uses now."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def demand_port(port: int) -> None:
    """Raises StageError when the port of this machine cannot be had."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except (OSError, OverflowError) as error:
        why = os.strerror(error.errno or 0) if isinstance(error, OSError) else "there is no such port"
        raise StageError(f"Port {port} cannot be used ({why}). Choose another with --port.") from error


def _drawn() -> dict[str, str]:
    """Secrets by name."""
    found = {f"{name}{suffix}": secrets.token_hex(16) for name in VK_ACCOUNTS for suffix in ("", "_WEBHOOK")}
    found |= {f"{name}_CONFIRMATION": secrets.token_hex(4) for name in VK_ACCOUNTS}
    for name in (one.secret for one in PLATFORMS):
        found |= {name: secrets.token_hex(32), f"{name}_WEBHOOK": "whsec_" + b64encode(secrets.token_bytes(32)).decode()}
    return found


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as answer:  # noqa: S310 (an address of this machine)
            return bool(answer.status == 200)
    except (HTTPError, URLError, OSError):
        return False
