"""Sending again: to people of whom nobody knows whether they got it, in a batch of their own under another key.

They stand as uncertain in their old batch until the new one has an outcome for them (`recording.AGAIN`). The console does it by
itself once, where the draft said so and that was approved; everything else is decided by a person.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from crisis import audit, incidents
from crisis.clock import now
from crisis.models import Incident
from messaging.delivery.excepting import is_over
from messaging.delivery.starting import ring
from messaging.delivery.trouble import NOT_AS_APPROVED
from messaging.delivery.turns import Turns
from messaging.models import NEVER_BEGUN, Campaign, Status

AT_ONCE = 20  # campaigns in one round of the sweeper
MOST = 500  # batches of a campaign in one round of the sweeper

# Batches b that are done, with people who are uncertain and are not being sent it again: `BatchQuerySet.doubtful`.
DOUBTFUL = """
       b.status = 'done' AND b.uncertain > 0 AND NOT EXISTS (SELECT FROM messaging_batch r WHERE r.resend_of_id = b.id)
"""
# Those of them that the console sends again where that was approved. The rest of them is `BatchQuerySet.undecided`.
BY_ITSELF = "b.resend_of_id IS NULL AND b.left_at IS NULL"
RESEND = f"""
INSERT INTO messaging_batch (campaign_id, account_id, text_id, number, rank, people, total, status, key, fence, attempt,
                             in_doubt, reason, accepted, failed, uncertain, delivered, read, resend_of_id, not_before)
SELECT b.campaign_id, b.account_id, b.text_id, last.number + row_number() OVER (PARTITION BY b.account_id ORDER BY b.id),
       b.rank, d.people, cardinality(d.people), 'queued',
       1 + ((b.key::bigint + floor(random() * 2147483645)::bigint) %% 2147483646)::int, 0, 0,
       false, '', 0, 0, 0, 0, 0, b.id,
       CASE WHEN %(seconds)s > 0
            THEN greatest(crisis_now(), last.turn) + (row_number() OVER (ORDER BY b.id)) * %(seconds)s * interval '1 second' END
  FROM (SELECT * FROM messaging_batch b
         WHERE b.campaign_id = %(campaign)s AND {DOUBTFUL} AND (NOT %(by_itself)s OR {BY_ITSELF})
         ORDER BY b.id LIMIT %(most)s) b
  JOIN (SELECT account_id, max(number) AS number, max(max(greatest(asked_at, not_before))) OVER () AS turn
          FROM messaging_batch WHERE campaign_id = %(campaign)s GROUP BY 1) last ON last.account_id = b.account_id
 CROSS JOIN LATERAL (SELECT array_agg(d.contact ORDER BY d.contact) AS people FROM messaging_delivery d
                      WHERE d.campaign_id = b.campaign_id AND d.account_id = b.account_id AND d.batch_id = b.id
                        AND d.status = 'uncertain' AND d.contact <> 0) d
 WHERE d.people IS NOT NULL
RETURNING account_id, total
"""
DUE = f"""
    SELECT c.id FROM messaging_campaign c JOIN crisis_incident i ON i.id = c.incident_id
     WHERE c.when_uncertain = 'resend' AND c.status IN ('sending', 'sent') AND i.status <> 'closed'
       AND (c.not_after IS NULL OR c.not_after > crisis_now())
       AND EXISTS (SELECT FROM messaging_batch b WHERE b.campaign_id = c.id AND {DOUBTFUL} AND {BY_ITSELF})
     ORDER BY c.id
"""
APPROVED = """
    SELECT messaging_broke_glass(c.id) OR EXISTS (
        SELECT FROM messaging_approval a WHERE a.campaign_id = c.id AND a.round = c.round AND a.verdict = 'approved'
           AND a.fingerprint = messaging_fingerprint(c.id) AND messaging_may_approve(a.by_id, c.id))
      FROM messaging_campaign c WHERE c.id = %s
"""


def hindrance(campaign: Campaign) -> Any:
    """Why this may not be sent to anybody again, in a sentence; empty when it may."""
    if campaign.status not in (Status.SENDING, Status.SENT):
        return _("It is %(status)s, so nothing is sent again.") % {"status": campaign.get_status_display()}
    if campaign.not_after and campaign.not_after <= now():
        return _("It is not valid any more, so nothing is sent again. Begin a new campaign.")
    if campaign.incident.status == Incident.Status.CLOSED:
        return _("The incident is closed, so nothing is sent again.")
    if campaign.corrections.exclude(NEVER_BEGUN).exists():
        return _("This is being corrected, so nobody gets it again: the correction goes to them too.")
    if campaign.followed_by.filter(started_at__isnull=False).exists():
        return _("A later campaign followed it, so nobody gets the older one again.")
    if is_over(campaign, now()):
        return _("The exception this rests on is over, so nothing is sent again.")
    if not _is_approved(campaign):
        return f"{NOT_AS_APPROVED} {_('Nothing is sent again.')}"
    return ""


def _is_approved(campaign: Campaign) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(APPROVED, [campaign.pk])
        return bool(cursor.fetchone()[0])


def send_again(campaign: Campaign, *, by_itself: bool = False) -> dict[int, int]:
    """Queue everybody uncertain of a campaign whose row is locked and which nothing hinders. Returns people by account.

    `by_itself`: as the console does, once and not where a person decided otherwise.
    """
    if campaign.status == Status.SENT:
        Campaign.objects.filter(pk=campaign.pk).update(status=Status.SENDING, ended_at=None, updated_at=now())
    people: dict[int, int] = {}
    with connection.cursor() as cursor:
        cursor.execute(RESEND, {
            "campaign": campaign.pk, "by_itself": by_itself, "most": MOST if by_itself else None,
            "seconds": Turns.of(campaign.pace).seconds,
        })  # fmt: skip
        for account, total in cursor.fetchall():
            people[account] = people.get(account, 0) + total
    ring(campaign)
    return people


def resend_due() -> int:
    """Send again what is to be sent again without asking. Returns how many campaigns."""
    with connection.cursor() as cursor:
        cursor.execute(DUE)
        due = [row[0] for row in cursor.fetchall()]
    return sum(islice(filter(None, map(_resend, due)), AT_ONCE))


@transaction.atomic
def _resend(pk: int) -> int:
    rows = Campaign.objects.select_for_update(of=("self",), skip_locked=True).select_related("incident", "exception")
    campaign = rows.filter(pk=pk, status__in=[Status.SENDING, Status.SENT]).first()
    if campaign is None or hindrance(campaign):
        return 0
    added = send_again(campaign, by_itself=True)
    if not added:
        transaction.set_rollback(True)
        return 0
    told = _("Sent again to people who may or may not have got it (%(people)d), as it was approved: %(headline)s")
    incidents.tell(campaign.incident_id, told, headline=campaign, people=sum(added.values()))
    audit.record("campaign.resend", by=None, about=campaign, data={"people": added})
    return 1
