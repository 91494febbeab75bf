"""A duty desk to test at: hotels with two cards, an order to them at any stage, and those who work it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from crisis.clock import now
from messaging import desks, workflow
from messaging.models import Account, Campaign, Card, Order
from messaging.workflow import by_hand
from messaging.workflow.by_hand import Heard
from tests import world


class Hotels:
    """Anna wrote it and works the order, Boris approves; the hotels' manager passes the word on to the porter."""

    def __init__(self, *, drill: bool = False) -> None:
        self.anna, self.boris = world.person("anna", "operator"), world.person("boris", "supervisor")
        self.desk = world.account("manual", drill=drill)
        self.drill = drill
        phones = {} if drill else {"phone": "+20 65 000 01 02", "person": "Ahmed Fathi"}
        self.manager = desks.add(self.desk, {"role": "Duty manager", **phones}, by=self.boris)
        self.porter = desks.add(self.desk, {"role": "Night porter", "parent": self.manager}, by=self.boris)

    def draft(self, **changes: Any) -> Campaign:
        content = world.content(self.desk, version=world.audience(self.anna), **changes)
        return workflow.draft(world.incident(self.anna, drill=self.drill), content, by=self.anna)

    def queued(self, **changes: Any) -> Order:
        campaign = world.approve(workflow.submit(self.draft(**changes), by=self.anna), self.boris)
        return Order.objects.get(batch__campaign=campaign)

    def asked(self) -> Order:
        return self.ask(self.queued())

    def for_strangers(self) -> Order:
        """An order to a desk whose people do not follow us, under an exception, before anybody was asked."""
        Account.objects.filter(pk=self.desk.pk).update(follows=False)
        ends = now() + timedelta(hours=2)
        return self.queued(exception_reason="Bombs were found; people may die.", exception_expires_at=ends)

    def ask(self, order: Order, card: Card | None = None, **changes: Any) -> Order:
        by_hand.ask(order, self.heard(order, card=card or self.manager, **changes), by=self.anna)
        return fresh(order)

    def accepted(self) -> Order:
        order = self.asked()
        by_hand.answer(order, "accepted", self.heard(order), by=self.anna)
        return fresh(order)

    def tell(self, order: Order, *, over: bool = False, source: str = "Letter No 12", at: Any = None, **numbers: Any) -> Order:
        by_hand.tell_totals(order, numbers, self.heard(order, source=source, at=at), by=self.anna, over=over)
        return fresh(order)

    def heard(self, order: Order, **changes: Any) -> Heard:
        last = order.words.order_by("pk").last()
        return Heard(**{"card": self.manager, "seen": last.pk if last else 0, **changes})


def fresh(order: Order) -> Order:
    return Order.objects.select_related("batch__campaign", "batch__account").get(pk=order.pk)
