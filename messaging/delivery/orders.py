"""Orders to platforms that find and write to people by themselves: asked once, followed to their end, cancelled when stopped.

What a platform says of an order is applied monotonously: late, repeated and out-of-order words are harmless, and nothing but
totals is kept.
"""

from __future__ import annotations

from asyncio import Runner
from collections.abc import Coroutine
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from audiences.criteria import Criteria
from crisis import incidents
from crisis.clock import now
from messaging.channels import Channel, ChannelError, DelegatedChannel, OrderReport, OrderRequest, text_sha256
from messaging.delivery.claiming import Claim
from messaging.delivery.excepting import is_over
from messaging.delivery.recording import Close, record
from messaging.delivery.trouble import content_refused, pause_account
from messaging.models import TOTALS, Batch, Campaign, Delivery, Order, Part, Status

POLL = 2.0  # seconds between two questions of ours while a platform says nothing by itself
STAGES = [Order.Status.QUEUED, Order.Status.ASKED, Order.Status.ACCEPTED, Order.Status.SENDING]
ENDED = {Status.STOPPED, Status.EXPIRED}
ENDS = {Order.Status.DONE, Order.Status.CANCELLED, Order.Status.REFUSED}
SENDER_NAME = "МИД России"


def work(channel: Channel, held: Claim, runner: Runner) -> None:
    """One step of a claimed order: ask, follow or cancel it; then let its batch go, or close it when the order has ended."""
    order = Order.objects.select_related("batch__campaign__incident", "batch__account").get(batch=held.id)
    reason, wait = "", POLL
    try:
        apply(order.pk, runner.run(_step(cast("DelegatedChannel", channel), order, held)))
    except ChannelError as error:
        reason, wait = error.reason, max(POLL, error.retry_after or 0)
        _trouble(order, held, error)
    record(held, [], Close(done=False, wait=wait, reason=reason, follow=True), receipts=False)
    close(order.pk)


def close_ended() -> int:
    """Close the batches of orders that have ended and that nobody closed, because a process died in between."""
    open_ones = Order.objects.filter(ended_at__isnull=False, batch__status__in=[Batch.Status.QUEUED, Batch.Status.SENDING])
    return sum(close(pk) for pk in open_ones.values_list("pk", flat=True))


def _trouble(order: Order, held: Claim, error: ChannelError) -> None:
    if error.scope == "pause":
        pause_account(held.account, error.reason)
    elif held.campaign_status in ENDED and error.reason == "unknown_order":
        apply(order.pk, OrderReport(str(order.pk), "cancelled", now(), reason=error.reason))  # our question never arrived
    elif error.scope == "content":
        content_refused(held.campaign, order.batch.account, error.reason)


def _step(channel: DelegatedChannel, order: Order, held: Claim) -> Coroutine[Any, Any, OrderReport]:
    if held.campaign_status in ENDED:
        return channel.cancel(str(order.pk))
    if order.taken_at is None:
        if is_over(order.batch.campaign, now()):
            return channel.cancel(str(order.pk)) if order.asked_at else _never_asked(order, now())
        Order.objects.filter(pk=order.pk, asked_at=None).update(asked_at=now(), status=Order.Status.ASKED)
        return channel.order(request_of(order))
    return channel.status(str(order.pk))


async def _never_asked(order: Order, at: datetime) -> OrderReport:
    return OrderReport(str(order.pk), "cancelled", at, reason="exception_over")


def request_of(order: Order) -> OrderRequest:
    """What the platform is asked: words, a rule, reasons and times; never a person."""
    campaign = order.batch.campaign
    approval = campaign.approvals.get(round=campaign.round)
    # A platform that finds people by itself cannot tell who got the wrong message: everybody is told that it was wrong.
    part = Part.CORRECTED if campaign.corrects_id else Part.MAIN
    texts = {t.language: t.renderings.get(account=order.batch.account).body for t in campaign.texts.filter(part=part)}
    version = campaign.audience_version
    if version is None or campaign.not_after is None:
        raise ValueError(f"campaign {campaign.pk} was submitted without an audience or an end")  # submit refuses these
    return OrderRequest(
        order_id=str(order.pk),
        exercise=campaign.drill,
        incident=campaign.incident.title_in("en"),
        incident_reference=str(campaign.incident_id),
        texts=texts,
        text_sha256=text_sha256(texts),
        approved_by=(("supervisor", approval.at),),
        sender_name=SENDER_NAME,
        audience=Criteria.from_json(version.criteria).platform(campaign.started_at or approval.at),
        include_non_subscribers=campaign.include_non_subscribers,
        basis_law=settings.ORDER_LAW,
        basis_reason=campaign.exception_reason,
        basis_ends_at=campaign.exception_expires_at,
        not_before=campaign.started_at or approval.at,
        not_after=min(campaign.not_after, campaign.exception_expires_at or campaign.not_after),
    )


@transaction.atomic
def apply(order_id: UUID | str, report: OrderReport) -> None:
    """Take over what a report says that is newer than what is known. A stage never goes back, and an end is never reopened."""
    order = Order.objects.select_for_update().get(pk=order_id)
    if order.taken_at is None:
        order.taken_at = now()
    newer = order.totals_at is None or report.at >= order.totals_at
    if newer:
        for name in TOTALS:
            said = getattr(report, name, None)
            setattr(order, name, said if said is not None else getattr(order, name))
        order.totals_at = report.at
    if report.lower is not None and order.estimate_at is None:
        order.estimate_lower, order.estimate_upper, order.estimate_at = report.lower, report.upper, report.at
    if not order.ended:
        _advance(order, report)
    order.save()


def _advance(order: Order, report: OrderReport) -> None:
    status = Order.Status(report.status)
    if status in ENDS:
        order.ended_at = now()
    elif STAGES.index(status) <= STAGES.index(Order.Status(order.status)):
        return
    order.status, order.reason = status, report.reason or order.reason
    if not order.decision and status not in (Order.Status.ACCEPTED, Order.Status.CANCELLED):
        refused = status == Order.Status.REFUSED
        order.decision = Order.Decision.REFUSED if refused else Order.Decision.ACCEPTED
        order.answered_by = report.answered_by
        order.answered_at = now()
        _note(order, refused)


def _note(order: Order, refused: bool) -> None:
    batch = Batch.objects.select_related("campaign__incident", "account").get(pk=order.batch_id)
    sentence = _("%(account)s refused the order: %(reason)s") if refused else _("%(account)s accepted the order.")
    reason = order.reason or _("no reason given")
    incidents.tell(batch.campaign.incident_id, sentence, account=batch.account, reason=reason)


@transaction.atomic
def close(order_id: UUID | str) -> bool:
    """Close the batch of an order that has ended, and write its one Delivery. Harmless when repeated."""
    order = Order.objects.select_for_update().get(pk=order_id)
    batch = Batch.objects.select_for_update().get(pk=order.batch_id)
    if not order.ended or batch.status in (Batch.Status.DONE, Batch.Status.STOPPED, Batch.Status.EXPIRED):
        return False
    refused = order.status == Order.Status.REFUSED
    people = order.sent or 0
    Delivery.objects.get_or_create(
        campaign_id=batch.campaign_id, account_id=batch.account_id, batch=batch, contact=0,
        defaults={
            "status": Delivery.Status.FAILED if refused else Delivery.Status.ACCEPTED, "people": people, "reason": order.status,
        },
    )  # fmt: skip
    ended = Campaign.objects.values_list("status", flat=True).get(pk=batch.campaign_id)
    closed = ended if order.status == Order.Status.CANCELLED and ended in ENDED else Batch.Status.DONE
    Batch.objects.filter(pk=batch.pk).update(
        status=closed, lease_until=None, not_before=None, accepted=people, delivered=order.delivered or 0, read=order.read or 0
    )
    return True
