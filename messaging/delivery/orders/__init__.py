"""Orders to platforms that find and write to people by themselves: asked once, followed to their end, cancelled when stopped.

What a platform says of an order is applied monotonously: late, repeated and out-of-order words are harmless, and nothing but
totals is kept. An order that gets no answer holds up nobody else.
"""

from __future__ import annotations

from asyncio import Runner
from datetime import datetime, timedelta
from typing import Any, cast

from django.db import transaction

from crisis.clock import now
from messaging.channels import Channel, ChannelError, DelegatedChannel, OrderReport
from messaging.delivery.claiming import Claim
from messaging.delivery.excepting import is_over
from messaging.delivery.orders.applying import apply, close, strange
from messaging.delivery.orders.asking import ask, can_do_without, digest_of, ends_at, never_arrived, request_of
from messaging.delivery.orders.ending import (
    cancel,
    close_untold,
    end_unasked,
    hear,
    let_go,
    never_asked,
    remind,
    remind_due,
    waive,
    waive_due,
)
from messaging.delivery.orders.noting import BY_MACHINE, OURSELVES, Said, attest, locked, note
from messaging.delivery.recording import Close, record
from messaging.delivery.trouble import pause_account
from messaging.models import CUT_SHORT, OPEN_BATCHES, RUNNING, Batch, Order, OrderWord

__all__ = [
    "BY_MACHINE", "OURSELVES", "Said", "apply", "ask", "attest", "cancel", "close", "close_ended", "close_untold",
    "end_unasked", "hear", "let_go", "locked", "note", "remind", "remind_due", "request_of", "waive", "waive_due", "work",
]  # fmt: skip

# Seconds between two questions of ours while a platform says nothing by itself, by how long nothing has happened.
ARRIVES = timedelta(minutes=2)  # in which a question whose answer was lost has come to its platform, or never will
POLLS = ((timedelta(minutes=1), 2.0), (timedelta(minutes=10), 10.0), (timedelta.max, 60.0))


def work(channel: Channel, held: Claim, runner: Runner) -> None:
    """One step of a claimed order: ask, follow or cancel it; then let its batch go, or close it when the order has ended."""
    order = Order.objects.select_related("batch__campaign__incident", "batch__account", "follows__batch").get(batch=held.id)
    step = _Step(cast("DelegatedChannel", channel), order, held, runner)
    reason, wait = "", 0.0
    try:
        step.take()
    except ChannelError as error:
        reason, wait = error.reason, error.retry_after or 0.0
        step.fail(error)
    order.refresh_from_db()
    wait = max(wait, _pause(order, now()))
    record(held, [], Close(done=False, wait=wait, reason=reason, follow=True), receipts=False)
    if not step.cancels and Order.objects.filter(pk=order.pk, cancel_asked_at__isnull=False).exists():
        Batch.objects.filter(pk=held.id, status=Batch.Status.QUEUED, fence=held.fence).update(not_before=None)
    close(order.pk)
    end_unasked(order.pk)


def close_ended() -> int:
    """Close the batches of orders that have ended and that nobody closed, because a process died in between."""
    open_ones = Order.objects.filter(ended_at__isnull=False, batch__status__in=OPEN_BATCHES)
    return sum(close(pk) for pk in open_ones.values_list("pk", flat=True))


def _pause(order: Order, at: datetime) -> float:
    news = [order.asked_at, order.answered_at, order.cancel_asked_at]
    quiet = at - max((one for one in news if one), default=at)
    return next(seconds for most, seconds in POLLS if quiet < most)


class _Step:
    """What is due for one order at this moment, and what becomes of it when the platform does not do it."""

    def __init__(self, channel: DelegatedChannel, order: Order, held: Claim, runner: Runner) -> None:
        self.channel, self.order, self.held, self.runner = channel, order, held, runner
        self.id, campaign, at = str(order.pk), order.batch.campaign, now()
        over = ends_at(campaign) <= at or is_over(campaign, at)
        self.why = "exception_over" if is_over(campaign, at) else "never_asked"
        self.cancels = held.campaign_status in CUT_SHORT or order.cancel_asked_at is not None or over

    def take(self) -> None:
        if self.cancels:
            self._cancel()
        elif self.order.taken_at is None and self.held.campaign_status in RUNNING:
            self._ask()
        else:
            apply(self.order.pk, self.runner.run(self.channel.status(self.id)))
            self._remind()

    def fail(self, error: ChannelError) -> None:
        """A platform that refuses one order refuses that one alone: everybody else goes on."""
        if error.scope == "pause":
            pause_account(self.held.account, error.reason)
        elif error.scope == "content" and error.reason == "unknown_order":
            self._is_unknown()
        elif error.scope == "content" and self.order.taken_at is None:
            apply(self.order.pk, OrderReport(self.id, "refused", now(), reason=error.reason))
        elif error.scope == "content":
            self._is_strange(error.reason)

    def _cancel(self) -> None:
        if self.order.asked_at is None:
            never_asked(self.order, self.why)
            return
        cancel(self.order.pk)
        apply(self.order.pk, self.runner.run(self.channel.cancel(self.id)))

    def _ask(self) -> None:
        """Ask; again in the very words of the first time, because the platform may hold it and only its answer was lost."""
        said = self.order.body or self._first_words()
        if said and ask(self.order):
            apply(self.order.pk, self.runner.run(self.channel.place(self.id, said)))

    def _first_words(self) -> dict[str, Any] | None:
        """Note that it is asked for, and how, once it is known whether the platform can tell who got the earlier one."""
        knows = self._knows_who_got_it()
        if not knows and not can_do_without(self.order):
            never_asked(self.order, "cannot_tell_apart")
            return None
        with transaction.atomic():
            if not ask(self.order):
                return None
            said = self.channel.said(request_of(self.order, knows_who_got_it=knows))
            Order.objects.filter(pk=self.order.pk).update(body=said, body_sha256=digest_of(said))
        return said

    def _knows_who_got_it(self) -> bool:
        """Whether the platform knows whom the earlier order reached: none at all where that never came to it."""
        earlier = self.order.follows
        if earlier is None or never_arrived(earlier):
            return False
        try:
            return self.runner.run(self.channel.facts()).recipients
        except ChannelError as error:
            if error.reason != "http_404":  # a platform that says nothing of itself knows no more than the least
                raise
            return False

    def _remind(self) -> None:
        """Pass a reminder on, once for each that was asked for. Harmless when repeated, and when it is lost."""
        passed_on = self.order.words.filter(kind=OrderWord.Kind.REMINDED, way=OrderWord.Way.API).count()
        if self.order.decision or self.order.reminders <= passed_on:
            return
        self.runner.run(self.channel.remind(self.id))
        with transaction.atomic():
            note(locked(self.order.pk), OrderWord.Kind.REMINDED, BY_MACHINE)

    def _is_unknown(self) -> None:
        """Our question never arrived: over, unless it may still come. What a platform once held it may still send."""
        self.order.refresh_from_db(fields=["asked_at", "taken_at", "cancel_asked_at"])
        if self.order.taken_at is not None or not (self.cancels or self.held.campaign_status not in RUNNING):
            self._is_strange("unknown_order")
        elif (self.order.cancel_asked_at or self.order.asked_at or now()) + ARRIVES <= now():  # it was not asked for since
            never_asked(self.order, "unknown_order")

    @transaction.atomic
    def _is_strange(self, reason: str) -> None:
        strange(locked(self.order.pk), reason)
