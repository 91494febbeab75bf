"""What stays of the deliveries of an incident whose personal data are destroyed, so that its reports say the same as before."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from messaging.models.accounts import Account
from messaging.models.campaigns import Campaign


class ReasonTotal(models.Model):
    """How many people of a campaign failed, or are uncertain, by one account for one reason. Written as the purge begins."""

    campaign = models.ForeignKey(Campaign, models.PROTECT, related_name="reason_totals")
    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    status = models.CharField(max_length=9)
    reason = models.CharField(max_length=60, blank=True)
    people = models.PositiveIntegerField()

    class Meta:
        verbose_name, verbose_name_plural = _("kept total"), _("kept totals")
        constraints = [models.UniqueConstraint(fields=["campaign", "account", "status", "reason"], name="one_total_a_reason")]

    def __str__(self) -> str:
        return f"№ {self.pk}"
