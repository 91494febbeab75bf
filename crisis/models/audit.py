"""What was done and by whom: the append-only log, and changes of power that take two persons."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from crisis.clock import Now
from crisis.models.people import User


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def seen_by(self, person: User) -> Self:
        """What the person's own office did; people of the ministry read everything."""
        return self.filter(by__mission=person.mission_id) if person.mission_id else self


class AuditEntry(models.Model):
    """One change, append-only and hash-chained. `at`, `prev_hash` and `hash` are written by the database alone."""

    at = models.DateTimeField(_("time"), editable=False, db_default=Now())
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", editable=False, verbose_name=_("person"))
    action = models.CharField(_("action"), max_length=60, editable=False)
    object_type = models.CharField(_("about what"), max_length=60, editable=False)
    object_id = models.CharField(_("its number"), max_length=60, editable=False)
    data = models.JSONField(_("data"), default=dict, editable=False)
    prev_hash = models.CharField(_("hash of the row before"), max_length=64, editable=False, db_default="")
    hash = models.CharField(_("hash"), max_length=64, editable=False, unique=True, db_default="")

    objects = AuditQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("audit entry"), _("audit log")
        ordering = ["-id"]
        indexes = [models.Index(fields=["object_type", "object_id"], name="audit_about")]

    def __str__(self) -> str:
        return f"№ {self.pk}"


class AdminAction(models.Model):
    """A change of power (people, roles, keys, credentials) that one person proposes and another confirms, once, within a day.

    `person` is whom it concerns: they neither propose nor confirm it. The database stamps the times and `applied_in`, the
    transaction that confirms it: there alone it lets the change happen.
    """

    kind = models.CharField(_("kind"), max_length=40)
    person = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("whom it concerns"))
    data = models.JSONField(_("data"), default=dict)
    why = models.CharField(_("why"), max_length=500)
    proposed_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("proposed by"))
    proposed_at = models.DateTimeField(_("proposed at"), db_default=Now())
    confirmed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("confirmed by"))
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True)
    refused_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("refused by"))
    refused_at = models.DateTimeField(_("refused at"), null=True)
    refusal = models.CharField(_("why it was refused"), max_length=500, blank=True)
    applied_in = models.BigIntegerField(null=True, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("change of access"), _("changes of access")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="another_person_confirms", condition=Q(confirmed_by=None) | ~Q(confirmed_by=F("proposed_by"))
            ),
            models.CheckConstraint(
                name="nobody_changes_their_own_power",
                condition=Q(person=None)
                | (~Q(person=F("proposed_by")) & (Q(confirmed_by=None) | ~Q(person=F("confirmed_by")))),
            ),
            models.CheckConstraint(name="confirmed_or_refused", condition=Q(confirmed_by=None) | Q(refused_by=None)),
        ]

    def __str__(self) -> str:
        return f"№ {self.pk}"
