"""What is answered when a page's token no longer holds: a Stop is asked for once more, anything else is told."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

STOP = "/stop/"


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A Stop from a page older than the login leads to a fresh page of the same Stop; a dead end would let sending go on."""
    if not request.path.endswith(STOP):
        return render(request, "403_csrf.html", status=403)
    if not request.user.is_authenticated:
        return redirect_to_login(request.path)
    messages.error(request, _("Not stopped by this page: it was too old. Look, then press the button once more."))
    return redirect(request.path)
