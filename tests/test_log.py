"""What the log of an installation tells afterwards: who came in, who did not, who tried what they may not, and what broke."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from crisis.lines import OneLine
from crisis.models import User
from tests import world
from tests.desk import Desk, url
from tests.world import PASSWORD

pytestmark = pytest.mark.usefixtures("quick_hashes")
Browser = Callable[[User], Client]


@pytest.fixture
def anna(db: None) -> User:
    return world.known(world.person("anna", "operator"))


def log_in(user: User, password: str) -> Any:
    return Client().post("/login/", {"login": user.username, "password": password})


def test_a_log_in_is_logged_with_the_person(anna: User, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert log_in(anna, PASSWORD).status_code == 302
    assert f"Log-in of person {anna.pk} from 127.0.0.1." in caplog.messages


def test_a_failed_log_in_is_logged_without_what_was_typed(anna: User, caplog: pytest.LogCaptureFixture) -> None:
    assert log_in(anna, "my secret").status_code == 200
    (line,) = [message for message in caplog.messages if "login failure" in message]
    assert ("127.0.0.1" in line, "my secret" in caplog.text, "anna" in line) == (True, False, False)


def test_what_a_role_does_not_allow_is_logged_with_the_person_and_the_door(db: None, caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    path = url(desk.submitted(), "approve/")
    assert desk.at_author.post(path).status_code == 403
    assert f"Person {desk.author.pk} may not: POST {path}" in caplog.messages


def test_a_form_without_its_token_is_logged(anna: User, caplog: pytest.LogCaptureFixture) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(anna)
    assert browser.post("/logout/").status_code == 403
    assert "Forbidden (CSRF cookie not set.): /logout/" in caplog.messages


def test_a_fault_of_ours_is_logged_with_its_cause(committed: str, client_of: Browser, caplog: pytest.LogCaptureFixture) -> None:
    browser = client_of(world.person("boris", "supervisor"))
    browser.raise_request_exception = False
    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE messaging_campaign RENAME TO gone")
    assert browser.get("/campaigns/").status_code == 500
    assert "Internal Server Error: /campaigns/" in caplog.messages
    assert 'relation "messaging_campaign" does not exist' in caplog.text


def test_a_line_tells_its_time_in_utc() -> None:
    record = logging.LogRecord("crisis", logging.INFO, "", 0, "words", (), None)
    record.created = 1_795_000_000.25
    line = OneLine("{asctime} {message}", style="{").format(record)
    assert line == "2026-11-18T11:06:40.250+00:00 words"


def test_every_handler_writes_to_the_one_stream_that_the_installation_keeps(settings: Any) -> None:
    assert {name: one["class"] for name, one in settings.LOGGING["handlers"].items()} == {"stderr": "logging.StreamHandler"}
