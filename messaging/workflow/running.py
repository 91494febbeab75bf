"""While it is being sent: pause, resume, stop."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crisis import audit
from crisis.clock import now
from crisis.models import User
from crisis.permissions import demand
from crisis.refusal import Refused
from messaging import delivery
from messaging.models import STOPPABLE, Campaign, Status
from messaging.workflow.moving import acting, as_approved, log, move, move_only


def pause(campaign: Campaign, *, by: User) -> None:
    """Make no new request until somebody resumes it."""
    demand(by, "campaign.pause")
    move_only(campaign, Status.PAUSED, "campaign.pause", by=by)


def resume(campaign: Campaign, *, by: User) -> None:
    """Go on with a paused campaign. Raises Refused when its approval has meanwhile lost what it rested on."""
    demand(by, "campaign.resume")
    if delivery.is_over(campaign, now()):
        raise Refused(_("The exception this rests on is over. Nothing is sent. Another supervisor renews it, or stop this."))
    with as_approved(_("Nothing is sent. Stop it and begin a new campaign.")):
        move_only(campaign, Status.SENDING, "campaign.resume", by=by, only=Status.PAUSED)
    delivery.ring(campaign)


def stop(campaign: Campaign, *, by: User) -> dict[str, int]:
    """Stop for good, by one person, at once. Returns how many had gone and how many will not go. Stopping twice is harmless."""
    demand(by, "campaign.stop")
    with acting(by):
        locked = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
        if locked.status not in STOPPABLE | {Status.STOPPED}:
            raise Refused(_("There is nothing to stop: this is %(status)s.") % {"status": locked.get_status_display()})
        if locked.status == Status.STOPPED:
            return delivery.close_open(locked, Status.STOPPED)
        numbers = stop_locked(locked, by=by)
    delivery.ring(campaign)
    return numbers


def stop_locked(locked: Campaign, *, by: User) -> dict[str, int]:
    """Stop a campaign whose row is locked, in the caller's transaction."""
    move(locked, Status.STOPPED, ended_at=now())
    numbers = delivery.close_open(locked, Status.STOPPED)
    log(locked, by, gettext_lazy("Stopped: %(headline)s"))
    audit.record("campaign.stop", by=by, about=locked, data=numbers)
    return numbers
