"""Who may do what: one table of actions and roles, asked by verbs, views and templates alike."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, cast

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext_lazy as _

from crisis.refusal import Forbidden

if TYPE_CHECKING:
    from crisis.models import User

OPERATOR, SUPERVISOR, ADMIN, AUDITOR = ROLES = ("operator", "supervisor", "admin", "auditor")
EVERYBODY = frozenset(ROLES)
DUTY = frozenset({OPERATOR, SUPERVISOR})

MAY: dict[str, frozenset[str]] = {
    "see": EVERYBODY,
    "incident.write": DUTY,
    "audience.write": DUTY,
    "contacts.import": DUTY,
    "campaign.write": DUTY,
    "campaign.submit": DUTY,
    "campaign.approve": frozenset({SUPERVISOR}),
    "campaign.stop": frozenset({OPERATOR, SUPERVISOR, ADMIN}),
    "campaign.pause": DUTY,
    "campaign.resume": frozenset({SUPERVISOR}),
    "replies.read": DUTY,
    "report.export": frozenset({OPERATOR, SUPERVISOR, AUDITOR}),
    "people.search": frozenset({SUPERVISOR}),
    "account.pause": frozenset({SUPERVISOR, ADMIN}),
    "account.test": frozenset({SUPERVISOR, ADMIN}),
    "audit.see": frozenset({SUPERVISOR, ADMIN, AUDITOR}),
    "queues.see": frozenset({ADMIN, AUDITOR}),
    "admin.site": frozenset({ADMIN, AUDITOR}),
    "admin.change": frozenset({ADMIN}),
}

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def may(user: User, action: str) -> bool:
    """Whether an active user holds a role that carries the action. Superuser status carries nothing."""
    return user.is_active and not MAY[action].isdisjoint(user.roles)


def demand(user: User, action: str) -> None:
    """Raises Forbidden unless the user may."""
    if not may(user, action):
        raise Forbidden(_("Your role does not allow this. Nothing was changed. Ask a colleague whose role does."))


def requires(action: str) -> Callable[[View[P]], View[P]]:
    """View decorator: the action must be allowed to the person who asks."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            demand(cast("User", request.user), action)
            return view(request, *args, **kwargs)

        return guarded

    return decorate
