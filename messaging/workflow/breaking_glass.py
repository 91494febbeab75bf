"""The one exception from the second person: send an unchanged playbook alone, and have it reviewed by another.

What it demands is kept by the database (migration `break_glass`); `faults` asks the same functions, so that a page can say why.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crisis import audit
from crisis.clock import now
from crisis.models import User
from crisis.permissions import demand
from crisis.refusal import Problem, Refused
from messaging import checking, delivery, escalation, fuses
from messaging.limits import LEAST_REASON
from messaging.models import Approval, Campaign, GlassBreak, Status
from messaging.workflow.deciding import note_held, note_overrides
from messaging.workflow.moving import acting, lock, log, move

WHY_NOT = {
    "no_playbook": gettext_lazy("Its texts do not all come from one playbook."),
    "changed": gettext_lazy("Something in it was changed since it was made from the playbook."),
    "not_approved": gettext_lazy("The playbook was not approved by two people who did not write it."),
    "outdated": gettext_lazy("The playbook was retired, or a newer version of it is in use."),
    "other_audience": gettext_lazy("It is for other people than the playbook says."),
    "other_country": gettext_lazy("It is for a country that is not the incident's."),
    "other_way": gettext_lazy(
        "It uses a way that one person alone may not use: only our own messages and posts of the playbook."
    ),
    "exception": gettext_lazy("It includes people who did not subscribe."),
    "later": gettext_lazy("It starts later: then there is time to ask somebody."),
    "closed": gettext_lazy("The incident is closed."),
    "no_supervisor": gettext_lazy("You are no supervisor, or became one less than a day ago."),
    "off_duty": gettext_lazy("You are not on duty now."),
    "unreviewed": gettext_lazy("What you sent alone before has not been reviewed yet."),
}


def faults(campaign: Campaign, by: User) -> list[str]:
    """Why this person may not send this alone now, in sentences; empty when they may."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT messaging_glass_content(%(campaign)s) || messaging_glass_person(%(person)s, %(campaign)s)",
            {"campaign": campaign.pk, "person": by.pk},
        )
        return [str(WHY_NOT[code]) for code in cursor.fetchone()[0]]


def break_glass(
    campaign: Campaign,
    reason: str,
    *,
    fingerprint: str,
    reach: Mapping[str, Any],
    by: User,
    overrides: Mapping[str, str] = MappingProxyType({}),
) -> Campaign:
    """Start the sending alone; what looks like a mistake is answered as in `approve`.

    Raises Refused unless it is an unchanged playbook, and whatever else the exception demands.
    """
    demand(by, "campaign.break_glass")
    if len(reason.strip()) < LEAST_REASON:
        raise Refused(
            _("Say in a sentence why nobody else can be asked; everybody will read it. Nothing was sent."),
            field="glass_reason", status=422,
        )  # fmt: skip
    try:
        with acting(by):
            locked = lock(campaign.pk, Status.SUBMITTED)
            _demand_glass(locked, fingerprint, reach, by)
            spite = fuses.overridden(locked, reach, now(), overrides)
            approval = Approval.objects.create(
                campaign=locked, fingerprint=fingerprint, by=by, reach=dict(reach), overrides=spite,
                verdict=Approval.Verdict.BREAK_GLASS,
            )  # fmt: skip
            glass = GlassBreak.objects.create(approval=approval, by=by, reason=reason.strip()[:500])
            move(locked, Status.APPROVED, approved_at=now(), status_reason="")
            log(locked, by, gettext_lazy("Sent by one person alone: %(headline)s. Reason: %(reason)s"), reason=reason.strip())
            delivery.begin(locked, dict(reach), by=by)
            escalation.plan_review(glass)
            note_overrides(locked, spite, by=by)
            data = {"fingerprint": fingerprint, "round": locked.round, "reason": reason.strip()[:500], "overrides": spite}
            audit.record("campaign.break_glass", by=by, about=locked, data=data)
            audit.anchor(f"campaign {locked.pk} sent alone")
    except delivery.Held as held:
        note_held(campaign, held, by=by)
        raise Refused(str(held)) from held
    return Campaign.objects.get(pk=campaign.pk)


def _demand_glass(campaign: Campaign, fingerprint: str, reach: Mapping[str, Any], by: User) -> None:
    if fingerprint != campaign.fingerprint():
        raise Refused(_("This was changed after you opened it. Nothing was sent. Read it again, then decide."))
    if found := faults(campaign, by):
        raise Refused(problems=[Problem("", sentence) for sentence in found], status=403)
    if problems := checking.problems(campaign, dict(reach), now()):
        raise Refused(problems=problems)


def review(glass: GlassBreak, verdict: str, words: str, *, by: User) -> None:
    """Another supervisor's word on what was sent alone."""
    demand(by, "campaign.approve")
    if verdict not in GlassBreak.Review.values:
        raise Refused(_("Say whether it was right or wrong. Nothing was changed."), field="review", status=422)
    if not words.strip():
        raise Refused(_("Say it in words; the report quotes them. Nothing was changed."), field="review_words", status=422)
    with acting(by):
        locked = GlassBreak.objects.select_for_update(of=("self",)).select_related("approval__campaign").get(pk=glass.pk)
        campaign = locked.approval.campaign
        if locked.reviewed_at:
            raise Refused(_("This has been reviewed already; nothing was done twice."))
        if by.pk == locked.by_id or by.pk in campaign.author_ids():
            raise Refused(_("Another supervisor, who wrote no part of it, reviews what was sent alone."), status=403)
        values = {"review": verdict, "review_words": words.strip()[:500], "reviewed_by": by}
        GlassBreak.objects.filter(pk=locked.pk).update(**values)
        found = GlassBreak.Review(verdict).label
        log(
            campaign,
            by,
            gettext_lazy("Reviewed what was sent alone: %(headline)s — %(found)s. %(words)s"),
            found=found,
            words=words,
        )
        data = {"verdict": verdict, "words": words.strip()[:500]}
        audit.record("campaign.review_glass", by=by, about=campaign, data=data)
