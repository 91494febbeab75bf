"""Every door knocked at with what no browser sends: foreign hosts, junk in addresses, broken bodies. No 500, no effect."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import product
from typing import Any
from urllib.parse import urlencode

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import NoReverseMatch

from tests import world
from tests.desk import Desk
from tests.test_doors import ROUTES, VERBS, address

pytestmark = pytest.mark.django_db
NUMBERED = sorted(name for name, numbers in ROUTES.items() if numbers)
EVIL = "evil.example"


def with_two_campaigns() -> Desk:
    found = Desk()
    found.sending()
    found.submitted()
    return found


@pytest.fixture(scope="module")
def made(once: Callable[[Callable[[], Desk]], Desk]) -> Desk:
    return once(with_two_campaigns)


@pytest.fixture
def desk(made: Desk) -> Desk:
    return deepcopy(made)


@pytest.fixture(autouse=True)
def nothing_changes(desk: Desk, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever knocks in these tests, no table has another number of rows afterwards."""
    caplog.set_level(logging.CRITICAL, "django")  # a thousand refusals are refused by design
    before = world.counts()
    yield
    assert world.counts() == before


def faults(answers: dict[Any, Any]) -> dict[Any, int]:
    return {name: answer.status_code for name, answer in answers.items() if answer.status_code >= 500}


# --- whom the request says it speaks to ---------------------------------------------------------------------------------

HOSTS = [EVIL, f"testserver, {EVIL}", f"testserver@{EVIL}", f"testserver:80@{EVIL}", f"{EVIL}:testserver", "test server", ""]


def test_a_foreign_host_is_answered_by_no_page(desk: Desk) -> None:
    """Each way of writing it at every seventh door, so that every door sees one."""
    answers = {
        name: desk.at_chief.get(address(name), headers={"host": HOSTS[number % len(HOSTS)]})
        for number, name in enumerate(ROUTES)
    }
    assert {name for name, answer in answers.items() if answer.status_code != 400 or EVIL in answer.text} == set()


FORWARDED = {"x-forwarded-host": EVIL, "forwarded": f"host={EVIL}", "x-original-url": "/admin/", "x-rewrite-url": "/admin/"}


def test_no_header_beside_the_host_says_where_we_are(desk: Desk) -> None:
    told = {name: desk.at_chief.get(address(name), headers=FORWARDED) for name in ROUTES}
    moved = {name for name, answer in told.items() if EVIL in answer.headers.get("Location", "") or EVIL in shown(answer)}
    asked = {name: (answer.wsgi_request.get_host(), answer.wsgi_request.path) for name, answer in told.items()}
    assert (moved, asked) == (set(), {name: ("testserver", address(name)) for name in ROUTES})


def shown(answer: Any) -> str:
    return "" if answer.streaming else str(answer.text)


def test_no_header_makes_another_method_of_a_get(desk: Desk) -> None:
    headers = dict.fromkeys(["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"], "POST")
    answers = {name: desk.at_chief.get(address(name), {"_method": "POST"}, headers=headers) for name in VERBS}
    assert {name for name, answer in answers.items() if answer.status_code != 405} == set()


# --- where a request wants to be led ------------------------------------------------------------------------------------

ELSEWHERE = [
    f"//{EVIL}", f"https://{EVIL}/", f"/\\{EVIL}", f"\\\\{EVIL}", f"https:{EVIL}", f"///{EVIL}", f"http:///{EVIL}",
    f"/%09/{EVIL}", f"\t//{EVIL}", f"https://testserver@{EVIL}/", "javascript:alert(1)", f"/\r\nLocation: https://{EVIL}", "\0",
]  # fmt: skip


LEADING = ("account_login", "account_reauthenticate", "set_language", "wall_open", "mfa_index", "situation")


@pytest.mark.parametrize("name", LEADING)
def test_nobody_is_led_away_by_any_page(desk: Desk, name: str) -> None:
    for place in ELSEWHERE:
        values = dict.fromkeys(["next", "back", "return", "url", "redirect"], place)
        for client in (desk.at_chief, Client()):
            expect_home(client.get(address(name), values))
            expect_home(client.post(address(name), {**values, "language": "en"}))


def test_nobody_is_led_away_by_the_log_in_of_the_admin_site(desk: Desk) -> None:
    for place in ELSEWHERE:
        for client in (desk.at_chief, Client()):
            expect_home(client.get("/admin/login/", {"next": place}, follow=True))


def expect_home(answer: Any) -> None:
    leads = answer.headers.get("Location", "")
    assert answer.status_code < 500
    assert not leads or (leads.startswith("/") and not leads.startswith(("//", "/\\")))
    assert "javascript:" not in leads


# --- what stands in an address ------------------------------------------------------------------------------------------

NUMBERS, NOT_THERE = [0, 2**63, 10**40], {403, 404, 405, 422}


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """“Not there” and “refused” in one word each: here their pages would be drawn a thousand times."""
    monkeypatch.setattr("crisis.urls.handler404", lambda *_args, **_more: HttpResponse("gone", status=404), raising=False)
    monkeypatch.setattr("crisis.middleware.render", lambda *_args, status: HttpResponse("refused", status=status))


@pytest.mark.usefixtures("short_pages")
def test_a_number_that_nothing_has_is_not_there(desk: Desk) -> None:
    answers: dict[tuple[str, str, int], Any] = {}
    for name, number in product(NUMBERED, NUMBERS):
        answers["GET", name, number] = desk.at_chief.get(address(name, number))
        answers["POST", name, number] = desk.at_chief.post(address(name, number), {"reason": "because"})
    assert {knock: answer.status_code for knock, answer in answers.items() if answer.status_code not in NOT_THERE} == {}


@pytest.mark.usefixtures("short_pages")
def test_what_is_no_number_is_not_there(desk: Desk) -> None:
    said = ["-1", "1%00", "..%2f..%2fetc%2fpasswd", "9" * 5000]
    answers = {(name, one[:9]): desk.at_chief.get(at(name).replace("777", one)) for name, one in product(NUMBERED, said)}
    assert {knock: answer.status_code for knock, answer in answers.items() if answer.status_code not in NOT_THERE} == {}


def at(name: str) -> str:
    try:
        return address(name, 777)
    except NoReverseMatch:
        return "/777/"


PATHS = [
    "/..%2f..%2fetc/passwd", "/static/..%2f..%2fcrisis/settings.py", "/static/../crisis/settings.py", "/%00", "/campaigns/%00",
    "/%0d%0aX-Evil:%201", "/%E2%80%AE", "/%FF%FE", "/" + "a/" * 2000, "//evil.example/%2f..", "/admin/%00/", "/.env",
]  # fmt: skip


def test_no_address_leads_out_of_the_console(desk: Desk) -> None:
    for client, path in product((desk.at_chief, Client()), PATHS):
        answer = client.get(path)
        assert (answer.status_code in (301, 302, 404), "X-Evil" in answer.headers) == (True, False)
        assert EVIL not in answer.headers.get("Location", "").partition("?")[0]


# --- what stands behind the question mark -------------------------------------------------------------------------------

JUNK = ["a\0b", "9" * 40, "\r\nX: \u202e²"]
ASKED = (
    "page", "status", "drill", "incident", "who", "action", "about", "words", "since", "until", "q", "country", "kind",
    "language", "version", "playbook", "template", "corrects", "refers_to", "countries", "estimate_people", "person",
)  # fmt: skip
LISTS = sorted(name for name, numbers in ROUTES.items() if not numbers and name not in VERBS)


QUERIES = [urlencode(dict.fromkeys(ASKED, junk)) for junk in JUNK]
QUERIES.append("page=1&page=%FF&words=%C3%28&who=%ED%A0%80&a&b&=c" + "&" * 900)


def test_junk_behind_the_question_mark_is_no_fault(desk: Desk) -> None:
    """All of it at every page that looks there; a page that does not is the same page each time."""
    first, *others = QUERIES
    answers = {(name, first): desk.at_chief.get(f"{address(name)}?{first}") for name in LISTS}
    looking = {name for (name, _query), answer in answers.items() if "GET" in vars(answer.wsgi_request)}
    answers |= {(name, query): desk.at_chief.get(f"{address(name)}?{query}") for name, query in product(looking, others)}
    assert (faults(answers), {"audit_list", "campaign_list", "incident_declare"} - looking) == ({}, set())


# --- what is sent -------------------------------------------------------------------------------------------------------

FORM, PARTS = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"
BODIES = {
    "parts without an end": (b'--x\r\nContent-Disposition: form-data; name="reason"\r\n\r\nbecause', PARTS),
    "parts without a boundary": (b"--x\r\n", "multipart/form-data"),
    "a boundary of nobody": (b"--y\r\n\r\n", "multipart/form-data; boundary=\xff"),
    "a part in no encoding": (b'--x\r\nContent-Disposition: form-data; name="reason"\r\n\r\n\xff\xfe\r\n--x--\r\n', PARTS),
    "a part in broken base64": (
        b'--x\r\nContent-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!\r\n--x--\r\n', PARTS,
    ),
    "a file called like a path": (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="../../x\x00.csv"\r\n\r\na\r\n--x--\r\n', PARTS,
    ),
    "text in no encoding": (b"reason=%FF%FE&text=\xff", FORM),
    "an encoding of nobody": (b"reason=because", f"{FORM}; charset=no-such"),
    "two thousand fields": (b"&".join(b"a%d=1" % n for n in range(2000)), FORM),
    "six megabytes": (b"reason=" + b"x" * (6 * 1024 * 1024), FORM),
    "JSON for a form": (b'{"reason": "because"}', "application/json"),
    "a type of nobody": (b"reason=because", "\r\n"),
}  # fmt: skip


FORMS = ["audience_new", "import_new", "incident_declare"]
DOORS = sorted(VERBS - {"set_language", "session_end", "audit_verify", "hook", "shift_take"}) + FORMS


@pytest.mark.usefixtures("short_pages")
def test_a_broken_body_does_nothing(desk: Desk) -> None:
    """Each of them at every door that opens what is sent; a door that does not answers the same each time."""
    first, *others = BODIES

    def knock(door: str, body: str) -> Any:
        return desk.at_chief.generic("POST", address(door, 999_999_999), *BODIES[body])

    answers = {(door, first): knock(door, first) for door in DOORS}
    opening = {door for (door, _body), answer in answers.items() if hasattr(answer.wsgi_request, "_post")}
    answers |= {(door, body): knock(door, body) for door, body in product(opening, others)}
    assert (faults(answers), {*FORMS} - opening) == ({}, set())


def test_of_a_field_that_stands_twice_the_last_is_judged(desk: Desk) -> None:
    path = f"/incidents/{desk.incident.pk}/status/"
    answer = desk.at_chief.post(path, "status=closed&status=no-such", content_type=FORM)
    desk.incident.refresh_from_db()
    assert (answer.status_code, desk.incident.status) == (409, "open")
