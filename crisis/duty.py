"""The duty roster: plan a shift, call one off, who is on duty now, and what a plan leaves open, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from crisis import audit
from crisis.clock import now
from crisis.models import Duty, User
from crisis.permissions import demand, may
from crisis.refusal import Refused

LONGEST = timedelta(days=31)  # of one shift
AHEAD = timedelta(hours=72)  # how far gaps are looked for
ORDERS = range(1, 10)


@transaction.atomic
def plan(person: User, *, from_at: datetime, until_at: datetime, order: int = 1, phone: str = "", by: User) -> Duty:
    """Put a person on duty. Raises Refused for a shift that cannot be served."""
    demand(by, "duty.write")
    locked = User.objects.select_for_update().get(pk=person.pk)
    _demand_times(from_at, until_at)
    if not may(locked, "see"):
        raise Refused(_("This person cannot log in, so nobody would be on duty. Choose another."), field="person")
    if order not in ORDERS:
        raise Refused(_("The order of call is a number from 1 to 9."), field="order")
    if other := locked.duties.filter(from_at__lt=until_at, until_at__gt=from_at).first():
        raise Refused(
            _("%(person)s is on duty in that time already. Call the other shift off first, or choose other times.")
            % {"person": other.person},
            field="from_at",
        )
    values = {"from_at": from_at, "until_at": until_at, "order": order, "phone": phone.strip()[:50]}
    duty = Duty.objects.create(person=locked, planned_by=by, **values)
    audit.record("duty.plan", by=by, about=duty, data=_said(duty))
    return duty


def _demand_times(from_at: datetime, until_at: datetime) -> None:
    if until_at <= from_at:
        raise Refused(_("The shift ends before it begins. Choose a later end."), field="until_at")
    if until_at <= now():
        raise Refused(_("The shift is over already. Choose a later end."), field="until_at")
    if until_at - from_at > LONGEST:
        raise Refused(_("A shift lasts at most 31 days. Plan several."), field="until_at")


@transaction.atomic
def call_off(duty: Duty, *, by: User) -> None:
    """Take a shift off the roster: one that runs ends now, one to come vanishes. What is over stays as it was."""
    demand(by, "duty.write")
    locked = Duty.objects.select_for_update(of=("self",)).select_related("person").get(pk=duty.pk)
    at = now()
    if locked.until_at <= at:
        raise Refused(_("This shift is over; nothing was changed."))
    said = _said(locked)
    audited = Duty(pk=locked.pk)
    if locked.from_at < at:
        Duty.objects.filter(pk=locked.pk).update(until_at=at)
    else:
        locked.delete()
    audit.record("duty.call_off", by=by, about=audited, data=said)


def _said(duty: Duty) -> dict[str, object]:
    """What the log keeps of a shift. The phone is not in it: the log is for ever."""
    times = {"from": duty.from_at.isoformat(), "until": duty.until_at.isoformat()}
    return {"person": duty.person_id, "order": duty.order, **times}


def on_duty(at: datetime) -> dict[int, Duty]:
    """Person → their shift at an instant, in the order of call. Whoever cannot log in is on no duty."""
    return {row.person_id: row for row in Duty.objects.at(at).filter(person__is_active=True)}


def gaps(shifts: Iterable[Duty], since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Spans between two instants that none of these shifts covers."""
    open_from = since
    for row in sorted(shifts, key=lambda one: one.from_at):
        if row.until_at <= open_from or row.from_at >= until:
            continue
        if row.from_at > open_from:
            yield open_from, row.from_at
        open_from = row.until_at
    if open_from < until:
        yield open_from, until


def overlaps(shifts: Iterable[Duty], since: datetime, until: datetime) -> Iterator[tuple[Duty, Duty, datetime, datetime]]:
    """Pairs of shifts that run at the same time with the same place in the order: who is called first is left to chance."""
    rows = sorted(shifts, key=lambda one: (one.from_at, one.pk))
    for n, first in enumerate(rows):
        for second in rows[n + 1 :]:
            begin, end = max(first.from_at, second.from_at, since), min(first.until_at, second.until_at, until)
            if begin < end and first.order == second.order:
                yield first, second, begin, end
