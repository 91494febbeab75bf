"""Wrong passwords and codes: a growing wait, then a lock of this name from this address, which a colleague can lift.

The counting is django-axes'. It counts what was typed, so that a name nobody has is answered like any other.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from allauth.account.signals import authentication_step_completed
from allauth.core import context
from allauth.mfa.signals import authentication_failed
from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, QuerySet, Sum
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crisis import audit
from crisis.models import User
from crisis.permissions import demand
from crisis.refusal import Refused

FREE = 3  # wrong attempts that are answered at once; each further one doubles the wait
LONGEST = 60  # seconds


@dataclass(frozen=True, slots=True)
class Lock:
    """A name that may not log in from an address."""

    username: str
    address: str
    failures: int
    last_at: datetime


def address_of(request: HttpRequest) -> str | None:
    """Where the request comes from. Behind a proxy its own last word counts; what a client writes before it does not."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.BEHIND_PROXY else ""
    address = forwarded.rpartition(",")[2].strip() or request.META.get("REMOTE_ADDR", "")
    try:
        return str(ip_address(address))
    except ValueError:
        return None


def wait_after(failures: int) -> int:
    """Seconds that must pass after so many wrong attempts: 0, 0, 1, 2, 4 … 60."""
    return 0 if failures < FREE else min(LONGEST, 2 ** (failures - FREE))


def demand_patience(request: HttpRequest, username: str) -> None:
    """Raises ValidationError while this name has to wait or is locked. What is refused here was not tried and not counted."""
    if not AxesProxyHandler.is_allowed(request, {"username": username}):
        request.axes_locked_out = True  # type: ignore[attr-defined]
        raise ValidationError(_("Too many wrong attempts."))
    tried = _attempts().filter(username=username, ip_address=address_of(request))
    found = tried.aggregate(failures=Sum("failures_since_start"), last_at=Max("attempt_time"))
    if not found["failures"]:
        return
    left = wait_after(found["failures"]) - (time.time() - found["last_at"].timestamp())
    if left > 0:
        seconds = int(left) + 1
        words = ngettext("Wait %(n)d second, then try again.", "Wait %(n)d seconds, then try again.", seconds)
        raise ValidationError(_("Too many wrong attempts.") + " " + words % {"n": seconds})


def _attempts() -> QuerySet[Any]:
    found: QuerySet[Any] = AccessAttempt.objects.filter(attempt_time__gt=timezone.now() - settings.AXES_COOLOFF_TIME)
    return found


def page(request: HttpRequest, response: Any = None, credentials: Any = None) -> HttpResponse:
    """What a locked person sees, whatever they had typed (settings.AXES_LOCKOUT_CALLABLE)."""
    return render(request, "account/locked.html", status=429)


def locks() -> list[Lock]:
    """Every lock that holds now, the newest first."""
    rows = (
        _attempts().order_by().values("username", "ip_address").annotate(n=Sum("failures_since_start"), at=Max("attempt_time"))
    )
    held = rows.filter(n__gte=settings.AXES_FAILURE_LIMIT).order_by("-at")
    return [Lock(row["username"] or "", row["ip_address"] or "", row["n"], row["at"]) for row in held]


def lift(username: str, address: str, *, by: User) -> None:
    """Let this name log in from this address again. Raises Refused when it is not locked."""
    demand(by, "lock.lift")
    if (username, address) not in {(lock.username, lock.address) for lock in locks()}:
        raise Refused(_("This log-in is not locked any more. Nothing was changed."))
    with transaction.atomic():
        AccessAttempt.objects.filter(username=username, ip_address=address or None).delete()
        person = User.objects.filter(username=username).first()
        audit.record("lock.lift", by=by, about=person, data={"username": username, "address": address})


@receiver(authentication_failed)
def _wrong_code(request: HttpRequest, user: User, **kwargs: Any) -> None:
    """A wrong code counts like a wrong password."""
    user_login_failed.send(sender=__name__, credentials={"username": user.get_username()}, request=request)


@receiver(authentication_step_completed)
def _proved(request: HttpRequest, user: User, **kwargs: Any) -> None:
    if kwargs.get("reauthenticated"):
        AccessAttempt.objects.filter(username=user.get_username(), ip_address=address_of(request)).delete()


def demand_patience_of(user: User) -> None:
    """The same for a person who types a code."""
    demand_patience(context.request, user.get_username())
