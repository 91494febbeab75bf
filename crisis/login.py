"""Logging in is django-allauth's. Ours: nobody signs up by themselves, and what cannot be undone asks who is there."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.core import context
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from crisis.lockout import demand_patience

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
CONFIRMED = "confirmed"  # in the address of the page that a person comes back to after they confirmed who they are


class ClosedDoorAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are made by administrators; the sign-up page is closed."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """allauth's own pages ask by our rule: a log-in of a moment ago is as good as a confirmation."""
        return not is_fresh(context.request)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Before a password is looked at, at the log-in and at a confirmation."""
        super().pre_authenticate(request, **credentials)
        demand_patience(request, credentials.get("username", ""))

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponseRedirect:
        """Nobody learns here that the person is known."""
        messages.error(request, _("You are not logged in. An administrator can tell you why."))
        return HttpResponseRedirect(reverse("account_login"))


def is_fresh(request: HttpRequest) -> bool:
    """Whether this person proved who they are, by password, code or passkey, within settings.FRESH_SECONDS."""
    records = get_authentication_records(request, request.user)
    return any(time.time() - record["at"] < settings.FRESH_SECONDS for record in records)


def confirm_first(request: HttpRequest, back: str, sentence: Any) -> HttpResponseRedirect:
    """To the page that asks who is there, and from it to `back`. `sentence` says what was not done and what to do then."""
    query = QueryDict(mutable=True)
    query["next"] = f"{back}?{CONFIRMED}=1"
    messages.warning(request, sentence)
    return HttpResponseRedirect(f"{reverse('account_reauthenticate')}?{query.urlencode(safe='/')}")


def freshly_authenticated(back: str, sentence: Any) -> Callable[[View[P]], View[P]]:
    """View decorator for a verb: whoever proved too long ago who they are confirms it first; nothing is done meanwhile.

    `back` names the page the verb is asked from; it takes the verb's arguments.
    """

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if is_fresh(request):
                return view(request, *args, **kwargs)
            return confirm_first(request, reverse(back, args=args, kwargs=kwargs), sentence)

        return guarded

    return decorate
