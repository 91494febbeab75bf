"""What is said of an order, applied monotonously: late, repeated and out-of-order words are harmless."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from crisis import incidents
from crisis.clock import now
from crisis.templatetags.console import roughly
from messaging import totals
from messaging.channels import OrderReport
from messaging.delivery.orders import asking
from messaging.delivery.orders.noting import BY_MACHINE, OURSELVES, UNTOLD, Said, attest, locked, note, tell
from messaging.models import CLOSED_BATCHES, CUT_SHORT, NARROWED, TOTALS, Batch, Delivery, Order, OrderWord
from messaging.standing import in_words

STAGES = [Order.Status.QUEUED, Order.Status.ASKED, Order.Status.ACCEPTED, Order.Status.SENDING]
ENDS = frozenset({Order.Status.DONE, Order.Status.CANCELLED, Order.Status.REFUSED})
# What a platform that does not say how it decided has decided.
IMPLIED = {
    Order.Status.SENDING: Order.Decision.ACCEPTED,
    Order.Status.DONE: Order.Decision.ACCEPTED,
    Order.Status.REFUSED: Order.Decision.REFUSED,
}
DECIDED = {
    Order.Decision.ACCEPTED: _("%(account)s accepted the order."),
    Order.Decision.PARTIAL: _("%(account)s accepted the order in part: %(narrowed)s"),
    Order.Decision.REFUSED: _("%(account)s refused the order: %(reason)s"),
}


@transaction.atomic
def apply(order_id: UUID | str, report: OrderReport, said: Said = BY_MACHINE) -> bool:
    """Take over what a report says that is newer than what is known. Returns whether anything of it was new.

    A stage never goes back, an end is never reopened, and totals that cannot be are not believed: the rest of the word is.
    """
    order, at = locked(order_id), now()
    before = _known(order)
    _count(order, report, said, at)
    if order.taken_at is None and said != OURSELVES:
        _take(order, at, said)
    if report.lower is not None and order.estimate_at is None:
        order.estimate_lower, order.estimate_upper, order.estimate_at = report.lower, report.upper, report.at
    ends, decides = not order.ended and report.status in ENDS, _decide(order, report, said, at)
    if not order.ended:
        _advance(order, report, said, at)
    order.save()
    if order.batch.status in CLOSED_BATCHES:
        _enter(order)
    if decides:
        attest("order.answer", order, by=said.by, decision=order.decision)
    if ends:
        attest("order.close", order, by=said.by, status=order.status)
    return _known(order) != before


@transaction.atomic
def close(order_id: UUID | str) -> bool:
    """Close the batch of an order that has ended, and write its one Delivery. Harmless when repeated."""
    order = locked(order_id)
    batch = Batch.objects.select_for_update().get(pk=order.batch_id)
    if not order.ended or batch.status in CLOSED_BATCHES:
        return False
    refused = order.status == Order.Status.REFUSED
    Delivery.objects.get_or_create(
        campaign_id=batch.campaign_id, account_id=batch.account_id, batch=batch, contact=0,
        defaults={"status": Delivery.Status.FAILED if refused else Delivery.Status.ACCEPTED, "reason": order.status},
    )  # fmt: skip
    Batch.objects.filter(pk=batch.pk).update(status=_closed(order), lease_until=None, not_before=None, in_doubt=False)
    _enter(order)
    return True


def _closed(order: Order) -> str:
    """How the batch of an ended order is closed: stopped only what the platform did not bring to its own end."""
    if order.status != Order.Status.CANCELLED:
        return Batch.Status.DONE
    campaign = order.batch.campaign.status
    return campaign if campaign in CUT_SHORT else Batch.Status.STOPPED


def _enter(order: Order) -> None:
    """Carry the totals into the ledger: of them the reports are made, also where they come after the end."""
    people = order.sent or 0
    Batch.objects.filter(pk=order.batch_id).update(accepted=people, delivered=order.delivered or 0, read=order.read or 0)
    Delivery.objects.filter(batch=order.batch_id, contact=0).update(people=people)


def _known(order: Order) -> tuple[object, ...]:
    return order.taken_at, order.status, order.decision, order.estimate_at, *(getattr(order, name) for name in TOTALS)


def _take(order: Order, at: datetime, said: Said) -> None:
    order.taken_at, order.asked_at = at, order.asked_at or at
    note(order, OrderWord.Kind.TAKEN, said)


def _count(order: Order, report: OrderReport, said: Said, at: datetime) -> None:
    """Take over totals that are newer and can be; also after the end, until the books are closed."""
    older = order.totals_at is not None and report.at < order.totals_at
    if older or (order.ended and at > asking.ends_at(order.batch.campaign) + totals.KEPT_OPEN):
        return
    if found := totals.faults(order, report, at, rounded=said.by is None):
        with incidents.our_language():
            strange(order, " ".join(str(totals.FAULTS[fault]) for fault in found), said)
        return
    told = {name: people for name in TOTALS if (people := getattr(report, name)) is not None}
    new = any(getattr(order, name) != people for name, people in told.items())
    for name, people in told.items():
        setattr(order, name, people)
    if told:
        order.totals_at, order.totals_source = report.at, said.source or order.totals_source
    for name in ("step", "matched_step", "threshold"):
        setattr(order, name, getattr(report, name) or getattr(order, name))
    if new and (order.ended or said.by):
        note(order, OrderWord.Kind.TOTALS, said, numbers=told)


def strange(order: Order, text: str, said: Said = BY_MACHINE) -> None:
    """Keep that something was said which is not believed; the same again is not kept again."""
    last = order.words.order_by("-id").first()
    if last is None or (last.kind, last.text) != (OrderWord.Kind.STRANGE, text[:500]):
        note(order, OrderWord.Kind.STRANGE, said, text=text)


def _decide(order: Order, report: OrderReport, said: Said, at: datetime) -> bool:
    """Take over the first decision. Its clock is ours: when we heard it."""
    decision = report.decision or IMPLIED.get(Order.Status(report.status), "")
    if order.decision or not decision or order.ended:
        return False
    order.decision, order.answered_by, order.narrowed = decision, report.answered_by, [*report.narrowed]
    order.reason = report.reason or order.reason
    order.answered_at = min(max(said.heard_at or at, order.asked_at or at), at)
    bounds = {"lower": order.estimate_lower, "upper": order.estimate_upper}
    note(order, OrderWord.Kind.ANSWERED, said, text=order.reason, numbers=bounds)
    with incidents.our_language():
        reason = (order.reason if said.by else in_words(order.reason)) if order.reason else _("no reason given")
        narrowed = ", ".join(str(NARROWED[word]) for word in order.narrowed if word in NARROWED) or reason
        words = {"reason": reason, "narrowed": narrowed}
        tell(order, DECIDED[Order.Decision(decision)], by=said.by, **words)
    return True


def _advance(order: Order, report: OrderReport, said: Said, at: datetime) -> None:
    status = Order.Status(report.status)
    if status in ENDS:
        order.ended_at = at
    elif STAGES.index(status) <= STAGES.index(Order.Status(order.status)):
        return
    order.status, order.reason = status, report.reason or order.reason
    told = {name: getattr(order, name) for name in TOTALS}
    if status == Order.Status.DONE:
        note(order, OrderWord.Kind.DONE, said, numbers=told)
    elif said == UNTOLD:
        note(order, OrderWord.Kind.NOTE, said, numbers=told)
        tell(order, _("%(account)s has not confirmed that it stopped. The order was closed after a day."))
    elif status == Order.Status.CANCELLED:
        order.sent_when_cancelled = order.sent
        note(order, OrderWord.Kind.CANCELLED, said, text=order.reason, numbers=told)
        _tell_cancelled(order, said)


def _tell_cancelled(order: Order, said: Said) -> None:
    if said == OURSELVES:
        with incidents.our_language():
            tell(order, _("%(account)s sends nothing. %(reason)s"), reason=in_words(order.reason))
        return
    if order.sent is None:
        tell(order, _("%(account)s cancelled the order. To how many people it had written is not known."), by=said.by)
        return
    with incidents.our_language():
        sentence = _("%(account)s cancelled the order. People to whom it had written by then: %(people)s.")
        tell(order, sentence, by=said.by, people=roughly(order.sent))
