"""Every door of the console, found by walking its routes: who knocks without a right changes nothing and meets no 500."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from uuid import UUID

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.urls.converters import UUIDConverter

from crisis.models import User
from tests import world
from tests.desk import Desk

pytestmark = pytest.mark.django_db

PUBLIC = {
    "wall",
    "wall_open",
    "set_up",
    "register",
    "contract",
    "contract_json",
    "account_login",
    "healthz",
    "favicon",
    "set_language",
    "hook",
}
FOREIGN = 999_999_999
# Verbs of the console: they answer POST alone. A new one has to be written here, or the walk below fails.
VERBS = {
    "user_propose", "user_sessions_end", "adminaction_confirm", "adminaction_refuse",
    "campaign_break_glass", "playbook_approve", "playbook_retire", "incident_fact",
    "incident_note", "incident_next_update", "incident_status", "incident_coverage", "audit_verify", "import_apply",
    "import_bad", "import_cancel",
    "campaign_submit", "campaign_withdraw", "campaign_approve", "campaign_send_back", "campaign_reject", "campaign_pause",
    "campaign_resume", "reply_read", "account_pause", "account_resume", "account_test", "set_language", "hook", "key_revoke",
    "duty_plan", "duty_call_off", "campaign_take", "campaign_called", "shift_take", "session_end", "lock_lift",
    "exception_renew", "campaign_record_sign", "exception_note", "device_make", "device_revoke", "staff_remove",
    "source_switch", "person_forget", "outage_report", "outage_end", "order_remind",
}  # fmt: skip
# Of these an auditor may do some.
AUDITORS = {"campaign_record_sign", "exception_note", "session_end", "audit_verify", "set_language", "hook"}


def routes(resolver: URLResolver | None = None) -> Iterator[URLPattern]:
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLPattern):
            yield pattern
        elif pattern.app_name not in ("admin", "ninja"):
            yield from routes(pattern)


ROUTES = {pattern.name: [*pattern.pattern.converters.values()] for pattern in routes() if pattern.name}


def address(name: str, number: int = 1) -> str:
    args = [UUID(int=number % 2**128) if isinstance(one, UUIDConverter) else number for one in ROUTES[name]]
    return reverse(name, args=args)


class Office(Desk):
    """A desk with a submitted campaign, an auditor and an administrator beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.submitted()
        self.auditor, self.admin = world.person("dina", "auditor"), world.person("gleb", "admin")


@pytest.fixture(scope="module")
def made(once: Callable[[type[Office]], Office]) -> Office:
    return once(Office)


@pytest.fixture
def desk(made: Office) -> Office:
    return deepcopy(made)


@pytest.fixture
def auditor(desk: Office, client_of: Callable[[User], Client]) -> Client:
    return client_of(desk.auditor)


@pytest.fixture
def admin(desk: Office, client_of: Callable[[User], Client]) -> Client:
    return client_of(desk.admin)


@pytest.fixture(autouse=True)
def nothing_changes(desk: Desk, auditor: Client, admin: Client) -> Iterator[None]:
    """Whatever knocks in these tests, no table has another number of rows afterwards."""
    before = world.counts()
    yield
    assert world.counts() == before


def test_a_stranger_is_sent_to_the_login() -> None:
    knocks = [(name, Client().get(address(name)), Client().post(address(name))) for name in ROUTES if name not in PUBLIC]
    assert [
        name for name, *answers in knocks for answer in answers if "/login/" not in answer.headers.get("Location", "")
    ] == []


def test_a_route_is_a_verb_exactly_when_it_is_said_to_be_one(auditor: Client) -> None:
    assert {name for name in ROUTES if auditor.get(address(name, FOREIGN)).status_code == 405} == VERBS


def test_a_verb_without_its_token_is_refused(desk: Desk) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(desk.chief)
    assert {name: browser.post(address(name)).status_code for name in VERBS - {"hook"}} == dict.fromkeys(VERBS - {"hook"}, 403)


def test_a_verb_of_another_role_is_refused(auditor: Client) -> None:
    answers = {name: auditor.post(address(name), {"reason": "because", "text": "words"}) for name in VERBS - AUDITORS}
    assert {name for name, answer in answers.items() if answer.status_code != 403} == set()


@pytest.mark.parametrize("name", sorted(name for name, numbers in ROUTES.items() if numbers))
def test_what_is_not_there_is_a_404_for_those_who_may_look(desk: Desk, auditor: Client, admin: Client, name: str) -> None:
    screens, values = (desk.at_author, desk.at_chief, auditor, admin), {"reason": "because", "link": ""}
    answers = [screen.post(address(name, FOREIGN), values) for screen in screens]
    answers += [screen.get(address(name, FOREIGN)) for screen in screens]
    found = {answer.status_code for answer in answers}
    assert (404 in found, found - {403, 404, 405, 422}) == (True, set())


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE"])
def test_no_other_method_does_anything(desk: Desk, method: str) -> None:
    assert [name for name in ROUTES if desk.at_chief.generic(method, address(name)).status_code >= 500] == []
