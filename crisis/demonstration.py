"""What only a demonstration shows before the log-in: its invented people, their password, and the code each would type now."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings

from crisis.models import User
from crisis.second_factor import current_codes

PASSWORD = "demo only, nobody real"  # noqa: S105 (of invented people, on simulated platforms)


def people() -> list[dict[str, Any]]:
    """Everybody who has an app, with its code of now; empty anywhere but in a demonstration."""
    if not settings.DEMO:
        return []
    apps = Authenticator.objects.filter(type=Authenticator.Type.TOTP, user__is_active=True).select_related("user")
    return [{"person": app.user, "code": code_of(app)} for app in apps.order_by("user__pk")]


def code(user: User | None) -> str:
    """The code this person would type now; empty anywhere but in a demonstration."""
    app = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first() if settings.DEMO and user else None
    return code_of(app) if app else ""


def code_of(app: Authenticator) -> str:
    """The next code of this app that has not been used, or nothing until the next half minute."""
    return next((code for _step, code in current_codes(app)), "")
