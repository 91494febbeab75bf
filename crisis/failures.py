"""What is answered when nothing else can be: an old page's token, a database that does not answer, a failure of ours."""

from __future__ import annotations

import sys

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template import loader
from django.utils.translation import gettext as _
from django.views import defaults

STOP = "/stop/"
AWAY = (OperationalError, InterfaceError)  # the database is gone, has no connection left, no room, or cut us off
RETRY_AFTER = {"Retry-After": "5"}


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A Stop from a page older than the login leads to a fresh page of the same Stop; a dead end would let sending go on."""
    if not request.path.endswith(STOP):
        return render(request, "403_csrf.html", status=403)
    if not request.user.is_authenticated:
        return redirect_to_login(request.path)
    messages.error(request, _("Not stopped by this page: it was too old. Look, then press the button once more."))
    return redirect(request.path)


def server_error(request: HttpRequest) -> HttpResponse:
    """A failure of ours; where it is the database that is away, a page that says so. Neither page asks the database."""
    if isinstance(sys.exc_info()[1], AWAY):
        return HttpResponse(loader.get_template("503.html").render(), status=503, headers=RETRY_AFTER)
    return defaults.server_error(request)
