"""Pages about log-ins: a first password, a person's own sessions, and the locks that a colleague lifts."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import SetPasswordForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crisis import invitations, lockout, sessions
from crisis.models import Session
from crisis.permissions import requires
from crisis.refusal import Refused
from crisis.views import person


@login_not_required
@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def set_up(request: HttpRequest, pk: int, token: str) -> HttpResponse:
    """A new person sets their first password by the link they were given."""
    invited = invitations.invited(pk, token)
    form = SetPasswordForm(invited, request.POST or None)
    if form.is_valid():
        invitations.begin(invited, form.cleaned_data["new_password1"])
        messages.success(request, _("Your password is set. Log in with it."))
        return redirect("account_login")
    return render(request, "account/set_up.html", {"form": form, "person": invited}, status=422 if form.errors else 200)


@require_safe
def no_password(request: HttpRequest) -> HttpResponse:
    """Where allauth sends a person without a password who wants to change it."""
    raise Refused(_("No password has been set for you. Nothing was changed. An administrator sets one."), status=403)


@require_safe
def session_list(request: HttpRequest) -> HttpResponse:
    """Where the person is logged in: this session first, then the newest."""
    rows = Session.objects.filter(user=person(request)).order_by("-seen_at")
    here = request.session.session_key
    found = [{"row": row, "here": row.session_key == here} for row in rows]
    return render(request, "crisis/session_list.html", {"sessions": sorted(found, key=lambda one: not one["here"])})


@require_POST
def session_end(request: HttpRequest) -> HttpResponse:
    """End one own session by its `mark`, or with `others` all but this one."""
    user = person(request)
    if "others" in request.POST:
        sessions.end_others(user, request.session.session_key, by=user)
        messages.success(request, _("Your other sessions have ended. Whoever sat at them has to log in."))
    else:
        sessions.end_one(user, request.POST.get("mark", ""), by=user)
        messages.success(request, _("The session has ended. Whoever sat at it has to log in."))
    return redirect("session_list")


@require_safe
@requires("lock.lift")
def lock_list(request: HttpRequest) -> HttpResponse:
    """Who is locked out now, and from where."""
    return render(request, "crisis/lock_list.html", {"locks": lockout.locks()})


@require_POST
@requires("lock.lift")
def lock_lift(request: HttpRequest) -> HttpResponse:
    """Lift the lock of `username` from `address`."""
    lockout.lift(request.POST.get("username", ""), request.POST.get("address", ""), by=person(request))
    messages.success(request, _("The lock was lifted. They can log in again now."))
    return redirect("lock_list")
