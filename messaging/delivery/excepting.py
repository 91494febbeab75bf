"""What the machine owes an exception: nothing begins outside it, and its first use is noted at once."""

from __future__ import annotations

from datetime import datetime

from crisis import audit
from crisis.models import User
from messaging.models import Campaign, ReachException


def is_over(campaign: Campaign, at: datetime) -> bool:
    """Whether a campaign rests on an exception that is not in force."""
    return campaign.exception is not None and not campaign.exception.in_force(at)


def use(campaign: Campaign, at: datetime, *, by: User | None) -> None:
    """Note the first sending under an exception; from then on it stands in the public register, and auditors are told."""
    if campaign.exception_id is None:
        return
    if ReachException.objects.filter(pk=campaign.exception_id, used_at=None).update(used_at=at):
        audit.record("exception.use", by=by, about=campaign.exception, data={"campaign": campaign.pk})
