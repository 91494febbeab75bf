"""Files that wait, encrypted, for the word of the person who chose them."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import crisis.clock


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
                ("content", models.BinaryField()),
                ("result", models.JSONField(null=True)),
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
    ]
