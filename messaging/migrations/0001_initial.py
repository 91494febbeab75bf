"""Accounts, campaigns and the ledger."""

from __future__ import annotations

import uuid

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import crisis.clock
import crisis.lines
import messaging.models.accounts


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("audiences", "0002_rules"),
        ("crisis", "0004_roles"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Account",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "slug",
                    models.CharField(choices=messaging.models.accounts.channel_choices, max_length=30, verbose_name="channel"),
                ),
                ("label_ru", models.CharField(max_length=100, verbose_name="name in Russian")),
                ("label_en", models.CharField(blank=True, max_length=100, verbose_name="name in English")),
                ("handle", models.CharField(max_length=200, verbose_name="handle there")),
                ("secret_name", models.CharField(max_length=60, verbose_name="name of its secret")),
                (
                    "rate",
                    models.PositiveIntegerField(
                        blank=True,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="requests a second",
                    ),
                ),
                ("drill", models.BooleanField(default=False, verbose_name="for drills")),
                ("address_kind", models.PositiveSmallIntegerField(editable=False, null=True)),
                ("paused_at", models.DateTimeField(editable=False, null=True, verbose_name="paused at")),
                (
                    "paused_reason",
                    models.CharField(blank=True, editable=False, max_length=300, verbose_name="why it is paused"),
                ),
                ("failures", models.PositiveIntegerField(default=0, editable=False, verbose_name="unanswered in a row")),
                ("rests_until", models.DateTimeField(editable=False, null=True, verbose_name="rests until")),
                ("rest_reason", models.CharField(blank=True, editable=False, max_length=60, verbose_name="why it rests")),
                (
                    "mission",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="crisis.mission",
                        verbose_name="mission",
                    ),
                ),
            ],
            options={
                "verbose_name": "account",
                "verbose_name_plural": "accounts",
                "ordering": ["drill", "slug", "id"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("address_kind__isnull", False)),
                        fields=("address_kind", "drill"),
                        name="one_sender_of_an_address_kind",
                    ),
                    models.UniqueConstraint(fields=("slug", "handle"), name="one_account_a_handle"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("drill", True), ("secret_name__startswith", "DRILL_")),
                            models.Q(("drill", False), models.Q(("secret_name__startswith", "DRILL_"), _negated=True)),
                            _connector="OR",
                        ),
                        name="drill_accounts_have_drill_secrets",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("handle__regex", crisis.lines.ONE_LINE),
                            ("label_en__regex", crisis.lines.ONE_LINE),
                            ("label_ru__regex", crisis.lines.ONE_LINE),
                        ),
                        name="an_accounts_names_are_lines",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("mission", None), ("address_kind__isnull", True), _connector="OR"),
                        name="missions_only_publish",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReachException",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reason", models.TextField(verbose_name="what danger justifies it")),
                ("expires_at", models.DateTimeField(verbose_name="end that was asked for")),
                ("written_at", models.DateTimeField(db_default=crisis.clock.Now(), verbose_name="written at")),
                ("used_at", models.DateTimeField(null=True, verbose_name="first used at")),
                ("revoked_at", models.DateTimeField(null=True, verbose_name="revoked at")),
                ("noted_at", models.DateTimeField(null=True, verbose_name="noted at")),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="exceptions",
                        to="crisis.incident",
                        verbose_name="incident",
                    ),
                ),
                (
                    "written_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="written by",
                    ),
                ),
                (
                    "revoked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="revoked by",
                    ),
                ),
                (
                    "noted_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="noted by",
                    ),
                ),
            ],
            options={"verbose_name": "exception", "verbose_name_plural": "exceptions", "ordering": ["-id"]},
        ),
        migrations.CreateModel(
            name="Campaign",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("alert", "alert"), ("update", "update"), ("cancel", "cancel"), ("all-clear", "all-clear")],
                        default="alert",
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("starts_at", models.DateTimeField(blank=True, null=True, verbose_name="start at")),
                ("not_after", models.DateTimeField(blank=True, null=True, verbose_name="valid until")),
                ("found_wrong_at", models.DateTimeField(blank=True, null=True, verbose_name="found wrong at")),
                (
                    "to_reached",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "the audience as it is, whoever got the earlier message"),
                            ("also", "the audience, and everybody who got the earlier message, wherever they are now"),
                            ("only", "only those who got the earlier message, wherever they are now"),
                        ],
                        default="",
                        max_length=4,
                        verbose_name="those who got the earlier message",
                    ),
                ),
                ("pace", models.PositiveIntegerField(blank=True, null=True, verbose_name="people in ten minutes")),
                (
                    "when_uncertain",
                    models.CharField(
                        choices=[
                            ("resend", "send it to them again: some may get it twice"),
                            ("hold", "leave it for us to decide"),
                        ],
                        default="hold",
                        max_length=6,
                        verbose_name="if it stays unknown whether somebody got it",
                    ),
                ),
                ("drill", models.BooleanField(default=False, verbose_name="drill")),
                ("test", models.BooleanField(default=False, verbose_name="test")),
                ("created_at", models.DateTimeField(db_default=crisis.clock.Now(), verbose_name="begun at")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("draft", "draft"),
                            ("submitted", "waiting for approval"),
                            ("approved", "approved, waiting for its time"),
                            ("sending", "sending"),
                            ("paused", "paused"),
                            ("sent", "sent"),
                            ("stopped", "stopped"),
                            ("expired", "expired"),
                            ("rejected", "rejected"),
                        ],
                        default="draft",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                ("status_reason", models.CharField(blank=True, max_length=600, verbose_name="reason of the status")),
                ("round", models.PositiveIntegerField(default=0, verbose_name="round of approval")),
                ("reach", models.JSONField(null=True, verbose_name="reach")),
                ("updated_at", models.DateTimeField(db_default=crisis.clock.Now(), verbose_name="changed at")),
                ("submitted_at", models.DateTimeField(null=True, verbose_name="submitted at")),
                ("approved_at", models.DateTimeField(null=True, verbose_name="approved at")),
                ("started_at", models.DateTimeField(null=True, verbose_name="sending began")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended at")),
                ("started_in", models.BigIntegerField(editable=False, null=True)),
                ("accounts", models.ManyToManyField(related_name="campaigns", to="messaging.account", verbose_name="ways")),
                (
                    "audience_version",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="audiences.audienceversion",
                        verbose_name="audience",
                    ),
                ),
                (
                    "exception",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="campaigns",
                        to="messaging.reachexception",
                        verbose_name="exception",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="begun by",
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="campaigns",
                        to="crisis.incident",
                        verbose_name="incident",
                    ),
                ),
                (
                    "refers_to",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="followed_by",
                        to="messaging.campaign",
                        verbose_name="follows",
                    ),
                ),
                (
                    "corrects",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="corrections",
                        to="messaging.campaign",
                        verbose_name="corrects",
                    ),
                ),
            ],
            options={
                "verbose_name": "campaign",
                "verbose_name_plural": "campaigns",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("status__in", ["sent", "rejected"]), _negated=True),
                        fields=["status"],
                        name="campaign_status",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("test", False),
                            models.Q(
                                ("audience_version", None),
                                ("corrects", None),
                                ("drill", False),
                                ("exception", None),
                                ("kind", "alert"),
                                ("pace", None),
                                ("refers_to", None),
                                ("starts_at", None),
                            ),
                            _connector="OR",
                        ),
                        name="a_test_is_nothing_else",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("pace", None), ("pace__gt", 0), _connector="OR"), name="a_pace_is_of_people"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("corrects", None), ("found_wrong_at__isnull", False), _connector="OR"),
                        name="a_correction_was_found_wrong",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("status", "rejected"),
                            models.Q(("started_at", None), ("status__in", ["stopped", "expired"])),
                            _connector="OR",
                            _negated=True,
                        ),
                        fields=("corrects",),
                        name="one_correction_at_a_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Batch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField(verbose_name="number")),
                ("rank", models.PositiveSmallIntegerField(verbose_name="rank")),
                (
                    "people",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None),
                ),
                ("total", models.PositiveIntegerField(verbose_name="people in it")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("queued", "waiting"),
                            ("sending", "being sent"),
                            ("done", "done"),
                            ("stopped", "stopped"),
                            ("expired", "expired"),
                        ],
                        default="queued",
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                ("key", models.IntegerField(verbose_name="key against repeats")),
                ("lease_until", models.DateTimeField(null=True, verbose_name="lease until")),
                ("fence", models.BigIntegerField(default=0, verbose_name="fence")),
                ("attempt", models.PositiveIntegerField(default=0, verbose_name="attempts")),
                ("not_before", models.DateTimeField(null=True, verbose_name="not before")),
                ("asked_at", models.DateTimeField(null=True, verbose_name="asked at")),
                ("width", models.PositiveSmallIntegerField(null=True, verbose_name="people in one request")),
                ("in_doubt", models.BooleanField(default=False, verbose_name="in doubt")),
                ("left_at", models.DateTimeField(null=True, verbose_name="left as it is at")),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                ("accepted", models.PositiveIntegerField(default=0, verbose_name="accepted")),
                ("failed", models.PositiveIntegerField(default=0, verbose_name="failed")),
                ("uncertain", models.PositiveIntegerField(default=0, verbose_name="uncertain")),
                ("delivered", models.PositiveIntegerField(default=0, verbose_name="delivered")),
                ("read", models.PositiveIntegerField(default=0, verbose_name="read")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="messaging.account",
                        verbose_name="account",
                    ),
                ),
                (
                    "resend_of",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="again",
                        to="messaging.batch",
                        verbose_name="repeats",
                    ),
                ),
                (
                    "campaign",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="batches",
                        to="messaging.campaign",
                        verbose_name="campaign",
                    ),
                ),
            ],
            options={
                "verbose_name": "batch",
                "verbose_name_plural": "batches",
                "indexes": [
                    models.Index(
                        condition=models.Q(("status__in", ["queued", "sending"])),
                        fields=["account", "rank", "id"],
                        name="batch_open",
                    ),
                    models.Index(condition=models.Q(("uncertain__gt", 0)), fields=["campaign"], name="batch_doubtful"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("campaign", "account", "number"), name="one_batch_a_number"),
                    models.CheckConstraint(condition=models.Q(("key", 0), _negated=True), name="a_batch_key_is_not_zero"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Author",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "campaign",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="authors", to="messaging.campaign"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("campaign", "user"), name="one_author_row_a_person"),
                ]
            },
        ),
        migrations.CreateModel(
            name="Approval",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("round", models.PositiveIntegerField(default=0, verbose_name="round of approval")),
                ("fingerprint", models.CharField(max_length=64, verbose_name="mark of the approved content")),
                ("at", models.DateTimeField(db_default=crisis.clock.Now(), verbose_name="time")),
                (
                    "verdict",
                    models.CharField(
                        choices=[("approved", "approved"), ("break_glass", "sent by one person alone")],
                        default="approved",
                        max_length=12,
                        verbose_name="verdict",
                    ),
                ),
                ("reach", models.JSONField(verbose_name="reach")),
                ("overrides", models.JSONField(db_default=[], default=list, verbose_name="sent in spite of")),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="person",
                    ),
                ),
                (
                    "campaign",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="approvals",
                        to="messaging.campaign",
                        verbose_name="campaign",
                    ),
                ),
            ],
            options={
                "verbose_name": "approval",
                "verbose_name_plural": "approvals",
                "constraints": [
                    models.UniqueConstraint(fields=("campaign", "round"), name="one_approval_a_round"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("contact", models.BigIntegerField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("accepted", "accepted"),
                            ("delivered", "delivered"),
                            ("read", "read"),
                            ("failed", "failed"),
                            ("uncertain", "may or may not have got it"),
                            ("resent", "sent again"),
                        ],
                        max_length=9,
                        verbose_name="status",
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=60, verbose_name="reason")),
                ("people", models.PositiveIntegerField(default=1, verbose_name="people")),
                ("at", models.DateTimeField(db_default=crisis.clock.Now(), verbose_name="time")),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="messaging.account",
                        verbose_name="account",
                    ),
                ),
                (
                    "batch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deliveries",
                        to="messaging.batch",
                        verbose_name="batch",
                    ),
                ),
                (
                    "campaign",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deliveries",
                        to="messaging.campaign",
                        verbose_name="campaign",
                    ),
                ),
            ],
            options={
                "verbose_name": "delivery",
                "verbose_name_plural": "deliveries",
                "indexes": [
                    models.Index(
                        condition=models.Q(("contact", 0), _negated=True), fields=["contact", "-id"], name="delivery_of_contact"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("campaign", "account", "batch", "contact"), name="one_delivery_a_person"),
                ],
            },
        ),
        migrations.CreateModel(
            name="DeliveryRef",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider_ref", models.CharField(max_length=80)),
                ("part", models.PositiveSmallIntegerField(default=0)),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="messaging.account",
                    ),
                ),
                (
                    "delivery",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="refs", to="messaging.delivery"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("account", "provider_ref"), name="one_delivery_a_ref"),
                ]
            },
        ),
        migrations.CreateModel(
            name="Lane",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveSmallIntegerField(verbose_name="number")),
                ("lease_until", models.DateTimeField(null=True, verbose_name="lease until")),
                ("fence", models.BigIntegerField(default=0, verbose_name="fence")),
                ("next_at", models.DateTimeField(null=True, verbose_name="next request not before")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="lanes",
                        to="messaging.account",
                        verbose_name="account",
                    ),
                ),
            ],
            options={
                "verbose_name": "lane",
                "verbose_name_plural": "lanes",
                "constraints": [
                    models.UniqueConstraint(fields=("account", "number"), name="one_lane_a_number"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("queued", "not asked yet"),
                            ("asked", "asked, no answer yet"),
                            ("accepted", "waiting for the platform's decision"),
                            ("sending", "being sent by the platform"),
                            ("done", "done"),
                            ("cancelled", "cancelled"),
                            ("refused", "refused"),
                        ],
                        default="queued",
                        max_length=10,
                    ),
                ),
                ("asked_at", models.DateTimeField(null=True)),
                ("answered_at", models.DateTimeField(null=True)),
                ("answered_by", models.CharField(blank=True, max_length=120)),
                (
                    "decision",
                    models.CharField(blank=True, choices=[("accepted", "accepted"), ("refused", "refused")], max_length=10),
                ),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("estimate_lower", models.PositiveIntegerField(null=True)),
                ("estimate_upper", models.PositiveIntegerField(null=True)),
                ("estimate_at", models.DateTimeField(null=True)),
                ("matched", models.PositiveIntegerField(null=True)),
                ("sent", models.PositiveIntegerField(null=True)),
                ("delivered", models.PositiveIntegerField(null=True)),
                ("read", models.PositiveIntegerField(null=True)),
                ("failed", models.PositiveIntegerField(null=True)),
                ("totals_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "batch",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="order", to="messaging.batch"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Receipt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event_id", models.CharField(max_length=120)),
                ("kind", models.CharField(max_length=12)),
                ("at", models.DateTimeField()),
                ("received_at", models.DateTimeField(db_default=crisis.clock.Now())),
                ("person_hmac", models.BinaryField(null=True)),
                ("provider_ref", models.CharField(blank=True, max_length=80)),
                ("data", models.JSONField(default=dict)),
                ("applied_at", models.DateTimeField(null=True)),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="messaging.account"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("applied_at", None)), fields=["id"], name="receipt_waiting"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("account", "event_id"), name="one_receipt_an_event"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Reply",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("contact", models.BigIntegerField(null=True)),
                ("text", models.TextField()),
                ("received_at", models.DateTimeField(db_default=crisis.clock.Now())),
                ("read_at", models.DateTimeField(null=True)),
                (
                    "answer",
                    models.CharField(
                        choices=[
                            ("queued", "answer is being sent"),
                            ("sent", "answered automatically"),
                            ("failed", "the automatic answer could not be sent"),
                            ("none", "answered before"),
                        ],
                        default="queued",
                        max_length=6,
                    ),
                ),
                ("key", models.IntegerField()),
                ("lease_until", models.DateTimeField(null=True)),
                ("in_doubt", models.BooleanField(default=False)),
                ("answered_at", models.DateTimeField(null=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="replies", to="messaging.account"
                    ),
                ),
                (
                    "campaign",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="replies", to="messaging.campaign"
                    ),
                ),
                (
                    "read_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "receipt",
                    models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="messaging.receipt"),
                ),
            ],
            options={
                "verbose_name": "reply",
                "verbose_name_plural": "replies",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(condition=models.Q(("answer", "queued")), fields=["account"], name="reply_to_answer"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Text",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "part",
                    models.CharField(choices=[("main", "text"), ("corrected", "correction")], default="main", max_length=10),
                ),
                ("language", models.CharField(max_length=2, verbose_name="language")),
                ("headline", models.CharField(blank=True, max_length=160, verbose_name="headline")),
                ("body", models.TextField(blank=True, verbose_name="text")),
                ("instruction", models.TextField(blank=True, verbose_name="what to do")),
                ("link", models.URLField(blank=True, verbose_name="link")),
                (
                    "campaign",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="texts", to="messaging.campaign"
                    ),
                ),
            ],
            options={
                "ordering": ["part", "-language"],
                "constraints": [
                    models.UniqueConstraint(fields=("campaign", "part", "language"), name="one_text_a_language"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Rendering",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("body", models.TextField()),
                (
                    "account",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="messaging.account"),
                ),
                (
                    "campaign",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="renderings", to="messaging.campaign"
                    ),
                ),
                (
                    "text",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="renderings", to="messaging.text"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("account", "text"), name="one_rendering_an_account"),
                ]
            },
        ),
        migrations.AddField(
            model_name="batch",
            name="text",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="messaging.text",
                verbose_name="text",
            ),
        ),
    ]
