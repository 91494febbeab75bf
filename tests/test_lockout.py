"""Guessing: it gets slower, it ends in a lock that a colleague lifts, and it tells nobody which names there are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crisis import lockout
from crisis.models import AuditEntry, User
from tests import world
from tests.world import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quick_hashes")]
WRONG, PATIENCE, LOCKED = "not correct", "Too many wrong attempts.", "cannot log in from this address for an hour"


@pytest.fixture(autouse=True)
def _forget() -> None:
    cache.clear()


@pytest.fixture
def anna() -> User:
    return world.known(world.person("anna", "operator"))


def try_once(name: str = "anna", password: str = "guess", **more: Any) -> Any:
    return Client(**more).post(reverse("account_login"), {"login": name, "password": password})


def wait_a_minute() -> None:
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=1))


def guess(times: int, name: str = "anna", **more: Any) -> Any:
    answer = None
    for _ in range(times):
        answer = try_once(name, **more)
        wait_a_minute()
    return answer


def opens(answer: Any) -> bool:
    return bool(answer.status_code == 302 and answer.headers["Location"] == "/")


@pytest.mark.parametrize(("failures", "seconds"), [(0, 0), (2, 0), (3, 1), (4, 2), (6, 8), (8, 32), (9, 60), (30, 60)])
def test_each_wrong_attempt_from_the_third_on_doubles_the_wait(failures: int, seconds: int) -> None:
    assert lockout.wait_after(failures) == seconds


def test_who_does_not_wait_is_told_how_long_and_is_not_tried(anna: User) -> None:
    guess(5)
    AccessAttempt.objects.update(attempt_time=timezone.now())
    page = try_once(password=PASSWORD).content.decode()
    assert "Wait 4 seconds, then try again." in page or "Wait 5 seconds, then try again." in page
    assert AccessAttempt.objects.get().failures_since_start == 5


def test_whoever_waited_gets_in_and_begins_anew(anna: User) -> None:
    guess(9)
    assert opens(try_once(password=PASSWORD))
    assert not AccessAttempt.objects.exists()


@pytest.mark.parametrize("name", ["anna", "nobody-of-this-name"])
def test_ten_wrong_attempts_lock_the_name_whether_somebody_has_it_or_not(anna: User, name: str) -> None:
    answer = guess(10, name)
    assert (answer.status_code, LOCKED in answer.content.decode()) == (429, True)
    again = try_once(name, PASSWORD)
    assert (again.status_code, again.content) == (answer.status_code, answer.content)


def test_a_lock_holds_from_one_address_and_for_one_name(anna: User) -> None:
    world.known(world.person("vera", "operator"))
    guess(10)
    assert opens(try_once(password=PASSWORD, REMOTE_ADDR="192.0.2.9"))
    assert opens(try_once("vera", PASSWORD))


def test_another_browser_is_no_way_round(anna: User) -> None:
    for number in range(10):
        guess(1, headers={"User-Agent": f"another {number}"})
    assert try_once(password=PASSWORD).status_code == 429


def test_an_address_that_the_client_writes_itself_is_no_way_round(anna: User) -> None:
    for number in range(10):
        guess(1, headers={"X-Forwarded-For": f"192.0.2.{number}"})
    assert try_once(password=PASSWORD).status_code == 429


def test_behind_our_proxy_its_own_word_counts_and_nothing_before_it(rf: Any, settings: Any) -> None:
    settings.BEHIND_PROXY = True
    request = rf.get("/", headers={"X-Forwarded-For": "10.0.0.1, 192.0.2.7"})
    assert lockout.address_of(request) == "192.0.2.7"
    assert lockout.address_of(rf.get("/", headers={"X-Forwarded-For": "'; DROP TABLE"})) is None


def test_a_lock_ends_after_an_hour(anna: User) -> None:
    guess(10)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=61))
    assert opens(try_once(password=PASSWORD))


@pytest.mark.parametrize("role", ["supervisor", "admin"])
def test_a_colleague_lifts_a_lock_and_it_is_written_down(anna: User, client_of: Callable[[User], Client], role: str) -> None:
    guess(10)
    colleague = world.person("boris", role)
    screen = client_of(colleague)
    assert "<code>anna</code>" in screen.get(reverse("lock_list")).content.decode()
    screen.post(reverse("lock_lift"), {"username": "anna", "address": "127.0.0.1"})
    assert opens(try_once(password=PASSWORD))
    entry = AuditEntry.objects.get(action="lock.lift")
    assert (entry.by, entry.object_id) == (colleague, str(anna.pk))


@pytest.mark.parametrize("values", [{}, {"username": "anna", "address": "192.0.2.9"}, {"username": "x" * 300, "address": "x"}])
def test_only_a_lock_that_holds_is_lifted(client_of: Callable[[User], Client], values: dict[str, str]) -> None:
    answer = client_of(world.person("boris", "supervisor")).post(reverse("lock_lift"), values)
    assert (answer.status_code, "not locked any more" in answer.content.decode()) == (409, True)


def test_an_operator_lifts_nothing(anna: User, client_of: Callable[[User], Client]) -> None:
    guess(10)
    answer = client_of(anna).post(reverse("lock_lift"), {"username": "anna", "address": "127.0.0.1"})
    assert (answer.status_code, len(lockout.locks())) == (403, 1)


@pytest.mark.parametrize("name", ["anna", "nobody-of-this-name", "gone"])
def test_a_wrong_name_is_answered_like_a_wrong_password_and_takes_the_same_work(
    anna: User, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    gone = world.person("gone", "operator")
    gone.set_password("guess")
    gone.is_active = False
    gone.save()
    work: list[str] = []
    encode = MD5PasswordHasher.encode

    def hashed(*args: Any) -> str:
        work.append("hash")
        return str(encode(*args))

    monkeypatch.setattr(MD5PasswordHasher, "encode", hashed)
    page = try_once(name).content.decode()
    assert "The username and/or password you specified are not correct." in page
    assert work == ["hash"]


def test_guessing_codes_is_locked_too(client_of: Callable[[User], Client]) -> None:
    world.known(world.person("boris", "supervisor"))
    at_step = Client()
    at_step.post(reverse("account_login"), {"login": "boris", "password": PASSWORD})
    for number in range(10):
        answer = at_step.post(reverse("mfa_authenticate"), {"code": f"{number:06}"})
        wait_a_minute()
    assert answer.status_code == 429
    assert try_once("boris", PASSWORD).status_code == 429


def test_guessing_at_a_confirmation_is_locked_too_and_a_right_answer_begins_anew(
    anna: User, client_of: Callable[[User], Client]
) -> None:
    screen = client_of(anna)
    for _ in range(9):
        screen.post(reverse("account_reauthenticate"), {"password": "guess"})
        wait_a_minute()
    screen.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert not AccessAttempt.objects.exists()


def test_what_was_typed_is_not_kept(anna: User) -> None:
    guess(2, name="anna", HTTP_REFERER="/")
    kept = AccessAttempt.objects.get()
    assert "guess" not in kept.get_data + kept.post_data


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example", "\x00"]
)
def test_a_log_in_never_leads_to_another_site(anna: User, target: str) -> None:
    form = {"login": "anna", "password": PASSWORD, "next": target}
    assert Client().post(reverse("account_login"), form).headers["Location"] == "/"


def test_a_request_for_another_host_is_refused(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["console.example"]
    assert Client().get(reverse("account_login"), headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("values", [
    {}, {"login": "anna"}, {"password": "x"}, {"login": "\x00", "password": "x"}, {"login": "x" * 10_000, "password": "x"},
    {"login": "anna", "password": "x" * 100_000}, {"login": "anna' OR 1=1 --", "password": "x"},
])  # fmt: skip
def test_what_nobody_would_type_is_a_refusal(anna: User, values: dict[str, str]) -> None:
    assert Client().post(reverse("account_login"), values).status_code == 200


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("path", ["/signup/", "/accounts/signup/", "/password/reset/", "/login/code/request/"])
def test_nobody_signs_up_or_asks_for_a_password_by_mail(path: str, method: str) -> None:
    assert getattr(Client(), method)(path).status_code == 404


@pytest.mark.parametrize("password", ["short", "fourteen chars", "1234567890123456", "1q2w3e4r5t6y7u8i"])
def test_a_weak_password_is_refused(anna: User, client_of: Callable[[User], Client], password: str) -> None:
    form = {"oldpassword": PASSWORD, "password1": password, "password2": password}
    page = client_of(anna).post(reverse("account_change_password"), form)
    anna.refresh_from_db()
    assert (page.status_code, anna.check_password(PASSWORD)) == (200, True)


def test_a_long_password_of_any_signs_is_taken(anna: User, client_of: Callable[[User], Client]) -> None:
    new = "пароль из слов и знаков €🙂 " + "x" * 60
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert client_of(anna).post(reverse("account_change_password"), form).status_code == 302


def test_a_new_password_needs_the_old_one(anna: User, client_of: Callable[[User], Client]) -> None:
    form = {"oldpassword": "guess", "password1": "another good sentence", "password2": "another good sentence"}
    client_of(anna).post(reverse("account_change_password"), form)
    anna.refresh_from_db()
    assert anna.check_password(PASSWORD)
