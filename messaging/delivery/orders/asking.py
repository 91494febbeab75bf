"""What a platform is asked: words, a rule, reasons and times; never a person."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from audiences.criteria import Criteria
from crisis import incidents
from crisis.clock import now
from crisis.templatetags.console import local_time
from messaging.channels import OrderRequest, text_sha256
from messaging.channels.delegated import saying
from messaging.delivery.freezing import line_of, placed
from messaging.delivery.orders.noting import BY_MACHINE, Said, attest, locked, note, tell
from messaging.delivery.turns import PACE_WINDOW
from messaging.explaining import kept
from messaging.models import Batch, Campaign, Order, OrderWord, Part, Status, Text


@transaction.atomic
def ask(order: Order, said: Said = BY_MACHINE) -> bool:
    """Note that an order is asked for now, before it is. False when its campaign is not being sent at this instant.

    Asked again, because an answer was lost, it keeps its time.
    """
    fresh = locked(order.pk)
    if fresh.batch.campaign.status != Status.SENDING or fresh.ended or fresh.cancel_asked_at:
        return False
    if fresh.asked_at is None:
        at = said.heard_at or now()
        due = at + timedelta(minutes=fresh.batch.account.answer_minutes)
        Order.objects.filter(pk=fresh.pk).update(asked_at=at, answer_due_at=due, status=Order.Status.ASKED)
        note(fresh, OrderWord.Kind.ASKED, said)
        with incidents.our_language():
            tell(fresh, _("%(account)s was asked to send, and is to answer by %(time)s."), by=said.by, time=local_time(due))
        attest("order.ask", fresh, by=said.by)
        order.refresh_from_db(fields=["asked_at", "status"])
    return True


def request_of(order: Order, *, knows_who_got_it: bool = True) -> OrderRequest:
    """The order in full, as it is asked for the first time; asked again, it is what was kept of that.

    Where a platform does not know who got an earlier order, a correction is said to everybody: that it was wrong.
    """
    campaign = order.batch.campaign
    round_, approval = campaign.rounds.get(number=campaign.round), campaign.approvals.get(round=campaign.round)
    version = campaign.audience_version
    if version is None or campaign.not_after is None:
        raise ValueError(f"campaign {campaign.pk} was submitted without an audience or an end")  # submit refuses these
    words, account = words_of(order), order.batch.account
    texts = {language: said for language, (_text, said) in words.items()}
    return OrderRequest(
        order_id=str(order.pk),
        exercise=campaign.drill,
        incident=campaign.incident.title_in("en"),
        incident_reference=str(campaign.incident_id),
        texts=texts,
        text_sha256=text_sha256(texts),
        approved_by=(("author", round_.at), ("supervisor", approval.at)),
        sender_name=settings.SENDER_NAME,
        audience=Criteria.from_json(version.criteria).platform(_seen_from(order)),
        include_non_subscribers=campaign.include_non_subscribers,
        not_before=campaign.started_at or approval.at,
        not_after=ends_at(campaign),
        basis_law=settings.ORDER_LAW if campaign.include_non_subscribers else "",
        basis_reason=campaign.exception_reason,
        basis_ends_at=campaign.exception_expires_at,
        pace=_pace(campaign),
        recipients=(str(order.follows_id), order.recipients) if order.follows_id and knows_who_got_it else None,
        follows=_follows(order),
        wording=kept(words, account),
        post_url=campaign.post_url if account.channel.amplifies else "",
    )


def digest_of(body: Mapping[str, Any]) -> str:
    """The SHA-256 of the JSON in which it is asked for: a proof of what crossed, and of what did not."""
    return hashlib.sha256(saying.canonical(body)).hexdigest()


def ends_at(campaign: Campaign) -> datetime:
    """When the window of its orders is over: with the message, and no later than its exception."""
    if campaign.not_after is None:
        raise ValueError(f"campaign {campaign.pk} has no end")  # submit refuses it
    return min(campaign.not_after, campaign.exception_expires_at or campaign.not_after)


def part_of(order: Order) -> Part:
    """Which words it carries: of a correction the right text goes to those who did not get the wrong one."""
    corrects = order.batch.campaign.corrects_id and order.recipients in (Order.Recipients.ONLY, Order.Recipients.ALSO)
    return Part.CORRECTED if corrects else Part.MAIN


def words_of(order: Order) -> dict[str, tuple[Text, str]]:
    """Language → a text it carries, and what exactly was approved of it for its way."""
    texts = order.batch.campaign.texts.filter(part=part_of(order)).select_related("campaign__audience_version")
    return {text.language: (text, text.renderings.get(account=order.batch.account).body) for text in texts}


def _seen_from(order: Order) -> datetime:
    """The instant an audience "until now" is looked at from: the snapshot's; for newcomers that of their own order."""
    campaign = order.batch.campaign
    first = order.batch.number == 1 or order.recipients != Order.Recipients.EXCEPT or campaign.corrects_id
    at = campaign.started_at if first else order.asked_at
    return at or now()


def _pace(campaign: Campaign) -> tuple[int, int] | None:
    """The campaign's own pace, shared by all who send by themselves."""
    if campaign.pace is None:
        return None
    ways = Batch.objects.filter(campaign=campaign, order__isnull=False).values("account").distinct().count()
    return max(1, campaign.pace // max(1, ways)), int(PACE_WINDOW)


def _follows(order: Order) -> tuple[str, str] | None:
    """The earlier order this one corrects, updates, cancels or ends."""
    campaign = order.batch.campaign
    earlier = placed(order.batch.account, line_of(campaign), before=order.asked_at)
    if earlier is None or earlier.taken_at is None:
        return None
    return str(earlier.pk), "correction" if campaign.corrects_id else campaign.kind


def never_arrived(order: Order) -> bool:
    return order.ended and order.taken_at is None


def can_do_without(order: Order) -> bool:
    """Whether it may be asked of a platform that does not know who got the earlier order.

    Where that never arrived, nobody got it. Else everybody may hear that something was wrong, but nobody is written to twice.
    """
    if order.follows is None or order.recipients == Order.Recipients.ALSO:
        return True
    if never_arrived(order.follows):
        return order.recipients == Order.Recipients.EXCEPT
    return order.recipients == Order.Recipients.ONLY and order.batch.campaign.corrects_id is not None
