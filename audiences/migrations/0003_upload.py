"""Files that wait, encrypted and in parts, for the word of the person who chose them, and how far they have come."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import crisis.clock

# Ciphertext does not shrink: nobody is to try.
AS_IT_IS = (
    """ALTER TABLE audiences_uploadpart ALTER COLUMN content SET STORAGE EXTERNAL, ALTER COLUMN told SET STORAGE EXTERNAL"""
)
STATUSES = {
    "checking": "being looked at",
    "waiting": "waits for confirmation",
    "importing": "being imported",
    "imported": "imported",
    "cancelled": "cancelled",
}


class Migration(migrations.Migration):
    dependencies = [("audiences", "0002_rules"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="Upload",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=20)),
                ("name", models.CharField(max_length=200)),
                ("list_name", models.CharField(blank=True, max_length=200)),
                ("at", models.DateTimeField(db_default=crisis.clock.Now())),
                ("key", models.CharField(max_length=40)),
                ("result", models.JSONField(null=True)),
                ("kept_until", models.DateTimeField()),
                ("encoding", models.CharField(max_length=10)),
                ("header", models.JSONField()),
                ("status", models.CharField(choices=[*STATUSES.items()], default="checking", max_length=10)),
                ("rows", models.PositiveIntegerField(default=0)),
                ("done", models.PositiveIntegerField(default=0)),
                ("rows_done", models.PositiveIntegerField(default=0)),
                ("found", models.JSONField(default=dict)),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="audiences.source"
                    ),
                ),
            ],
            options={"verbose_name": "uploaded file", "verbose_name_plural": "uploaded files"},
        ),
        migrations.CreateModel(
            name="UploadPart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("rows", models.PositiveIntegerField()),
                ("content", models.BinaryField()),
                ("told", models.BinaryField(default=b"")),
                ("left_out", django.contrib.postgres.fields.ArrayField(models.IntegerField(), default=list, size=None)),
                ("repeated", models.PositiveIntegerField(default=0)),
                ("people", django.contrib.postgres.fields.ArrayField(models.BigIntegerField(), default=list, size=None)),
                (
                    "upload",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="parts",
                        to="audiences.upload",
                    ),
                ),
            ],
            options={
                "verbose_name": "part of an uploaded file",
                "verbose_name_plural": "parts of uploaded files",
                "constraints": [models.UniqueConstraint(fields=("upload", "number"), name="one_part_of_a_number")],
            },
        ),
        migrations.RunSQL(AS_IT_IS, migrations.RunSQL.noop),
    ]
