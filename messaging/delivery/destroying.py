"""Destroying what is held about people of a closed incident, once two persons want it: a little at a time, after a restart too.

Batches, posts, orders, approvals and all counters stay: they hold no person, and every report is made of them.
"""

from __future__ import annotations

from time import monotonic
from typing import Any

from django.db import connection, transaction
from django.db.models import Sum
from django.utils.translation import gettext_lazy

from crisis import audit, incidents
from crisis.clock import Now
from crisis.models import Destruction
from messaging.models import Campaign, ReasonTotal
from messaging.progress import reasons

AT_ONCE = 1000  # rows in one transaction: short enough that nobody waits for it
SECONDS = 1.0  # of one round of the sweeper
Counts = dict[str, int]

SOME = """
    SELECT d.id FROM messaging_delivery d JOIN messaging_campaign c ON c.id = d.campaign_id
     WHERE c.incident_id = %(incident)s AND d.contact <> 0 LIMIT %(many)s
"""
STEPS = {
    "refs": "DELETE FROM messaging_deliveryref WHERE delivery_id = ANY (%(deliveries)s)",
    "deliveries": "DELETE FROM messaging_delivery WHERE id = ANY (%(deliveries)s)",
    "replies": """
        DELETE FROM messaging_reply WHERE id IN (
            SELECT r.id FROM messaging_reply r JOIN messaging_campaign c ON c.id = r.campaign_id
             WHERE c.incident_id = %(incident)s LIMIT %(many)s)
    """,
    "batches": """
        UPDATE messaging_batch SET people = '{}' WHERE id IN (
            SELECT b.id FROM messaging_batch b JOIN messaging_campaign c ON c.id = b.campaign_id
             WHERE c.incident_id = %(incident)s AND b.people <> '{}' LIMIT %(many)s)
    """,
}


def keep_reasons(incident: int) -> None:
    """Add up, before anything is destroyed, what stands on single deliveries alone: why people did not get it."""
    rows = reasons().filter(campaign__in=Campaign.objects.filter(incident=incident)).order_by()
    totals = rows.values_list("campaign", "account", "status", "reason").annotate(number=Sum("people"))
    ReasonTotal.objects.bulk_create(
        ReasonTotal(campaign_id=campaign, account_id=account, status=status, reason=reason, people=people)
        for campaign, account, status, reason, people in totals
    )


def purge_some(seconds: float = SECONDS) -> int:
    """Go on with every purge that two persons confirmed, for at most `seconds`. Returns how many rows were destroyed."""
    until, destroyed = monotonic() + seconds, 0
    for pk in Destruction.objects.filter(kind=Destruction.Kind.INCIDENT, ended_at=None).values_list("pk", flat=True):
        while monotonic() < until and (rows := purge_chunk(pk)):
            destroyed += rows
    return destroyed


@transaction.atomic
def purge_chunk(pk: int, many: int = AT_ONCE) -> int:
    """Destroy at most `many` rows of each table, or note the end when nothing is left. Returns how many."""
    act = Destruction.objects.select_for_update(skip_locked=True, of=("self",)).filter(pk=pk, ended_at=None).first()
    if act is None:
        return 0
    rows = _destroy(act.incident_id or 0, many)
    counts = {name: act.counts.get(name, 0) + number for name, number in rows.items()}
    if any(rows.values()):
        Destruction.objects.filter(pk=pk).update(counts=counts)
        return sum(rows.values())
    Destruction.objects.filter(pk=pk).update(counts=counts, ended_at=Now())
    incidents.tell(act.incident_id or 0, gettext_lazy("What was held about people of this incident is destroyed. Totals stay."))
    audit.record("incident.purge", by=None, about=act, data={"incident": act.incident_id, "change": act.change_id, **counts})
    return 0


def _destroy(incident: int, many: int) -> Counts:
    with connection.cursor() as cursor:
        cursor.execute(SOME, {"incident": incident, "many": many})
        values: dict[str, Any] = {"incident": incident, "many": many, "deliveries": [row[0] for row in cursor.fetchall()]}
        found = {}
        for name, statement in STEPS.items():
            cursor.execute(statement, values)
            found[name] = cursor.rowcount
        return found
