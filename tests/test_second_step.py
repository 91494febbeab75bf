"""The second step of a log-in: who must have one, what opens the console, and what opens it only once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from crisis.models import User
from messaging.models import Campaign, Status
from tests import world
from tests.desk import Desk, url
from tests.visits import proof, remember
from tests.world import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quick_hashes")]
SENTENCE = "This code is not valid"


@pytest.fixture(autouse=True)
def _forget() -> None:
    cache.clear()


@pytest.fixture
def boris() -> User:
    return world.known(world.person("boris", "supervisor"))


@pytest.fixture
def bare(client_of: Callable[[User], Client]) -> Client:
    """A supervisor who has set up nothing yet, just logged in."""
    user = world.known(world.person("vera", "supervisor"))
    Authenticator.objects.filter(user=user).delete()
    return client_of(user)


def code(step: int = 0, secret: str = world.SECRET) -> str:
    value: str = format_hotp_value(hotp_value(secret, int(time.time()) // 30 + step))
    return value


def after_password(target: str = "") -> Client:
    """A browser that stands before the second step."""
    client = Client()
    answer = client.post(reverse("account_login"), {"login": "boris", "password": PASSWORD, "next": target})
    assert answer.headers["Location"] == reverse("mfa_authenticate")
    return client


def answer_to(client: Client, given: str) -> Any:
    return client.post(reverse("mfa_authenticate"), {"code": given})


def is_in(client: Client) -> bool:
    return client.get(reverse("coverage")).status_code == 200


def test_a_password_alone_opens_nothing(boris: User) -> None:
    assert not is_in(after_password())


def test_a_code_after_the_password_opens_the_page_that_was_asked_for(boris: User) -> None:
    client = after_password("/coverage/")
    assert answer_to(client, code()).headers["Location"] == "/coverage/"
    assert is_in(client)


@pytest.mark.parametrize("step", [-1, 1])
def test_a_clock_may_be_one_step_off(boris: User, step: int) -> None:
    client = after_password()
    answer_to(client, code(step))
    assert is_in(client)


@pytest.mark.parametrize("given", [lambda: code(-2), lambda: code(2), lambda: "", lambda: "000000 ", lambda: "x" * 5000])
def test_a_code_of_another_time_or_none_is_refused(boris: User, given: Callable[[], str]) -> None:
    client = after_password()
    assert "You are not logged in." in answer_to(client, given()).content.decode()
    assert not is_in(client)


def test_a_code_is_taken_once_by_all_processes_together(boris: User) -> None:
    first, second, given = after_password(), after_password(), code()
    answer_to(first, given)
    cache.clear()  # what one process remembers, another does not know
    assert SENTENCE in answer_to(second, given).content.decode()
    assert (is_in(first), is_in(second)) == (True, False)


def test_a_code_that_logged_in_does_not_confirm_an_approval(boris: User) -> None:
    client, given = after_password(), code()
    answer_to(client, given)
    assert SENTENCE in client.post(reverse("mfa_reauthenticate"), {"code": given}).content.decode()


def test_a_recovery_code_opens_the_console_once(boris: User, client_of: Callable[[User], Client]) -> None:
    at_home = client_of(boris)
    at_home.post(reverse("mfa_generate_recovery_codes"))
    page = at_home.get(reverse("mfa_view_recovery_codes"))
    spare = page.context["unused_codes"][0]
    first, second = after_password(), after_password()
    answer_to(first, spare)
    answer_to(second, spare)
    assert (is_in(first), is_in(second)) == (True, False)


def test_recovery_codes_are_shown_once(boris: User, client_of: Callable[[User], Client]) -> None:
    client = client_of(boris)
    client.post(reverse("mfa_generate_recovery_codes"))
    spare = client.get(reverse("mfa_view_recovery_codes")).context["unused_codes"][0]
    again = client.get(reverse("mfa_view_recovery_codes")).content.decode()
    assert (spare in again, "The codes were shown once" in again) == (False, True)


def test_secrets_lie_encrypted(boris: User) -> None:
    (stored,) = world.sql("SELECT data::text FROM mfa_authenticator")
    assert world.SECRET not in stored[0]


@pytest.mark.parametrize("role", ["supervisor", "admin"])
@pytest.mark.parametrize("name", ["situation", "campaign_list", "people", "account_change_password", "admin:index"])
def test_whoever_must_have_a_second_step_and_has_none_is_led_to_set_it_up(
    client_of: Callable[[User], Client], role: str, name: str
) -> None:
    user = world.person("vera", role)
    Authenticator.objects.filter(user=user).delete()
    assert client_of(user).get(reverse(name)).headers["Location"] == reverse("mfa_index")


def test_until_then_no_verb_does_anything(bare: Client) -> None:
    campaign = Desk().sending()
    assert bare.post(url(campaign, "stop/")).headers["Location"] == reverse("mfa_index")
    assert Campaign.objects.get(pk=campaign.pk).status == Status.SENDING


def test_a_person_of_another_role_may_go_without(client_of: Callable[[User], Client]) -> None:
    assert is_in(client_of(world.person("anna", "operator")))


def test_an_app_is_set_up_by_its_first_code(bare: Client) -> None:
    assert "Your role demands a second step" in bare.get(reverse("mfa_index")).content.decode()
    secret = bare.get(reverse("mfa_activate_totp")).context["form"].secret
    assert SENTENCE in bare.post(reverse("mfa_activate_totp"), {"code": "000000"}).content.decode()
    assert bare.post(reverse("mfa_activate_totp"), {"code": code(0, secret)}).headers["Location"] == reverse(
        "mfa_view_recovery_codes"
    )
    assert is_in(bare)


def test_setting_one_up_asks_who_is_there_when_the_log_in_is_old(bare: Client) -> None:
    remember(bare, **proof(User.objects.get(username="vera"), time.time() - 301))
    for name in ("mfa_activate_totp", "mfa_add_webauthn"):
        assert bare.get(reverse(name)).headers["Location"].startswith(reverse("account_reauthenticate"))


def test_whoever_removes_their_app_sets_up_another_one_first(boris: User, client_of: Callable[[User], Client]) -> None:
    client = client_of(boris)
    client.post(reverse("mfa_deactivate_totp"))
    assert client.get(reverse("situation")).headers["Location"] == reverse("mfa_index")


GARBAGE = [
    "",
    "[]",
    "null",
    "1",
    '"x"',
    "{}",
    '{"id": 1}',
    '{"response": null}',
    '{"response": {"userHandle": 5}}',
    "{",
    "\x00",
]


@pytest.mark.parametrize("credential", GARBAGE)
def test_what_no_passkey_has_said_opens_nothing(boris: User, bare: Client, credential: str) -> None:
    stranger, given = Client(), {"credential": credential}
    assert stranger.post(reverse("mfa_login_webauthn"), given).headers["Location"] == reverse("account_login")
    at_step = after_password()
    assert at_step.post(reverse("mfa_authenticate"), given).status_code == 200
    assert bare.post(reverse("mfa_add_webauthn"), given).status_code == 200
    assert (is_in(stranger), is_in(at_step), is_in(bare)) == (False, False, False)


def test_a_demonstration_shows_the_codes_of_now_and_nothing_else_does(boris: User, settings: Any) -> None:
    login, step = reverse("account_login"), reverse("mfa_authenticate")
    assert code() not in Client().get(login).content.decode() + after_password().get(step).content.decode()
    settings.DEMO = True
    assert code() in Client().get(login).content.decode()
    assert f"Use {code()}" in after_password().get(step).content.decode()


def test_a_demonstration_shows_a_code_that_was_not_used_yet(boris: User, settings: Any) -> None:
    settings.DEMO = True
    used = code()
    answer_to(after_password(), used)
    client = after_password()
    shown = client.get(reverse("mfa_authenticate")).content.decode().split('name="code" value="')[1][:6]
    assert shown != used
    answer_to(client, shown)
    assert is_in(client)


def test_what_another_key_encrypted_is_read_while_that_key_is_kept(boris: User, settings: Any) -> None:
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another key of this installation, long enough"
    settings.SECRET_KEY_FALLBACKS = [old]
    assert TOTP(Authenticator.objects.get(user=boris)).validate_code(code())
