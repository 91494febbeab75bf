"""Which data about people a campaign used, way by way: of what was ordered from others, none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Sum

from crisis.models import Destruction
from messaging.delivery.orders.asking import digest_of
from messaging.models import FIRST, TOTALS, Account, Batch, Campaign, Delivery, DeliveryRef, Order, Reply


@dataclass(frozen=True, slots=True)
class Asked:
    """One order as it crossed. `body` is the JSON it was asked for in; None when it was never asked, asked by people, or when
    what is kept is not what was sent. `said` are the totals that came back."""

    order: Order
    body: Mapping[str, Any] | None
    said: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Use:
    """One way. `people`: those whose addresses were read, one by one; none where somebody else finds them.

    * held: rows still kept about them: results, the platform's numbers of messages, replies
    * officials: contact cards used, the only people that an order asked for by people knows
    """

    account: Account
    people: int
    held: Mapping[str, int]
    orders: tuple[Asked, ...]
    officials: int

    @property
    def none(self) -> bool:
        return not (self.people or self.officials or any(self.held.values()))


def uses(campaign: Campaign) -> list[Use]:
    accounts = [*campaign.accounts.order_by("pk")]
    chosen = dict(Batch.objects.filter(FIRST, campaign=campaign).values_list("account").annotate(Sum("total")))
    return [_use(campaign, account, chosen.get(account.pk) or 0) for account in accounts]


def destroyed(campaign: Campaign) -> Destruction | None:
    """When what was held about the people of its incident was destroyed, if it was."""
    return Destruction.objects.filter(incident=campaign.incident_id).exclude(ended_at=None).first()


def _use(campaign: Campaign, account: Account, chosen: int) -> Use:
    of_it = {"campaign": campaign, "account": account}
    orders = Order.objects.filter(batch__campaign=campaign, batch__account=account).select_related("batch", "follows")
    officials = orders.aggregate(n=Count("words__card", distinct=True))["n"]
    held = {
        "deliveries": Delivery.objects.filter(**of_it).exclude(contact=0).count(),
        "refs": DeliveryRef.objects.filter(**{f"delivery__{name}": one for name, one in of_it.items()}).count(),
        "replies": Reply.objects.filter(**of_it).count(),
    }
    return Use(account, chosen if account.addressed else 0, held, tuple(_asked(orders.order_by("batch__number"))), officials)


def _asked(orders: Any) -> Iterator[Asked]:
    for order in orders:
        said = {name: getattr(order, name) for name in TOTALS if getattr(order, name) is not None}
        yield Asked(order, _body(order), said)


def _body(order: Order) -> Mapping[str, Any] | None:
    """The JSON that crossed, where what is kept of it still has the digest of what was sent."""
    body: Mapping[str, Any] | None = order.body
    return body if body and digest_of(body) == order.body_sha256 else None


def as_json(campaign: Campaign) -> dict[str, Any]:
    """The same for a file: numbers of people and the orders word for word; no person and no address."""
    gone = destroyed(campaign)
    return {
        "campaign": campaign.pk,
        "headline": campaign.headline,
        "destroyed_at": gone.ended_at.isoformat() if gone and gone.ended_at else None,
        "ways": [_plain(use) for use in uses(campaign)],
    }


def _plain(use: Use) -> dict[str, Any]:
    return {
        "account": use.account.pk,
        "label": use.account.label,
        "channel": use.account.slug,
        "personal_data": "none" if use.none else "used",
        "people": use.people,
        "held": dict(use.held),
        "officials": use.officials,
        "orders": [
            {"id": str(one.order.pk), "asked": one.body, "body_sha256": one.order.body_sha256 or None, "told": dict(one.said)}
            for one in use.orders
        ],
    }
