"""The duty roster: who is to be reached from when until when, in which order, and at which phone."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from crisis.clock import Now
from crisis.models.people import User


class DutyQuerySet(models.QuerySet["Duty"]):
    def at(self, instant: datetime) -> DutyQuerySet:
        """Shifts that run at an instant, in the order in which their people are called."""
        return self.filter(from_at__lte=instant, until_at__gt=instant).select_related("person").order_by("order", "pk")


class Duty(models.Model):
    """One person's shift, half-open: from_at ≤ t < until_at. Of several at once the lowest `order` is called first."""

    person = models.ForeignKey(User, models.PROTECT, related_name="duties", verbose_name=_("person"))
    from_at = models.DateTimeField(_("from"))
    until_at = models.DateTimeField(_("until"))
    order = models.PositiveSmallIntegerField(_("order of call"), default=1)
    phone = models.CharField(_("phone"), max_length=50, blank=True)
    planned_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("planned by"))
    planned_at = models.DateTimeField(_("planned at"), db_default=Now())

    objects = DutyQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("shift"), _("shifts")
        ordering = ["from_at", "order", "pk"]
        indexes = [models.Index(fields=["until_at"], name="duty_until")]
        constraints = [models.CheckConstraint(name="a_shift_ends_after_it_began", condition=Q(until_at__gt=F("from_at")))]

    def __str__(self) -> str:
        return str(self.person)
