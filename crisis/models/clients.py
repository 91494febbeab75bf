"""Other systems that may knock at the API: each writes as one technical user, by keys of which only the hash is kept."""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from crisis.clock import Now
from crisis.models.audit import AdminAction
from crisis.models.people import User


class Scope(models.TextChoices):
    """What a key opens. Nothing opens the approval: that is a person's."""

    INCIDENTS_READ = "incidents:read", _("read open incidents")
    CAMPAIGNS_READ = "campaigns:read", _("read its own campaigns and their results")
    CAMPAIGNS_WRITE = "campaigns:write", _("write drafts of its own")
    CAMPAIGNS_SUBMIT = "campaigns:submit", _("submit its own drafts for approval")
    CAMPAIGNS_STOP = "campaigns:stop", _("stop its own campaigns")
    CONTACTS_WRITE = "contacts:write", _("bring contacts and their addresses")
    SIGHTINGS_WRITE = "sightings:write", _("say where people were seen")
    TRIPS_WRITE = "trips:write", _("say who will travel where")


FEEDING = (Scope.CONTACTS_WRITE, Scope.SIGHTINGS_WRITE, Scope.TRIPS_WRITE)  # what names sources that the key may feed


class ApiClient(models.Model):
    """A system of a mission or of another authority. It acts while `user` is active, which can never log in or hold a role.

    With `user.mission` it sees the incidents of that mission's country alone; without one, every incident.
    """

    name = models.CharField(_("name"), max_length=100, unique=True)
    user = models.OneToOneField(
        User, models.PROTECT, related_name="api_client", editable=False, verbose_name=_("writes in the name of")
    )
    made_at = models.DateTimeField(_("made at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("API client"), _("API clients")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    """One key of a client. It begins with `prefix`, which is shown; of the rest only its SHA-256 is kept.

    `change` is the confirmed proposal that made it, written by the database: each makes one key. `sources` are the numbers of
    those that it may feed; they belong to an app above, whose rule in the database keeps them to sources that there are.
    """

    client = models.ForeignKey(ApiClient, models.PROTECT, related_name="keys", verbose_name=_("API client"))
    prefix = models.CharField(_("begins with"), max_length=8, unique=True)
    hash = models.CharField(max_length=64, editable=False)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope), verbose_name=_("opens"))
    sources = ArrayField(models.BigIntegerField(), default=list, blank=True, verbose_name=_("sources it may feed"))
    proposed_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("proposed by"))
    confirmed_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("confirmed by"))
    made_at = models.DateTimeField(_("made at"), db_default=Now())
    expires_at = models.DateTimeField(_("expires at"))
    change = models.OneToOneField(AdminAction, models.PROTECT, null=True, related_name="+", editable=False)
    revoked_at = models.DateTimeField(_("revoked at"), null=True)
    revoked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("revoked by"))
    last_used_at = models.DateTimeField(_("last used at"), null=True)
    minute_at = models.DateTimeField(null=True)  # the minute that `minute_calls` belong to
    minute_calls = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name, verbose_name_plural = _("API key"), _("API keys")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(name="two_persons_make_a_key", condition=~Q(confirmed_by=F("proposed_by"))),
            models.CheckConstraint(
                name="a_key_opens_what_is_known", condition=Q(scopes__contained_by=Scope.values) & ~Q(scopes__len=0)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}…"

    def fault(self, at: datetime) -> str:
        """Why it opens nothing any more, in one word; empty while it does."""
        if self.revoked_at is not None:
            return "revoked"
        if at >= self.expires_at:
            return "expired"
        return "" if self.client.user.is_active else "inactive"

    def usable(self, at: datetime) -> bool:
        return not self.fault(at)


class ApiAnswer(models.Model):
    """What was answered to a POST under an Idempotency-Key, written with its effect. `asked` is the hash of the request."""

    client = models.ForeignKey(ApiClient, models.CASCADE, related_name="+")
    name = models.CharField(max_length=255)
    asked = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    answer = models.TextField()
    at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "name"], name="one_answer_a_name")]

    def __str__(self) -> str:
        return self.name
