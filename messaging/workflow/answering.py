"""Answers to a notice: “I have it”, and what came of a phone call. Both leave the next on duty asleep for a while."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crisis import audit
from crisis.clock import now
from crisis.models import User
from crisis.permissions import demand
from crisis.refusal import Refused
from messaging import escalation
from messaging.models import Campaign, Notice, Status
from messaging.workflow.moving import acting, lock, log

NO_ANSWER = "no_answer"


def take(campaign: Campaign, *, by: User) -> None:
    """Say that one reads it: the next one is told later. A decision is still asked of the same person."""
    demand(by, "campaign.approve")
    with acting(by):
        locked = lock(campaign.pk, Status.SUBMITTED)
        if by.pk in locked.author_ids():
            raise Refused(_("You wrote part of this, so another person has to approve it."), status=403)
        _note(locked, by, Notice.Way.SCREEN, answered_at=now())
        escalation.postpone(locked)
        log(locked, by, gettext_lazy("Being read for a decision: %(headline)s"))
        audit.record("campaign.take", by=by, about=locked, data={"round": locked.round})


def called(campaign: Campaign, person: User, *, reached: bool, by: User) -> None:
    """Note that a person who may decide was called, and whether they answered the phone."""
    demand(by, "campaign.submit")
    with acting(by):
        locked = lock(campaign.pk, Status.SUBMITTED)
        if person not in escalation.eligible(locked):
            raise Refused(_("This person may not decide about it. Nothing was noted. Call another one."))
        at = now()
        answered = {"answered_at": at, "failure": ""} if reached else {"failure": NO_ANSWER}
        _note(locked, person, Notice.Way.PHONE, sent_at=at, by=by, **answered)
        if reached:
            escalation.postpone(locked)
        audit.record("notice.call", by=by, about=locked, data={"person": person.pk, "reached": reached})


def _note(campaign: Campaign, person: User, way: Notice.Way, **values: object) -> None:
    """Write into the person's notice of this round, which a person who became an approver meanwhile does not have yet."""
    key = {"campaign": campaign, "round": campaign.round, "person": person, "way": way}
    planned = Notice.objects.filter(campaign=campaign, round=campaign.round, person=person).order_by("step").first()
    new = {"step": planned.step if planned else 1, "due_at": now(), **values}
    Notice.objects.update_or_create(**key, defaults=values, create_defaults=new)
