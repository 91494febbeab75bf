"""Top-up: an approved text that is still valid, to people who came since it was sent."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crisis import audit
from crisis.clock import now
from crisis.models import User
from crisis.permissions import demand
from crisis.refusal import Refused
from messaging import checking, delivery
from messaging.choosing import count
from messaging.models import NEVER_BEGUN, Campaign, Status
from messaging.workflow.moving import BEGIN_ANEW, acting, as_approved, lock, log


def top_up(campaign: Campaign, *, by: User) -> int:
    """Send a campaign that was sent to whoever joined its audience since. Returns how many people of those we know.

    Platforms that send by themselves are asked for whoever they find beyond those they wrote to; how many is theirs to say.
    Nobody who stands in a batch of it gets it again. The approval it was sent by still has to hold, for all of them together.
    """
    demand(by, "campaign.top_up")
    try:
        with as_approved(BEGIN_ANEW), acting(by):
            locked = lock(campaign.pk, Status.SENT)
            _demand_fresh(locked)
            approval = locked.approvals.get(round=locked.round)
            added, orders = delivery.add(locked, approval.reach)
            people = sum(added.values())
            if not people and not orders:
                raise Refused(_("Nobody has come since it was sent. Nothing was sent."))
            log(locked, by, gettext_lazy("Sent also to people who came since (%(people)d): %(headline)s"), people=people)
            audit.record("campaign.top_up", by=by, about=locked, data={"people": added, "orders": orders})
    except delivery.Held as held:
        raise Refused(_("%(why)s Nothing was sent. Begin a new campaign to them.") % {"why": held}) from held
    return people


def newcomers(campaign: Campaign) -> int:
    """How many people a top-up would write to now, by all accounts together."""
    if campaign.test:
        return 0
    at = now()
    addressed = [account for account in campaign.accounts.order_by("pk") if account.addressed]
    return sum(count(campaign, account, at, newcomers=True).people for account in addressed)


def _demand_fresh(campaign: Campaign) -> None:
    if campaign.test:
        raise Refused(_("This was a TEST to colleagues. Nothing was sent. Begin another TEST."))
    if campaign.not_after is None or campaign.not_after <= now():
        raise Refused(_("It is not valid any more. Nothing was sent. Begin a new campaign."))
    checking.demand_open(campaign.incident)
    if campaign.corrections.exclude(NEVER_BEGUN).exists():
        raise Refused(_("This is being corrected, so nobody else gets it. Nothing was sent."))
    if campaign.followed_by.filter(started_at__isnull=False).exists():
        raise Refused(
            _("A later campaign followed this one, so nobody else gets it. Nothing was sent. Send them the later one.")
        )
