"""The shift as it is handed over: what is open, who holds what, what nobody has read, and all of it in one line to copy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crisis import small
from crisis.models import AuditEntry, Incident, User
from crisis.permissions import may
from crisis.small import told
from crisis.templatetags.console import clock_time, duration, local_time, number
from messaging import board, escalation, standing
from messaging.down import Down, lasting
from messaging.models import BEFORE_SENDING, RUNNING, Account, Campaign, ReachException, Reply, Status

NAMED = 3  # incidents, and ways that are down, that the line names; the others are counted


@dataclass(frozen=True, slots=True)
class Held:
    """One campaign that is not over, in whose hands it is, and since when it has been so."""

    campaign: Campaign
    holder: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Shift:
    """Everything that the next officer takes over. Drills stand in their own rows and are left out of the line."""

    at: datetime
    incidents: list[tuple[Incident, bool]]
    held: list[Held]
    replies: list[dict[str, Any]]
    troubled: list[tuple[Account, str]]
    down: list[Down]
    silent: list[board.Post]
    exceptions: list[ReachException]
    undecided: list[tuple[Campaign, int]]
    last: AuditEntry | None


def shift_of(user: User, at: datetime) -> Shift:
    """What is open now for somebody who sees what this person sees."""
    incidents = board.open_incidents(by=user)
    rows = [*board.of_status(*BEFORE_SENDING, *RUNNING, by=user).select_related("incident", "created_by")]
    return Shift(
        at=at,
        incidents=[(row, row.update_overdue(at)) for row in incidents],
        held=[_held(row, at) for row in rows],
        replies=_replies(user) if may(user, "replies.read") else [],
        troubled=standing.in_trouble(),
        down=lasting(user),
        silent=board.silent(board.posts(incidents)),
        exceptions=_exceptions(incidents, at),
        undecided=board.undecided(user),
        last=AuditEntry.objects.filter(action="shift.take").select_related("by").order_by("-id").first(),
    )


def _exceptions(incidents: list[Incident], at: datetime) -> list[ReachException]:
    """Those in force, the one that ends first on top."""
    rows = ReachException.objects.filter(incident__in=incidents, revoked_at=None).select_related("incident")
    return sorted((row for row in rows if row.in_force(at)), key=lambda row: row.ends_at)


def _held(campaign: Campaign, at: datetime) -> Held:
    match campaign.status:
        case Status.DRAFT:
            return Held(campaign, _("%(who)s is writing it") % {"who": campaign.created_by}, campaign.updated_at)
        case Status.SUBMITTED:
            return Held(campaign, _awaited(campaign, at), campaign.submitted_at)
        case Status.APPROVED:
            return Held(campaign, _("starts %(time)s") % {"time": local_time(campaign.starts_at)}, campaign.approved_at)
        case Status.PAUSED:
            return Held(campaign, _("paused: somebody has to let it go on or stop it"), campaign.updated_at)
    return Held(campaign, _("the console sends it"), campaign.started_at)


def _awaited(campaign: Campaign, at: datetime) -> str:
    """Whose decision it waits for."""
    stand = escalation.stand_of(campaign, at)
    if stand and stand.has_it:
        return _("%(who)s has it") % {"who": stand.has_it[-1].person}
    if stand and stand.told:
        names = list(dict.fromkeys(str(row.person) for row in stand.told))
        return _("nobody has answered yet; told: %(names)s") % {"names": ", ".join(names)}
    return _("nobody who may decide was found")


def _replies(user: User) -> list[dict[str, Any]]:
    unread = Reply.objects.filter(read_at=None, campaign__in=Campaign.objects.seen_by(user)).order_by()
    counted = unread.values("campaign").annotate(people=Count("pk"), since=Min("received_at")).order_by("since")
    campaigns = Campaign.objects.in_bulk([row["campaign"] for row in counted])
    return [{**row, "campaign": campaigns[row["campaign"]]} for row in counted]


def line(shift: Shift) -> str:
    """The live situation in one line, for a messenger or the phone: it leaves the house, so no small number stands in it."""
    with small.telling(exact=False):
        return " · ".join(_parts(shift))


def _parts(shift: Shift) -> list[str]:
    parts = [local_time(shift.at), *_of_incidents(shift), *_of_campaigns(shift), *_of_outages(shift)]
    replies = [row for row in shift.replies if not row["campaign"].drill]
    if people := sum(row["people"] for row in replies):
        sentence = ngettext("%(n)s unread reply, the oldest %(age)s", "%(n)s unread replies, the oldest %(age)s", told(people))
        parts.append(sentence % {"n": number(people), "age": duration(shift.at - replies[0]["since"])})
    if people := sum(people for campaign, people in shift.undecided if not campaign.drill):
        sentence = ngettext("%(n)s person uncertain, to be decided", "%(n)s people uncertain, to be decided", told(people))
        parts.append(sentence % {"n": number(people)})
    if mute := sum(not account.drill for account, _why in shift.troubled):
        parts.append(ngettext("%(n)d account in trouble", "%(n)d accounts in trouble", mute) % {"n": mute})
    if silent := sum(not post.incident.drill for post in shift.silent):
        parts.append(ngettext("%(n)d mission silent", "%(n)d missions silent", silent) % {"n": silent})
    return parts


def _of_incidents(shift: Shift) -> list[str]:
    rows = [row for row, _overdue in shift.incidents if not row.drill]
    if not rows:
        return [_("no incident is open")]
    named = [_named(row, shift.at) for row in rows[:NAMED]]
    more = len(rows) - NAMED
    return [*named, *([ngettext("%(n)d more incident", "%(n)d more incidents", more) % {"n": more}] if more > 0 else [])]


def _named(incident: Incident, at: datetime) -> str:
    words = {"incident": incident, "time": clock_time(incident.next_update_at) if incident.next_update_at else ""}
    if incident.update_overdue(at):
        return _("%(incident)s (update overdue since %(time)s)") % words
    return _("%(incident)s (next update %(time)s)") % words if incident.next_update_at else str(incident)


def _of_outages(shift: Shift) -> list[str]:
    more = len(shift.down) - NAMED
    named = [row.words for row in shift.down[:NAMED]]
    return [*named, *([ngettext("%(n)d more outage", "%(n)d more outages", more) % {"n": more}] if more > 0 else [])]


def _of_campaigns(shift: Shift) -> list[str]:
    live = [row for row in shift.held if not row.campaign.drill]
    waiting = [row for row in live if row.campaign.status == Status.SUBMITTED]
    parts = []
    if waiting:
        age = duration(shift.at - min(row.since or shift.at for row in waiting))
        sentence = ngettext(
            "%(n)d campaign waits for approval, %(age)s", "%(n)d campaigns wait for approval, %(age)s", len(waiting)
        )
        parts.append(sentence % {"n": len(waiting), "age": age})
    under_way = [row.campaign for row in live if row.campaign.status in (Status.SENDING, Status.PAUSED)]
    for campaign, totals in board.with_totals(under_way):
        said = "; ".join(total.text for total in totals) or campaign.get_status_display()
        parts.append(f"{campaign}: {said}")
    return parts
