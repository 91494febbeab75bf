"""The duty roster, and the database's own word on who is on duty: rules of other tables ask it."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import crisis.clock

ON_DUTY = """
CREATE FUNCTION crisis_on_duty(person bigint) RETURNS boolean LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM crisis_duty WHERE person_id = person AND from_at <= crisis_now() AND until_at > crisis_now())
$$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("crisis", "0004_roles"),
    ]

    operations = [
        migrations.CreateModel(
            name="Duty",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("from_at", models.DateTimeField(verbose_name="from")),
                ("until_at", models.DateTimeField(verbose_name="until")),
                ("order", models.PositiveSmallIntegerField(default=1, verbose_name="order of call")),
                ("phone", models.CharField(blank=True, max_length=50, verbose_name="phone")),
                ("planned_at", models.DateTimeField(db_default=crisis.clock.Now(), verbose_name="planned at")),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="duties",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="person",
                    ),
                ),
                (
                    "planned_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="planned by",
                    ),
                ),
            ],
            options={
                "verbose_name": "shift",
                "verbose_name_plural": "shifts",
                "ordering": ["from_at", "order", "pk"],
                "indexes": [models.Index(fields=["until_at"], name="duty_until")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("until_at__gt", models.F("from_at"))), name="a_shift_ends_after_it_began"
                    )
                ],
            },
        ),
        migrations.RunSQL(ON_DUTY, "DROP FUNCTION crisis_on_duty(bigint)"),
    ]
