"""The verbs of power: one person proposes a change, another confirms or refuses it, within a day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from crisis import audit
from crisis.acting import acting
from crisis.clock import Now, now
from crisis.models import AdminAction, User
from crisis.permissions import ADMIN, SUPERVISOR, demand
from crisis.power.kinds import KINDS, Shown, kind_of
from crisis.refusal import Refused

HOLDS = timedelta(hours=24)  # a proposal that nobody decided about is over; the trigger of `0008_power` says the same


def propose(kind: str, *, person: User | None = None, data: Mapping[str, Any] | None = None, why: str, by: User) -> AdminAction:
    """Write down a change that another person is to confirm. Nothing changes yet."""
    demand(by, KINDS[kind].action)
    if not why.strip():
        raise Refused(_("Say why: whoever confirms it decides by that. Nothing was proposed."), field="why")
    change = AdminAction(kind=kind, person=person, data=dict(data or {}), why=why.strip()[:500], proposed_by=by)
    _demand_another(change, by)
    KINDS[kind].check(change)
    with acting(by):
        _lock(person)
        if open_ones().filter(kind=kind, person=person, data=change.data).exists():
            raise Refused(_("The same was proposed already and waits for a second person. Nothing was proposed."))
        change.save()
        audit.record("power.propose", by=by, about=change, data=_told(change))
    return AdminAction.objects.get(pk=change.pk)


def confirm(change: AdminAction, *, by: User) -> Shown | None:
    """Make the change, in one transaction with the confirmation. Raises Refused when it cannot be made; nothing is changed."""
    demand(by, kind_of(change).action)
    with acting(by):
        locked = _open(change)
        _demand_another(locked, by)
        _demand_pair(locked, by)
        _lock(locked.person)
        kind_of(locked).check(locked)
        shown = kind_of(locked).apply(locked, by)
        audit.record("power.confirm", by=by, about=locked, data=_told(locked))
    return shown


def stamp(change: AdminAction, *, by: User, person: User | None = None) -> None:
    """Put the confirmation on the row. A kind does it before what it changes: the database lets that happen only afterwards."""
    about = {"person": person} if person else {}
    AdminAction.objects.filter(pk=change.pk).update(confirmed_by=by, confirmed_at=Now(), **about)


def refuse(change: AdminAction, reason: str, *, by: User) -> None:
    """Refuse a change, or take back one's own proposal, saying why."""
    demand(by, kind_of(change).action)
    if not reason.strip():
        raise Refused(_("Say why; whoever proposed it needs the reason. Nothing was changed."), field="reason")
    with acting(by):
        locked = _open(change)
        if locked.person_id == by.pk:
            raise Refused(_own(), status=403)
        AdminAction.objects.filter(pk=locked.pk).update(refused_by=by, refused_at=Now(), refusal=reason.strip()[:500])
        audit.record("power.refuse", by=by, about=locked, data={**_told(locked), "reason": reason.strip()[:500]})


def open_ones() -> QuerySet[AdminAction]:
    """Proposals that can still be decided about, the oldest first."""
    undecided = Q(confirmed_by=None, refused_by=None, proposed_at__gt=now() - HOLDS)
    return AdminAction.objects.filter(undecided).select_related("person", "proposed_by").order_by("pk")


def may_confirm(change: AdminAction, by: User) -> bool:
    """Whether this person could be the second one, so that the page shows them the button."""
    try:
        demand(by, kind_of(change).action)
        _demand_another(change, by)
        _demand_pair(change, by)
    except Refused:
        return False
    return by.pk != change.proposed_by_id


def ends_at(change: AdminAction) -> datetime:
    return change.proposed_at + HOLDS


def _open(change: AdminAction) -> AdminAction:
    """The row, locked. Raises Refused when somebody decided meanwhile, or when its day is over."""
    rows = AdminAction.objects.select_for_update(of=("self",)).select_related("person", "proposed_by")
    locked = rows.get(pk=change.pk)
    if locked.confirmed_by_id or locked.refused_by_id:
        raise Refused(_("This was decided already. Nothing was changed now."))
    if ends_at(locked) <= now():
        raise Refused(_("This proposal is older than 24 hours. Nothing was changed. Propose it anew."))
    return locked


def _lock(person: User | None) -> None:
    if person:
        User.objects.select_for_update().get(pk=person.pk)


def _own() -> str:
    return _("This is about yourself. Nothing was changed. Two other people decide it.")


def _demand_another(change: AdminAction, by: User) -> None:
    """Raises Refused for whom it concerns, and for the proposer as second person."""
    if change.person_id == by.pk:
        raise Refused(_own(), status=403)
    if change.pk and change.proposed_by_id == by.pk:
        raise Refused(_("You proposed this. Nothing was changed. Another person confirms it."), status=403)


def _demand_pair(change: AdminAction, by: User) -> None:
    """Raises Refused unless proposer and second person together are who this kind takes."""
    if not change.proposed_by.is_active or change.proposed_by.roles.isdisjoint({ADMIN, SUPERVISOR}):
        raise Refused(_("Whoever proposed this has no such right any more. Nothing was changed. Propose it anew."))
    if change.kind == "approver.lift_rest":
        if {ADMIN, SUPERVISOR} - (change.proposed_by.roles | by.roles):
            raise Refused(_("This takes an administrator and a supervisor together. Nothing was changed."), status=403)
    elif ADMIN not in change.proposed_by.roles:
        raise Refused(_("Whoever proposed this has no such right any more. Nothing was changed. Propose it anew."))


def _told(change: AdminAction) -> dict[str, Any]:
    """What the audit keeps of it."""
    return {"kind": change.kind, "person": change.person_id, "why": change.why, **change.data}
