"""An order on the screen: how long its decision took or takes, and what its platform or desk has told, number by number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from crisis.templatetags.console import local_time, number
from messaging.models import NARROWED, Account, Order
from messaging.progress import Way
from messaging.standing import TROUBLE, in_words

UNDER_WAY = {Order.Status.ASKED, Order.Status.ACCEPTED, Order.Status.SENDING}

NUMBERS = {
    "matched": gettext_lazy("found"),
    "sent": pgettext_lazy("of an order", "sent"),
    "delivered": gettext_lazy("delivered"),
    "read": gettext_lazy("read"),
    "failed": gettext_lazy("failed"),
    "opted_out": gettext_lazy("opted out"),
}
ALWAYS = ("matched", "sent", "delivered")
BY_HAND = {
    Order.Status.ACCEPTED: gettext_lazy("waiting for the desk's decision"),
    Order.Status.SENDING: gettext_lazy("being carried out"),
}


def order_row(order: Order, account: Account, at: datetime) -> dict[str, Any]:
    """One order: its clock, its numbers in words and as a bar, and when and by whom they were told."""
    return {
        "order": order,
        "status": BY_HAND.get(Order.Status(order.status)) if account.channel.kind == "manual" else None,
        "title": order.get_recipients_display() if order.recipients else "",
        "reason": said(account, order.reason),
        "unheard": account.networked and bool(account.paused_at),
        "narrowed": ", ".join(str(NARROWED.get(word, word)) for word in order.narrowed),
        "numbers": _numbers(order),
        "segments": _segments(order),
        "source": order.totals_source or account.label,
        "at": order.totals_at or at,
        "by_hand": not account.channel.networked,
        "rounded": max(order.step, order.matched_step) > 1,
        **_limits(order),
    }


def said(account: Account, text: str) -> str:
    """A reason or a note in words; what people noted of a duty desk as they noted it."""
    typed = not account.networked and text not in TROUBLE
    return text if typed or not text else in_words(text)


def going_on(found: Iterable[Way]) -> bool:
    """Whether somebody else has an order and may be sending, whatever we do."""
    return any(order.status in UNDER_WAY for way in found for order in way.orders)


def cancelling(found: Iterable[Way]) -> Iterator[str]:
    """What a stop means for each order under way, in sentences."""
    for way in found:
        for order in way.orders:
            if order.status in UNDER_WAY:
                yield _cancelling(order, way.account)


def _cancelling(order: Order, account: Account) -> str:
    values = {"account": account.label, "sent": number(order.sent), "time": local_time(order.totals_at)}
    if not account.channel.networked:
        return _("Ask %(account)s to stop, by phone or letter: nothing does it for you.") % values
    if order.sent and order.totals_at:
        return _("%(account)s is asked to cancel; what it has sent cannot be called back: %(sent)s people, %(time)s.") % values
    return _("%(account)s is asked to cancel; what it has sent cannot be called back.") % values


def _numbers(order: Order) -> list[tuple[Any, int | None]]:
    """What was told; found, sent and delivered are never one, so each stands there also when it was not told."""
    told = {name: getattr(order, name) for name in NUMBERS}
    if all(people is None for people in told.values()):
        return []
    return [(NUMBERS[name], people) for name, people in told.items() if name in ALWAYS or people is not None]


def _limits(order: Order) -> dict[str, Any]:
    """Seconds after which a decision that does not come is worrying, and after which nothing waits for it."""
    if order.asked_at is None or order.answer_due_at is None:
        return {"amber": "", "red": ""}
    seconds = (order.answer_due_at - order.asked_at).total_seconds()
    return {"amber": round(seconds / 3), "red": round(seconds)}


def _segments(order: Order) -> list[dict[str, Any]]:
    """Parts of those found. A number that was not told has none."""
    told = [(_("sent, as reported"), order.sent, "go"), (_("failed, as reported"), order.failed, "bad")]
    rest = max(0, (order.matched or 0) - (order.sent or 0) - (order.failed or 0))
    found = [{"label": label, "people": people, "tone": tone} for label, people, tone in told if people is not None]
    waits = (_("found, not sent yet"), "") if not order.ended else (_("found, not sent"), "wait")
    return [*found, {"label": waits[0], "people": rest, "tone": waits[1]}]
