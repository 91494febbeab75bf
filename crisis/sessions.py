"""How long a log-in lasts, who ends it, and where a person whose session has ended is led.

Thirty minutes without the person (polls are not a person), twelve hours in all; never while a message that they began or
approved is being sent. Proving again who one is begins a new twelve hours.
"""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from allauth.account.signals import authentication_step_completed
from allauth.mfa.signals import authenticator_added, authenticator_removed, authenticator_reset
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.signals import user_logged_in
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.db.models.signals import m2m_changed, post_save
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from crisis import audit
from crisis.lockout import address_of
from crisis.models import Session, User
from crisis.permissions import demand
from crisis.refusal import Refused
from crisis.session_store import ADDRESS, BEGAN, BROWSER, SEEN

log = logging.getLogger(__name__)
SEEN_EVERY = 60  # seconds
SAFE = ("GET", "HEAD", "OPTIONS")


def is_poll(request: HttpRequest) -> bool:
    """Whether the page asks by itself, without the person."""
    return "X-Poll" in request.headers


@dataclass(frozen=True, slots=True)
class End:
    """When a session ends at the latest. `held`: it stays open longer, because something of this person is being sent."""

    at: datetime
    held: bool


class SessionMiddleware:
    """Ends what has lasted too long and notes when the person was last here."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if isinstance(request.user, User):
            if sentence := over(request, request.user):
                logout(request)
                messages.warning(request, sentence)
            elif not is_poll(request) and time.time() - request.session[SEEN] > SEEN_EVERY:
                request.session[SEEN] = time.time()
        return self.get_response(request)


def over(request: HttpRequest, user: User) -> str:
    """Why this session has ended, in a sentence; empty while it lasts."""
    now, began, seen = time.time(), request.session.get(BEGAN, 0), request.session.get(SEEN, 0)
    if now - seen > settings.SESSION_IDLE_SECONDS:
        return _("Your session ended: nobody used it for 30 minutes. Log in again; you come back to where you were.")
    if now - began > settings.SESSION_ABSOLUTE_SECONDS and not is_held(user):
        return _("Your session ended after 12 hours. Log in again; you come back to where you were.")
    return ""


def is_held(user: User) -> bool:
    """Whether something this person began or approved is being sent: settings.SESSION_HELD_BY knows."""
    return bool(import_string(settings.SESSION_HELD_BY)(user))


def ending(request: HttpRequest) -> End | None:
    """The end of this session when it is near, for the notice on every page."""
    if not isinstance(request.user, User):
        return None
    end = request.session.get(BEGAN, 0) + settings.SESSION_ABSOLUTE_SECONDS
    if time.time() < end - settings.SESSION_WARN_SECONDS:
        return None
    return End(datetime.fromtimestamp(end, UTC), time.time() > end and is_held(request.user))


class LoginRequired(LoginRequiredMiddleware):
    """Leads to the log-in and from it to a page that can be opened: to the form, where a form was sent."""

    def handle_no_permission(self, request: HttpRequest, view_func: Any) -> HttpResponseRedirect:
        if request.method in SAFE:
            return super().handle_no_permission(request, view_func)
        return redirect_to_login(page_of(request), reverse("account_login"))


def page_of(request: HttpRequest) -> str:
    """The page from which this form was sent, else the form's own address or the nearest page above it."""
    sent_from = request.headers.get("referer", "")
    ours = url_has_allowed_host_and_scheme(sent_from, {request.get_host()}, require_https=request.is_secure())
    parts = urlsplit(sent_from)
    if ours and opens(parts.path):
        return f"{parts.path}?{parts.query}" if parts.query else parts.path
    path = request.path
    while path != "/" and not opens(path):
        path = path.rstrip("/").rpartition("/")[0] + "/"
    return path


def opens(path: str) -> bool:
    """Whether there is a page at this address: a verb answers POST alone (django.views.decorators.http)."""
    try:
        view: Any = resolve(path).func
    except Resolver404:
        return False
    while view:
        if "GET" not in inspect.getclosurevars(view).nonlocals.get("request_method_list", ["GET"]):
            return False
        view = getattr(view, "__wrapped__", None)
    return True


def end_all(user: User, *, but: str | None = "") -> int:
    """End every session of this person, except the one of this key. Returns how many ended."""
    return Session.objects.filter(user=user).exclude(session_key=but or "").delete()[0]


def end_one(user: User, mark: str, *, by: User) -> None:
    """End the session of this mark. Raises Refused when the person has no such session any more."""
    found = next((row for row in Session.objects.filter(user=user) if row.mark == mark), None)
    if found is None:
        raise Refused(_("This session has ended already. Nothing was changed."), field="mark")
    with transaction.atomic():
        found.delete()
        audit.record("session.end", by=by, about=user, data={"sessions": 1})


def end_others(user: User, key: str | None, *, by: User) -> None:
    """End all sessions of this person but the one they sit at."""
    with transaction.atomic():
        audit.record("session.end", by=by, about=user, data={"sessions": end_all(user, but=key)})


def end_sessions_of(person: User, *, by: User) -> int:
    """End every session of a colleague, at once and alone: a lost computer does not wait. Returns how many ended."""
    demand(by, "session.end")
    if person == by:
        raise Refused(_("This is yourself. Nothing was changed. End your own sessions on the page “Your sessions”."))
    with transaction.atomic():
        ended = end_all(person)
        audit.record("session.end", by=by, about=person, data={"sessions": ended})
    return ended


# What else begins and ends sessions, wherever it is done: in the console, the admin site or a shell.


@receiver(user_logged_in)
def _begin(request: HttpRequest, **kwargs: Any) -> None:
    now, agent = time.time(), request.headers.get("user-agent", "")[:300]
    request.session.update({BEGAN: now, SEEN: now, ADDRESS: address_of(request), BROWSER: agent})
    log.info("Log-in of person %s from %s.", kwargs["user"].pk, request.session[ADDRESS])
    Session.objects.filter(expire_date__lt=timezone.now()).delete()


@receiver(authentication_step_completed)
def _begin_anew(request: HttpRequest, **kwargs: Any) -> None:
    if kwargs.get("reauthenticated"):
        request.session.update({BEGAN: time.time(), SEEN: time.time()})
        request.session.cycle_key()


@receiver([authenticator_added, authenticator_removed, authenticator_reset])
def _second_step_changed(request: HttpRequest, user: User, authenticator: Any, **kwargs: Any) -> None:
    with transaction.atomic():
        end_all(user, but=request.session.session_key)
        audit.record("person.second_step", by=user, about=user, data={"kind": str(authenticator.type)})


@receiver(m2m_changed, sender=User.groups.through)
def _role_changed(instance: Any, action: str, **kwargs: Any) -> None:
    if action in ("post_add", "post_remove", "post_clear") and isinstance(instance, User):
        end_all(instance)


@receiver(post_save, sender=User)
def _deactivated(instance: User, created: bool, **kwargs: Any) -> None:
    if not created and not instance.is_active:
        end_all(instance)
