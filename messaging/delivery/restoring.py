"""After a restore: what a backup caught on its way may have gone on without us, so nothing is sent again by itself.

Everybody of a sending that had begun and of whom nothing is known may have been written to after the backup: they become
uncertain, and people decide, also where the console might have sent again by itself. An order is safe: its number is in the
backup, and its platform answers a repeated one as before.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crisis import audit, incidents
from crisis.backups.restoring import day_and_time
from crisis.clock import now
from crisis.models import Incident
from messaging import escalation
from messaging.delivery.recording import AGAIN, UNCERTAIN
from messaging.models import RUNNING, Campaign, Reply, Status

# Who held something when the other database was lost may still run, and counted on from the same fence.
FURTHER = 1_000_000

# What may have been asked after the backup: all that was open of a sending that had begun, and all that waited for an answer.
UNKNOWN = """
    SELECT b.id FROM messaging_batch b JOIN messaging_campaign c ON c.id = b.campaign_id
     WHERE NOT EXISTS (SELECT FROM messaging_order o WHERE o.batch_id = b.id)
       AND (b.status = 'sending' OR b.in_doubt OR b.status = 'queued' AND c.status IN ('sending', 'paused'))
"""
UNSURE = f"""
WITH unknown AS ({UNKNOWN}), {UNCERTAIN.format(among="IN (SELECT id FROM unknown)")}, {AGAIN}
UPDATE messaging_batch b
   SET status = CASE WHEN c.status IN ('stopped', 'expired') THEN c.status ELSE 'done' END, in_doubt = false, not_before = NULL,
       reason = %(reason)s, uncertain = b.uncertain + (SELECT count(*) FROM wrote w WHERE w.batch_id = b.id)
  FROM messaging_campaign c WHERE b.id IN (SELECT id FROM unknown) AND c.id = b.campaign_id
RETURNING (SELECT count(*) FROM wrote w WHERE w.batch_id = b.id)
"""
# Also what the console may send again by itself was perhaps sent again after the backup. A person may still do it.
BY_PERSONS_ALONE = """
UPDATE messaging_batch b SET left_at = crisis_now() FROM messaging_campaign c
 WHERE c.id = b.campaign_id AND c.when_uncertain = 'resend' AND b.uncertain > 0 AND b.left_at IS NULL
"""
LET_GO = """
UPDATE messaging_batch SET status = CASE status WHEN 'sending' THEN 'queued' ELSE status END, lease_until = NULL,
       fence = fence + %(further)s WHERE status IN ('queued', 'sending') OR lease_until IS NOT NULL
"""
LET_GO_LANES = "UPDATE messaging_lane SET lease_until = NULL, fence = fence + %(further)s"
LET_GO_NOTICES = "UPDATE messaging_notice SET lease_until = NULL WHERE lease_until IS NOT NULL"


def hold(at: datetime) -> dict[str, int]:
    """Hold everything that would be sent from a database restored as it was `at`; in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(UNSURE, {"reason": f"restored from a backup of {timezone.localtime(at):%Y-%m-%d %H:%M}"})
        uncertain = sum(row[0] for row in cursor.fetchall())
        for statement in (BY_PERSONS_ALONE, LET_GO, LET_GO_LANES, LET_GO_NOTICES):
            cursor.execute(statement, {"further": FURTHER})
    replies = Reply.objects.filter(answer=Reply.Answer.QUEUED).update(answer=Reply.Answer.FAILED, lease_until=None)
    with incidents.our_language():
        words = {"time": day_and_time(at)}
        return {"uncertain": uncertain, "replies": replies, "paused": _pause(words), "held": _ask_again(words)}


def _pause(words: Mapping[str, str]) -> int:
    """What was being sent, or stood paused, waits for a person."""
    sentence = _(
        "Restored from a backup of %(time)s. Whoever may have got this after it is marked uncertain; nobody is written to "
        "by itself. Look who is uncertain, then go on or stop."
    )
    rows = [*_of(RUNNING)]
    for campaign in rows:
        Campaign.objects.filter(pk=campaign.pk).update(status=Status.PAUSED, status_reason=str(sentence) % words)
        incidents.tell(campaign.incident_id, _("Paused: %(headline)s"), headline=campaign)
        audit.record("campaign.pause", by=None, about=campaign, data={"restored": words["time"]})
    return len(rows)


def _ask_again(words: Mapping[str, str]) -> int:
    """What had not begun may have begun after the backup: it is decided anew, and said so wherever it is read."""
    reason = str(_(
        "Restored from a backup of %(time)s. This may have been sent after it: find out first. Sent again, people get it twice."
    ) % words)  # fmt: skip
    rows = [*_of({Status.APPROVED})]
    for campaign in rows:
        Campaign.objects.filter(pk=campaign.pk).update(status=Status.SUBMITTED, submitted_at=now())
        campaign.refresh_from_db()
        escalation.plan(campaign)
        incidents.tell(campaign.incident_id, _("Held: %(reason)s"), reason=reason)
        audit.record("campaign.hold", by=None, about=campaign, data={"restored": words["time"]})
    unsent = Campaign.objects.filter(status__in=[Status.SUBMITTED, Status.DRAFT])
    unsent.exclude(incident__status=Incident.Status.CLOSED).update(status_reason=reason)
    return len(rows)


def _of(statuses: set[Status] | frozenset[Status]) -> list[Campaign]:
    rows = Campaign.objects.select_for_update(of=("self",)).select_related("incident")
    return [*rows.filter(status__in=statuses).order_by("pk")]
