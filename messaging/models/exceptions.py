"""The exception: why, and until when, people of one incident are written to who did not subscribe."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from crisis.clock import Now
from crisis.models import Incident, Severity, User

GRAVE = frozenset({Severity.EXTREME, Severity.SEVERE})


class ReachException(models.Model):
    """A stated danger that justifies it. Its words and its end never change; terms are added, each by an approver.

    `expires_at` is the end that was asked for. `written_by` is filled in by the database. `used_at`: when the first sending
    under it began; from then on it stands in the public register. `noted_at`: when an auditor took note.
    """

    incident = models.ForeignKey(Incident, models.PROTECT, related_name="exceptions", verbose_name=_("incident"))
    reason = models.TextField(_("what danger justifies it"))
    expires_at = models.DateTimeField(_("end that was asked for"))
    written_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("written by"))
    written_at = models.DateTimeField(_("written at"), db_default=Now())
    used_at = models.DateTimeField(_("first used at"), null=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True)
    revoked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("revoked by"))
    noted_at = models.DateTimeField(_("noted at"), null=True)
    noted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("noted by"))

    class Meta:
        verbose_name, verbose_name_plural = _("exception"), _("exceptions")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"№ {self.pk}"

    @property
    def last_term(self) -> ExceptionTerm | None:
        return self.terms.order_by("-id").first()

    @property
    def ends_at(self) -> datetime:
        """When it ends: what the last approver granted, or what is asked for while nobody has."""
        term = self.last_term
        return term.until if term else self.expires_at

    def in_force(self, at: datetime) -> bool:
        """Whether a sending may begin under it at this instant."""
        term = self.last_term
        return bool(
            self.revoked_at is None
            and term
            and term.until > at
            and self.incident.status != Incident.Status.CLOSED
            and self.incident.severity in GRAVE
        )


class ExceptionTerm(models.Model):
    """An approver's word that the exception holds until an instant at most `limits.EXCEPTION_HOURS` away. Insert-only."""

    exception = models.ForeignKey(ReachException, models.PROTECT, related_name="terms", verbose_name=_("exception"))
    by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("person"))
    at = models.DateTimeField(_("time"), db_default=Now())
    until = models.DateTimeField(_("until"))
    reason = models.CharField(_("why it is still needed"), max_length=500, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("term of an exception"), _("terms of exceptions")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"№ {self.pk}"
