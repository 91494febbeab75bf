"""Uploaded files in encrypted parts, with the place their look and their import have come to."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

# What waits at this moment is chosen again: a file is kept for an hour only.
FORGET = "DELETE FROM audiences_upload"
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
    dependencies = [("audiences", "0006_outages")]

    operations = [
        migrations.RunSQL(FORGET, migrations.RunSQL.noop),
        migrations.RemoveField("upload", "content"),
        migrations.AddField("upload", "kept_until", models.DateTimeField()),
        migrations.AddField("upload", "encoding", models.CharField(max_length=10)),
        migrations.AddField("upload", "header", models.JSONField()),
        migrations.AddField(
            "upload", "status", models.CharField(max_length=10, choices=[*STATUSES.items()], default="checking")
        ),
        migrations.AddField("upload", "rows", models.PositiveIntegerField(default=0)),
        migrations.AddField("upload", "done", models.PositiveIntegerField(default=0)),
        migrations.AddField("upload", "rows_done", models.PositiveIntegerField(default=0)),
        migrations.AddField("upload", "found", models.JSONField(default=dict)),
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
