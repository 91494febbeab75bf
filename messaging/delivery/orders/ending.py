"""Before the end of an order: reminding whoever decides, going on without them, and cancelling."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import DurationField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from crisis import incidents
from crisis.clock import Now, now
from crisis.models import User
from crisis.templatetags.console import duration
from messaging.channels import OrderReport
from messaging.delivery.orders.applying import apply, close
from messaging.delivery.orders.noting import BY_MACHINE, OURSELVES, UNTOLD, Said, attest, locked, note, tell
from messaging.delivery.starting import finish, ring
from messaging.models import CUT_SHORT, Batch, Order, OrderWord
from messaging.models.accounts import by_hand

WAITED = timedelta(hours=24)  # since they were called, or last told a number: in it they can still say how many had gone
REMINDERS = 2  # by itself, at one and at two thirds of the time for an answer
UNDECIDED = Q(decision="", ended_at=None, cancel_asked_at=None, asked_at__isnull=False)


def remind_due() -> int:
    """Remind whoever has not decided after a third, and after two thirds, of the time there is for it. Returns how many.

    Nobody is reminded at a duty desk: people call there again.
    """
    third = ExpressionWrapper((F("answer_due_at") - F("asked_at")) / (REMINDERS + 1), output_field=DurationField())
    due = Order.objects.filter(UNDECIDED, waived_at=None, reminders__lt=REMINDERS).exclude(batch__account__slug__in=by_hand())
    due = due.annotate(third=third)
    due = due.filter(asked_at__lte=Now() - F("third") * (F("reminders") + 1))
    return sum(remind(pk) for pk in _keys(due))


@transaction.atomic
def remind(order_id: UUID, *, by: User | None = None) -> bool:
    """Let the platform be asked to look at an order that waits for its decision. False where nothing waits any more."""
    order = locked(order_id)
    if order.decision or order.ended or order.cancel_asked_at or order.asked_at is None:
        return False
    Order.objects.filter(pk=order.pk).update(reminders=F("reminders") + 1)
    note(order, OrderWord.Kind.REMINDED, Said(way="", by=by))
    hasten(order)
    attest("order.remind", order, by=by)
    return True


def waive_due() -> int:
    """Let the plan go on without every answer that did not come in time. Returns how many."""
    return sum(waive(pk) for pk in _keys(Order.objects.filter(UNDECIDED, waived_at=None, answer_due_at__lte=Now())))


@transaction.atomic
def waive(order_id: UUID, *, by: User | None = None) -> bool:
    """Let the plan go on without an answer. A late yes still counts. False where there is nothing to wait for."""
    order = locked(order_id)
    if order.decision or order.ended or order.waived_at or order.asked_at is None:
        return False
    at = now()
    Order.objects.filter(pk=order.pk).update(waived_at=at, waived_by=by)
    note(order, OrderWord.Kind.WAIVED, Said(way="", by=by))
    with incidents.our_language():
        sentence = _("%(account)s has not answered for %(time)s. Nothing waits for it any more; a late yes still counts.")
        tell(order, sentence, by=by, time=duration(at - order.asked_at))
    attest("order.waive", order, by=by)
    finish(order.batch.campaign_id)
    return True


@transaction.atomic
def cancel(order_id: UUID, *, by: User | None = None) -> bool:
    """Ask to cancel one order, whatever becomes of its campaign; one that was never asked for is over at once.

    False where it has ended or is being cancelled.
    """
    order = locked(order_id)
    if order.ended or order.cancel_asked_at:
        return False
    Order.objects.filter(pk=order.pk).update(cancel_asked_at=now())
    note(order, OrderWord.Kind.CANCEL_ASKED, Said(way="", by=by))
    if order.asked_at is None:
        never_asked(order, "never_asked")
    else:
        hasten(order)
    attest("order.cancel", order, by=by)
    return True


@transaction.atomic
def let_go(order_id: UUID, *, by: User) -> bool:
    """Let what follows an order begin before its platform has cancelled it. It is still asked to. False where it has ended."""
    order = locked(order_id)
    if order.ended or order.let_go_at:
        return False
    Order.objects.filter(pk=order.pk).update(let_go_at=now())
    note(order, OrderWord.Kind.WAIVED, Said(way="", by=by))
    tell(order, _("%(account)s has not confirmed that it stopped. What follows goes out all the same."), by=by)
    hasten(order)
    attest("order.waive", order, by=by)
    return True


def close_untold() -> int:
    """End what somebody asked a duty desk to stop, and of which nobody has told anything for a day. Returns how many.

    That we want it stopped is not enough: where nobody was called, it waits for the person who calls.
    """
    called = OrderWord.objects.filter(order=OuterRef("pk"), kind=OrderWord.Kind.CANCEL_ASKED, by__isnull=False).exclude(way="")
    told = OrderWord.objects.filter(order=OuterRef("pk"), kind=OrderWord.Kind.TOTALS)
    since = Now() - WAITED
    due = Order.objects.filter(Exists(called), ended_at=None, batch__account__slug__in=by_hand())
    due = due.exclude(Exists(called.filter(at__gt=since))).exclude(Exists(told.filter(at__gt=since)))
    return sum(_untold(pk) for pk in _keys(due))


@transaction.atomic
def _untold(order_id: UUID) -> bool:
    order = locked(order_id)
    if order.ended:
        return False
    hear(order, OrderReport(str(order.pk), "cancelled", now(), reason="untold"), UNTOLD)
    return True


def hear(order: Order, report: OrderReport, said: Said = BY_MACHINE) -> None:
    """Take over what a report says, and close what has ended by it: the order's batch, and its campaign."""
    apply(order.pk, report, said)
    if close(order.pk):
        finish(order.batch.campaign_id)


def never_asked(order: Order, reason: str) -> None:
    """End an order about which its platform knows nothing."""
    hear(order, OrderReport(str(order.pk), "cancelled", now(), reason=reason, sent=0), OURSELVES)


def end_unasked(only: UUID | None = None) -> int:
    """End orders (or only one) that a pump held, and had not asked for, when their campaign ended. Returns how many."""
    free = Q(batch__status=Batch.Status.QUEUED) | Q(batch__status=Batch.Status.SENDING, batch__lease_until__lt=Now())
    left = Order.objects.filter(free, asked_at=None, ended_at=None, batch__campaign__status__in=CUT_SHORT)
    due = [*(left.filter(pk=only) if only else left)]
    for order in due:
        never_asked(order, "never_asked")
    return len(due)


def hasten(order: Order) -> None:
    """Let an order be looked at now, instead of when it would be asked about next."""
    Batch.objects.filter(pk=order.batch_id, status=Batch.Status.QUEUED).update(not_before=None)
    ring(order.batch.campaign)


def _keys(rows: QuerySet[Order]) -> list[UUID]:
    return [*rows.order_by("asked_at").values_list("pk", flat=True)]
