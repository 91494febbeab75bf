"""The second step of a log-in: an app's codes or a passkey. Supervisors and administrators do nothing without one.

The forms and flows are django-allauth's. Ours: who must have it, that a code is taken once, and that secrets lie encrypted.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter, get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.mfa.webauthn.forms import AddWebAuthnForm, AuthenticateWebAuthnForm, LoginWebAuthnForm, ReauthenticateWebAuthnForm
from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from crisis.lockout import demand_patience_of
from crisis.models import User
from crisis.permissions import ADMIN, SUPERVISOR

DEMANDING = frozenset({SUPERVISOR, ADMIN})
KINDS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
USED = "used"  # in the data of an app's row: the steps of 30 seconds whose codes were taken
# Where a person without the second step may go: to set it up, to prove who they are, and away.
OPEN = {
    "mfa_index", "mfa_activate_totp", "mfa_add_webauthn", "account_reauthenticate", "account_logout", "set_language", "healthz",
    "favicon",
}  # fmt: skip


def demanded(user: User) -> bool:
    """Whether the roles of this person demand a second step."""
    return not DEMANDING.isdisjoint(user.roles)


def has_one(user: User) -> bool:
    """Whether they have set up an app or a passkey."""
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=KINDS).exists())


class SecondFactorMiddleware:
    """Leads whoever must have a second step and has none to the page that sets it up; nothing else is done for them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    @staticmethod
    def process_view(request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        user, match = request.user, request.resolver_match
        open_to_all = getattr(view, "login_required", True) is False or (match and match.url_name in OPEN)
        if not isinstance(user, User) or open_to_all or not demanded(user) or has_one(user):
            return None
        return redirect("mfa_index")


class Adapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Secrets are encrypted under the installation's SECRET_KEY: a copy of the database alone shows no codes."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _("This code is not valid: it was mistyped, is too old, or was used before. Take the next one."),
    }

    def encrypt(self, text: str) -> str:
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _cipher().decrypt(encrypted_text.encode()).decode()

    def get_totp_label(self, user: Any) -> str:
        return str(user.get_username())


def _cipher() -> MultiFernet:
    return _cipher_of((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


@lru_cache(maxsize=2)
def _cipher_of(secrets: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derived(secret))) for secret in secrets])


def _derived(secret: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"crisis second factor").derive(secret.encode())


def current_codes(app: Authenticator) -> Iterator[tuple[int, str]]:
    """Step and code of every code this app's owner could type now and has not used, the running step's first."""
    secret, steps = get_adapter().decrypt(app.data["secret"]), [*yield_hotp_counters_from_time()]
    middle = steps[len(steps) // 2]
    for step in sorted(steps, key=lambda step: (step != middle, -step)):
        if step not in app.data.get(USED, []):
            yield step, format_hotp_value(hotp_value(secret, step))


def spend(app: Authenticator, code: str) -> bool:
    """Take a code of this app for good. False when its step was taken before, in whatever process."""
    with transaction.atomic():
        row = Authenticator.objects.select_for_update().get(pk=app.pk)
        step = next((step for step, valid in current_codes(row) if valid == code.replace(" ", "")), None)
        if step is None:
            return False
        row.data[USED] = [used for used in row.data.get(USED, []) if used > step - 4] + [step]
        row.save(update_fields=["data"])
        app.data = row.data
    return True


class _TakenOnce:
    """A code of an app is taken once, by all processes together (RFC 6238 §5.2); allauth remembers it in one alone."""

    authenticator: Authenticator
    user: User

    def clean_code(self) -> str:
        demand_patience_of(self.user)
        code: str = super().clean_code()  # type: ignore[misc]
        if self.authenticator.type == Authenticator.Type.TOTP and not spend(self.authenticator, code):
            self._emit_authentication_failed(self.authenticator)  # type: ignore[attr-defined]
            raise get_adapter().validation_error("incorrect_code")
        return code


class LoginCodeForm(_TakenOnce, AuthenticateForm):  # type: ignore[misc]
    """The code after the password."""


class ConfirmCodeForm(_TakenOnce, ReauthenticateForm):  # type: ignore[misc]
    """The code that confirms who is there."""


class _Unreadable:
    """What no passkey has said is a wrong answer, never a crash."""

    def full_clean(self) -> None:
        try:
            super().full_clean()  # type: ignore[misc]
        except (TypeError, ValueError, KeyError, AttributeError):
            self.add_error(None, get_adapter().validation_error("incorrect_code"))  # type: ignore[attr-defined]

    def clean(self) -> Any:
        try:
            return super().clean()  # type: ignore[misc]
        except ValidationError:
            raise
        except (TypeError, ValueError, KeyError, AttributeError) as unreadable:
            raise get_adapter().validation_error("incorrect_code") from unreadable


class AddPasskeyForm(_Unreadable, AddWebAuthnForm):  # type: ignore[misc]
    """A new passkey."""


class PasskeyForm(_Unreadable, AuthenticateWebAuthnForm):  # type: ignore[misc]
    """A passkey after the password."""


class LoginPasskeyForm(_Unreadable, LoginWebAuthnForm):  # type: ignore[misc]
    """A passkey instead of name and password."""


class ConfirmPasskeyForm(_Unreadable, ReauthenticateWebAuthnForm):  # type: ignore[misc]
    """A passkey that confirms who is there."""
