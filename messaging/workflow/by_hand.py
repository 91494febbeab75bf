"""Orders that people carry to a duty desk: who was asked and when, what they answered, the totals they told, how it ended.

What is noted here is applied as a platform's own word is, so the same clocks, numbers and reports come of it. Whatever cannot
be is refused in a sentence, and then nothing is changed: people can ask again, a machine cannot.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db.models import F
from django.utils.translation import gettext as _

from crisis import audit
from crisis.clock import now
from crisis.models import User
from crisis.permissions import demand
from crisis.refusal import Problem, Refused
from crisis.templatetags.console import local_time, things
from messaging import delivery, totals
from messaging.channels import OrderReport, OrderStatus
from messaging.delivery import orders
from messaging.delivery.orders.asking import ends_at
from messaging.models import TOTALS, Account, Campaign, Card, Order, OrderWord, Status, Told
from messaging.workflow.moving import acting, lock
from messaging.workflow.ordering import demand_open_order

MINUTE = timedelta(minutes=1)  # as exactly as people note when something was said
TEXT, SOURCE = 500, 200  # signs of a note, and of who told a number
Answer = Literal["accepted", "partial", "refused"]


@dataclass(frozen=True, slots=True)
class Heard:
    """What a person noted beside an answer or a number. `at` None: just now. `seen`: the last word they had read, 0 = none."""

    way: str = OrderWord.Way.PHONE
    card: Card | None = None
    at: datetime | None = None
    text: str = ""
    source: str = ""
    seen: int = 0


def ask(order: Order, heard: Heard, *, by: User) -> None:
    """Somebody there was asked. From the first of them on the clock of their decision runs; the same again is a reminder."""
    with _noting(order, heard, by) as (locked, said):
        _demand_wanted(locked)
        if locked.asked_at is None:
            _ask_first(locked, said)
            return
        again = locked.words.filter(kind=OrderWord.Kind.ASKED, card=said.card).exists()
        if again:
            Order.objects.filter(pk=locked.pk).update(reminders=F("reminders") + 1)
        orders.note(locked, OrderWord.Kind.REMINDED if again else OrderWord.Kind.ASKED, said)
        orders.attest("order.remind" if again else "order.note", locked, by=by)


def no_reply(order: Order, heard: Heard, *, by: User) -> None:
    """Somebody was called and did not answer: no clock begins, the next one is called."""
    with _noting(order, heard, by) as (locked, said):
        orders.note(locked, OrderWord.Kind.NO_REPLY, said)
        orders.attest("order.note", locked, by=by)


def answer(
    order: Order, decision: Answer, heard: Heard, *, by: User, narrowed: Sequence[str] = (),
    expects: tuple[int | None, int | None] = (None, None),
) -> None:  # fmt: skip
    """They accept, in part or in full, or refuse. `expects`: at least and at most how many people they think they reach."""
    with _noting(order, heard, by) as (locked, said):
        _demand_asked(locked)
        if locked.decision:
            raise Refused(
                _("They answered already: %(answer)s. Nothing was changed.") % {"answer": locked.get_decision_display()}
            )
        if decision == "partial" and not narrowed and not said.text:
            raise Refused(_("Say what they do and what they do not."), field="narrowed", status=422)
        _check_bounds(*expects)
        status: OrderStatus = "refused" if decision == "refused" else "sending"
        report = OrderReport(
            str(locked.pk), status, now(), reason=said.text[:300], answered_by=said.card.role if said.card else "",
            lower=expects[0], upper=expects[1], decision=decision, narrowed=tuple(narrowed) if decision == "partial" else (),
        )  # fmt: skip
        orders.hear(locked, report, said)


def tell_totals(order: Order, numbers: Mapping[str, int | None], heard: Heard, *, by: User, over: bool = False) -> None:
    """They told how many people they found, wrote to and reached so far, or that it is `over`; with the source of that."""
    with _noting(order, heard, by) as (locked, said):
        if not said.source:
            raise Refused(_("Say who told this: “Letter No 12 of the hotels”, “the duty manager”."), field="source", status=422)
        told: dict[str, Any] = {name: n for name, n in numbers.items() if name in TOTALS and n is not None}
        if not told and not over:
            raise Refused(_("Type in at least one number, or that they have finished."), field="sent", status=422)
        _demand_countable(locked, over=over)
        report = replace(OrderReport(str(locked.pk), _stage(locked, over=over), said.heard_at or now()), **told)
        _check(locked, report)
        orders.hear(locked, report, said)
        orders.attest("order.total", locked, by=by, source=said.source, **told)


def tell_stop(order: Order, heard: Heard, *, by: User) -> None:
    """They were asked to stop what was cancelled: nothing does that for us."""
    with _noting(order, heard, by) as (locked, said):
        _demand_asked(locked)
        if locked.cancel_asked_at is None:
            raise Refused(_("Nobody wants them to stop. Cancel the order first. Nothing was changed."))
        orders.note(locked, OrderWord.Kind.CANCEL_ASKED, said)
        orders.attest("order.note", locked, by=by)


def expect_people(
    campaign: Campaign, account: Account, lower: int, upper: int, source: str, *, by: User, at: datetime | None = None
) -> Told:
    """A duty desk told, before the decision, how many people it would reach. It is no part of what is approved."""
    demand(by, "order.work")
    with acting(by):
        locked = lock(campaign.pk, Status.DRAFT, Status.SUBMITTED)
        if account.channel.kind != "manual" or not locked.accounts.filter(pk=account.pk).exists():
            raise Refused(_("This desk is no way of this campaign. Nothing was changed. Choose it in the draft first."))
        _check_bounds(lower, upper)
        heard = _said(Heard(at=at, source=source), by, since=None)
        if not heard.source:
            raise Refused(_("Say who told this: “Letter No 12 of the hotels”, “the duty manager”."), field="source", status=422)
        told = Told.objects.create(
            campaign=locked,
            account=account,
            lower=lower,
            upper=upper,
            source=heard.source,
            by=by,
            said_at=heard.heard_at or now(),
        )
        data = {"account": account.pk, "lower": lower, "upper": upper, "source": heard.source}
        audit.record("order.estimate", by=by, about=locked, data=data)
        return told


@contextmanager
def _noting(order: Order, heard: Heard, by: User) -> Iterator[tuple[Order, orders.Said]]:
    """The locked order and what was said, in a transaction in a person's name. Raises Refused for what nobody can note."""
    demand(by, "order.work")
    with acting(by):
        locked = orders.locked(order.pk)
        if locked.batch.account.networked:
            raise Refused(_("A machine speaks to this platform, so nothing is typed in for it. Nothing was changed."))
        if heard.card and (heard.card.account_id != locked.batch.account_id or heard.card.retired_at):
            raise Refused(
                _("This card is not of this duty desk, or it is retired. Choose another one."), field="card", status=422
            )
        _demand_seen(locked, heard.seen)
        yield locked, _said(heard, by, since=locked.asked_at or locked.batch.campaign.started_at)


def _said(heard: Heard, by: User, *, since: datetime | None) -> orders.Said:
    """What was said, as the order's log keeps it. Nothing is heard before it could be said, or before it is."""
    text, source, at = heard.text.strip(), heard.source.strip(), heard.at
    if len(text) > TEXT:
        raise Refused(_("A note is at most 500 characters long. Shorten it."), field="text", status=422)
    if len(source) > SOURCE:
        raise Refused(_("Who told it is at most 200 characters long. Shorten it."), field="source", status=422)
    if at and at > now():
        raise Refused(_("This time has not come yet. Nothing was changed. Put in when it was said."), field="at", status=422)
    if at and since and at < since - MINUTE:
        sentence = _("That was before they could be asked, %(time)s. Nothing was changed. Put in when it was said.")
        raise Refused(sentence % {"time": local_time(since)}, field="at", status=422)
    at = max(at, since) if at and since else at
    return orders.Said(way=heard.way, by=by, card=heard.card, text=text, source=source, heard_at=at)


def _demand_seen(order: Order, seen: int) -> None:
    """Whoever notes something has read what others noted meanwhile."""
    later = order.words.filter(pk__gt=seen).select_related("by").last()
    if later:
        values = {"who": later.by or order.batch.account, "what": later.get_kind_display(), "time": local_time(later.at)}
        sentence = _("Meanwhile this was noted: %(what)s (%(who)s, %(time)s). Nothing was changed. Read it, then note yours.")
        raise Refused(sentence % values)


def _demand_wanted(order: Order) -> None:
    demand_open_order(order)
    campaign = order.batch.campaign
    if order.cancel_asked_at:
        raise Refused(_("This order was cancelled: ask them to stop instead. Nothing was changed."))
    if campaign.status == Status.PAUSED:
        raise Refused(_("The sending is paused, so nobody is asked. Nothing was changed. Resume it first."))
    if delivery.is_over(campaign, now()):
        raise Refused(_("The exception this rests on is over, so nobody is asked any more. Nothing was changed."))
    if ends_at(campaign) <= now():
        raise Refused(_("These words are valid no longer, so nobody is asked any more. Nothing was changed."))
    if order.asked_at is None and campaign.status != Status.SENDING:
        raise Refused(_("This is %(status)s, so nobody is asked any more.") % {"status": campaign.get_status_display()})


def _demand_asked(order: Order) -> None:
    demand_open_order(order)
    if order.asked_at is None:
        raise Refused(_("They have not been asked yet. Nothing was changed. Note first whom you asked."))


def _demand_countable(order: Order, *, over: bool) -> None:
    """Totals are taken once they were asked, and for a while after the end: letters come late."""
    if over or order.asked_at is None:
        _demand_asked(order)
    if order.status == Order.Status.REFUSED:
        demand_open_order(order)
    if order.ended and now() > ends_at(order.batch.campaign) + totals.KEPT_OPEN:
        raise Refused(_("This order ended long ago, and its totals are final. Nothing was changed."))


def _ask_first(order: Order, said: orders.Said) -> None:
    orders.ask(order, said)
    order.refresh_from_db(fields=["asked_at"])
    Order.objects.filter(pk=order.pk).update(taken_at=order.asked_at)  # whoever picks up a telephone holds the order


def _check_bounds(lower: int | None, upper: int | None) -> None:
    if (lower is None) != (upper is None):
        raise Refused(_("Say both: at least, and at most how many people."), field="lower", status=422)
    if lower is not None and upper is not None and not 0 <= lower <= upper <= totals.MOST:
        raise Refused(_("At least cannot be more than at most, nor less than nothing."), field="lower", status=422)


def _check(order: Order, report: OrderReport) -> None:
    """Raises Refused for totals that cannot be, and for older ones than are known."""
    if order.totals_at and report.at < order.totals_at:
        sentence = _("Newer totals are known already, %(time)s. Nothing was changed. Put in when these were told.")
        raise Refused(sentence % {"time": local_time(order.totals_at)}, field="at", status=422)
    found = totals.faults(order, report, now(), rounded=False)
    if found:
        raise Refused(problems=[_problem(fault, order, report) for fault in found], status=422)


def _problem(fault: str, order: Order, report: OrderReport) -> Problem:
    """A fault with the field and the two numbers that it speaks of."""
    less, _over, more = fault.partition("_over_")
    if more:
        people = [getattr(report, name) if getattr(report, name) is not None else getattr(order, name) for name in (less, more)]
    else:
        less, people = "sent" if fault == "sent_taken_back" else "", []
    if fault == "sent_taken_back":
        people = [order.sent, report.sent]
    numbers = " (" + " > ".join(things(n) for n in people) + ")" if people else ""
    return Problem(less, f"{totals.FAULTS[fault]}{numbers} " + _("Nothing was changed."))


def _stage(order: Order, *, over: bool) -> OrderStatus:
    if order.ended:
        return "cancelled" if order.status == Order.Status.CANCELLED else "done"
    if not over:
        return "sending"
    return "cancelled" if order.cancel_asked_at else "done"
