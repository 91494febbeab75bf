"""What is said and whether: campaigns, their texts, what will be sent word for word, and who approved exactly that."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.db import connection, models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from audiences.models import AudienceVersion
from crisis.clock import Now
from crisis.language import readers_language
from crisis.models import Incident, Severity, User
from messaging.limits import LONGEST_HEADLINE
from messaging.models.accounts import Account
from messaging.models.exceptions import ReachException


class Status(models.TextChoices):
    DRAFT = "draft", _("draft")
    SUBMITTED = "submitted", _("waiting for approval")
    APPROVED = "approved", _("approved, waiting for its time")
    SENDING = "sending", _("sending")
    PAUSED = "paused", _("paused")
    SENT = "sent", _("sent")
    STOPPED = "stopped", _("stopped")
    EXPIRED = "expired", _("expired")
    REJECTED = "rejected", _("rejected")


TRANSITIONS: dict[Status, set[Status]] = {
    Status.DRAFT: {Status.SUBMITTED, Status.REJECTED},
    Status.SUBMITTED: {Status.DRAFT, Status.APPROVED, Status.REJECTED, Status.EXPIRED},
    Status.APPROVED: {Status.SENDING, Status.SUBMITTED, Status.DRAFT, Status.STOPPED, Status.EXPIRED},
    Status.SENDING: {Status.PAUSED, Status.SENT, Status.STOPPED, Status.EXPIRED},
    Status.PAUSED: {Status.SENDING, Status.STOPPED, Status.EXPIRED},
    Status.SENT: {Status.SENDING},
    Status.REJECTED: set(),
    Status.STOPPED: set(),
    Status.EXPIRED: set(),
}

STOPPABLE = frozenset(old for old, new in TRANSITIONS.items() if Status.STOPPED in new)
# Every status is of one of these three.
BEFORE_SENDING = frozenset({Status.DRAFT, Status.SUBMITTED, Status.APPROVED})
RUNNING = frozenset({Status.SENDING, Status.PAUSED})
OVER = frozenset({Status.SENT, Status.STOPPED, Status.EXPIRED, Status.REJECTED})
CUT_SHORT = frozenset({Status.STOPPED, Status.EXPIRED})  # over, and not because everybody had been written to


PLAYED: dict[str, Any] = {
    Status.APPROVED: _("drill approved, waiting for its time"),
    Status.SENDING: _("drill being played"),
    Status.PAUSED: _("drill paused"),
    Status.SENT: _("drill played"),
    Status.STOPPED: _("drill stopped"),
    Status.EXPIRED: _("drill expired"),
}


# Ended before anything was sent.
NEVER_BEGUN = Q(status="rejected") | Q(status__in=["stopped", "expired"], started_at=None)


# A TEST has no audience of its own, follows nothing, and is never a drill.
ONLY_A_TEST = Q(
    drill=False, kind="alert", audience_version=None, exception=None, corrects=None, refers_to=None, pace=None, starts_at=None
)


class Kind(models.TextChoices):
    """CAP 1.2 message types, with the all-clear that CAP says by an Update of response type AllClear."""

    ALERT = "alert", _("alert")
    UPDATE = "update", _("update")
    CANCEL = "cancel", _("cancel")
    ALL_CLEAR = "all-clear", _("all-clear")


class Part(models.TextChoices):
    MAIN = "main", _("text")
    CORRECTED = "corrected", _("correction")


class CampaignQuerySet(models.QuerySet["Campaign"]):
    def seen_by(self, person: User) -> Self:
        """Those of incidents that the person sees."""
        return self.filter(incident__in=Incident.objects.seen_by(person)) if person.mission_id else self

    def followable(self) -> Self:
        """Those that a new message about the same incident may follow."""
        return self.filter(test=False).exclude(status__in=[Status.DRAFT, Status.REJECTED])

    def with_mine(self, person: User) -> Self:
        """Each with `mine`: whether the person wrote any part of it, so that another has to approve it (`author_ids`)."""
        wrote = Exists(Author.objects.filter(campaign=OuterRef("pk"), user=person))
        return self.annotate(mine=wrote | Q(audience_version__written_by=person) | Q(exception__written_by=person))


class Reached(models.TextChoices):
    """What those who got the earlier message mean for who gets this one, wherever they are now."""

    AS_IS = "", _("the audience as it is, whoever got the earlier message")
    ALSO = "also", _("the audience, and everybody who got the earlier message, wherever they are now")
    ONLY = "only", _("only those who got the earlier message, wherever they are now")


class WhenUncertain(models.TextChoices):
    """What is done about people of whom nobody knows whether they got it, once no platform would know a repeat."""

    RESEND = "resend", _("send it to them again: some may get it twice")
    HOLD = "hold", _("leave it for us to decide")

    @classmethod
    def usual(cls, severity: str) -> WhenUncertain:
        """Where a message may save a life, twice is better than never."""
        return cls.RESEND if severity == Severity.EXTREME else cls.HOLD


class Campaign(models.Model):
    """One alert to one audience by one or more accounts. Status and content are guarded by triggers (migration 0002)."""

    incident = models.ForeignKey(Incident, models.PROTECT, related_name="campaigns", verbose_name=_("incident"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.ALERT)
    refers_to = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="followed_by", verbose_name=_("follows")
    )
    # A correction: CORRECTED texts go to those who got any message of this line, MAIN texts to those who got none.
    corrects = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="corrections", verbose_name=_("corrects")
    )
    found_wrong_at = models.DateTimeField(_("found wrong at"), null=True, blank=True)
    to_reached = models.CharField(
        _("those who got the earlier message"), max_length=4, choices=Reached, default=Reached.AS_IS, blank=True
    )
    audience_version = models.ForeignKey(
        AudienceVersion, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("audience")
    )
    accounts = models.ManyToManyField(Account, related_name="campaigns", verbose_name=_("ways"))
    starts_at = models.DateTimeField(_("start at"), null=True, blank=True)
    not_after = models.DateTimeField(_("valid until"), null=True, blank=True)
    pace = models.PositiveIntegerField(_("people in ten minutes"), null=True, blank=True)
    when_uncertain = models.CharField(
        _("if it stays unknown whether somebody got it"), max_length=6, choices=WhenUncertain, default=WhenUncertain.HOLD
    )
    post_url = models.URLField(_("post that is to be spread"), max_length=500, blank=True)
    drill = models.BooleanField(_("drill"), default=False)
    test = models.BooleanField(_("test"), default=False)  # CAP Test: to colleagues of ours only, by live accounts
    exception = models.ForeignKey(
        ReachException, models.PROTECT, null=True, blank=True, related_name="campaigns", verbose_name=_("exception")
    )
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("begun by"))
    created_at = models.DateTimeField(_("begun at"), db_default=Now())

    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.DRAFT)
    status_reason = models.CharField(_("reason of the status"), max_length=600, blank=True)
    round = models.PositiveIntegerField(_("round of approval"), default=0)
    reach = models.JSONField(_("reach"), null=True)
    updated_at = models.DateTimeField(_("changed at"), db_default=Now())
    submitted_at = models.DateTimeField(_("submitted at"), null=True)
    approved_at = models.DateTimeField(_("approved at"), null=True)
    started_at = models.DateTimeField(_("sending began"), null=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)
    started_in = models.BigIntegerField(null=True, editable=False)  # transaction that began it, stamped by the database

    objects = CampaignQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("campaign"), _("campaigns")
        ordering = ["-id"]
        indexes = [models.Index(fields=["status"], name="campaign_status", condition=~Q(status__in=["sent", "rejected"]))]
        constraints = [
            models.CheckConstraint(name="a_pace_is_of_people", condition=Q(pace=None) | Q(pace__gt=0)),
            models.CheckConstraint(
                name="a_correction_was_found_wrong", condition=Q(corrects=None) | Q(found_wrong_at__isnull=False)
            ),
            models.CheckConstraint(name="a_test_is_nothing_else", condition=Q(test=False) | ONLY_A_TEST),
            models.UniqueConstraint(fields=["corrects"], name="one_correction_at_a_time", condition=~NEVER_BEGUN),
        ]

    def __str__(self) -> str:
        return self.headline or f"№ {self.pk}"

    def get_kind_display(self) -> str:  # type: ignore[no-redef]  # Django makes its own only where there is none
        """What it is in words: a correction is called one."""
        return str(Part.CORRECTED.label if self.corrects_id else Kind(self.kind).label)

    def get_status_display(self) -> str:  # type: ignore[no-redef]  # Django makes its own only where there is none
        """The status in words. A drill is played, never sent: a screen of one cannot be taken for a screen of the other."""
        return str(PLAYED[self.status] if self.drill and self.status in PLAYED else Status(self.status).label)

    @property
    def headline(self) -> str:
        """The headline in the reader's language, or in any."""
        reader = readers_language()
        texts = sorted(self.texts.all(), key=lambda t: (t.part != Part.MAIN, t.language != reader, t.language != "ru"))
        return next((t.headline for t in texts if t.headline), "")

    @property
    def parts(self) -> list[str]:
        """The parts it consists of, as they are read: a correction speaks to two groups of people."""
        return [Part.CORRECTED, Part.MAIN] if self.corrects_id else [Part.MAIN]

    @property
    def include_non_subscribers(self) -> bool:
        return self.exception_id is not None

    @property
    def exception_reason(self) -> str:
        """What danger justifies writing to people who did not subscribe; empty without an exception."""
        return self.exception.reason if self.exception else ""

    @property
    def exception_expires_at(self) -> datetime | None:
        return self.exception.ends_at if self.exception else None

    def fingerprint(self) -> str:
        """What an approval is bound to: one SQL function over everything that would be sent, to whom and by what."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT messaging_fingerprint(%s)", [self.pk])
            found: str = cursor.fetchone()[0]
        return found

    def author_ids(self) -> set[int]:
        """Everybody who wrote any part: texts, accounts, the campaign itself, or the audience version or exception it uses.

        `with_mine` asks the same of many campaigns, and messaging_may_approve (migration 0002) refuses them.
        """
        written = set(self.authors.values_list("user_id", flat=True))
        if self.exception:
            written.add(self.exception.written_by_id)
        return written | ({self.audience_version.written_by_id} if self.audience_version else set())


class Text(models.Model):
    """The public words in one language: one CAP `info`."""

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="texts")
    part = models.CharField(max_length=10, choices=Part, default=Part.MAIN)
    language = models.CharField(_("language"), max_length=2)
    headline = models.CharField(_("headline"), max_length=LONGEST_HEADLINE, blank=True)
    body = models.TextField(_("text"), blank=True)
    instruction = models.TextField(_("what to do"), blank=True)
    link = models.URLField(_("link"), blank=True)
    playbook_version = models.ForeignKey(
        "messaging.PlaybookVersion", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("playbook")
    )
    values = models.JSONField(_("what its blanks were filled with"), null=True, blank=True)

    class Meta:
        ordering = ["part", "-language"]
        constraints = [models.UniqueConstraint(fields=["campaign", "part", "language"], name="one_text_a_language")]

    def __str__(self) -> str:
        return self.headline or self.body[:60]

    @property
    def whole(self) -> str:
        """The parts put together as a person reads them."""
        return "\n\n".join(part.strip() for part in (self.headline, self.body, self.instruction, self.link) if part.strip())


class Rendering(models.Model):
    """A text exactly as one account will send it, stored when the campaign is submitted: what was shown is what is sent."""

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="renderings")
    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    text = models.ForeignKey(Text, models.CASCADE, related_name="renderings")
    body = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "text"], name="one_rendering_an_account")]


class Author(models.Model):
    """Who wrote any part of a campaign. Written by the content triggers, never removed."""

    campaign = models.ForeignKey(Campaign, models.PROTECT, related_name="authors")
    user = models.ForeignKey(User, models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "user"], name="one_author_row_a_person")]


class Approval(models.Model):
    """A second person's word on one fingerprint of one round. Insert-only; checked again at commit."""

    class Verdict(models.TextChoices):
        APPROVED = "approved", _("approved")
        BREAK_GLASS = "break_glass", _("sent by one person alone")

    campaign = models.ForeignKey(Campaign, models.PROTECT, related_name="approvals", verbose_name=_("campaign"))
    round = models.PositiveIntegerField(_("round of approval"), default=0)
    fingerprint = models.CharField(_("mark of the approved content"), max_length=64)
    by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("person"))
    at = models.DateTimeField(_("time"), db_default=Now())
    verdict = models.CharField(_("verdict"), max_length=12, choices=Verdict, default=Verdict.APPROVED)
    reach = models.JSONField(_("reach"))
    overrides = models.JSONField(_("sent in spite of"), default=list, db_default=[])  # [{code, sentence, reason}]

    class Meta:
        verbose_name, verbose_name_plural = _("approval"), _("approvals")
        constraints = [models.UniqueConstraint(fields=["campaign", "round"], name="one_approval_a_round")]

    def __str__(self) -> str:
        return f"№ {self.pk}"
