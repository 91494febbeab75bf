"""What stops a sending from the platform's side: an account that may not speak, a text that a platform refuses."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from crisis import audit, incidents
from crisis.clock import now
from messaging.models import Account, Campaign, Status

# What the database refuses at COMMIT, in words.
NOT_AS_APPROVED = _("An account or the approver's role was changed since this was approved.")


@transaction.atomic
def pause_account(account: int, reason: str) -> None:
    """Stop an account until a person resumes it. What is queued stays queued."""
    changed = Account.objects.filter(pk=account, paused_at=None).update(paused_at=now(), paused_reason=reason[:300])
    if changed:
        audit.record("account.pause", by=None, about=Account.objects.get(pk=account), data={"reason": reason[:300]})


@transaction.atomic
def content_refused(campaign: int, account: Account, reason: str) -> None:
    """Pause a campaign whose words a platform refuses; the account itself goes on with others."""
    locked = Campaign.objects.select_for_update(of=("self",)).select_related("incident").get(pk=campaign)
    if locked.status != Status.SENDING:
        return
    sentence = _("%(account)s refuses this text (%(reason)s). Sending is paused: stop it and correct the text, or resume.")
    told = incidents.tell(locked.incident_id, sentence, account=account, reason=reason)
    Campaign.objects.filter(pk=campaign).update(status=Status.PAUSED, status_reason=told.text[:500])
    audit.record("campaign.pause", by=None, about=locked, data={"account": account.pk, "reason": reason})
