"""Everything that is due and that nobody does: starts, expiry, receipts, finished campaigns, and work that RQ forgot."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from django.db import Error, IntegrityError, connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crisis import audit, daily, incidents
from crisis.clock import now
from messaging import bell, escalation
from messaging.delivery import orders
from messaging.delivery.claiming import DUE, RESTED, SPEAKS, STOPS
from messaging.delivery.destroying import purge_some
from messaging.delivery.excepting import is_over
from messaging.delivery.following import begin
from messaging.delivery.orders.asking import ends_at
from messaging.delivery.pumping import pump
from messaging.delivery.recording import doubt
from messaging.delivery.resending import resend_due
from messaging.delivery.settling import settle
from messaging.delivery.starting import Held, close_open, finish
from messaging.delivery.trouble import NOT_AS_APPROVED
from messaging.delivery.turns import keep_turns
from messaging.models import Campaign, Lane, Order, Status
from messaging.models.accounts import by_hand

OVERDUE = 5.0  # seconds that work may be due while nobody holds a lane, before the sweeper pumps by itself
log = logging.getLogger(__name__)


def sweep_alone() -> dict[str, int] | None:
    """One round, unless another process sweeps at this moment: then None."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended('messaging.sweep', 0))")
        if cursor.fetchone() != (True,):
            return None
    try:
        return sweep()
    finally:
        with suppress(Error), connection.cursor() as cursor:  # a lost connection has let go of it by itself
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended('messaging.sweep', 0))")


def sweep(*, pump_for: float = 5.0) -> dict[str, int]:
    """One round. Each part is tried even when another fails. Returns what each did."""
    parts: dict[str, Callable[[], int]] = {
        "started": start_due,
        "expired": expire_due,
        "settled": settle,
        "closed": orders.close_ended,
        "outlived": cancel_outlived,
        "unasked": orders.end_unasked,
        "untold": orders.close_untold,
        "reminded": orders.remind_due,
        "waived": orders.waive_due,
        "doubted": doubt,
        "resent": resend_due,
        "finished": finish,
        "moved": keep_turns,
        "pumped": lambda: pump_due(pump_for),
        "destroyed": purge_some,
        "daily": daily.do_due,
    }
    done = {}
    for name, part in parts.items():
        try:
            done[name] = part()
        except Exception:
            log.exception("The sweep of %s failed and is tried again in the next round.", name)
            connection.close_if_unusable_or_obsolete()
    return done


def start_due() -> int:
    """Start approved campaigns whose time has come and before which nothing is on its way any more.

    One that may no longer start goes back to approval with the reason.
    """
    due = Campaign.objects.filter(Q(starts_at=None) | Q(starts_at__lte=now()), status=Status.APPROVED)
    due = due.exclude(not_after__lte=now())
    return sum(_start(pk) for pk in due.values_list("pk", flat=True))


def _start(pk: int) -> int:
    try:
        with transaction.atomic():
            campaign = _locked(pk, Status.APPROVED)
            if campaign is None or not begin(campaign, campaign.approvals.get(round=campaign.round).reach, by=None):
                return 0
    except Held as held:
        _hold(pk, str(held))
    except IntegrityError:
        _hold(pk, f"{NOT_AS_APPROVED} {_('Read it again, then decide.')}")
    return 1


@transaction.atomic
def _hold(pk: int, reason: str) -> None:
    campaign = _locked(pk, Status.APPROVED)
    if campaign is not None:
        Campaign.objects.filter(pk=pk).update(status=Status.SUBMITTED, status_reason=reason[:500], submitted_at=now())
        campaign.refresh_from_db()
        escalation.plan(campaign)
        incidents.tell(campaign.incident_id, gettext_lazy("Held: %(reason)s"), reason=reason)
        audit.record("campaign.hold", by=None, about=campaign, data={"reason": reason})


def expire_due() -> int:
    """Expire what is past its last instant, whatever its status."""
    statuses = [Status.SUBMITTED, Status.APPROVED, Status.SENDING, Status.PAUSED]
    due = Campaign.objects.filter(status__in=statuses, not_after__lte=now()).values_list("pk", flat=True)
    return sum(_expire(pk, statuses) for pk in due)


@transaction.atomic
def _expire(pk: int, statuses: list[Status]) -> int:
    campaign = _locked(pk, *statuses)
    if campaign is None:
        return 0
    Campaign.objects.filter(pk=pk).update(status=Status.EXPIRED, ended_at=now())
    left = close_open(campaign, Status.EXPIRED)
    incidents.tell(campaign.incident_id, gettext_lazy("Expired: %(headline)s"), headline=campaign)
    audit.record("campaign.expire", by=None, about=campaign, data=left)
    return 1


def cancel_outlived() -> int:
    """Let duty desks be asked to stop what its time or its exception carries no longer. Of platforms the pump does."""
    at, rows = now(), Order.objects.filter(ended_at=None, cancel_asked_at=None, batch__account__slug__in=by_hand())
    asked = [(order.pk, order.batch.campaign) for order in rows.select_related("batch__campaign__exception__incident")]
    return sum(orders.cancel(pk) for pk, campaign in asked if ends_at(campaign) <= at or is_over(campaign, at))


def _locked(pk: int, *statuses: Status) -> Campaign | None:
    rows = Campaign.objects.select_for_update(of=("self",)).select_related("incident", "audience_version", "refers_to")
    return rows.filter(pk=pk, status__in=statuses).first()


# Accounts that have work due but no pump at it, and for how long that has been so.
NEGLECTED = f"""
    SELECT b.account_id, extract(epoch FROM crisis_now() - min(greatest(coalesce(b.not_before, c.started_at), c.started_at,
                                                               coalesce(b.lease_until, c.started_at))))
      FROM messaging_batch b JOIN messaging_campaign c ON c.id = b.campaign_id JOIN messaging_account a ON a.id = b.account_id
      LEFT JOIN messaging_order o ON o.batch_id = b.id
     WHERE {DUE} AND ({SPEAKS} OR {RESTED} AND {STOPS})
       AND NOT EXISTS (SELECT FROM messaging_lane l WHERE l.account_id = a.id AND l.lease_until > crisis_now())
     GROUP BY 1
    UNION ALL
    SELECT r.account_id, extract(epoch FROM crisis_now() - min(r.received_at))
      FROM messaging_reply r JOIN messaging_account a ON a.id = r.account_id
     WHERE r.answer = 'queued' AND (r.lease_until IS NULL OR r.lease_until < crisis_now()) AND {SPEAKS}
       AND NOT EXISTS (SELECT FROM messaging_lane l WHERE l.account_id = a.id AND l.lease_until > crisis_now())
     GROUP BY 1
"""


def pump_due(seconds: float) -> int:
    """Ring for neglected work; pump it here, for at most `seconds`, once it has waited too long for anybody else."""
    with connection.cursor() as cursor:
        cursor.execute(NEGLECTED)
        waited = {account: float(since) for account, since in cursor.fetchall()}
    lanes = [*Lane.objects.filter(account__in=waited).select_related("account").order_by("pk")]
    pumped = 0
    for lane in lanes:
        if waited[lane.account_id] >= OVERDUE:
            pumped += pump(lane.pk, seconds=seconds)
    if lanes:
        bell.ring(lanes)
    return pumped
