"""What every verb rests on: a transaction in a person's name, the locked row, the move, the line in the situation log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crisis import audit, incidents
from crisis.acting import acting as acting
from crisis.clock import now
from crisis.models import User
from crisis.refusal import Refused
from messaging.delivery.trouble import NOT_AS_APPROVED
from messaging.models import TRANSITIONS, Campaign, Status

# What the situation log says of a verb that only moves the status.
DONE = {
    "campaign.withdraw": gettext_lazy("Withdrawn to be edited: %(headline)s"),
    "campaign.send_back": gettext_lazy("Returned for editing: %(headline)s. Reason: %(reason)s"),
    "campaign.reject": gettext_lazy("Rejected: %(headline)s. Reason: %(reason)s"),
    "campaign.pause": gettext_lazy("Sending paused: %(headline)s"),
    "campaign.resume": gettext_lazy("Sending resumed: %(headline)s"),
}

BEGIN_ANEW = gettext_lazy("Nothing was sent. Begin a new campaign.")


@contextmanager
def as_approved(remedy: Any) -> Iterator[None]:
    """A transaction whose COMMIT asks for the approval again. Raises Refused, saying what to do, where it holds no longer."""
    try:
        yield
    except IntegrityError as error:
        raise Refused(f"{NOT_AS_APPROVED} {remedy}") from error


def move_only(
    campaign: Campaign, status: Status, action: str, *, by: User, reason: str = "", said: str = "", only: Status | None = None,
    **values: Any,
) -> None:  # fmt: skip
    """A verb that only moves the status. `said` is its reason as a whole sentence, where the typed words alone are none."""
    with acting(by):
        sources = [only] if only else [old for old, new in TRANSITIONS.items() if status in new]
        locked = lock(campaign.pk, *sources)
        move(locked, status, status_reason=said or reason, **values)
        log(locked, by, DONE[action], reason=reason)
        audit.record(action, by=by, about=locked, data={"reason": reason} if reason else {})


def lock(pk: int, *statuses: Status) -> Campaign:
    """The row, locked before its status is read. Raises Refused, saying what it is now, unless it has one of these."""
    rows = Campaign.objects.select_for_update(of=("self",)).select_related("incident", "audience_version", "refers_to")
    campaign = rows.get(pk=pk)
    if campaign.status not in statuses:
        raise Refused(
            _("This is already %(status)s; nothing was done twice and nothing was changed.")
            % {"status": campaign.get_status_display()}
        )
    return campaign


def move(campaign: Campaign, status: Status, **values: Any) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(status=status, updated_at=now(), **values)
    campaign.refresh_from_db()


def log(campaign: Campaign, by: User, sentence: Any, **values: Any) -> None:
    incidents.tell(campaign.incident_id, sentence, by=by, headline=campaign, **values)
