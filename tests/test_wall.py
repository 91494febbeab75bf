"""A screen on the wall: its key opens one page, which names nobody and offers nothing, until the key is revoked."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from crisis import devices
from crisis.models import AuditEntry, DeviceKey, User
from tests import world
from tests.desk import Desk

pytestmark = pytest.mark.django_db
POLL = {"HX-Request": "true", "X-Poll": "1"}
Browser = Callable[[User], Client]


@pytest.fixture
def admin() -> User:
    return world.person("gleb", "admin")


def screen(key: str) -> Client:
    client = Client()
    client.post("/wall/open/", {"key": key})
    return client


def test_a_key_is_shown_once_and_only_its_hash_is_kept(admin: User, client_of: Browser) -> None:
    page = client_of(admin).post("/screens/make/", {"label": "Big hall"}).content.decode()
    (key,) = re.findall(r'<p class="lead"><code>(.*?)</code>', page)
    assert key not in client_of(admin).get("/screens/").content.decode()
    assert key not in str(world.sql("SELECT * FROM crisis_devicekey")) + str(world.sql("SELECT data FROM crisis_auditentry"))
    assert screen(key).get("/wall/").status_code == 200
    assert AuditEntry.objects.get(action="device.make").by == admin


def test_it_shows_the_situation_without_names_links_or_buttons(admin: User) -> None:
    desk = Desk()
    desk.sending()
    desk.submitted()
    page = screen(devices.make("Hall", by=admin)).get("/wall/").content.decode()
    main = page[page.index("<main") : page.index("</main>")]
    assert [words for words in ("Headline", "1 campaign waits for approval", "Flights suspended") if words not in main] == []
    assert [mark for mark in ("<a ", "<form", "<button", "Anna", "Boris", "Gleb") if mark in main] == []


def test_the_key_stays_out_of_addresses_and_out_of_reach_of_scripts(admin: User) -> None:
    key = devices.make("Hall", by=admin)
    answer = Client().post("/wall/open/", {"key": key})
    cookie = answer.cookies[devices.COOKIE]
    assert (answer.headers["Location"], cookie["httponly"], cookie["samesite"]) == ("/wall/", True, "Strict")
    assert key not in screen(key).get("/wall/").content.decode()
    assert Client().get("/wall/open/", {"key": key}).cookies.get(devices.COOKIE) is None


def test_a_revoked_key_goes_dark_at_the_next_poll(admin: User, client_of: Browser) -> None:
    Desk().sending()
    hall = screen(devices.make("Hall", by=admin))
    assert "Headline" in hall.get("/wall/", headers=POLL).content.decode()
    client_of(admin).post(f"/screens/{DeviceKey.objects.get().pk}/revoke/")
    answer = hall.get("/wall/", headers=POLL)
    assert (answer["X-Poll"], "Headline" in answer.content.decode()) == ("over", False)
    assert hall.get("/wall/").headers["Location"] == "/wall/open/"
    assert AuditEntry.objects.get(action="device.revoke").by == admin


def test_a_key_of_somebody_who_left_goes_dark(admin: User) -> None:
    hall = screen(devices.make("Hall", by=admin))
    User.objects.filter(pk=admin.pk).update(is_active=False)
    assert hall.get("/wall/").status_code == 302


@pytest.mark.parametrize("path", ["/", "/campaigns/", "/people/", "/screens/", "/audit/"])
def test_a_key_opens_no_other_page(admin: User, path: str) -> None:
    assert screen(devices.make("Hall", by=admin)).get(path).headers["Location"].startswith("/login/")


@pytest.mark.parametrize("key", ["", "guess", "x" * 5000, "\x00", "ключ"])
def test_what_is_no_key_opens_nothing(key: str) -> None:
    client = Client()
    assert client.post("/wall/open/", {"key": key}).status_code == 422
    client.cookies[devices.COOKIE] = "guess"
    assert client.get("/wall/").status_code == 302


@pytest.mark.parametrize("role", ["operator", "supervisor", "auditor"])
def test_only_an_administrator_makes_and_revokes_keys(admin: User, client_of: Browser, role: str) -> None:
    devices.make("Hall", by=admin)
    other = client_of(world.person("vera", role))
    answers = [other.post("/screens/make/", {"label": "Mine"}), other.post(f"/screens/{DeviceKey.objects.get().pk}/revoke/")]
    assert ([answer.status_code for answer in answers], DeviceKey.objects.get().revoked_at) == ([403, 403], None)


@pytest.mark.parametrize("label", ["", "   ", "x" * 101, "\x00"])
def test_a_screen_needs_a_place(admin: User, client_of: Browser, label: str) -> None:
    assert client_of(admin).post("/screens/make/", {"label": label}).status_code == 422
    assert not DeviceKey.objects.exists()
