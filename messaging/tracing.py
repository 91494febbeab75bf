"""Who got it, and if not, why: what is known of one person in every campaign of the last 30 days. Read-only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from audiences import traits
from audiences.criteria import Criteria
from audiences.models import AddressKind, Presence
from crisis.clock import now
from crisis.models import User
from messaging.models import Account, Batch, Campaign, Delivery, Status
from messaging.phrases import failure
from messaging.progress import is_purged

BACK = timedelta(days=30)
GOT = (Delivery.Status.ACCEPTED, Delivery.Status.DELIVERED, Delivery.Status.READ)


@dataclass(frozen=True, slots=True)
class Trace:
    """What became of one campaign by one account for one person: a status tag's word and a sentence."""

    campaign: Campaign
    account: Account
    status: str  # of the tag: accepted, delivered, failed, uncertain, queued, stopped, unknown, or "" for not chosen
    label: Any
    sentence: str
    at: datetime | None = None


def trace(contact: int, *, by: User) -> list[Trace]:
    """Every campaign that this person sees, begun in the last 30 days, newest first, with each of its accounts.

    A TEST stands among them only where the contact was one of its colleagues: nobody else was ever to get it.
    """
    begun = Campaign.objects.seen_by(by).filter(started_at__gt=now() - BACK).order_by("-started_at")
    rows = [*begun.select_related("audience_version").prefetch_related("texts", "accounts")]
    happened = _deliveries(contact, rows)
    queued = _batches(contact, rows)
    return [
        _trace(contact, campaign, account, happened.get((campaign.pk, account.pk)), queued.get((campaign.pk, account.pk)))
        for campaign in rows
        for account in campaign.accounts.all()
        if not campaign.test or (campaign.pk, account.pk) in happened.keys() | queued.keys()
    ]


def _deliveries(contact: int, campaigns: list[Campaign]) -> dict[tuple[int, int], Delivery]:
    """The newest word on this person by campaign and account; a message sent again has a newer one."""
    rows = Delivery.objects.filter(contact=contact, campaign__in=campaigns).exclude(status=Delivery.Status.RESENT)
    return {(row.campaign_id, row.account_id): row for row in rows.order_by("pk")}


def _batches(contact: int, campaigns: list[Campaign]) -> dict[tuple[int, int], Batch]:
    rows = Batch.objects.filter(campaign__in=campaigns, people__contains=[contact]).defer("people").order_by("pk")
    return {(row.campaign_id, row.account_id): row for row in rows}


def _trace(contact: int, campaign: Campaign, account: Account, delivery: Delivery | None, batch: Batch | None) -> Trace:
    if account.channel.kind == "delegated":
        sentence = _("%(account)s chose the people by itself and names nobody.") % {"account": account.label}
        return Trace(campaign, account, "unknown", _("not known"), sentence)
    if is_purged(campaign.incident_id):
        sentence = _("The incident is over and what was held about people is destroyed. Only totals are kept.")
        return Trace(campaign, account, "unknown", _("not known"), sentence)
    if delivery:
        return _known(campaign, account, delivery)
    if batch:
        return _waiting(campaign, account, batch)
    return Trace(campaign, account, "", _("not chosen"), why_not(contact, campaign, account))


def _known(campaign: Campaign, account: Account, delivery: Delivery) -> Trace:
    if delivery.status in GOT:
        sentence = _("Accepted by %(account)s.") % {"account": account.label}
        return Trace(campaign, account, delivery.status, _("got it"), sentence, delivery.at)
    if delivery.status == Delivery.Status.FAILED:
        sentence = _("Not delivered: %(reason)s.") % {"reason": failure(delivery.reason)[0]}
        return Trace(campaign, account, "failed", _("did not get it"), sentence, delivery.at)
    sentence = _("It was sent, and no answer came from %(account)s.") % {"account": account.label}
    return Trace(campaign, account, "uncertain", _("may or may not have got it"), sentence, delivery.at)


def _waiting(campaign: Campaign, account: Account, batch: Batch) -> Trace:
    if batch.status in (Batch.Status.STOPPED, Batch.Status.EXPIRED):
        sentence = _("Chosen, but the sending ended before this person's turn.")
        return Trace(campaign, account, "stopped", _("did not get it"), sentence, campaign.ended_at)
    paused = campaign.status == Status.PAUSED or account.paused_at
    sentence = _("Chosen; the sending is paused.") if paused else _("Chosen; the turn has not come yet.")
    return Trace(campaign, account, "queued", _("waiting"), sentence)


def why_not(contact: int, campaign: Campaign, account: Account) -> str:
    """Why the person was not chosen, by what is stored now: place and time first, then the address."""
    if campaign.audience_version is None or account.address_kind is None:
        return _("This way does not write to people one by one.")
    criteria = Criteria.from_json(campaign.audience_version.criteria)
    reasons = [*_place(contact, criteria, campaign), *_address(contact, account)]
    return " ".join(reasons[:1]) or _chosen_now(contact, criteria, campaign)


def _place(contact: int, criteria: Criteria, campaign: Campaign) -> Iterator[str]:
    place = criteria.place
    if place is None:
        return
    at = campaign.started_at or campaign.created_at
    rows = [*Presence.objects.filter(contact=contact, country__in=place.countries).select_related("source")]
    since, until = place.window(at)
    inside = [row for row in rows if since <= row.last_seen_at <= until]
    if not rows:
        yield _("Never seen there.")
    elif not inside:
        late = any(row.last_seen_at > until for row in rows)
        yield _("Seen there only after the sending began.") if late else _("Seen there only before the window began.")
    elif not any(row.source.active for row in inside):
        yield _("Seen there only by a source that is switched off.")
    elif place.mode == "last_seen_there" and not any(row.traits & traits.LATEST for row in inside):
        yield _("Has left: was last seen in another country.")


def _address(contact: int, account: Account) -> Iterator[str]:
    kind = AddressKind(account.address_kind or 0)
    with connection.cursor() as cursor:
        cursor.execute(traits.traits_sql("SELECT %(contact)s::bigint"), {"contact": contact})
        bits = cursor.fetchone()[1]
    words = {
        traits.NONE: _("No address of this kind: %(kind)s."),
        traits.NOT_PERMITTED: _("Has not allowed our messages: %(kind)s."),
        traits.DENIED: _("Has opted out: %(kind)s."),
        traits.DEAD: _("The address does not exist any more: %(kind)s."),
    }
    status = traits.address_status(bits, kind)
    if status in words:
        yield words[status] % {"kind": kind.label}


def _chosen_now(contact: int, criteria: Criteria, campaign: Campaign) -> str:
    """Place and address would do: then another condition of the audience, or something that changed since."""
    scan = criteria.scan(campaign.started_at or campaign.created_at)
    with connection.cursor() as cursor:
        text = f"SELECT EXISTS (SELECT FROM {scan.rows} WHERE p.contact_id = %(contact)s AND {scan.where})"
        cursor.execute(text, {**scan.params, "contact": contact})
        meets: bool = cursor.fetchone()[0]
    if meets:
        return _("Would be chosen now: what we know of this person has changed since the sending began.")
    return _("Does not meet the other conditions of the audience.")
