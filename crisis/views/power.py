"""Pages of power: who may do what, who works here, and the changes that wait for a second person."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crisis import sessions
from crisis.login import freshly_authenticated
from crisis.models import AdminAction, Session, User
from crisis.permissions import ANONYMOUS, CLIENT, NO, OWN, ROLES, SIX, TABLE, TOGETHER, YES, may, requires
from crisis.power import changing
from crisis.power.forms import PersonForm, RolesForm, WhyForm
from crisis.power.kinds import KINDS, kind_of
from crisis.power.people import roles_in_words
from crisis.power.proposing import proposed
from crisis.power.resting import rests_until
from crisis.refusal import Problem, Refused
from crisis.templatetags.console import role_name
from crisis.views import paged, person

COLUMNS = {CLIENT: _("program with a key"), ANONYMOUS: _("anybody, not logged in")}
RIGHTS = {YES: _("yes"), OWN: _("only its own"), TOGETHER: _("two persons"), NO: _("no")}
ICONS = {YES: "check", OWN: "user", TOGETHER: "people"}
CONFIRM_FIRST = _("Nothing was changed yet. Confirm that it is you, then confirm the change.")


@require_GET
@requires("see")
def help_permissions(request: HttpRequest) -> HttpResponse:
    """The permission table in words; a cell that says no stays quiet."""
    heads = [role_name(role) if role in ROLES else COLUMNS[role] for role in SIX]
    rows = [(rule.words, [(RIGHTS[right], ICONS.get(right, "")) for _role, right in rule.cells]) for rule in TABLE]
    return render(request, "crisis/help_permissions.html", {"heads": heads, "rows": rows})


@require_GET
@requires("power.see")
def user_list(request: HttpRequest) -> HttpResponse:
    """Who works here?"""
    rows = User.objects.filter(api_client=None).select_related("mission").prefetch_related("groups")
    page = paged(request, rows.order_by("-is_active", "last_name", "username"))
    listed = [(row, roles_in_words({group.name for group in row.groups.all()}), rests_until(row)) for row in page]
    waiting = changing.open_ones().count()
    return render(request, "crisis/user_list.html", {"page": page, "listed": listed, "waiting_changes": waiting})


@require_GET
@requires("power.see")
def user_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """What may this person do here, and what can be proposed about it?"""
    return _user_page(request, _user(pk))


def _user(pk: int) -> User:
    return get_object_or_404(User.objects.filter(api_client=None).select_related("mission"), pk=pk)


def _user_page(
    request: HttpRequest, user: User, form: RolesForm | None = None, problems: list[Problem] | None = None, status: int = 200
) -> HttpResponse:
    asks = person(request)
    context = {
        "colleague": user,
        "roles": roles_in_words(user.roles),
        "rests_until": rests_until(user),
        "sessions": Session.objects.filter(user=user, expire_date__gt=timezone.now()).count(),
        "form": form or RolesForm(initial={"roles": [*user.roles], "mission": user.mission}),
        "changes": [shown(one, asks) for one in changing.open_ones().filter(person=user)],
        "kinds": [KINDS[name] for name in _offered(user, asks)] if user != asks else [],
        "proposes": may(asks, "power.change") and user != asks,
        "problems": problems or [],
    }
    return render(request, "crisis/user_detail.html", context, status=status)


def _offered(user: User, asks: User) -> list[str]:
    """The changes that need nothing but a reason, as far as they would change anything."""
    found = ["person.deactivate", "person.reset_mfa", "person.reset_password"] if user.is_active else ["person.activate"]
    offered = found if may(asks, "power.change") else []
    return [*offered, "approver.lift_rest"] if rests_until(user) and may(asks, "approver.lift") else offered


@require_POST
@requires("session.end")
def user_sessions_end(request: HttpRequest, pk: int) -> HttpResponse:
    """End every session of this person now."""
    user = _user(pk)
    try:
        ended = sessions.end_sessions_of(user, by=person(request))
    except Refused as refused:
        return _user_page(request, user, problems=refused.problems, status=refused.status)
    sentence = ngettext("%(n)d session has ended.", "%(n)d sessions have ended.", ended) % {"n": ended}
    messages.success(request, f"{sentence} {gettext('Whoever sat there has to log in again.')}")
    return redirect("user_detail", pk)


@require_POST
@requires("approver.lift")
def user_propose(request: HttpRequest, pk: int, kind: str) -> HttpResponse:
    """Propose a change about somebody; which role may is said by the kind."""
    user = _user(pk)
    if kind not in KINDS or kind == "person.create" or not kind.startswith(("person.", "approver.")):
        raise Http404
    form = RolesForm(request.POST) if kind == "person.roles" else WhyForm(request.POST)
    given = form if isinstance(form, RolesForm) else None
    try:
        data = form.change() if form.is_valid() else {}
        change = changing.propose(kind, person=user, data=data, why=request.POST.get("why", ""), by=person(request))
    except Refused as refused:
        return _user_page(request, user, given, refused.problems, refused.status)
    return to_proposal(request, change)


def to_proposal(request: HttpRequest, change: AdminAction) -> HttpResponse:
    """To the page of a change that was just proposed."""
    messages.success(request, _("Proposed. Nothing has changed yet: another person has 24 hours to confirm it."))
    return redirect("adminaction_detail", change.pk)


@require_http_methods(["GET", "POST"])
@requires("power.change")
def user_new(request: HttpRequest) -> HttpResponse:
    """Propose a person who is to work here."""
    form = PersonForm(request.POST or None)
    if change := proposed("person.create", form, by=person(request)):
        return to_proposal(request, change)
    return render(request, "crisis/user_new.html", {"form": form}, status=422 if form.errors else 200)


@require_GET
@requires("power.see")
def adminaction_list(request: HttpRequest) -> HttpResponse:
    """Which changes of power wait for a second person, and what became of the others?"""
    asks = person(request)
    every = AdminAction.objects.select_related("person", "proposed_by", "confirmed_by", "refused_by")
    opened = [shown(one, asks) for one in changing.open_ones()]
    page = paged(request, every.exclude(pk__in=[row["change"].pk for row in opened]))
    context = {"opened": opened, "page": page, "past": [shown(one, asks) for one in page]}
    return render(request, "crisis/adminaction_list.html", context)


def shown(change: AdminAction, asks: User) -> dict[str, Any]:
    """A change as its pages show it."""
    decided = bool(change.confirmed_by_id or change.refused_by_id)
    over = not decided and not changing.open_ones().filter(pk=change.pk).exists()
    return {
        "change": change,
        "label": kind_of(change).label,
        "sentence": kind_of(change).sentence(change),
        "ends_at": changing.ends_at(change),
        "open": not decided and not over,
        "over": over,
        "confirms": not decided and not over and changing.may_confirm(change, asks),
        "refuses": not decided and not over and change.person != asks and may(asks, kind_of(change).action),
        "mine": change.proposed_by_id == asks.pk,
        "about_me": change.person_id == asks.pk,
    }


def _change(pk: int) -> AdminAction:
    rows = AdminAction.objects.select_related("person", "proposed_by", "confirmed_by", "refused_by")
    return get_object_or_404(rows, pk=pk)


@require_GET
@requires("power.see")
def adminaction_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """What will happen, who wants it and why; who could be the second person."""
    return _change_page(request, _change(pk))


def _change_page(request: HttpRequest, change: AdminAction, status: int = 200, **context: Any) -> HttpResponse:
    return render(request, "crisis/adminaction_detail.html", {**shown(change, person(request)), **context}, status=status)


@require_POST
@requires("approver.lift")
@freshly_authenticated("adminaction_detail", CONFIRM_FIRST)
def adminaction_confirm(request: HttpRequest, pk: int) -> HttpResponse:
    """The second person's yes. What is shown once, is shown on the answer to this click alone."""
    try:
        once = changing.confirm(_change(pk), by=person(request))
    except Refused as refused:
        return _change_page(request, _change(pk), refused.status, problems=refused.problems)
    if once is None:
        messages.success(request, _("Confirmed. It is so from now on."))
        return redirect("adminaction_detail", pk)
    secret = request.build_absolute_uri(once.secret) if once.secret.startswith("/") else once.secret
    return _change_page(request, _change(pk), secret=secret, secret_words=once.words)


@require_POST
@requires("approver.lift")
def adminaction_refuse(request: HttpRequest, pk: int) -> HttpResponse:
    """Refuse it for `reason`, or take one's own proposal back."""
    try:
        changing.refuse(_change(pk), request.POST.get("reason", ""), by=person(request))
    except Refused as refused:
        return _change_page(request, _change(pk), refused.status, problems=refused.problems)
    messages.success(request, _("Refused. Nothing was changed."))
    return redirect("adminaction_detail", pk)
