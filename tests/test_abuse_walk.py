"""Every door knocked at with what no browser sends: foreign hosts, junk in addresses, broken bodies. No 500, no effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import NoReverseMatch

from crisis.models import User
from tests import world
from tests.desk import Desk
from tests.test_doors import ROUTES, VERBS, address

pytestmark = pytest.mark.django_db
NUMBERED = sorted(name for name, numbers in ROUTES.items() if numbers)
EVIL = "evil.example"


@pytest.fixture
def desk(client_of: Callable[[User], Client]) -> Desk:
    found = Desk(client_of)
    found.sending()
    found.submitted()
    return found


@pytest.fixture(autouse=True)
def nothing_changes(desk: Desk) -> Iterator[None]:
    """Whatever knocks in these tests, no table has another number of rows afterwards."""
    before = world.counts()
    yield
    assert world.counts() == before


def faults(answers: dict[str, Any]) -> dict[str, int]:
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
    plain = {name: desk.at_chief.get(address(name)) for name in ROUTES}
    told = {name: desk.at_chief.get(address(name), headers=FORWARDED) for name in ROUTES}
    moved = {name for name, answer in told.items() if EVIL in answer.headers.get("Location", "") or EVIL in shown(answer)}
    assert (moved, {name for name in ROUTES if told[name].status_code != plain[name].status_code}) == (set(), set())


def shown(answer: Any) -> str:
    return "" if answer.streaming else str(answer.text)


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_header_makes_no_other_method_of_a_get(desk: Desk, header: str) -> None:
    for name in sorted(VERBS):
        assert desk.at_chief.get(address(name), {"_method": "POST"}, headers={header: "POST"}).status_code == 405


# --- where a request wants to be led ------------------------------------------------------------------------------------

ELSEWHERE = [
    f"//{EVIL}", f"https://{EVIL}/", f"/\\{EVIL}", f"\\\\{EVIL}", f"https:{EVIL}", f"///{EVIL}", f"http:///{EVIL}",
    f"/%09/{EVIL}", f"\t//{EVIL}", f"https://testserver@{EVIL}/", "javascript:alert(1)", f"/\r\nLocation: https://{EVIL}", "\0",
]  # fmt: skip


@pytest.mark.parametrize("place", ELSEWHERE, ids=ascii)
def test_nobody_is_led_away_by_any_page(desk: Desk, place: str) -> None:
    values = {"next": place, "back": place, "return": place, "url": place, "redirect": place}
    for client in (desk.at_chief, Client()):
        for name in ("account_login", "account_reauthenticate", "set_language", "wall_open", "mfa_index", "situation"):
            for answer in (client.get(address(name), values), client.post(address(name), {**values, "language": "en"})):
                expect_home(answer)
        expect_home(client.get("/admin/login/", values, follow=True))


def expect_home(answer: Any) -> None:
    leads = answer.headers.get("Location", "")
    assert answer.status_code < 500
    assert not leads or (leads.startswith("/") and not leads.startswith(("//", "/\\")))
    assert "javascript:" not in leads


# --- what stands in an address ------------------------------------------------------------------------------------------

NUMBERS = [0, 2**63, 10**40]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_that_nothing_has_is_not_there(desk: Desk, number: int) -> None:
    answers = {}
    for name in NUMBERED:
        answers[f"GET {name}"] = desk.at_chief.get(address(name, number))
        answers[f"POST {name}"] = desk.at_chief.post(address(name, number), {"reason": "because"})
    assert {
        name: answer.status_code for name, answer in answers.items() if answer.status_code not in (403, 404, 405, 422)
    } == {}


@pytest.mark.parametrize("said", ["-1", "1%00", "..%2f..%2fetc%2fpasswd", "9" * 5000])
def test_what_is_no_number_is_not_there(desk: Desk, said: str) -> None:
    found = {name: at(name).replace("777", said) for name in NUMBERED}
    answers = {name: desk.at_chief.get(path) for name, path in found.items()}
    assert {name: answer.status_code for name, answer in answers.items() if answer.status_code not in (403, 404, 405)} == {}


def at(name: str) -> str:
    try:
        return address(name, 777)
    except NoReverseMatch:
        return "/777/"


PATHS = [
    "/..%2f..%2fetc/passwd", "/static/..%2f..%2fcrisis/settings.py", "/static/../crisis/settings.py", "/%00", "/campaigns/%00",
    "/%0d%0aX-Evil:%201", "/%E2%80%AE", "/%FF%FE", "/" + "a/" * 2000, "//evil.example/%2f..", "/admin/%00/", "/.env",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:40])
def test_no_address_leads_out_of_the_console(desk: Desk, path: str) -> None:
    for client in (desk.at_chief, Client()):
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


@pytest.mark.parametrize("junk", JUNK, ids=ascii)
def test_junk_in_a_filter_or_a_page_number_is_no_fault(desk: Desk, junk: str, client_of: Callable[[User], Client]) -> None:
    answers = {name: desk.at_chief.get(address(name), dict.fromkeys(ASKED, junk)) for name in LISTS}
    assert faults(answers) == {}


@pytest.mark.parametrize("query", ["page=%FF", "words=%C3%28", "who=%ED%A0%80", "a&b&=c", "page=1&page=2", "&" * 900])
def test_a_query_in_no_encoding_is_no_fault(desk: Desk, query: str) -> None:
    assert faults({name: desk.at_chief.get(f"{address(name)}?{query}") for name in LISTS}) == {}


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


@pytest.mark.parametrize("name", BODIES)
def test_a_broken_body_does_nothing(desk: Desk, name: str) -> None:
    body, kind = BODIES[name]
    doors = [
        *(VERBS - {"set_language", "session_end", "audit_verify", "hook", "shift_take"}),
        "audience_new",
        "import_new",
        "incident_declare",
    ]
    answers = {one: desk.at_chief.generic("POST", address(one, 999_999_999), body, kind) for one in sorted(doors)}
    assert faults(answers) == {}


def test_of_a_field_that_stands_twice_the_last_is_judged(desk: Desk) -> None:
    path = f"/incidents/{desk.incident.pk}/status/"
    answer = desk.at_chief.post(path, "status=closed&status=no-such", content_type=FORM)
    desk.incident.refresh_from_db()
    assert (answer.status_code, desk.incident.status) == (409, "open")
