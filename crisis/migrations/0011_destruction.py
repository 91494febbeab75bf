"""The record of what was destroyed of the data about persons, begun for an incident by two persons alone; and daily duties."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import crisis.clock

RULES = """
CREATE FUNCTION crisis_destruction_insert() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.kind = 'incident.purge' AND NOT EXISTS (
        SELECT FROM crisis_adminaction a JOIN crisis_incident i ON i.id = NEW.incident_id AND i.status = 'closed'
         WHERE a.id = NEW.change_id AND a.kind = 'incident.purge' AND (a.data->>'incident')::bigint = NEW.incident_id
           AND a.applied_in = pg_current_xact_id()::text::bigint) THEN
        PERFORM crisis_refuse('Data of a closed incident are destroyed as two persons want it, beginning in the transaction that confirms it.');
    END IF;
    NEW.began_at := crisis_now();
    RETURN NEW;
END $$;
CREATE TRIGGER begun BEFORE INSERT ON crisis_destruction FOR EACH ROW EXECUTE FUNCTION crisis_destruction_insert();

CREATE FUNCTION crisis_destruction_update() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL OR to_jsonb(NEW) - ARRAY['counts','ended_at'] IS DISTINCT FROM to_jsonb(OLD) - ARRAY['counts','ended_at'] THEN
        PERFORM crisis_refuse('The record of what was destroyed is never rewritten.');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER kept BEFORE UPDATE ON crisis_destruction FOR EACH ROW EXECUTE FUNCTION crisis_destruction_update();
CREATE TRIGGER append_only BEFORE DELETE ON crisis_destruction FOR EACH ROW EXECUTE FUNCTION crisis_append_only();
REVOKE DELETE, TRUNCATE ON crisis_destruction FROM crisis_app;

-- Whether the purge of this incident is under way: two persons confirmed it, and it has not ended.
CREATE FUNCTION crisis_purging(target bigint) RETURNS boolean LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM crisis_destruction WHERE incident_id = target AND kind = 'incident.purge' AND ended_at IS NULL)
$$;
"""

BACK = """
DROP FUNCTION crisis_purging(bigint);
DROP TRIGGER append_only ON crisis_destruction;
DROP TRIGGER kept ON crisis_destruction;
DROP TRIGGER begun ON crisis_destruction;
DROP FUNCTION crisis_destruction_update(), crisis_destruction_insert();
GRANT DELETE ON crisis_destruction TO crisis_app;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("crisis", "0010_facts"),
    ]

    operations = [
        migrations.CreateModel(
            name="DailyDuty",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=20)),
                ("day", models.DateField()),
                ("next_at", models.DateTimeField(db_default=crisis.clock.Now())),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "daily duty",
                "verbose_name_plural": "daily duties",
                "constraints": [models.UniqueConstraint(fields=("name", "day"), name="one_duty_a_day")],
            },
        ),
        migrations.CreateModel(
            name="Destruction",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("incident.purge", "what was held about people of a closed incident"),
                            ("retention", "what was older than its source lets us keep"),
                            ("person.forget", "one person, at their request"),
                        ],
                        max_length=20,
                        verbose_name="what",
                    ),
                ),
                ("began_at", models.DateTimeField(db_default=crisis.clock.Now(), verbose_name="begun at")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended at")),
                ("counts", models.JSONField(default=dict, verbose_name="how much")),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="person",
                    ),
                ),
                (
                    "change",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="crisis.adminaction",
                        verbose_name="confirmed as",
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="destructions",
                        to="crisis.incident",
                        verbose_name="incident",
                    ),
                ),
            ],
            options={
                "verbose_name": "destruction of data",
                "verbose_name_plural": "destroyed data",
                "ordering": ["-id"],
                "constraints": [
                    models.UniqueConstraint(fields=("incident",), name="an_incident_is_purged_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "incident.purge"), _negated=True),
                            models.Q(("change__isnull", False), ("incident__isnull", False)),
                            _connector="OR",
                        ),
                        name="a_purge_names_incident_and_change",
                    ),
                ],
            },
        ),
        migrations.RunSQL(RULES, BACK),
    ]
