"""Every word about an order is kept, with who said it, how and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.db import connection

from crisis import audit, incidents
from crisis.models import User
from messaging.models import Card, Order, OrderWord

LOCK = """
    SELECT c.id FROM messaging_campaign c JOIN messaging_batch b ON b.campaign_id = c.id
      JOIN messaging_order o ON o.batch_id = b.id
     WHERE o.id = %s FOR KEY SHARE OF c
"""


@dataclass(frozen=True, slots=True)
class Said:
    """How a word came here: by the platform's machine, unless people asked. `heard_at`: when it was said to them."""

    way: str = OrderWord.Way.API
    by: User | None = None
    card: Card | None = None
    text: str = ""
    source: str = ""
    heard_at: datetime | None = None


BY_MACHINE = Said()
OURSELVES = Said(way="")
UNTOLD = Said(way="", text="untold")  # nobody said anything, for as long as was waited


def locked(order_id: UUID | str) -> Order:
    """The row, locked after its campaign: a verb on the campaign and a word on its order never pass each other."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [str(order_id)])
    rows = Order.objects.select_for_update(of=("self",)).select_related("batch__campaign__incident", "batch__account")
    return rows.get(pk=order_id)


def note(
    order: Order,
    kind: OrderWord.Kind,
    said: Said = OURSELVES,
    *,
    text: str = "",
    numbers: Mapping[str, int | None] = MappingProxyType({}),
) -> None:
    """Append a word to the order's own log. What is not known of `numbers` is left out."""
    OrderWord.objects.create(
        order=order, kind=kind, way=said.way, by=said.by, card=said.card, source=said.source[:200], heard_at=said.heard_at,
        text=(said.text or text)[:500], numbers={name: people for name, people in numbers.items() if people is not None},
    )  # fmt: skip


def tell(order: Order, sentence: Any, *, by: User | None = None, **values: Any) -> None:
    """Say it in the situation log, in the name of the platform or the desk."""
    incidents.tell(order.batch.campaign.incident_id, sentence, by=by, account=order.batch.account, **values)


def attest(action: str, order: Order, *, by: User | None = None, **data: Any) -> None:
    """The audit row, last of its transaction."""
    data = {"order": str(order.pk), "account": order.batch.account_id, **data}
    audit.record(action, by=by, about=order.batch.campaign, data=data)
