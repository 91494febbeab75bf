"""The decision: ask for it, take the question back, and the second person's three words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from crisis import audit, incidents
from crisis.clock import now
from crisis.models import User
from crisis.permissions import demand
from crisis.power.resting import demand_rested
from crisis.refusal import Refused
from crisis.templatetags.console import things
from messaging import amplifying, checking, delivery, escalation, fuses
from messaging.amplifying import Posts
from messaging.limits import OVERRIDABLE
from messaging.models import Approval, Campaign, Rendering, Status
from messaging.reaching import Estimates, reach_of
from messaging.workflow import excepting
from messaging.workflow.moving import acting, lock, log, move, move_only


def submit(campaign: Campaign, *, by: User, estimates: Estimates | None = None, posts: Posts | None = None) -> Campaign:
    """Ask for approval of exactly what was shown: stores every message word for word, and the reach. Submitting is writing.

    Raises Refused with every problem of the draft, naming its section.
    """
    demand(by, "campaign.submit")
    with acting(by):
        locked = lock(campaign.pk, Status.DRAFT)
        at = now()
        reach = reach_of(locked, at, estimates or {})
        found = [*checking.problems(locked, reach, at), *amplifying.problems(locked, posts or {})]
        if found:
            raise Refused(problems=found)
        if len(doubts := fuses.blown(locked, reach, at)) > OVERRIDABLE:
            raise Refused(_beyond(doubts), field="texts")
        _render(locked)
        reach |= {"posts": amplifying.kept(posts)} if posts else {}
        move(locked, Status.SUBMITTED, reach=reach, submitted_at=at, status_reason="")
        escalation.plan(locked)
        log(locked, by, gettext_lazy("Submitted for approval: %(headline)s"))
        audit.record("campaign.submit", by=by, about=locked, data={"fingerprint": locked.fingerprint(), "reach": reach})
    return Campaign.objects.get(pk=campaign.pk)


def _beyond(doubts: list[fuses.Blown]) -> str:
    spare = len(doubts) - OVERRIDABLE
    sentence = ngettext(
        "Too much of this looks like a mistake for anybody to approve it. Put right at least %(n)s warning.",
        "Too much of this looks like a mistake for anybody to approve it. Put right at least %(n)s warnings.",
        spare,
    )
    return sentence % {"n": things(spare)}


def _render(campaign: Campaign) -> None:
    Rendering.objects.filter(campaign=campaign).delete()
    for account in campaign.accounts.order_by("pk"):
        for text in campaign.texts.all():
            body = checking.render(text, account, drill=campaign.drill, test=campaign.test)
            Rendering.objects.create(campaign=campaign, account=account, text=text, body=body)


def withdraw(campaign: Campaign, *, by: User) -> None:
    """Take a submitted or approved campaign back to draft, to edit it."""
    demand(by, "campaign.submit")
    move_only(campaign, Status.DRAFT, "campaign.withdraw", by=by)


def send_back(campaign: Campaign, reason: str, *, by: User) -> None:
    """Return a submitted campaign for edit, saying what to change."""
    demand(by, "campaign.approve")
    words = _demand_reason(reason)
    with incidents.our_language():
        said = _("Returned: %(reason)s") % {"reason": words}
    move_only(campaign, Status.DRAFT, "campaign.send_back", by=by, reason=words, said=said, only=Status.SUBMITTED)


def reject(campaign: Campaign, reason: str, *, by: User) -> None:
    """Refuse a submitted campaign for good, or discard a draft, saying why."""
    status = Campaign.objects.values_list("status", flat=True).get(pk=campaign.pk)
    only = Status.DRAFT if status == Status.DRAFT else Status.SUBMITTED
    demand(by, "campaign.write" if only == Status.DRAFT else "campaign.approve")
    move_only(campaign, Status.REJECTED, "campaign.reject", by=by, reason=_demand_reason(reason), only=only, ended_at=now())


def _demand_reason(reason: str) -> str:
    if not reason.strip():
        raise Refused(_("Say why; the author needs the reason. Nothing was changed."), field="reason")
    return reason.strip()[:500]


def approve(
    campaign: Campaign,
    *,
    fingerprint: str,
    reach: Mapping[str, Any],
    by: User,
    overrides: Mapping[str, str] = MappingProxyType({}),
) -> Campaign:
    """A second person's word on exactly what they saw; starts the sending now, or leaves it waiting for its time.

    `fingerprint` and `reach` are what the approver's page showed; `overrides` says of each doubt, by its key, why the message
    is sent all the same. Raises Refused when anything has changed since, when a doubt is not answered, when they wrote any
    part of it, or when reach has grown beyond the rule: then the campaign stays submitted with the reason.
    """
    demand(by, "campaign.approve")
    demand_rested(by)
    try:
        with acting(by):
            locked = lock(campaign.pk, Status.SUBMITTED)
            _demand_second_person(locked, fingerprint, by)
            at = now()
            if found := checking.problems(locked, dict(reach), at):
                raise Refused(problems=found)
            spite = fuses.overridden(locked, reach, at, overrides)
            Approval.objects.create(campaign=locked, fingerprint=fingerprint, by=by, reach=dict(reach), overrides=spite)
            excepting.grant(locked, at, by=by)
            move(locked, Status.APPROVED, approved_at=at, status_reason="")
            log(locked, by, gettext_lazy("Approved: %(headline)s"))
            if locked.starts_at is None or locked.starts_at <= at:
                delivery.begin(locked, dict(reach), by=by)
            note_overrides(locked, spite, by=by)
            data = {"fingerprint": fingerprint, "round": locked.round, **({"overrides": spite} if spite else {})}
            audit.record("campaign.approve", by=by, about=locked, data=data)
            audit.anchor(f"campaign {locked.pk} approved")
    except delivery.Held as held:
        note_held(campaign, held, by=by)
        raise Refused(str(held)) from held
    return Campaign.objects.get(pk=campaign.pk)


def note_overrides(campaign: Campaign, spite: list[dict[str, str]], *, by: User) -> None:
    """A line in the situation log for each doubt that somebody sent it in spite of."""
    for one in spite:
        told = gettext_lazy("Approved in spite of a warning: %(headline)s. %(warning)s Reason: %(reason)s")
        log(campaign, by, told, warning=one["sentence"], reason=one["reason"])


def _demand_second_person(campaign: Campaign, fingerprint: str, by: User) -> None:
    if by.pk in campaign.author_ids():
        raise Refused(_("You wrote part of this, so another person has to approve it."), status=403)
    if fingerprint != campaign.fingerprint():
        raise Refused(_("This was changed after you opened it. Nothing was sent. Read it again, then decide."))


def note_held(campaign: Campaign, held: delivery.Held, *, by: User) -> None:
    with incidents.our_language():
        reason = str(held)
    with transaction.atomic():
        Campaign.objects.filter(pk=campaign.pk, status=Status.SUBMITTED).update(status_reason=reason[:500])
        audit.record("campaign.hold", by=by, about=campaign, data={"reason": reason})
