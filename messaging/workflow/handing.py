"""Taking a shift over: signed by the person who takes it, in the situation log of everything that is open."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext_lazy

from crisis import audit, incidents
from crisis.clock import now
from crisis.models import AuditEntry, User
from crisis.permissions import demand
from messaging import board, handover


@transaction.atomic
def take_over(*, by: User) -> AuditEntry:
    """Sign for everything that is open at this moment; the situation in one line is kept with the signature."""
    demand(by, "shift.take")
    with incidents.our_language():
        report = handover.line(handover.shift_of(by, now()))
    for incident in board.open_incidents(by=by):
        incidents.tell(incident.pk, gettext_lazy("%(who)s has taken over the shift."), by=by, who=by)
    return audit.record("shift.take", by=by, data={"report": report})
