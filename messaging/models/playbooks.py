"""Texts that were thought over on a quiet day: playbooks, their versions, who approved them, and who sent one alone."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audiences.criteria import Criteria, Seen
from crisis.clock import Now
from crisis.models import Category, User
from messaging.models.campaigns import Approval, Kind

APPROVALS = 2  # persons who approve a version, its writer not among them
REVIEW_WITHIN = timedelta(minutes=60)
VALUE = 300  # characters a blank is filled with at most


class Playbook(models.Model):
    """A message prepared for a kind of incident. What it says is in its versions."""

    name = models.CharField(_("name"), max_length=120)
    categories = ArrayField(
        models.CharField(max_length=20, choices=Category), default=list, blank=True, verbose_name=_("kinds of incident it fits")
    )
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("begun by"))
    created_at = models.DateTimeField(_("begun at"), db_default=Now())
    retired_at = models.DateTimeField(_("retired at"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("playbook"), _("playbooks")
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name

    def fits(self, category: str) -> bool:
        return not self.categories or category in self.categories

    @property
    def current(self) -> PlaybookVersion | None:
        """The newest version that enough people approved; None while there is none."""
        return next((version for version in self.versions.order_by("-number") if version.approved), None)


class PlaybookVersion(models.Model):
    """What a playbook says, to whom and by what; never changed. `texts`: language → headline, body, instruction."""

    playbook = models.ForeignKey(Playbook, models.PROTECT, related_name="versions", verbose_name=_("playbook"))
    number = models.PositiveIntegerField(_("version"))
    kind = models.CharField(_("kind of campaign"), max_length=10, choices=Kind, default=Kind.ALERT)
    texts = models.JSONField(_("texts"))
    hours = models.PositiveIntegerField(_("seen there within how many hours"))
    mode = models.CharField(_("were there, or still there"), max_length=20)
    ways = ArrayField(models.CharField(max_length=30), verbose_name=_("ways"))
    written_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("written by"))
    written_at = models.DateTimeField(_("written at"), db_default=Now())

    class Meta:
        verbose_name, verbose_name_plural = _("version of a playbook"), _("versions of playbooks")
        constraints = [models.UniqueConstraint(fields=["playbook", "number"], name="one_playbook_version_a_number")]

    def __str__(self) -> str:
        return f"{self.playbook}, {self.number}"

    @property
    def said(self) -> dict[str, dict[str, str]]:
        """`texts` with Russian first: the database keeps no order."""
        return {language: self.texts[language] for language in sorted(self.texts, reverse=True)}

    @property
    def approved(self) -> bool:
        return self.approvals.count() >= APPROVALS

    def criteria(self, codes: list[str]) -> Criteria:
        """Its audience in these countries."""
        return Criteria(Seen(tuple(codes), self.hours, None, "was_there" if self.mode == "was_there" else "last_seen_there"))


class PlaybookApproval(models.Model):
    """One person's word on one version, on a quiet day. Insert-only; never the writer's (migration `playbooks`)."""

    version = models.ForeignKey(PlaybookVersion, models.PROTECT, related_name="approvals")
    by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("person"))
    at = models.DateTimeField(_("time"), db_default=Now())

    class Meta:
        verbose_name, verbose_name_plural = _("approval of a playbook"), _("approvals of playbooks")
        constraints = [models.UniqueConstraint(fields=["version", "by"], name="one_playbook_approval_a_person")]

    def __str__(self) -> str:
        return f"{self.version}: {self.by}"


class GlassBreak(models.Model):
    """A playbook sent by one person alone, which another has to review. At most one unreviewed a person."""

    class Review(models.TextChoices):
        RIGHT = "right", _("was right")
        WRONG = "wrong", _("was wrong")

    approval = models.OneToOneField(Approval, models.PROTECT, related_name="glass", verbose_name=_("approval"))
    by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("person"))
    at = models.DateTimeField(_("time"), db_default=Now())
    reason = models.CharField(_("why nobody else could be asked"), max_length=500)
    reviewed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("reviewed by"))
    reviewed_at = models.DateTimeField(_("reviewed at"), null=True)
    review = models.CharField(_("what the review found"), max_length=5, choices=Review, blank=True)
    review_words = models.CharField(_("in words"), max_length=500, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("campaign sent by one person alone"), _("campaigns sent by one person alone")
        constraints = [
            models.UniqueConstraint(fields=["by"], name="one_unreviewed_glass_break", condition=Q(reviewed_at=None)),
        ]

    def __str__(self) -> str:
        return f"№ {self.pk}"

    @property
    def review_due_at(self) -> datetime:
        return self.at + REVIEW_WITHIN

    @property
    def took(self) -> timedelta | None:
        """From the sending to the review."""
        return self.reviewed_at - self.at if self.reviewed_at else None

    @property
    def overdue(self) -> bool:
        return self.reviewed_at is None and self.review_due_at < timezone.now()
