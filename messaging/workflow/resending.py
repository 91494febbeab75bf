"""What a person decides about those who may or may not have got a message: send it to them again, or leave it as it is."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crisis import audit
from crisis.clock import now
from crisis.models import User
from crisis.permissions import demand
from crisis.refusal import Refused
from messaging import delivery
from messaging.models import Batch, Campaign, Status
from messaging.models.ledger import BatchQuerySet
from messaging.workflow.moving import BEGIN_ANEW, acting, as_approved, lock, log


def resend(campaign: Campaign, *, by: User) -> int:
    """Send it again, word for word, to everybody of whom nobody knows whether they got it. Returns how many people.

    Whoever presses second sends nothing twice. Who was left as they were before may be sent it after all.
    """
    demand(by, "campaign.resend")
    with as_approved(BEGIN_ANEW), acting(by):
        locked = lock(campaign.pk, *Status)
        uncertain(locked, Batch.objects.doubtful())
        added = delivery.send_again(locked)
        people = sum(added.values())
        if not people:
            raise Refused(_("Nobody is left to whom it could be sent again. Nothing was sent."))
        told = gettext_lazy("Sent again to people who may or may not have got it (%(people)d): %(headline)s")
        log(locked, by, told, people=people)
        audit.record("campaign.resend", by=by, about=locked, data={"people": added})
    return people


def leave(campaign: Campaign, *, by: User) -> int:
    """Send it to none of them again. Returns how many people stay uncertain."""
    demand(by, "campaign.resend")
    with acting(by):
        locked = lock(campaign.pk, *Status)
        people = uncertain(locked, Batch.objects.undecided())
        rows = Batch.objects.undecided().filter(campaign=locked)
        Batch.objects.filter(pk__in=[*rows.values_list("pk", flat=True)]).update(left_at=now())
        told = gettext_lazy("Left as it is for people who may or may not have got it (%(people)d): %(headline)s")
        log(locked, by, told, people=people)
        audit.record("campaign.leave", by=by, about=locked, data={"people": people})
    return people


def uncertain(campaign: Campaign, batches: BatchQuerySet) -> int:
    """How many people of these batches are uncertain. Raises Refused when they are none, or may not be sent it again."""
    if why := delivery.hindrance(campaign):
        raise Refused(_("%(why)s Nothing was changed.") % {"why": why})
    people = sum(batches.filter(campaign=campaign).values_list("uncertain", flat=True))
    if not people:
        raise Refused(_("There is nothing to decide: nobody is uncertain, or it was decided already. Nothing was done twice."))
    return people
