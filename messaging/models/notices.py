"""What was asked of whom: every submitted round as it stood, and the notices that tell the people who may decide."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from crisis.clock import Now
from crisis.models import User
from messaging.models.campaigns import Campaign


class Round(models.Model):
    """A campaign as it was submitted, so that the next round has something to be compared with.

    Written by the database alone whenever a campaign becomes submitted, and never changed. `by` is empty when the console
    itself held it. `texts`: [{part, language, headline, body, instruction, link}]; `facts`: what else was asked for.
    """

    campaign = models.ForeignKey(Campaign, models.PROTECT, related_name="rounds")
    number = models.PositiveIntegerField()
    at = models.DateTimeField(db_default=Now())
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    texts = models.JSONField()
    facts = models.JSONField()
    reach = models.JSONField()

    class Meta:
        verbose_name, verbose_name_plural = _("submitted round"), _("submitted rounds")
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["campaign", "number"], name="one_row_a_round")]

    def __str__(self) -> str:
        return f"№ {self.number}"


class Notice(models.Model):
    """One person told of one round by one way. The plan is written when the round begins; `step` is the person's turn.

    A review is asked of everybody at once, step 1, and again at half of its time, step 2.

    `sent_at`: when the mail server or SMS door took it, the console began to show it, or somebody called. `answered_at`: when
    the person said that they have it. `failure` is why the last try failed, in a machine word; `by` who called.
    """

    class Way(models.TextChoices):
        SCREEN = "screen", _("on screen")
        EMAIL = "email", _("by e-mail")
        SMS = "sms", _("by SMS")
        PHONE = "phone", _("by phone")

    class About(models.TextChoices):
        DECISION = "decision", _("a decision")
        REVIEW = "review", _("the review of what was sent alone")

    campaign = models.ForeignKey(Campaign, models.PROTECT, related_name="notices")
    round = models.PositiveIntegerField()
    person = models.ForeignKey(User, models.PROTECT, related_name="notices")
    way = models.CharField(max_length=6, choices=Way)
    about = models.CharField(max_length=8, choices=About, default=About.DECISION)
    step = models.PositiveSmallIntegerField()
    due_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    failure = models.CharField(max_length=60, blank=True)
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name, verbose_name_plural = _("notice"), _("notices")
        ordering = ["step", "pk"]
        indexes = [models.Index(F("due_at"), name="notice_due", condition=Q(sent_at=None))]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "round", "person", "way"], name="one_notice_a_way_and_round", condition=Q(about="decision")
            ),
            models.UniqueConstraint(
                fields=["campaign", "person", "way", "step"], name="one_notice_a_way_and_reminder", condition=Q(about="review")
            ),
        ]

    def __str__(self) -> str:
        return f"№ {self.pk}"
