"""What an installation refuses to start with: each weak setting in a sentence, and nothing against strong ones."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings as running

from crisis.checks import LOCKOUT, SECOND_STEP, wrong_with

ROOT = Path(__file__).resolve().parent.parent
KEY = "a-key-of-no-installation-that-is-long-enough-for-anybody-0123456789"


@pytest.fixture
def strong(tmp_path: Path) -> SimpleNamespace:
    """An installation with nothing wrong."""
    for name in ("keys.json", "secrets.json"):
        (tmp_path / name).write_text("{}")
        (tmp_path / name).chmod(0o600)
    cookies = {f"{cookie}_COOKIE_{part}": value for cookie in ("SESSION", "CSRF") for part, value in (
        ("SECURE", True), ("NAME", f"__Host-{cookie}"), ("DOMAIN", None),
    )}  # fmt: skip
    return SimpleNamespace(
        LOCAL=False, DEBUG=False, SECRET_KEY=KEY, ALLOWED_HOSTS=["console.example"], KEY_RING_FILE=tmp_path / "keys.json",
        SECRETS_FILE=tmp_path / "secrets.json", DATABASES={"default": {"HOST": "/run/postgresql"}}, REDIS_URL="unix:///run/redis",
        INSTALLED_APPS=["allauth.mfa", "axes"], MIDDLEWARE=[SECOND_STEP, LOCKOUT], FRESH_SECONDS=300, MFA_TOTP_TOLERANCE=1,
        MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN=False, AUTHENTICATION_BACKENDS=["axes.backends.AxesStandaloneBackend"],
        AXES_FAILURE_LIMIT=10, SESSION_IDLE_SECONDS=1800, SESSION_ABSOLUTE_SECONDS=43200, SESSION_COOKIE_HTTPONLY=True,
        **cookies,
    )  # fmt: skip


def wrong(found: SimpleNamespace) -> list[Any]:
    return [error.id for error in wrong_with(found)]


def test_nothing_is_said_against_a_strong_installation(strong: SimpleNamespace) -> None:
    assert wrong(strong) == []


def network(**options: str) -> dict[str, Any]:
    return {"DATABASES": {"default": {"HOST": "db.example", "OPTIONS": options}}}


WEAK: dict[str, tuple[dict[str, Any], str]] = {
    "no key": ({"SECRET_KEY": ""}, "E002"),
    "a short key": ({"SECRET_KEY": "short"}, "E002"),
    "a key of one letter": ({"SECRET_KEY": "a" * 60}, "E002"),
    "the demonstration's key": ({"SECRET_KEY": "only-for-a-demonstration-on-this-machine" * 2}, "E002"),
    "debug": ({"DEBUG": True}, "E003"),
    "any host": ({"ALLOWED_HOSTS": ["*"]}, "E004"),
    "a host and its neighbours": ({"ALLOWED_HOSTS": [".example"]}, "E004"),
    "no host": ({"ALLOWED_HOSTS": []}, "E004"),
    "a database in the clear": (network(), "E008"),
    "a database that anybody can pretend to be": (network(sslmode="require"), "E008"),
    "Redis in the clear": ({"REDIS_URL": "redis://cache.example:6379/0"}, "E009"),
    "no second step": ({"INSTALLED_APPS": ["axes"]}, "E010"),
    "nobody made to have one": ({"MIDDLEWARE": [LOCKOUT]}, "E010"),
    "a code that always works": ({"MFA_TOTP_INSECURE_BYPASS_CODE": "000000"}, "E010"),
    "passkeys of any origin": ({"MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN": True}, "E010"),
    "a proof for a day": ({"FRESH_SECONDS": 86400}, "E011"),
    "codes of ten minutes": ({"MFA_TOTP_TOLERANCE": 20}, "E011"),
    "no lock": ({"AXES_ENABLED": False}, "E012"),
    "a lock that is asked last": ({"AUTHENTICATION_BACKENDS": ["django.contrib.auth.backends.ModelBackend"]}, "E012"),
    "a lock after a thousand": ({"AXES_FAILURE_LIMIT": 1000}, "E012"),
    "a cookie in the clear": ({"SESSION_COOKIE_SECURE": False}, "E013"),
    "a cookie that neighbours plant": ({"CSRF_COOKIE_NAME": "csrftoken"}, "E013"),
    "a cookie of the whole domain": ({"SESSION_COOKIE_DOMAIN": "example"}, "E013"),
    "a session of a week": ({"SESSION_ABSOLUTE_SECONDS": 604800}, "E014"),
    "a cookie that scripts read": ({"SESSION_COOKIE_HTTPONLY": False}, "E014"),
}


@pytest.mark.parametrize(("changes", "expected"), WEAK.values(), ids=list(WEAK))
def test_a_weak_setting_is_refused_with_what_to_do(strong: SimpleNamespace, changes: dict[str, Any], expected: str) -> None:
    vars(strong).update(changes)
    (error,) = wrong_with(strong)
    assert (error.id, bool(error.hint)) == (f"crisis.{expected}", True)


@pytest.mark.parametrize("host", ["", "localhost", "127.0.0.1", "::1", "/run/postgresql"])
def test_a_server_on_this_machine_needs_no_certificate(strong: SimpleNamespace, host: str) -> None:
    strong.DATABASES = {"default": {"HOST": host}}
    assert wrong(strong) == []


@pytest.mark.parametrize(("spoil", "expected"), [
    (lambda path: path.unlink(), ["crisis.E005"]),
    (lambda path: path.chmod(0o640), ["crisis.E006"]),
    (lambda path: path.write_text("not json"), ["crisis.E007"]),
    (lambda path: path.write_bytes(b"\xff"), ["crisis.E007"]),
])  # fmt: skip
def test_a_key_ring_that_is_lost_open_or_spoilt_is_refused(
    strong: SimpleNamespace, spoil: Callable[[Path], None], expected: list[str]
) -> None:
    spoil(strong.KEY_RING_FILE)
    assert wrong(strong) == expected


def test_secrets_may_come_from_the_environment_alone_but_never_from_an_open_file(strong: SimpleNamespace) -> None:
    strong.SECRETS_FILE.chmod(0o644)
    assert wrong(strong) == ["crisis.E006"]
    strong.SECRETS_FILE.unlink()
    assert wrong(strong) == []


def test_a_demonstration_is_never_public(strong: SimpleNamespace) -> None:
    weak = {"LOCAL": True, "SECRET_KEY": "", "ALLOWED_HOSTS": ["localhost", "127.0.0.1"]}
    vars(strong).update(weak)
    assert wrong(strong) == []
    strong.ALLOWED_HOSTS = ["localhost", "console.example"]
    assert wrong(strong) == ["crisis.E001"]


def test_planned_crashes_of_a_test_are_refused(strong: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRISIS_CRASH_AT", "x:1")
    assert wrong(strong) == ["crisis.E015"]


def test_a_weak_installation_does_not_start_and_says_why() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("CRISIS_", "PYTEST_", "DATABASE"))}
    env |= {"SECRET_KEY": "short", "ALLOWED_HOSTS": "*", "CRISIS_KEY_RING": "/nowhere/keys.json"}
    argv = [sys.executable, "manage.py", "serve", "web", "--bind", "127.0.0.1:1"]
    ended = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    said = [word in ended.stderr for word in ("Not started.", "SECRET_KEY", "ALLOWED_HOSTS", "/nowhere/keys.json is missing")]
    assert (ended.returncode, said, "Traceback" in ended.stderr) == (1, [True] * 4, False)


def test_passwords_are_kept_by_argon2() -> None:
    assert running.PASSWORD_HASHERS == ["django.contrib.auth.hashers.Argon2PasswordHasher"]
