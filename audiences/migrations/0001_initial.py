"""Sources, contacts, addresses, presence, trips and audiences."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import crisis.clock


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("crisis", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Contact",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reference", models.CharField(max_length=64, null=True, verbose_name="reference")),
                ("language", models.CharField(blank=True, max_length=3, verbose_name="language")),
            ],
            options={
                "verbose_name": "contact",
                "verbose_name_plural": "contacts",
                "constraints": [models.UniqueConstraint(fields=("reference",), name="one_contact_of_a_reference")],
            },
        ),
        migrations.CreateModel(
            name="Source",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=200, unique=True, verbose_name="name")),
                ("owner", models.CharField(max_length=200, verbose_name="owner of the data")),
                (
                    "legal_basis",
                    models.TextField(
                        blank=True, help_text="Without it nothing can be imported from this source.", verbose_name="legal basis"
                    ),
                ),
                ("retention_days", models.PositiveSmallIntegerField(default=90, verbose_name="kept for, days")),
                ("active", models.BooleanField(default=True, verbose_name="in use")),
            ],
            options={
                "verbose_name": "source",
                "verbose_name_plural": "sources",
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Audience",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=200, verbose_name="name")),
                (
                    "incident",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="audiences",
                        to="crisis.incident",
                        verbose_name="incident",
                    ),
                ),
            ],
            options={
                "verbose_name": "audience",
                "verbose_name_plural": "audiences",
                "ordering": ["name", "id"],
            },
        ),
        migrations.CreateModel(
            name="AudienceVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("criteria", models.JSONField()),
                ("written_at", models.DateTimeField(db_default=crisis.clock.Now())),
                (
                    "audience",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="audiences.audience"
                    ),
                ),
                (
                    "written_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "verbose_name": "audience version",
                "verbose_name_plural": "audience versions",
                "ordering": ["audience_id", "-number"],
                "constraints": [models.UniqueConstraint(fields=("audience", "number"), name="one_version_of_a_number")],
            },
        ),
        migrations.CreateModel(
            name="Address",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (1, "VK"),
                            (2, "phone"),
                            (3, "push notification"),
                            (4, "browser notification"),
                            (5, "e-mail"),
                            (6, "Telegram"),
                            (7, "MAX"),
                        ]
                    ),
                ),
                ("value_encrypted", models.BinaryField(default=b"")),
                ("value_hmac", models.BinaryField()),
                ("subscribed", models.BooleanField(default=False)),
                ("permitted", models.BooleanField(default=False)),
                ("denied", models.BooleanField(default=False)),
                ("dead", models.BooleanField(default=False)),
                ("updated_at", models.DateTimeField(db_default=crisis.clock.Now())),
                (
                    "contact",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="addresses",
                        to="audiences.contact",
                    ),
                ),
            ],
            options={
                "verbose_name": "address",
                "verbose_name_plural": "addresses",
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "value_hmac"), include=("contact",), name="one_address_of_a_value")
                ],
            },
        ),
        migrations.CreateModel(
            name="Presence",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "contact_id", "country", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("country", models.CharField(max_length=2)),
                ("cell", models.BigIntegerField()),
                ("last_seen_at", models.DateTimeField()),
                ("traits", models.IntegerField(default=0)),
                (
                    "contact",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="presence",
                        to="audiences.contact",
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="audiences.source",
                    ),
                ),
            ],
            options={
                "verbose_name": "presence",
                "verbose_name_plural": "presence",
                "indexes": [
                    models.Index(
                        fields=["country", "last_seen_at"], include=("contact", "traits", "source"), name="presence_reach"
                    ),
                    models.Index(
                        fields=["cell"],
                        include=("country", "last_seen_at", "contact", "traits", "source"),
                        name="presence_area",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("country__regex", "^[A-Z]{2}$")), name="presence_country_is_a_code"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Trip",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("country", models.CharField(max_length=2, verbose_name="country")),
                ("starts_on", models.DateField(verbose_name="from")),
                ("ends_on", models.DateField(verbose_name="until")),
                (
                    "contact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="trips", to="audiences.contact"
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="audiences.source"),
                ),
            ],
            options={
                "verbose_name": "trip",
                "verbose_name_plural": "trips",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("country__regex", "^[A-Z]{2}$")), name="trip_country_is_a_code"),
                    models.CheckConstraint(
                        condition=models.Q(("ends_on__gte", models.F("starts_on"))), name="a_trip_ends_after_it_starts"
                    ),
                ],
            },
        ),
    ]
