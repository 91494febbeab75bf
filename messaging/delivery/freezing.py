"""The orders of a sending: one for each account that sends by itself, or two where it matters who got an earlier message.

We hold nobody of them. So a platform is told an earlier order, and knows by itself who got that and what that followed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Max

from messaging.models import Account, Batch, Campaign, Order, Reached

Wanted = list[tuple[Order | None, str]]  # the earlier order, and what those who got it mean for this one
MOST_CORRECTIONS = 20  # of corrections in a row, as far back as anybody is told to whom the first wrong word went


def freeze_orders(campaign: Campaign, account: Account, rank: int, *, newcomers: bool = False) -> int:
    """Let the orders of an account in. Returns how many; 0 where there is nobody to be asked for."""
    wanted = _newcomers(campaign, account) if newcomers else _wanted(campaign, account)
    before = Batch.objects.filter(campaign=campaign, account=account).aggregate(n=Max("number"))["n"] or 0
    for number, (follows, recipients) in enumerate(wanted, before + 1):
        batch = Batch.objects.create(campaign=campaign, account=account, number=number, rank=rank, total=0, key=1)
        Order.objects.create(batch=batch, follows=follows, recipients=recipients)
    return len(wanted)


def asked_again(campaign: Campaign) -> list[Account]:
    """Those who send by themselves and can be asked for whoever they find beyond those they wrote to."""
    every = campaign.accounts.order_by("pk")
    return [account for account in every if not account.addressed and _newcomers(campaign, account)]


def placed(account: Account, campaigns: Iterable[Campaign], *, before: datetime | None = None) -> Order | None:
    """The newest order of these campaigns, asked for before an instant, by which somebody may have got them."""
    rows = Order.objects.filter(batch__account=account, batch__campaign__in=[*campaigns], asked_at__isnull=False)
    rows = rows.filter(asked_at__lt=before) if before else rows
    return rows.exclude(status=Order.Status.REFUSED).order_by("-batch__campaign", "-batch__number").first()


def _wanted(campaign: Campaign, account: Account) -> Wanted:
    earlier = placed(account, line_of(campaign))
    if campaign.corrects_id and earlier:
        if account.channel.kind == "manual":  # people cannot tell two groups apart: everybody hears that it was wrong
            return [(earlier, Order.Recipients.ALSO)]
        return [(earlier, Order.Recipients.ONLY), (earlier, Order.Recipients.EXCEPT)]
    if campaign.to_reached == Reached.AS_IS or campaign.corrects_id:
        return [(None, "")]
    if earlier is None:
        return [] if campaign.to_reached == Reached.ONLY else [(None, "")]
    return [(earlier, campaign.to_reached)]


def _newcomers(campaign: Campaign, account: Account) -> Wanted:
    """Whoever the platform finds beyond those it wrote to; nobody while it has not decided, or where it refused."""
    newest = Order.objects.filter(batch__account=account, batch__campaign=campaign).order_by("-batch__number").first()
    if newest is not None and newest.status == Order.Status.REFUSED:
        return []
    last = placed(account, [campaign])
    done = last is not None and last.status in (Order.Status.SENDING, Order.Status.DONE)
    return [(last, Order.Recipients.EXCEPT)] if done else []


def line_of(campaign: Campaign) -> list[Campaign]:
    """The messages this one is about: what it updates, or what it corrects and what that corrected."""
    if campaign.corrects is None:
        return [campaign.refers_to] if campaign.refers_to else []
    line = [campaign.corrects]
    while line[-1].corrects and len(line) < MOST_CORRECTIONS:
        line.append(line[-1].corrects)
    return line
