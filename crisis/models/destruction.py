"""What was destroyed of the data about persons, and what is done once a day."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from crisis.clock import Now
from crisis.models.audit import AdminAction
from crisis.models.incidents import Incident
from crisis.models.people import User


class Destruction(models.Model):
    """The act of one destruction, kept for ever: what for, when, by whom, and how many rows of what. It names no person.

    `counts` is {machine word: rows} and grows while it goes on; after `ended_at` the database lets nothing change. The one
    of an incident begins only in the transaction in which a second person confirms it (`change`).
    """

    class Kind(models.TextChoices):
        INCIDENT = "incident.purge", _("what was held about people of a closed incident")
        RETENTION = "retention", _("what was older than its source lets us keep")
        PERSON = "person.forget", _("one person, at their request")

    kind = models.CharField(_("what"), max_length=20, choices=Kind)
    incident = models.ForeignKey(Incident, models.PROTECT, null=True, related_name="destructions", verbose_name=_("incident"))
    change = models.OneToOneField(AdminAction, models.PROTECT, null=True, related_name="+", verbose_name=_("confirmed as"))
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("person"))
    began_at = models.DateTimeField(_("begun at"), db_default=Now())
    ended_at = models.DateTimeField(_("ended at"), null=True)
    counts = models.JSONField(_("how much"), default=dict)

    class Meta:
        verbose_name, verbose_name_plural = _("destruction of data"), _("destroyed data")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["incident"], name="an_incident_is_purged_once"),
            models.CheckConstraint(
                name="a_purge_names_incident_and_change",
                condition=~Q(kind="incident.purge") | Q(incident__isnull=False, change__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"№ {self.pk}"


class DailyDuty(models.Model):
    """One thing done for one day: see `crisis.daily`. Done once `ended_at` is set; one that failed waits until `next_at`."""

    name = models.CharField(max_length=20)
    day = models.DateField()
    next_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("daily duty"), _("daily duties")
        constraints = [models.UniqueConstraint(fields=["name", "day"], name="one_duty_a_day")]

    def __str__(self) -> str:
        return f"{self.name}, {self.day}"
