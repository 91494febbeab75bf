"""The changes of power over people: who works here, in which roles, for which mission, and how they get in again."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crisis.clock import now
from crisis.invitations import link_for
from crisis.models import AdminAction, Mission, User
from crisis.permissions import ADMIN, ROLES, SUPERVISOR
from crisis.power import kinds
from crisis.power.changing import stamp
from crisis.power.kinds import Kind, Shown
from crisis.power.resting import rests_until
from crisis.refusal import Refused
from crisis.sessions import end_all
from crisis.templatetags.console import role_name

NAMES = ("username", "last_name", "first_name", "email", "language")


def roles_in_words(roles: Any) -> str:
    return ", ".join(role_name(role) for role in ROLES if role in roles) or _("no role")


def _place(change: AdminAction) -> str:
    mission = Mission.objects.filter(pk=change.data.get("mission")).first()
    return str(mission) if mission else _("the ministry, all incidents")


def _check_roles(change: AdminAction) -> None:
    roles = {*change.data["roles"]}
    if not roles <= {*ROLES}:
        raise Refused(_("Choose roles of the list. Nothing was proposed."), field="roles")
    if {ADMIN, SUPERVISOR} <= roles:
        raise Refused(_("Nobody is an administrator and a supervisor at once. Choose one of the two."), field="roles")
    mission = change.data["mission"]
    if mission is not None and not Mission.objects.filter(pk=mission).exists():
        raise Refused(_("Choose a mission of the list. Nothing was proposed."), field="mission")


def _check_create(change: AdminAction) -> None:
    _check_roles(change)
    if User.objects.filter(username__iexact=change.data["username"]).exists():
        raise Refused(_("Somebody logs in by this name already. Choose another one."), field="username")
    try:
        User(password="!", **{name: change.data[name] for name in NAMES}).clean_fields()  # noqa: S106 (no password at all)
    except ValidationError as wrong:
        raise Refused(
            _("The name, the address or the language cannot be used. Nothing was proposed."), field="username"
        ) from wrong


def _create(change: AdminAction, by: User) -> Shown | None:
    person = User.objects.create_user(**{name: change.data[name] for name in NAMES}, password=None)
    stamp(change, by=by, person=person)
    return _place_and_roles(change, person)


def _place_and_roles(change: AdminAction, person: User) -> Shown | None:
    User.objects.filter(pk=person.pk).update(mission=change.data["mission"])
    person.groups.set(Group.objects.filter(name__in=change.data["roles"]))
    end_all(person)
    return link_of(person) if change.kind == "person.create" else None


def _change_roles(change: AdminAction, by: User) -> Shown | None:
    stamp(change, by=by)
    return _place_and_roles(change, _concerned(change))


def _concerned(change: AdminAction) -> User:
    if change.person is None:
        raise Refused(_("This change concerns nobody. Nothing was changed. Propose it anew."))
    return change.person


def _check_person(change: AdminAction) -> None:
    _concerned(change)


def _check_roles_of_person(change: AdminAction) -> None:
    _check_person(change)
    _check_roles(change)


def _reset_mfa(change: AdminAction, by: User) -> Shown | None:
    stamp(change, by=by)
    Authenticator.objects.filter(user=_concerned(change)).delete()
    end_all(_concerned(change))
    return None


def _reset_password(change: AdminAction, by: User) -> Shown | None:
    """Whoever has the old password, or sits at a session of it, is out."""
    stamp(change, by=by)
    person = User.objects.get(pk=_concerned(change).pk)
    person.set_unusable_password()
    person.save(update_fields=["password"])
    end_all(person)
    return link_of(person)


def link_of(person: User) -> Shown:
    """The way to choose a password: good once, for a day, and worth nothing after the next log-in."""
    words = _("Give this link to %(person)s in person or by phone: by it they choose their password. It is shown only now.")
    return Shown(words % {"person": person}, link_for(person))


def _set_active(change: AdminAction, by: User, *, active: bool) -> Shown | None:
    stamp(change, by=by)
    User.objects.filter(pk=_concerned(change).pk).update(is_active=active)
    end_all(_concerned(change))
    return None


def _check_active(change: AdminAction, *, active: bool) -> None:
    if _concerned(change).is_active == active:
        raise Refused(_("%(person)s is so already. Nothing was changed.") % {"person": change.person})


def _lift(change: AdminAction, by: User) -> Shown | None:
    stamp(change, by=by)
    return None


def _check_lift(change: AdminAction) -> None:
    until = rests_until(_concerned(change))
    if until is None or until <= now():
        raise Refused(_("%(person)s does not rest. Nothing was changed.") % {"person": change.person})


def _about(sentence: Any) -> Any:
    return lambda change: (
        str(sentence)
        % {
            "person": change.person,
            "roles": roles_in_words(change.data.get("roles", ())),
            "place": _place(change),
            "name": f"{change.data.get('last_name', '')} {change.data.get('first_name', '')}".strip()
            or change.data.get("username"),
        }
    )


CHANGES = (
    Kind(
        "person.create", gettext_lazy("A new person"),
        _about(gettext_lazy(
            "%(name)s will work here as %(roles)s. Where: %(place)s. You are shown a link for their password."
        )),
        _check_create, _create,
    ),
    Kind(
        "person.roles", gettext_lazy("Roles and mission"),
        _about(gettext_lazy("%(person)s will be %(roles)s, and nothing else. Where: %(place)s.")),
        _check_roles_of_person, _change_roles,
    ),
    Kind(
        "person.deactivate", gettext_lazy("Shutting somebody out"),
        _about(gettext_lazy("%(person)s can do nothing here from the next click on, and cannot log in.")),
        lambda change: _check_active(change, active=False), lambda change, by: _set_active(change, by, active=False),
    ),
    Kind(
        "person.activate", gettext_lazy("Letting somebody in again"),
        _about(gettext_lazy("%(person)s can log in again, with the roles they had.")),
        lambda change: _check_active(change, active=True), lambda change, by: _set_active(change, by, active=True),
    ),
    Kind(
        "person.reset_mfa", gettext_lazy("A lost second step"),
        _about(gettext_lazy(
            "Second steps and recovery codes of %(person)s are removed. They set up new ones at the next log-in."
        )),
        _check_person, _reset_mfa,
    ),
    Kind(
        "person.reset_password", gettext_lazy("A lost password"),
        _about(gettext_lazy("The password of %(person)s ends, and so does every session. You are shown a link for a new one.")),
        _check_person, _reset_password,
    ),
    Kind(
        "approver.lift_rest", gettext_lazy("A new approver who may approve at once"),
        _about(gettext_lazy("%(person)s may approve from now on, without having waited for 24 hours.")),
        _check_lift, _lift, "approver.lift",
    ),
)  # fmt: skip


def register() -> None:
    """Let two persons change what a person may do."""
    kinds.register(*CHANGES)
