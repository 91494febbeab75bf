"""The first two administrators: made once, by links that work once, and by no password that anybody else knows."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from crisis import invitations
from crisis.models import AuditEntry, User
from tests import world
from tests.world import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quick_hashes")]


def founders(*names: str) -> str:
    said = io.StringIO()
    call_command("founders", *names, "--url", "https://console.example", stdout=said)
    return said.getvalue()


def links(*names: str) -> list[str]:
    return [line.split("https://console.example")[1] for line in founders(*names).splitlines() if "https://" in line]


def set_password(link: str, password: str = PASSWORD) -> Any:
    return Client().post(link, {"new_password1": password, "new_password2": password})


def test_a_new_installation_has_nobody_in_it() -> None:
    assert not User.objects.exists()


def test_it_makes_two_administrators_without_a_password() -> None:
    said = founders("ivan", "olga")
    people = User.objects.filter(groups__name="admin")
    assert {person.username for person in people} == {"ivan", "olga"}
    assert not any(person.has_usable_password() or person.is_superuser or person.is_staff for person in people)
    assert said.count("/set-up/") == 2
    assert AuditEntry.objects.filter(action="person.add", by=None).count() == 2


def test_a_link_sets_the_password_once_and_the_first_log_in_leads_to_the_second_step() -> None:
    first, _ = links("ivan", "olga")
    assert "Your username is <strong>ivan</strong>" in Client().get(first).content.decode()
    assert set_password(first).headers["Location"] == "/login/"
    assert set_password(first, "another good sentence").status_code == 404
    client = Client()
    assert client.post("/login/", {"login": "ivan", "password": PASSWORD}).headers["Location"] == "/"
    assert client.get("/").headers["Location"] == "/second-step/"


@pytest.mark.parametrize("password", ["short", "1q2w3e4r5t6y7u8i", "12345678901234567"])
def test_a_weak_first_password_is_refused_and_the_link_goes_on_working(password: str) -> None:
    first, _ = links("ivan", "olga")
    assert set_password(first, password).status_code == 422
    assert set_password(first).status_code == 302


def test_a_link_of_another_person_a_changed_one_and_an_old_one_open_nothing(settings: Any) -> None:
    first, second = links("ivan", "olga")
    crossed = f"{first.rsplit('/', 2)[0]}/{second.rsplit('/', 2)[1]}/"
    assert [set_password(link).status_code for link in (crossed, f"{first[:-2]}x/", "/set-up/99/x/")] == [404, 404, 404]
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert set_password(first).status_code == 404


def test_a_link_of_a_deactivated_person_opens_nothing() -> None:
    first, _ = links("ivan", "olga")
    User.objects.filter(username="ivan").update(is_active=False)
    assert set_password(first).status_code == 404


def test_whoever_has_a_password_already_is_not_set_up_by_a_link() -> None:
    user = world.known(world.person("ivan", "operator"))
    assert set_password(invitations.link_for(user), "another good sentence").status_code == 404


@pytest.mark.parametrize(("names", "words"), [
    (("ivan", "ivan"), "Name two different people"),
    (("ivan", "IVAN"), "Name two different people"),
    (("ivan", "not a name"), "cannot be a username"),
    (("ivan", ""), "cannot be a username"),
    (("ivan", "anna"), "anna exists already"),
])  # fmt: skip
def test_names_that_will_not_do_are_refused_and_nobody_is_added(names: tuple[str, str], words: str) -> None:
    world.person("anna", "operator")
    with pytest.raises(CommandError, match=words):
        founders(*names)
    assert User.objects.count() == 1


def test_it_works_only_while_there_is_no_administrator() -> None:
    founders("ivan", "olga")
    with pytest.raises(CommandError, match="There are administrators already"):
        founders("petr", "vera")
    assert User.objects.count() == 2
