"""The ledger: who is to get it (batches), what happened (deliveries), what platforms told us (receipts, replies)."""

from __future__ import annotations

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from crisis.clock import Now
from crisis.models import User
from messaging.models.accounts import Account
from messaging.models.campaigns import Campaign, Text, WhenUncertain

# Batches whose people are counted. A batch that is sent again holds people of an earlier one: they stand as uncertain there
# until it has an outcome for them, and from then on in its own counters.
FIRST = Q(resend_of=None)


class BatchQuerySet(models.QuerySet["Batch"]):
    def doubtful(self) -> Self:
        """Done, with people of whom nobody knows whether they got it, and who are not being sent it again.

        The same in SQL is `delivery.resending.DOUBTFUL`; what the console sends again is BY_ITSELF there.
        """
        return self.filter(status=Batch.Status.DONE, uncertain__gt=0, again=None)

    def undecided(self) -> Self:
        """Those about which a person has to decide: nobody left them as they are, and the console does not send them again."""
        by_itself = Q(campaign__when_uncertain=WhenUncertain.RESEND) & FIRST
        return self.doubtful().filter(left_at=None).exclude(by_itself)


class Batch(models.Model):
    """At most 100 people who get one text by one account, frozen by the snapshot; no people for a post or an order.

    Queued people exist only here. `lease_until`, `fence` and `attempt` belong to the pump that holds it.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", _("waiting")
        SENDING = "sending", _("being sent")
        DONE = "done", _("done")
        STOPPED = "stopped", _("stopped")
        EXPIRED = "expired", _("expired")

    campaign = models.ForeignKey(Campaign, models.PROTECT, related_name="batches", verbose_name=_("campaign"))
    account = models.ForeignKey(Account, models.PROTECT, related_name="+", verbose_name=_("account"))
    text = models.ForeignKey(Text, models.PROTECT, null=True, related_name="+", verbose_name=_("text"))
    number = models.PositiveIntegerField(_("number"))
    rank = models.PositiveSmallIntegerField(_("rank"))  # severity of the incident, 0 = Extreme: the order of sending
    people = ArrayField(models.BigIntegerField(), default=list)
    total = models.PositiveIntegerField(_("people in it"))
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.QUEUED)
    key = models.IntegerField(_("key against repeats"))  # idempotency key: random, signed 32 bit, never 0
    lease_until = models.DateTimeField(_("lease until"), null=True)
    fence = models.BigIntegerField(_("fence"), default=0)
    attempt = models.PositiveIntegerField(_("attempts"), default=0)
    not_before = models.DateTimeField(_("not before"), null=True)
    asked_at = models.DateTimeField(_("asked at"), null=True)  # when the first request with `key` may have begun
    width = models.PositiveSmallIntegerField(
        _("people in one request"), null=True
    )  # at most, while one of them breaks every request
    in_doubt = models.BooleanField(_("in doubt"), default=False)  # a request went out whose answer never came
    resend_of = models.OneToOneField("self", models.PROTECT, null=True, related_name="again", verbose_name=_("repeats"))
    left_at = models.DateTimeField(
        _("left as it is at"), null=True
    )  # by a person: who is uncertain in it is not written to again
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    accepted = models.PositiveIntegerField(_("accepted"), default=0)
    failed = models.PositiveIntegerField(_("failed"), default=0)
    uncertain = models.PositiveIntegerField(_("uncertain"), default=0)
    delivered = models.PositiveIntegerField(_("delivered"), default=0)
    read = models.PositiveIntegerField(_("read"), default=0)

    objects = BatchQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("batch"), _("batches")
        constraints = [
            models.UniqueConstraint(fields=["campaign", "account", "number"], name="one_batch_a_number"),
            models.CheckConstraint(name="a_batch_key_is_not_zero", condition=~Q(key=0)),
        ]
        indexes = [
            models.Index(fields=["account", "rank", "id"], name="batch_open", condition=Q(status__in=["queued", "sending"])),
            models.Index(fields=["campaign"], name="batch_doubtful", condition=Q(uncertain__gt=0)),
        ]

    def __str__(self) -> str:
        return f"№ {self.pk}"


# Every batch is of one of these two.
OPEN_BATCHES = frozenset({Batch.Status.QUEUED, Batch.Status.SENDING})
CLOSED_BATCHES = frozenset({Batch.Status.DONE, Batch.Status.STOPPED, Batch.Status.EXPIRED})


class Delivery(models.Model):
    """What happened, written once: to one person, by one post (contact 0) or by one order (contact 0, many people).

    Campaign and account are its batch's: the database checks that of all rows of a statement at once, where a foreign key would
    look at each row.
    """

    class Status(models.TextChoices):
        ACCEPTED = "accepted", _("accepted")
        DELIVERED = "delivered", _("delivered")
        READ = "read", _("read")
        FAILED = "failed", _("failed")
        UNCERTAIN = "uncertain", _("may or may not have got it")
        RESENT = "resent", _("sent again")

    campaign = models.ForeignKey(
        Campaign, models.PROTECT, related_name="deliveries", db_index=False, db_constraint=False, verbose_name=_("campaign")
    )
    account = models.ForeignKey(
        Account, models.PROTECT, related_name="+", db_index=False, db_constraint=False, verbose_name=_("account")
    )
    batch = models.ForeignKey(
        Batch, models.PROTECT, related_name="deliveries", db_index=False, db_constraint=False, verbose_name=_("batch")
    )
    contact = models.BigIntegerField()  # no foreign key: a purge removes the contact first
    status = models.CharField(_("status"), max_length=9, choices=Status)
    reason = models.CharField(_("reason"), max_length=60, blank=True)
    people = models.PositiveIntegerField(_("people"), default=1)
    at = models.DateTimeField(_("time"), db_default=Now())

    class Meta:
        verbose_name, verbose_name_plural = _("delivery"), _("deliveries")
        constraints = [
            models.UniqueConstraint(fields=["campaign", "account", "batch", "contact"], name="one_delivery_a_person"),
        ]
        indexes = [models.Index(fields=["contact", "-id"], name="delivery_of_contact", condition=~Q(contact=0))]

    def __str__(self) -> str:
        return f"№ {self.pk}"


class DeliveryRef(models.Model):
    """The platform's own id of a message, kept only where receipts come back by it. The delivery's account is its own.

    One statement writes it and its delivery, one transaction destroys both: the database does not check it.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    provider_ref = models.CharField(max_length=80)
    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="refs", db_constraint=False)
    part = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "provider_ref"], name="one_delivery_a_ref")]


class Receipt(models.Model):
    """One inbound event, appended by the webhook and applied by the sweeper. The same event twice is one row."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="+", db_index=False)
    event_id = models.CharField(max_length=120)
    kind = models.CharField(max_length=12)
    at = models.DateTimeField()
    received_at = models.DateTimeField(db_default=Now())
    person_hmac = models.BinaryField(null=True)
    provider_ref = models.CharField(max_length=80, blank=True)
    data = models.JSONField(default=dict)
    applied_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "event_id"], name="one_receipt_an_event")]
        indexes = [models.Index(fields=["id"], name="receipt_waiting", condition=Q(applied_at=None))]


class Reply(models.Model):
    """What a person wrote back. Answered once automatically; read by people."""

    class Answer(models.TextChoices):
        QUEUED = "queued", _("answer is being sent")
        SENT = "sent", _("answered automatically")
        FAILED = "failed", _("the automatic answer could not be sent")
        NONE = "none", _("answered before")

    account = models.ForeignKey(Account, models.PROTECT, related_name="replies")
    receipt = models.OneToOneField(Receipt, models.PROTECT, related_name="+")
    campaign = models.ForeignKey(Campaign, models.PROTECT, null=True, related_name="replies")
    contact = models.BigIntegerField(null=True)
    text = models.TextField()
    received_at = models.DateTimeField(db_default=Now())
    read_at = models.DateTimeField(null=True)
    read_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    answer = models.CharField(max_length=6, choices=Answer, default=Answer.QUEUED)
    key = models.IntegerField()
    lease_until = models.DateTimeField(null=True)
    in_doubt = models.BooleanField(default=False)  # an answer was begun, and nobody noted what became of it
    answered_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("reply"), _("replies")
        ordering = ["-id"]
        indexes = [models.Index(fields=["account"], name="reply_to_answer", condition=Q(answer="queued"))]
