"""Who got what is destroyed only with its incident, by two persons; the totals that reports are made of stay."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

RULES = """
CREATE FUNCTION messaging_purge_only() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT crisis_purging((SELECT incident_id FROM messaging_campaign WHERE id = OLD.campaign_id)) THEN
        PERFORM messaging_refuse('Who got what is destroyed only with the incident, as two persons confirmed it.');
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER purge_only BEFORE DELETE ON messaging_delivery FOR EACH ROW EXECUTE FUNCTION messaging_purge_only();
CREATE TRIGGER purge_only_delete BEFORE DELETE ON messaging_batch FOR EACH ROW EXECUTE FUNCTION messaging_purge_only();
CREATE TRIGGER purge_only BEFORE UPDATE ON messaging_batch FOR EACH ROW WHEN (OLD.people IS DISTINCT FROM NEW.people)
    EXECUTE FUNCTION messaging_purge_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON messaging_reasontotal FOR EACH ROW EXECUTE FUNCTION crisis_append_only();
REVOKE UPDATE, DELETE, TRUNCATE ON messaging_reasontotal FROM crisis_app;
REVOKE TRUNCATE ON messaging_delivery, messaging_deliveryref, messaging_batch, messaging_reply FROM crisis_app;
"""

BACK = """
DROP TRIGGER append_only ON messaging_reasontotal;
DROP TRIGGER purge_only ON messaging_batch;
DROP TRIGGER purge_only_delete ON messaging_batch;
DROP TRIGGER purge_only ON messaging_delivery;
DROP FUNCTION messaging_purge_only();
GRANT UPDATE, DELETE ON messaging_reasontotal TO crisis_app;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("crisis", "0011_destruction"),
        ("messaging", "0007_break_glass"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReasonTotal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("status", models.CharField(max_length=9)),
                ("reason", models.CharField(blank=True, max_length=60)),
                ("people", models.PositiveIntegerField()),
                (
                    "account",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="messaging.account"),
                ),
                (
                    "campaign",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="reason_totals", to="messaging.campaign"
                    ),
                ),
            ],
            options={
                "verbose_name": "kept total",
                "verbose_name_plural": "kept totals",
                "constraints": [
                    models.UniqueConstraint(fields=("campaign", "account", "status", "reason"), name="one_total_a_reason")
                ],
            },
        ),
        migrations.RunSQL(RULES, BACK),
    ]
