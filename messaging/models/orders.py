"""Orders: what others are asked to send by themselves, every word about it, and the officials who are asked by people."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from crisis.clock import Now
from crisis.models import User
from messaging.models.accounts import Account
from messaging.models.campaigns import Campaign
from messaging.models.ledger import Batch

TOTALS = ("matched", "sent", "delivered", "read", "failed", "opted_out")
# What an answer in part leaves out: the contract's words, and ours.
NARROWED: dict[str, Any] = {
    "subscribers_only": _("only to those who follow us"),
    "last_seen_only": _("only to those who were last seen there"),
    "shorter_window": _("only to those seen there lately"),
    "fewer_people": _("to fewer people"),
    "one_language": _("in one language"),
}


class Order(models.Model):
    """What a platform or a duty desk was asked to send by itself, and its word on it: totals only, no person.

    `id` is the Idempotency-Key.

    * taken_at: when it first said that it holds the order; answered_at: when its decision came here. Both by our clock
    * answer_due_at: after that nothing waits for it. A late yes still counts, so that is no status
    * waived_at: since when nothing waits for its answer, by itself or by a person
    * step, matched_step: to what its counters are rounded; threshold: fewer people than that are not counted
    * follows, recipients: an earlier order of the same platform, and what those who got that one mean for this one
    * body: the JSON in which a platform was asked first, and is asked again; body_sha256: of the very bytes of it
    """

    class Decision(models.TextChoices):
        ACCEPTED = "accepted", _("accepted")
        PARTIAL = "partial", _("accepted in part")
        REFUSED = "refused", _("refused")

    class Status(models.TextChoices):
        QUEUED = "queued", _("not asked yet")
        ASKED = "asked", _("asked, no answer yet")
        ACCEPTED = "accepted", _("waiting for the platform's decision")
        SENDING = "sending", _("being sent by the platform")
        DONE = "done", _("done")
        CANCELLED = "cancelled", _("cancelled")
        REFUSED = "refused", _("refused")

    class Recipients(models.TextChoices):
        ALSO = "also", _("and everybody who got the earlier one")
        ONLY = "only", _("only those who got the earlier one")
        EXCEPT = "except", _("nobody who got the earlier one")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    batch = models.OneToOneField(Batch, models.PROTECT, related_name="order")
    follows = models.ForeignKey("self", models.PROTECT, null=True, related_name="followed_by")
    recipients = models.CharField(max_length=6, choices=Recipients, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    asked_at = models.DateTimeField(null=True)
    body = models.JSONField(null=True)
    body_sha256 = models.CharField(max_length=64, blank=True)
    taken_at = models.DateTimeField(null=True)
    answer_due_at = models.DateTimeField(null=True)
    reminders = models.PositiveSmallIntegerField(default=0)
    waived_at = models.DateTimeField(null=True)
    waived_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")  # empty: the time had run out
    answered_at = models.DateTimeField(null=True)
    answered_by = models.CharField(max_length=120, blank=True)  # a role, never a name
    decision = models.CharField(max_length=10, choices=Decision, blank=True)
    narrowed = models.JSONField(default=list)  # what an answer in part leaves out, in the words of the contract
    reason = models.CharField(max_length=300, blank=True)
    estimate_lower = models.PositiveIntegerField(null=True)
    estimate_upper = models.PositiveIntegerField(null=True)
    estimate_at = models.DateTimeField(null=True)
    matched = models.PositiveIntegerField(null=True)
    sent = models.PositiveIntegerField(null=True)
    delivered = models.PositiveIntegerField(null=True)
    read = models.PositiveIntegerField(null=True)
    failed = models.PositiveIntegerField(null=True)
    opted_out = models.PositiveIntegerField(null=True)
    step = models.PositiveIntegerField(default=0)
    matched_step = models.PositiveIntegerField(default=0)
    threshold = models.PositiveIntegerField(default=0)
    totals_at = models.DateTimeField(null=True)
    totals_source = models.CharField(max_length=200, blank=True)  # where people typed them in: who told us
    cancel_asked_at = models.DateTimeField(null=True)
    let_go_at = models.DateTimeField(null=True)  # by a person: what follows it need not wait until it is cancelled
    sent_when_cancelled = models.PositiveIntegerField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("order"), _("orders")
        constraints = [
            models.CheckConstraint(name="an_answer_has_a_time", condition=Q(decision="") | Q(answered_at__isnull=False)),
            models.CheckConstraint(name="a_waiver_follows_a_question", condition=Q(waived_at=None) | Q(asked_at__isnull=False)),
            models.CheckConstraint(
                name="recipients_are_of_an_order",
                condition=Q(follows=None, recipients="") | Q(follows__isnull=False) & ~Q(recipients=""),
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def ended(self) -> bool:
        return self.ended_at is not None

    @property
    def status_label(self) -> Any:
        """The status in words. Of what nobody at a desk told anything it is not known whether it was cancelled."""
        return _("closed, they have not confirmed that it stopped") if self.reason == "untold" else self.get_status_display()

    @property
    def decision_took(self) -> timedelta | None:
        """From our question to the decision; None while there is none."""
        return self.answered_at - self.asked_at if self.answered_at and self.asked_at else None


class Card(models.Model):
    """An official at a duty desk, whom people ask. In a tree of wardens each is asked by the one above."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="cards", verbose_name=_("duty desk"))
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children", verbose_name=_("is asked by")
    )
    step = models.PositiveSmallIntegerField(_("who is asked first"), default=1, validators=[MinValueValidator(1)])
    role = models.CharField(_("role"), max_length=120)
    person = models.CharField(_("name"), max_length=120, blank=True)
    organisation = models.CharField(_("organisation"), max_length=120, blank=True)
    phone = models.CharField(_("phone"), max_length=60, blank=True)
    other_phone = models.CharField(_("other phone"), max_length=60, blank=True)
    email = models.EmailField(_("e-mail"), max_length=120, blank=True)
    hours = models.CharField(_("hours"), max_length=120, blank=True)
    languages = models.CharField(_("languages spoken"), max_length=120, blank=True)
    note = models.TextField(_("note"), blank=True)
    retired_at = models.DateTimeField(_("retired at"), null=True, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("contact card"), _("contact cards")
        ordering = ["step", "id"]

    def __str__(self) -> str:
        return self.role


class OrderWord(models.Model):
    """One thing that was said or done about an order, by a platform, a machine or a person. Append-only.

    `heard_at`: when it was said, where that was before it was noted. `numbers` are totals and bounds, nothing else.
    """

    class Kind(models.TextChoices):
        ASKED = "asked", _("asked")
        NO_REPLY = "no_reply", _("nobody answered")
        TAKEN = "taken", _("received the order")
        REMINDED = "reminded", _("reminded")
        ANSWERED = "answered", _("answered")
        ESTIMATE = "estimate", _("estimated")
        TOTALS = "totals", _("told totals")
        WAIVED = "waived", _("no answer, and nothing waits for it")
        CANCEL_ASKED = "cancel_asked", _("asked to cancel")
        CANCELLED = "cancelled", _("cancelled")
        DONE = "done", _("finished")
        STRANGE = "strange", _("said what cannot be")
        NOTE = "note", _("note")

    class Way(models.TextChoices):
        API = "api", _("by machine")
        PHONE = "phone", _("by phone")
        LETTER = "letter", _("by letter")
        EMAIL = "e-mail", _("by e-mail")
        IN_PERSON = "in_person", _("in person")

    order = models.ForeignKey(Order, models.PROTECT, related_name="words")
    kind = models.CharField(max_length=12, choices=Kind)
    at = models.DateTimeField(db_default=Now())
    heard_at = models.DateTimeField(null=True)
    way = models.CharField(max_length=9, choices=Way, blank=True)
    card = models.ForeignKey(Card, models.PROTECT, null=True, related_name="+")
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    text = models.CharField(max_length=500, blank=True)
    numbers = models.JSONField(default=dict)
    source = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("word on an order"), _("words on orders")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"№ {self.pk}"


class Told(models.Model):
    """How many people a duty desk says it would reach, told by an official before the approval. Append-only."""

    campaign = models.ForeignKey(Campaign, models.PROTECT, related_name="told")
    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    lower = models.PositiveIntegerField(_("at least"))
    upper = models.PositiveIntegerField(_("at most"))
    source = models.CharField(_("who told it"), max_length=200)
    said_at = models.DateTimeField(_("said at"))
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name, verbose_name_plural = _("estimate of a duty desk"), _("estimates of duty desks")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(name="a_told_estimate_has_bounds", condition=Q(lower__lte=models.F("upper"))),
        ]

    def __str__(self) -> str:
        return f"№ {self.pk}"
