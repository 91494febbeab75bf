"""What an installation must not start with: weak settings, each refused in a sentence that says what to do.

`manage.py check --deploy` says them all; `manage.py serve` says them and does not start.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.management.base import CommandError

OURS = {"localhost", "127.0.0.1", "[::1]", "testserver"}
ENCRYPTED = {"verify-ca", "verify-full"}
SECOND_STEP, LOCKOUT = "crisis.second_factor.SecondFactorMiddleware", "axes.middleware.AxesMiddleware"
Check = Callable[[Any], Iterator[CheckMessage]]


@register(Tags.security, deploy=True)
def installation(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Everything that is wrong with the settings of this process."""
    return wrong_with(settings)


def wrong_with(found: Any) -> list[CheckMessage]:
    """Everything that is wrong with these settings. A demonstration and the tests may be weak, but not public."""
    checks = LOCAL_CHECKS if found.LOCAL else [*LOCAL_CHECKS, *CHECKS]
    return [error for check in checks for error in check(found)]


def demand_strong_settings() -> None:
    """Raises CommandError with all sentences, for commands that would start something."""
    if errors := wrong_with(settings):
        raise CommandError("Not started.\n" + "\n".join(f"* {error.msg} {error.hint}" for error in errors))


def _public_demonstration(found: Any) -> Iterator[CheckMessage]:
    public = [host for host in found.ALLOWED_HOSTS if host not in OURS]
    if found.LOCAL and public:
        words = f"A demonstration, whose passwords everybody knows, would answer as {', '.join(public)}."
        yield Error(words, hint="Take CRISIS_DEMO or ALLOWED_HOSTS out of the environment.", id="crisis.E001")


def _secret_key(found: Any) -> Iterator[CheckMessage]:
    key = found.SECRET_KEY
    if len(key) < 50 or len(set(key)) < 10 or "demonstration" in key or key.startswith("django-insecure"):
        hint = "Put 50 random characters or more into SECRET_KEY: python -c 'import secrets; print(secrets.token_urlsafe(50))'"
        yield Error("SECRET_KEY is missing, short or known to others.", hint=hint, id="crisis.E002")


def _debug(found: Any) -> Iterator[CheckMessage]:
    if found.DEBUG:
        yield Error("DEBUG is on: pages of failure would show settings and data.", hint="Switch it off.", id="crisis.E003")


def _hosts(found: Any) -> Iterator[CheckMessage]:
    if not found.ALLOWED_HOSTS or any(host.startswith(("*", ".")) for host in found.ALLOWED_HOSTS):
        hint = "Name the console's own host in ALLOWED_HOSTS, without a star."
        yield Error("ALLOWED_HOSTS is empty or lets in any host.", hint=hint, id="crisis.E004")


def _files(found: Any) -> Iterator[CheckMessage]:
    yield from _kept_secret(found.KEY_RING_FILE, "key ring", "CRISIS_KEY_RING", needed=True)
    yield from _kept_secret(found.SECRETS_FILE, "file of secrets", "CRISIS_SECRETS_FILE", needed=False)


def _kept_secret(path: Path, what: str, variable: str, *, needed: bool) -> Iterator[CheckMessage]:
    where = f"The {what} {path}"
    if not path.exists():
        if needed:
            yield Error(f"{where} is missing.", hint=f"Restore it from its back-up or name it in {variable}.", id="crisis.E005")
        return
    if path.stat().st_mode & 0o077:
        yield Error(f"{where} can be read by others of this machine.", hint=f"Run: chmod 600 {path}", id="crisis.E006")
    if not _is_json(path):
        yield Error(
            f"{where} cannot be read.", hint="Restore it from its back-up; its owner runs the console.", id="crisis.E007"
        )


def _is_json(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_text()), dict)
    except (OSError, ValueError):
        return False


def _databases(found: Any) -> Iterator[CheckMessage]:
    for name, database in found.DATABASES.items():
        mode = database.get("OPTIONS", {}).get("sslmode", "")
        if not _is_here(database.get("HOST") or "") and mode not in ENCRYPTED:
            hint = "Add ?sslmode=verify-full to its URL, and sslrootcert where the certificate is your own."
            yield Error(
                f"The database “{name}” is reached over the network without proof of who it is.", hint, id="crisis.E008"
            )


def _redis(found: Any) -> Iterator[CheckMessage]:
    url = urlsplit(found.REDIS_URL)
    if url.scheme not in ("unix", "rediss") and not _is_here(url.hostname or ""):
        yield Error("Redis is reached over the network in the clear.", hint="Use rediss:// in REDIS_URL.", id="crisis.E009")


def _is_here(host: str) -> bool:
    """A socket or this machine; of several hosts, all of them."""
    return all(one in ("", "localhost") or one.startswith("/") or _is_loopback(one) for one in host.split(","))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _second_step(found: Any) -> Iterator[CheckMessage]:
    on = "allauth.mfa" in found.INSTALLED_APPS and SECOND_STEP in found.MIDDLEWARE
    if not on or getattr(found, "MFA_TOTP_INSECURE_BYPASS_CODE", None) or found.MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN:
        hint = "Leave allauth.mfa and its middleware in, and no code or origin that goes round them."
        yield Error("The second step of the log-in is switched off or can be gone round.", hint=hint, id="crisis.E010")
    if not 0 < found.FRESH_SECONDS <= 900 or found.MFA_TOTP_TOLERANCE > 1:
        hint = "CRISIS_FRESH_SECONDS is at most 900, MFA_TOTP_TOLERANCE at most 1."
        yield Error("A proof of who somebody is would hold for too long.", hint=hint, id="crisis.E011")


def _lockout(found: Any) -> Iterator[CheckMessage]:
    on = getattr(found, "AXES_ENABLED", True) and "axes" in found.INSTALLED_APPS and found.MIDDLEWARE[-1] == LOCKOUT
    first = found.AUTHENTICATION_BACKENDS[:1] == ["axes.backends.AxesStandaloneBackend"]
    if not on or not first or found.AXES_FAILURE_LIMIT > 10:
        hint = "Leave django-axes in, its backend first, its middleware last, and AXES_FAILURE_LIMIT at 10 or less."
        yield Error("Passwords can be guessed without end.", hint=hint, id="crisis.E012")


def _cookies(found: Any) -> Iterator[CheckMessage]:
    for cookie in ("SESSION_COOKIE", "CSRF_COOKIE"):
        secure, name = getattr(found, f"{cookie}_SECURE"), getattr(found, f"{cookie}_NAME")
        if not secure or not name.startswith("__Host-") or getattr(found, f"{cookie}_DOMAIN", None):
            words = f"The cookie “{name}” could be read on the way or planted by a neighbouring host."
            hint = f"{cookie}_SECURE is on, {cookie}_NAME begins with __Host-, {cookie}_DOMAIN is empty."
            yield Error(words, hint=hint, id="crisis.E013")
    if found.SESSION_IDLE_SECONDS > 1800 or found.SESSION_ABSOLUTE_SECONDS > 12 * 3600 or not found.SESSION_COOKIE_HTTPONLY:
        hint = "At most 30 minutes without the person and 12 hours in all; scripts never read the cookie."
        yield Error("Sessions last too long, or scripts can read their cookie.", hint=hint, id="crisis.E014")


def _debris(found: Any) -> Iterator[CheckMessage]:
    """What rehearsals and tests put into the environment has no place in an installation."""
    if planted := sorted(name for name in os.environ if name.startswith("CRISIS_CRASH")):
        hint = f"Take {', '.join(planted)} out of the environment."
        yield Error("Planned crashes of a test are switched on.", hint=hint, id="crisis.E015")


LOCAL_CHECKS: list[Check] = [_public_demonstration]
CHECKS: list[Check] = [
    _secret_key, _debug, _hosts, _files, _databases, _redis, _second_step, _lockout, _cookies, _debris,
]  # fmt: skip
