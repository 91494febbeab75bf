"""What happens around every request: the person's language, what they may know, when they were here, refusals as pages."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation

from crisis import small
from crisis.models import User
from crisis.refusal import Forbidden, Refused
from crisis.sessions import is_poll

Handler = Callable[[HttpRequest], HttpResponse]
SEEN_EVERY = timedelta(minutes=1)
log = logging.getLogger(__name__)


class PersonMiddleware:
    """Speaks the person's own language, tells numbers of people exactly to the sending team alone, and notes, at most once a
    minute, that they are here. A poll is not presence."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if isinstance(request.user, User):
            translation.activate(request.user.language)
            request.LANGUAGE_CODE = request.user.language
            self._note(request.user, request)
        with small.telling(exact=small.sees_exact(request.user)):
            response = self.get_response(request)
        if request.user.is_authenticated:
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    @staticmethod
    def _note(user: User, request: HttpRequest) -> None:
        now = timezone.now()
        if not is_poll(request) and (user.last_seen_at is None or now - user.last_seen_at > SEEN_EVERY):
            User.objects.filter(pk=user.pk).update(last_seen_at=now)


class RefusalMiddleware:
    """Turns a verb's refusal that no form caught into a page with its sentences; what a role does not allow is logged."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    @staticmethod
    def process_exception(request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, Forbidden):
            log.warning("Person %s may not: %s %s", request.user.pk, request.method, request.path)
        if isinstance(exception, Refused):
            return render(request, "refused.html", {"problems": exception.problems}, status=exception.status)
        return None
