"""Orders with every word about them, contact cards of duty desks, and what a desk says it would reach."""

from __future__ import annotations

from importlib import import_module

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import crisis.clock

amended = import_module("messaging.migrations.0009_uncertain").amended


class Migration(migrations.Migration):
    dependencies = [
        ("messaging", "0009_uncertain"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Card",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "step",
                    models.PositiveSmallIntegerField(
                        default=1, validators=[django.core.validators.MinValueValidator(1)], verbose_name="who is asked first"
                    ),
                ),
                ("role", models.CharField(max_length=120, verbose_name="role")),
                ("person", models.CharField(blank=True, max_length=120, verbose_name="name")),
                ("organisation", models.CharField(blank=True, max_length=120, verbose_name="organisation")),
                ("phone", models.CharField(blank=True, max_length=60, verbose_name="phone")),
                ("other_phone", models.CharField(blank=True, max_length=60, verbose_name="other phone")),
                ("email", models.EmailField(blank=True, max_length=120, verbose_name="e-mail")),
                ("hours", models.CharField(blank=True, max_length=120, verbose_name="hours")),
                ("languages", models.CharField(blank=True, max_length=120, verbose_name="languages spoken")),
                ("note", models.TextField(blank=True, verbose_name="note")),
                ("retired_at", models.DateTimeField(editable=False, null=True, verbose_name="retired at")),
            ],
            options={
                "verbose_name": "contact card",
                "verbose_name_plural": "contact cards",
                "ordering": ["step", "id"],
            },
        ),
        migrations.CreateModel(
            name="OrderWord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("asked", "asked"),
                            ("no_reply", "nobody answered"),
                            ("taken", "received the order"),
                            ("reminded", "reminded"),
                            ("answered", "answered"),
                            ("estimate", "estimated"),
                            ("totals", "told totals"),
                            ("waived", "no answer, and nothing waits for it"),
                            ("cancel_asked", "asked to cancel"),
                            ("cancelled", "cancelled"),
                            ("done", "finished"),
                            ("strange", "said what cannot be"),
                            ("note", "note"),
                        ],
                        max_length=12,
                    ),
                ),
                ("at", models.DateTimeField(db_default=crisis.clock.Now())),
                ("heard_at", models.DateTimeField(null=True)),
                (
                    "way",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("api", "by machine"),
                            ("phone", "by phone"),
                            ("letter", "by letter"),
                            ("e-mail", "by e-mail"),
                            ("in_person", "in person"),
                        ],
                        max_length=9,
                    ),
                ),
                ("text", models.CharField(blank=True, max_length=500)),
                ("numbers", models.JSONField(default=dict)),
                ("source", models.CharField(blank=True, max_length=200)),
            ],
            options={
                "verbose_name": "word on an order",
                "verbose_name_plural": "words on orders",
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="Told",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("lower", models.PositiveIntegerField(verbose_name="at least")),
                ("upper", models.PositiveIntegerField(verbose_name="at most")),
                ("source", models.CharField(max_length=200, verbose_name="who told it")),
                ("said_at", models.DateTimeField(verbose_name="said at")),
                ("at", models.DateTimeField(db_default=crisis.clock.Now())),
            ],
            options={
                "verbose_name": "estimate of a duty desk",
                "verbose_name_plural": "estimates of duty desks",
                "ordering": ["id"],
            },
        ),
        migrations.AlterModelOptions(
            name="order",
            options={"verbose_name": "order", "verbose_name_plural": "orders"},
        ),
        migrations.AddField(
            model_name="account",
            name="answer_minutes",
            field=models.PositiveSmallIntegerField(
                default=60,
                validators=[django.core.validators.MinValueValidator(1)],
                verbose_name="minutes in which it decides on an order",
            ),
        ),
        migrations.AddField(
            model_name="account",
            name="follows",
            field=models.BooleanField(default=True, verbose_name="writes to people who follow us"),
        ),
        migrations.AddField(
            model_name="campaign",
            name="post_url",
            field=models.URLField(blank=True, max_length=500, verbose_name="post that is to be spread"),
        ),
        amended(
            "messaging_keep_round()",
            "'not_after', NEW.not_after,",
            "'not_after', NEW.not_after, 'post_url', NEW.post_url,",
        ),
        migrations.AddField(
            model_name="order",
            name="answer_due_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="body",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="body_sha256",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name="order",
            name="cancel_asked_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="follows",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="followed_by", to="messaging.order"
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="matched_step",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="order",
            name="narrowed",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="order",
            name="opted_out",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="recipients",
            field=models.CharField(
                blank=True,
                choices=[
                    ("also", "and everybody who got the earlier one"),
                    ("only", "only those who got the earlier one"),
                    ("except", "nobody who got the earlier one"),
                ],
                max_length=6,
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="reminders",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="order",
            name="sent_when_cancelled",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="step",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="order",
            name="taken_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="threshold",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="order",
            name="totals_source",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name="order",
            name="waived_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="waived_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AlterField(
            model_name="order",
            name="decision",
            field=models.CharField(
                blank=True,
                choices=[("accepted", "accepted"), ("partial", "accepted in part"), ("refused", "refused")],
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(("decision", ""), ("answered_at__isnull", False), _connector="OR"),
                name="an_answer_has_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(("waived_at", None), ("asked_at__isnull", False), _connector="OR"),
                name="a_waiver_follows_a_question",
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("follows", None), ("recipients", "")),
                    models.Q(("follows__isnull", False), models.Q(("recipients", ""), _negated=True)),
                    _connector="OR",
                ),
                name="recipients_are_of_an_order",
            ),
        ),
        migrations.AddField(
            model_name="card",
            name="account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="cards",
                to="messaging.account",
                verbose_name="duty desk",
            ),
        ),
        migrations.AddField(
            model_name="card",
            name="parent",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="children",
                to="messaging.card",
                verbose_name="is asked by",
            ),
        ),
        migrations.AddField(
            model_name="orderword",
            name="by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="orderword",
            name="card",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="messaging.card"
            ),
        ),
        migrations.AddField(
            model_name="orderword",
            name="order",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="words", to="messaging.order"),
        ),
        migrations.AddField(
            model_name="told",
            name="account",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="messaging.account"),
        ),
        migrations.AddField(
            model_name="told",
            name="by",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name="told",
            name="campaign",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="told", to="messaging.campaign"),
        ),
        migrations.AddConstraint(
            model_name="told",
            constraint=models.CheckConstraint(
                condition=models.Q(("lower__lte", models.F("upper"))), name="a_told_estimate_has_bounds"
            ),
        ),
    ]
