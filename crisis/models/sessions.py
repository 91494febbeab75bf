"""Log-ins: one row a session, with what its owner needs to recognise it."""

from __future__ import annotations

from hashlib import sha256

from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils.translation import gettext_lazy as _

from crisis.models.people import User


class Session(AbstractBaseSession):
    """A session of a browser. The columns beside its data are written from them at every save (`crisis.session_store`)."""

    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="sessions", verbose_name=_("person"))
    began_at = models.DateTimeField(_("since"), null=True)
    seen_at = models.DateTimeField(_("last seen at"), null=True)
    address = models.GenericIPAddressField(_("address"), null=True)
    browser = models.CharField(_("browser"), max_length=300, blank=True)

    class Meta(AbstractBaseSession.Meta):
        verbose_name, verbose_name_plural = _("session"), _("sessions")  # type: ignore[assignment]

    @property
    def mark(self) -> str:
        """Names the session to its owner without giving away its key."""
        return sha256(self.session_key.encode()).hexdigest()[:16]
