"""What every answer carries, what a production installation insists on, and what the source never does."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client

from crisis.models import User
from tests import world
from tests.test_doors import ROUTES, address

ROOT: Path = settings.BASE_DIR
SOURCES = [path for app in ("crisis", "audiences", "messaging") for path in (ROOT / app).rglob("*.py")]
PRODUCTION = {"SECRET_KEY": "of-no-installation-" * 4, "ALLOWED_HOSTS": "crisis.example"}
ASKED = (
    "DEBUG", "SECURE_HSTS_SECONDS", "SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE",
    "CSRF_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY", "SESSION_COOKIE_SAMESITE", "SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME",
    "CSRF_COOKIE_SAMESITE", "PASSWORD_HASHERS", "DEMO",
)  # fmt: skip


@pytest.fixture(scope="module")
def production() -> dict[str, Any]:
    """The settings that an installation runs with, read by a process of its own."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("CRISIS_", "PYTEST_"))}
    script = f"import json; from django.conf import settings; print(json.dumps({{n: getattr(settings, n) for n in {ASKED}}}))"
    environment = {**ours, **PRODUCTION, "DJANGO_SETTINGS_MODULE": "crisis.settings"}
    said = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def test_production_shows_no_inside_and_plays_nothing(production: dict[str, Any]) -> None:
    assert [production[name] for name in ("DEBUG", "DEMO")] == [False, False]


def test_production_is_spoken_to_over_tls_alone_for_a_year_and_by_every_subdomain(production: dict[str, Any]) -> None:
    said = [production[f"SECURE_{name}"] for name in ("HSTS_SECONDS", "HSTS_INCLUDE_SUBDOMAINS", "SSL_REDIRECT")]
    assert said == [31_536_000, True, True]


def test_a_cookie_goes_over_tls_alone(production: dict[str, Any]) -> None:
    assert [production["SESSION_COOKIE_SECURE"], production["CSRF_COOKIE_SECURE"]] == [True, True]


def test_a_cookie_stays_with_the_site_that_gave_it(production: dict[str, Any]) -> None:
    assert {production["SESSION_COOKIE_SAMESITE"], production["CSRF_COOKIE_SAMESITE"]} <= {"Lax", "Strict"}


def test_no_script_reads_the_session(production: dict[str, Any]) -> None:
    assert production["SESSION_COOKIE_HTTPONLY"] is True


def test_a_password_is_kept_by_argon2_alone(production: dict[str, Any]) -> None:
    assert production["PASSWORD_HASHERS"] == ["django.contrib.auth.hashers.Argon2PasswordHasher"]


@pytest.fixture
def answers(db: None, client_of: Callable[[User], Client]) -> dict[str, Any]:
    """Every route as a supervisor gets it, and as a stranger."""
    chief, stranger = client_of(world.person("boris", "supervisor")), Client()
    knocks = (
        (f"{name}, {who}", client.get(address(name)))
        for name in ROUTES
        for who, client in (("chief", chief), ("stranger", stranger))
    )
    return dict(knocks)


def test_every_answer_says_what_a_browser_may_do_with_it(answers: dict[str, Any]) -> None:
    policy = {"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "script-src 'self'"}
    headers = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY"}
    bare = [
        name
        for name, answer in answers.items()
        if policy - {part.strip() for part in answer.headers.get("Content-Security-Policy", "").split(";")}
        or any(answer.headers.get(header) != value for header, value in headers.items())
    ]
    assert bare == []


def test_no_answer_to_a_person_is_kept_by_a_browser(answers: dict[str, Any]) -> None:
    kept = [
        name
        for name, answer in answers.items()
        if name.endswith("chief")
        and not name.startswith(("register", "contract"))
        and "no-store" not in answer.headers.get("Cache-Control", "")
    ]
    assert kept == []


def test_no_answer_lets_another_site_read_it(answers: dict[str, Any]) -> None:
    assert [name for name, answer in answers.items() if "Access-Control-Allow-Origin" in answer.headers] == []


def test_a_fault_of_ours_is_told_without_its_inside(committed: str, client_of: Callable[[User], Client]) -> None:
    browser = client_of(world.person("boris", "supervisor"))
    browser.raise_request_exception = False
    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE messaging_campaign RENAME TO gone")
    page = browser.get("/campaigns/")
    words = ("messaging_campaign", "Traceback", "psycopg", "SELECT", "crisis/", settings.SECRET_KEY)
    assert (page.status_code, [word for word in words if word in page.text]) == (500, [])


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_nothing_that_comes_in_is_run_or_unpacked_as_objects() -> None:
    forbidden = {
        "eval",
        "exec",
        "os.system",
        "os.popen",
        "pickle.loads",
        "pickle.load",
        "yaml.load",
        "marshal.loads",
        "compile",
    }
    assert [(path.name, name) for path in SOURCES for name, _ in calls(path) if name in forbidden] == []


def test_no_command_goes_through_a_shell() -> None:
    shells = [
        path.name for path in SOURCES for _, call in calls(path) for keyword in call.keywords
        if keyword.arg == "shell" and getattr(keyword.value, "value", True)
    ]  # fmt: skip
    assert shells == []


def test_programs_are_started_where_servers_are_run_and_nowhere_else() -> None:
    starting = {
        path.relative_to(ROOT).parts[1] for path in SOURCES for name, _ in calls(path) if name.startswith("subprocess.")
    }
    assert starting <= {"backups", "embedded", "supervisor.py", "management", "stage.py"}


def imported(path: Path) -> set[str]:
    nodes = [*ast.walk(ast.parse(path.read_text()))]
    whole = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return whole | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


def test_only_workbooks_are_read_as_xml_and_only_beside_the_parser_that_takes_no_entities() -> None:
    readers = ("xml.", "lxml", "defusedxml", "openpyxl")
    found = {(path.name, name.partition(".")[0]) for path in SOURCES for name in imported(path) if name.startswith(readers)}
    assert found == {("workbooks.py", "defusedxml"), ("workbooks.py", "openpyxl")}


@pytest.mark.parametrize(
    "query", ["status=' OR 1=1 --", "incident=1;DROP TABLE messaging_campaign", "page=1'", "drill=%00", "status=%27%22"]
)
def test_a_filter_is_a_value_and_never_a_statement(db: None, client_of: Callable[[User], Client], query: str) -> None:
    chief = world.person("boris", "supervisor")
    before = world.counts()
    assert (client_of(chief).get(f"/campaigns/?{query}").status_code in (200, 404), world.counts()) == (True, before)
