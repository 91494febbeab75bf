"""What the live page and the report ask of the ledger: sums over batches and orders, never a count of single people.

The one exception is `failures`: reasons stand on deliveries alone, and are counted only where that is cheap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, F, Max, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce

from crisis.clock import now
from crisis.models import Destruction
from crisis.small import told, told_up
from messaging.joint import Bounds, Joint, Part, in_turn, join, reported
from messaging.models import FIRST, OPEN_BATCHES, OVER, Account, Batch, Campaign, Delivery, Order, ReasonTotal
from messaging.phrases import as_told

RATE_WINDOW = 30.0  # seconds over which the rate is taken
MOST_FOR_REASONS = 100_000  # people of a running campaign up to which failures are grouped by reason

HANDLED = F("accepted") + F("failed") + F("uncertain")
WAITING = Q(status__in=OPEN_BATCHES)
DROPPED = Q(status__in=[Batch.Status.STOPPED, Batch.Status.EXPIRED])
COUNTERS = ("accepted", "failed", "uncertain", "delivered", "read")
NOTHING_SENT = frozenset({Order.Status.QUEUED, Order.Status.ACCEPTED, Order.Status.REFUSED})


@dataclass(frozen=True, slots=True)
class Way:
    """One account of a campaign in numbers of people. Of orders, the newest last, the numbers are others' and not `total`.

    * waiting: not asked yet; left: will not be sent any more
    * resent: of all these, sent again because nobody knew whether they got it; resending: uncertain, and about to be
    * rate: people a second over the last half minute
    * last_turn: when the last of those waiting is due, where the campaign has its own pace
    * first_at, half_at, most_at: when the first, 50 % and 95 % of the people had been answered for; None = not yet
    """

    account: Account
    orders: Sequence[Order] = ()
    total: int = 0
    accepted: int = 0
    failed: int = 0
    uncertain: int = 0
    delivered: int = 0
    read: int = 0
    waiting: int = 0
    left: int = 0
    resent: int = 0
    resending: int = 0
    rate: float = 0.0
    last_turn: datetime | None = None
    first_at: datetime | None = None
    half_at: datetime | None = None
    most_at: datetime | None = None

    @property
    def handled(self) -> int:
        return self.accepted + self.failed + self.uncertain

    @property
    def time_left(self) -> timedelta | None:
        """How long the rest takes at this rate and in its own pace; None when nothing waits or nothing moves."""
        at_this_rate = timedelta(seconds=round(self.waiting / self.rate)) if self.waiting and self.rate else None
        if self.last_turn is None or not self.waiting:
            return at_this_rate
        return max(self.last_turn - now(), timedelta(0))

    @property
    def bounds(self) -> Bounds:
        """People it went to: accepted, and at most those too of whom nobody knows; of orders what was reported of them."""
        if not self.orders:
            return self.accepted, self.accepted + self.uncertain
        return in_turn((sent_by(order), _leaves_out(order, self.orders[:n])) for n, order in enumerate(self.orders))


def sent_by(order: Order) -> Bounds:
    """People an order went to, as far as its platform or desk has told."""
    if order.sent is None and (order.asked_at is None or order.status in NOTHING_SENT):
        return 0, 0
    _, found = _reported(order.matched, order.matched_step, order.threshold)
    return _reported(order.sent, order.step, order.threshold, within=found)


def _reported(people: int | None, step: int, threshold: int, within: int | None = None) -> Bounds:
    """What a number says to whoever may know it only in tens: what follows from the tens, and no more."""
    if people is None:
        return 0, within
    least, _ = reported(told(people), step=step, threshold=threshold)
    _, most = reported(told_up(people), step=step, threshold=threshold, within=within)
    return least, most


def _leaves_out(order: Order, earlier: Sequence[Order]) -> bool:
    """Whether it is for nobody who got one of the earlier orders."""
    if order.recipients != Order.Recipients.EXCEPT:
        return False
    return all(
        one.pk == order.follows_id or (one.recipients == Order.Recipients.ONLY and one.follows_id == order.follows_id)
        for one in earlier
    )


def ways(campaign: Campaign) -> list[Way]:
    """Every account of the campaign with its numbers, in the order of the accounts."""
    counted, marks, orders = _sums(campaign), _marks(campaign), _orders(campaign)
    return [
        Way(account, orders=orders.get(account.pk, ()), **counted.get(account.pk, {}), **marks.get(account.pk, {}))
        for account in campaign.accounts.order_by("pk")
    ]


def joint(campaign: Campaign, found: Sequence[Way]) -> Joint:
    """People it went to by any way, and what each way added, as whoever reads it may know.

    Overlap is not looked up among single people, though those written to one by one are known: a report says the same after a
    purge.
    """
    return join([Part(way.account.pk, *as_told(way.bounds), _minutes(campaign, way)) for way in found])


def decision_of(campaign: Campaign, way: Way) -> tuple[datetime | None, datetime | None]:
    """When the decision about a way was asked for and when it came: ours, or that of whoever has the (first) order."""
    if not way.orders:
        return campaign.submitted_at, campaign.approved_at
    return way.orders[0].asked_at, way.orders[0].answered_at


def _minutes(campaign: Campaign, way: Way) -> float | None:
    asked, answered = decision_of(campaign, way)
    return (answered - asked).total_seconds() / 60 if asked and answered else None


def gone_and_left(found: list[Way]) -> dict[str, int]:
    """People already tried, and people not tried yet or not any more. Orders count in neither: they hold no person."""
    return {"gone": sum(way.handled for way in found), "left": sum(way.waiting + way.left for way in found)}


def _sums(campaign: Campaign) -> Mapping[int, dict[str, Any]]:
    at = now()
    seconds = min(RATE_WINDOW, (at - campaign.started_at).total_seconds()) if campaign.started_at else 0.0
    rest = F("total") - HANDLED
    rows = (
        Batch.objects.filter(campaign=campaign, order=None)
        .values("account")
        .annotate(
            **{f"sum_{name}": Coalesce(Sum(name), 0) for name in COUNTERS},
            people=Coalesce(Sum("total", filter=FIRST), 0),
            waiting=Coalesce(Sum(rest, filter=WAITING & FIRST), 0),
            left=Coalesce(Sum(rest, filter=DROPPED & FIRST), 0),
            resent=Coalesce(Sum(HANDLED, filter=~FIRST), 0),
            resending=Coalesce(Sum(rest, filter=WAITING & ~FIRST), 0),
            last_turn=Max("not_before", filter=WAITING & FIRST) if campaign.pace else Value(None, DateTimeField()),
            recent=Coalesce(Sum(HANDLED, filter=Q(asked_at__gte=at - timedelta(seconds=RATE_WINDOW))), 0),
        )
    )
    return {row["account"]: _numbers(row, seconds) for row in rows}


def _numbers(row: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    return {
        **{name: row[f"sum_{name}"] for name in COUNTERS},
        **{name: row[name] for name in ("waiting", "left", "resent", "resending", "last_turn")},
        "total": row["people"],
        "rate": row["recent"] / max(seconds, 1.0),
    }


MARKS = """
    SELECT account_id, min(asked_at) FILTER (WHERE so_far > 0), min(asked_at) FILTER (WHERE so_far >= whole * 0.5),
           min(asked_at) FILTER (WHERE so_far >= whole * 0.95)
      FROM (SELECT account_id, asked_at,
                   sum(total) FILTER (WHERE resend_of_id IS NULL) OVER (PARTITION BY account_id) AS whole,
                   sum(accepted + failed + uncertain) OVER (PARTITION BY account_id ORDER BY asked_at, id) AS so_far
              FROM messaging_batch WHERE campaign_id = %s AND total > 0) b
     WHERE asked_at IS NOT NULL GROUP BY account_id
"""


def _marks(campaign: Campaign) -> Mapping[int, dict[str, Any]]:
    """The clocks of addressed accounts, to the beginning of the request that carried the people."""
    with connection.cursor() as cursor:
        cursor.execute(MARKS, [campaign.pk])
        return {row[0]: {"first_at": row[1], "half_at": row[2], "most_at": row[3]} for row in cursor.fetchall()}


def _orders(campaign: Campaign) -> dict[int, list[Order]]:
    found: dict[int, list[Order]] = {}
    for order in Order.objects.filter(batch__campaign=campaign).select_related("batch").order_by("batch__number"):
        found.setdefault(order.batch.account_id, []).append(order)
    return found


@dataclass(frozen=True, slots=True)
class Failure:
    """People of one account who failed, or are uncertain, for one reason."""

    account: int
    status: str
    reason: str
    people: int


def failures(campaign: Campaign) -> list[Failure] | None:
    """Failed and uncertain people by account and reason, most first; None while a large campaign is under way."""
    if campaign.status not in OVER and not _few(campaign):
        return None
    columns = ("account", "status", "reason")
    if is_purged(campaign.incident_id):  # then the deliveries are gone, or going
        return [
            Failure(*row)
            for row in ReasonTotal.objects.filter(campaign=campaign)
            .order_by("-people", "reason")
            .values_list(*columns, "people")
        ]
    rows = reasons().filter(campaign=campaign).values_list(*columns).annotate(number=Sum("people"))
    return [Failure(*row) for row in rows.order_by("-number", "reason")]


def reasons() -> QuerySet[Delivery]:
    """What stands behind the reasons: single people who failed, or are uncertain."""
    return Delivery.objects.filter(status__in=[Delivery.Status.FAILED, Delivery.Status.UNCERTAIN]).exclude(contact=0)


def is_purged(incident: int) -> bool:
    """Whether what was held about people of this incident is destroyed, or is being destroyed."""
    return Destruction.objects.filter(kind=Destruction.Kind.INCIDENT, incident=incident).exists()


def _few(campaign: Campaign) -> bool:
    total: int = Batch.objects.filter(FIRST, campaign=campaign).aggregate(n=Coalesce(Sum("total"), 0))["n"]
    return total <= MOST_FOR_REASONS
