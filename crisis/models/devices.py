"""Screens on a wall: each opens one page that changes nothing, by a key of which only the hash is kept."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from crisis.clock import Now
from crisis.models.people import User


class DeviceKey(models.Model):
    """The key of one screen. It sees what its maker sees, without names."""

    label = models.CharField(_("where it hangs"), max_length=100)
    hash = models.CharField(max_length=64, unique=True, editable=False)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("made by"))
    made_at = models.DateTimeField(_("made at"), db_default=Now())
    revoked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("revoked by"))
    revoked_at = models.DateTimeField(_("revoked at"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("key of a screen"), _("keys of screens")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.label
