"""What is down where, as somebody says. A row changes once, when it ends."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import crisis.clock

RULES = """
CREATE FUNCTION audiences_outage_kept() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.until_at IS NOT NULL
       OR to_jsonb(NEW) - '{until_at,ended_by_id}'::text[] <> to_jsonb(OLD) - '{until_at,ended_by_id}'::text[] THEN
        RAISE EXCEPTION 'an outage changes once, when it ends' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON audiences_outage FOR EACH ROW EXECUTE FUNCTION audiences_outage_kept();
REVOKE DELETE, TRUNCATE ON audiences_outage FROM crisis_app;
"""

RULES_BACK = """
DROP TRIGGER kept ON audiences_outage;
DROP FUNCTION audiences_outage_kept();
GRANT DELETE ON audiences_outage TO crisis_app;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("audiences", "0005_contact_lists"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Outage",
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
                        ],
                        verbose_name="what does not work",
                    ),
                ),
                ("country", models.CharField(max_length=2, verbose_name="country")),
                ("since_at", models.DateTimeField(verbose_name="since when")),
                ("until_at", models.DateTimeField(null=True, verbose_name="until when")),
                ("said_by", models.CharField(max_length=200, verbose_name="who says so")),
                ("entered_at", models.DateTimeField(db_default=crisis.clock.Now())),
                (
                    "ended_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="ended by",
                    ),
                ),
                (
                    "entered_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="entered by",
                    ),
                ),
            ],
            options={
                "verbose_name": "outage",
                "verbose_name_plural": "outages",
                "ordering": ["-since_at", "-id"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("until_at", None)), fields=("kind", "country"), name="one_open_outage"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", [1, 2, 3, 4, 5, 6, 7])), name="an_outage_is_of_a_kind"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("country__regex", "^[A-Z]{2}$")), name="outage_country_is_a_code"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("until_at__gte", models.F("since_at"))), name="an_outage_ends_after_it_begins"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_by", None), ("until_at", None)),
                            models.Q(("ended_by__isnull", False), ("until_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="somebody_ends_an_outage",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "said_by__regex",
                                "^[^\\u0001-\\u001f\\u007f-\\u009f\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060\\u2066-\\u2069\\ufeff]*$",
                            ),
                            models.Q(("said_by", ""), _negated=True),
                        ),
                        name="an_outage_names_who_says_so",
                    ),
                ],
            },
        ),
        migrations.RunSQL(RULES, RULES_BACK),
    ]
