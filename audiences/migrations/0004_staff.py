"""The closed list of colleagues who get TEST messages."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import crisis.clock


class Migration(migrations.Migration):
    dependencies = [
        ("audiences", "0003_upload"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="StaffMember",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120, verbose_name="who it is")),
                ("active", models.BooleanField(default=True, verbose_name="gets tests")),
                ("added_at", models.DateTimeField(db_default=crisis.clock.Now(), verbose_name="added at")),
                (
                    "added_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="added by",
                    ),
                ),
                (
                    "contact",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="staff", to="audiences.contact"
                    ),
                ),
            ],
            options={
                "verbose_name": "colleague for tests",
                "verbose_name_plural": "staff for tests",
                "ordering": ["name", "id"],
            },
        ),
    ]
