"""Keys of wall screens: made and revoked by administrators, carried by a screen in a cookie."""

from __future__ import annotations

import secrets
from hashlib import sha256

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from crisis import audit
from crisis.clock import now
from crisis.models import DeviceKey, User
from crisis.permissions import demand
from crisis.refusal import Refused

COOKIE = f"{settings.COOKIE_PREFIX}wall"
LASTS = 366 * 24 * 3600  # seconds that a screen keeps its cookie


def make(label: str, *, by: User) -> str:
    """Make a key for a screen. Returns it; it is not kept and cannot be shown again."""
    demand(by, "device.change")
    label = label.strip()
    if not label or len(label) > 100 or "\x00" in label:
        raise Refused(_("Say in at most 100 characters where the screen hangs. Nothing was made."), field="label", status=422)
    key = secrets.token_urlsafe(18)
    with transaction.atomic():
        row = DeviceKey.objects.create(label=label, hash=_hash(key), made_by=by)
        audit.record("device.make", by=by, about=row, data={"label": label})
    return key


def revoke(row: DeviceKey, *, by: User) -> None:
    """End a key: its screen goes dark at its next question."""
    demand(by, "device.change")
    with transaction.atomic():
        found = DeviceKey.objects.select_for_update().get(pk=row.pk)
        if found.revoked_at:
            raise Refused(_("This key was revoked already. Nothing was changed."))
        found.revoked_at, found.revoked_by = now(), by
        found.save(update_fields=["revoked_at", "revoked_by"])
        audit.record("device.revoke", by=by, about=found)


def device(key: str) -> DeviceKey | None:
    """The screen that this key opens, while it is not revoked and its maker still works here."""
    rows = DeviceKey.objects.filter(revoked_at=None, made_by__is_active=True).select_related("made_by")
    return rows.filter(hash=_hash(key)).first() if key else None


def device_of(request: HttpRequest) -> DeviceKey | None:
    return device(request.COOKIES.get(COOKIE, ""))


def give(response: HttpResponse, key: str) -> None:
    """Let this screen carry the key: where scripts and other sites do not see it."""
    response.set_cookie(COOKIE, key, LASTS, secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Strict")


def _hash(key: str) -> str:
    return sha256(key.encode(errors="replace")).hexdigest()
