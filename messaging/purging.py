"""The purge of a closed incident: what keeps it from being destroyed now, and the change that two administrators make.

Confirmed, it begins with that very transaction and is carried out by the sweeper (`messaging.delivery.destroying`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crisis.clock import now
from crisis.models import AdminAction, Destruction, Incident, User
from crisis.power import kinds
from crisis.power.changing import stamp
from crisis.power.kinds import Kind, Shown
from crisis.refusal import Problem, Refused
from crisis.templatetags.console import local_time, number
from messaging.delivery.destroying import keep_reasons
from messaging.models import OPEN_BATCHES, RUNNING, Batch, Campaign, Receipt, Reply, Status
from messaging.progress import is_purged

ANSWERS_COME = timedelta(hours=24)  # after a sending ended; until then a platform may still say what became of somebody
RESTLESS = frozenset({*RUNNING, Status.SUBMITTED, Status.APPROVED})


def hindrances(incident: Incident) -> Iterator[Problem]:
    """Why it cannot be destroyed now, each with its remedy."""
    if is_purged(incident.pk):
        yield Problem("", _("What was held about people of this incident is destroyed already. See “Destroyed data”."))
        return
    if incident.status != Incident.Status.CLOSED:
        yield Problem("", _("The incident is not closed. Close it first: whoever is still there may have to be written to."))
    campaigns = [*Campaign.objects.filter(incident=incident)]
    for campaign in campaigns:
        if campaign.status in RESTLESS:
            yield Problem("", _("Not at rest yet: %(campaign)s. Stop it or withdraw it first.") % {"campaign": campaign})
    yield from _still_coming(campaigns)
    yield from _of_replies(incident)


def _still_coming(campaigns: list[Campaign]) -> Iterator[Problem]:
    batches = Batch.objects.filter(campaign__in=campaigns)
    if batches.filter(status__in=OPEN_BATCHES, order=None).exists():
        yield Problem("", _("A last request is still on its way to a platform. Wait a minute, then try again."))
    accounts = batches.values("account")
    if Receipt.objects.filter(account__in=accounts, applied_at=None).exists():
        yield Problem("", _("Answers of platforms have come in and are not counted yet. Wait a minute, then try again."))
    for campaign in campaigns:
        people = batches.filter(campaign=campaign).aggregate(n=Coalesce(Sum("uncertain"), 0))["n"]
        until = (campaign.ended_at or campaign.started_at or now()) + ANSWERS_COME
        if people and until > now():
            sentence = _("May or may not have got it: %(people)s people (%(campaign)s). Wait for answers until %(until)s.")
            values = {"people": number(people), "campaign": campaign, "until": local_time(until)}
            yield Problem("", sentence % values)


def _of_replies(incident: Incident) -> Iterator[Problem]:
    replies = Reply.objects.filter(campaign__incident=incident)
    if replies.filter(answer=Reply.Answer.QUEUED).exists():
        yield Problem("", _("An automatic answer to somebody who wrote back is being sent. Wait a minute, then try again."))
    if unread := replies.filter(read_at=None).count():
        sentence = _("Replies that nobody has read: %(number)s. Have a duty officer read them first: they would be lost.")
        yield Problem("", sentence % {"number": number(unread)})


def _incident(change: AdminAction) -> Incident:
    return Incident.objects.get(pk=change.data["incident"])


def _check(change: AdminAction) -> None:
    if problems := [*hindrances(_incident(change))]:
        raise Refused(problems=problems)


def _begin(change: AdminAction, by: User) -> Shown | None:
    """Only begins: destroying much takes longer than a click, and nobody is to wait for it."""
    incident = Incident.objects.select_for_update().get(pk=change.data["incident"])
    stamp(change, by=by)
    Destruction.objects.create(kind=Destruction.Kind.INCIDENT, incident=incident, change=change, by=change.proposed_by)
    keep_reasons(incident.pk)
    return None


def _sentence(change: AdminAction) -> str:
    words: Any = _(
        "Destroyed for good: who was written to about “%(incident)s”, what became of each message, and what people wrote back. "
        "Totals, texts and approvals stay, and so do opt-outs."
    )
    return str(words % {"incident": _incident(change)})


def register() -> None:
    """Let two persons destroy what is held of a closed incident."""
    label = gettext_lazy("Destroying data about people of a closed incident")
    kinds.register(Kind("incident.purge", label, _sentence, _check, _begin))
