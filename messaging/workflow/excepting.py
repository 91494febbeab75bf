"""The exception's own verbs: write it with a draft, grant it with an approval, renew it, revoke it, take note of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crisis import audit, incidents
from crisis.clock import now
from crisis.models import Incident, User
from crisis.permissions import demand
from crisis.refusal import Refused
from crisis.templatetags.console import local_time
from messaging import delivery
from messaging.limits import EXCEPTION_HOURS, LEAST_REASON, say_when_an_exception_ends
from messaging.models import RUNNING, Campaign, ExceptionTerm, ReachException, Status
from messaging.models.exceptions import GRAVE
from messaging.workflow.moving import acting
from messaging.workflow.running import stop_locked


def written(campaign: Campaign, reason: str, ends: datetime | None) -> ReachException | None:
    """The exception a draft asks for: the one it has or its incident has in force in these words, or a new one."""
    if not reason:
        return None
    if ends is None:
        raise Refused(say_when_an_exception_ends(), field="exception_expires_at")
    known = ReachException.objects.filter(incident=campaign.incident_id, reason=reason, revoked_at=None).select_related(
        "incident"
    )
    for one in known:
        if _minute(one.ends_at) == _minute(ends) and (one.pk == campaign.exception_id or one.in_force(now())):
            return one
    return ReachException.objects.create(incident_id=campaign.incident_id, reason=reason, expires_at=ends)


def _minute(at: datetime) -> datetime:
    """Forms know no seconds."""
    return at.replace(second=0, microsecond=0)


def grant(campaign: Campaign, at: datetime, *, by: User) -> None:
    """With the approval of the first campaign that uses it: the exception's first term, in the approver's transaction."""
    exception = campaign.exception
    if exception is None or exception.last_term is not None:
        return
    ExceptionTerm.objects.create(
        exception=exception, by=by, until=min(exception.expires_at, at + timedelta(hours=EXCEPTION_HOURS))
    )
    audit.record(
        "exception.grant", by=by, about=exception, data={"campaign": campaign.pk, "until": exception.ends_at.isoformat()}
    )


def renew_exception(exception: ReachException, hours: int, reason: str, *, by: User) -> ReachException:
    """Another approver's word that it holds for so many hours from now. Raises Refused for who wrote it or granted it last."""
    demand(by, "exception.renew")
    if not 1 <= hours <= EXCEPTION_HOURS:
        sentence = _("An exception is renewed for 1 to %(most)d hours. Nothing was changed.")
        raise Refused(sentence % {"most": EXCEPTION_HOURS}, field="hours")
    if len(reason.strip()) < LEAST_REASON:
        raise Refused(_("Say in a sentence why the danger still holds. Nothing was changed."), field="reason")
    with acting(by):
        locked = _locked(exception)
        _demand_another(locked, by)
        until = _minute(now() + timedelta(hours=hours))
        ExceptionTerm.objects.create(exception=locked, by=by, until=until, reason=reason.strip()[:500])
        incidents.tell(
            locked.incident_id, gettext_lazy("The exception was renewed until %(time)s"), by=by, time=local_time(until)
        )
        audit.record("exception.renew", by=by, about=locked, data={"until": until.isoformat(), "reason": reason.strip()[:500]})
    return locked


def _locked(exception: ReachException) -> ReachException:
    """The row, locked. Raises Refused unless it may still be renewed."""
    locked = ReachException.objects.select_for_update(of=("self",)).select_related("incident").get(pk=exception.pk)
    if locked.revoked_at:
        raise Refused(_("This exception was revoked. Nothing was changed. Write a new one with a new campaign."))
    if locked.last_term is None:
        raise Refused(_("Nobody has granted this exception yet. It is granted with the campaign that asks for it."))
    if locked.incident.status == Incident.Status.CLOSED or locked.incident.severity not in GRAVE:
        raise Refused(_("The incident is closed or rated lower now, so there is no exception any more. Nothing was changed."))
    return locked


def _demand_another(exception: ReachException, by: User) -> None:
    term = exception.last_term
    if by.pk == exception.written_by_id or (term and by.pk == term.by_id):
        raise Refused(
            _("You wrote this exception or granted it last, so another supervisor has to renew it. Nothing was changed."),
            status=403,
        )


def revoke_exception(exception: ReachException, reason: str, *, by: User) -> int:
    """End it at once, by one person. Sendings under way that use it are stopped; returns how many. Twice is harmless."""
    demand(by, "exception.revoke")
    if not reason.strip():
        raise Refused(_("Say why; the author needs the reason. Nothing was changed."), field="reason")
    with acting(by):
        using = Campaign.objects.select_for_update(of=("self",)).filter(exception=exception.pk)
        every = [*using.filter(status__in={*RUNNING, Status.SENT}).order_by("pk")]  # locked before the first audit row
        stopped = [campaign for campaign in every if campaign.status != Status.SENT]
        for campaign in every:
            if campaign.status == Status.SENT:
                delivery.cancel_placed(campaign)
            else:
                stop_locked(campaign, by=by)
        locked = ReachException.objects.select_for_update(of=("self",)).get(pk=exception.pk)
        if locked.revoked_at is None:
            ReachException.objects.filter(pk=locked.pk).update(revoked_at=now(), revoked_by=by)
            incidents.tell(
                locked.incident_id, gettext_lazy("The exception was revoked: %(reason)s"), by=by, reason=reason.strip()
            )
            data = {"reason": reason.strip()[:500], "stopped": [campaign.pk for campaign in stopped]}
            audit.record("exception.revoke", by=by, about=locked, data=data)
    for campaign in stopped:
        delivery.ring(campaign)
    return len(stopped)


@transaction.atomic
def note_exception(exception: ReachException, *, by: User) -> None:
    """An auditor has read it. Whoever is second changes nothing."""
    demand(by, "exception.note")
    changed = ReachException.objects.filter(pk=exception.pk, noted_at=None).update(noted_at=now(), noted_by=by)
    if changed:
        audit.record("exception.note", by=by, about=exception)
