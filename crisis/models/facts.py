"""The fact sheet of an incident: what every text has to say the same. The newest row of a name counts; none is ever changed."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from crisis.clock import Now
from crisis.language import readers_language
from crisis.models.incidents import Incident
from crisis.models.people import User


class FactQuerySet(models.QuerySet["Fact"]):
    def newest(self) -> Self:
        """The row of each name that counts, also where that name was taken off the sheet."""
        return self.order_by("incident_id", "name_ru", "-id").distinct("incident_id", "name_ru")


class Fact(models.Model):
    """What one name stood for from a moment on. A row without a value took the name off the sheet."""

    class Kind(models.TextChoices):
        PHONE = "phone", _("phone")
        DATE = "date", _("date")
        TIME = "time", _("time")
        FLIGHT = "flight", _("flight")
        PLACE = "place", _("place")
        TEXT = "text", _("other words")

    incident = models.ForeignKey(Incident, models.PROTECT, related_name="facts", verbose_name=_("incident"))
    name_ru = models.CharField(_("name in Russian"), max_length=80)
    name_en = models.CharField(_("name in English"), max_length=80)
    kind = models.CharField(_("kind"), max_length=6, choices=Kind, default=Kind.TEXT)
    value_ru = models.CharField(_("value in Russian"), max_length=300, blank=True)
    value_en = models.CharField(_("value in English"), max_length=300, blank=True)
    source = models.CharField(_("source"), max_length=300, blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("person"))
    at = models.DateTimeField(_("time"), db_default=Now())

    objects = FactQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("fact"), _("facts")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name_ru if readers_language() == "ru" else self.name_en

    @property
    def value(self) -> str:
        """The value in the reader's language."""
        return self.value_ru if readers_language() == "ru" else self.value_en
