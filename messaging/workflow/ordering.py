"""A person's verbs on one order: remind whoever decides, go on without them, cancel it. Each leaves every other way alone."""

from __future__ import annotations

from datetime import timedelta

from django.utils.translation import gettext as _

from crisis.clock import now
from crisis.models import User
from crisis.permissions import demand
from crisis.refusal import Refused
from messaging.delivery import orders
from messaging.models import Order, OrderWord
from messaging.workflow.moving import acting

REST = timedelta(minutes=1)  # between two reminders of ours


def remind(order: Order, *, by: User) -> None:
    """Ask whoever has to decide to look at it. Raises Refused where nothing is to be decided, or a minute has not passed."""
    demand(by, "order.work")
    with acting(by):
        locked = orders.locked(order.pk)
        _demand_undecided(locked)
        if locked.words.filter(kind=OrderWord.Kind.REMINDED, at__gt=now() - REST).exists():
            raise Refused(_("They were reminded less than a minute ago. Nothing was done. Call their duty officer."))
        orders.remind(locked.pk, by=by)


def go_on_without(order: Order, *, by: User) -> None:
    """Let the plan go on without an answer; where a cancellation has none, let what follows it begin. Twice is harmless."""
    demand(by, "order.waive")
    with acting(by):
        locked = orders.locked(order.pk)
        if locked.cancel_asked_at is None:
            _demand_undecided(locked)
            orders.waive(locked.pk, by=by)
        else:
            demand_open_order(locked)
            orders.let_go(locked.pk, by=by)


def cancel_order(order: Order, *, by: User) -> None:
    """Cancel this one, by one person, at once, whatever becomes of its campaign. Twice is harmless."""
    demand(by, "campaign.stop")
    with acting(by):
        locked = orders.locked(order.pk)
        if locked.cancel_asked_at is None:
            demand_open_order(locked)
            orders.cancel(locked.pk, by=by)


def demand_open_order(order: Order) -> None:
    """Raises Refused for an order that is over, saying how it ended."""
    if order.ended:
        raise Refused(_("This order is over: %(status)s. Nothing was changed.") % {"status": order.status_label})


def _demand_undecided(order: Order) -> None:
    demand_open_order(order)
    if order.decision:
        raise Refused(_("It was decided: %(decision)s. Nothing was changed.") % {"decision": order.get_decision_display()})
    if order.cancel_asked_at:
        raise Refused(_("They were asked to cancel this order, so nothing is to be decided any more. Nothing was changed."))
    if order.asked_at is None:
        raise Refused(_("They have not been asked yet. Nothing was changed. Cancel the order if nobody is to be asked."))
