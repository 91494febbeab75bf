"""Playbooks: versions that never change, approved by two persons who did not write them; a text remembers which it came from."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import crisis.clock

RULES = """
-- The one way in which blanks are filled: pages show it, and whoever compares a text with its playbook asks it again.
CREATE FUNCTION messaging_fill(said text, answers jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE SET search_path = public, pg_temp AS $$
DECLARE one record;
BEGIN
    FOR one IN SELECT key, value FROM jsonb_each_text(coalesce(answers, '{}'::jsonb)) ORDER BY key LOOP
        said := replace(said, '[' || one.key || ']', coalesce(one.value, ''));
    END LOOP;
    RETURN btrim(regexp_replace(said, ' {2,}', ' ', 'g'), E' \\n\\r\\t');
END $$;

CREATE FUNCTION messaging_playbook_version_insert() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.written_by_id IS DISTINCT FROM messaging_by() THEN PERFORM messaging_refuse('Nobody writes in another person''s name.'); END IF;
    NEW.written_at := crisis_now();
    RETURN NEW;
END $$;
CREATE TRIGGER named BEFORE INSERT ON messaging_playbookversion FOR EACH ROW EXECUTE FUNCTION messaging_playbook_version_insert();

CREATE FUNCTION messaging_playbook_approval_insert() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.by_id IS DISTINCT FROM messaging_by() THEN PERFORM messaging_refuse('Nobody approves in another person''s name.'); END IF;
    IF EXISTS (SELECT FROM messaging_playbookversion WHERE id = NEW.version_id AND written_by_id = NEW.by_id) THEN
        PERFORM messaging_refuse('Whoever wrote a version of a playbook does not approve it.');
    END IF;
    IF NOT EXISTS (SELECT FROM crisis_user u JOIN crisis_user_groups ug ON ug.user_id = u.id JOIN auth_group g ON g.id = ug.group_id
                    WHERE u.id = NEW.by_id AND u.is_active AND g.name = 'supervisor') THEN
        PERFORM messaging_refuse('Supervisors approve playbooks.');
    END IF;
    NEW.at := crisis_now();
    RETURN NEW;
END $$;
CREATE TRIGGER second_persons BEFORE INSERT ON messaging_playbookapproval FOR EACH ROW EXECUTE FUNCTION messaging_playbook_approval_insert();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON messaging_playbookversion FOR EACH ROW EXECUTE FUNCTION crisis_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON messaging_playbookapproval FOR EACH ROW EXECUTE FUNCTION crisis_append_only();
REVOKE UPDATE, DELETE, TRUNCATE ON messaging_playbookversion, messaging_playbookapproval FROM crisis_app;
REVOKE DELETE, TRUNCATE ON messaging_playbook FROM crisis_app;
"""

BACK = """
DROP TRIGGER append_only ON messaging_playbookversion;
DROP TRIGGER append_only ON messaging_playbookapproval;
DROP TRIGGER named ON messaging_playbookversion;
DROP TRIGGER second_persons ON messaging_playbookapproval;
DROP FUNCTION messaging_playbook_approval_insert(), messaging_playbook_version_insert(), messaging_fill(text, jsonb);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("messaging", "0004_notices"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="text",
            name="values",
            field=models.JSONField(blank=True, null=True, verbose_name="what its blanks were filled with"),
        ),
        migrations.CreateModel(
            name="Playbook",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120, verbose_name="name")),
                (
                    "categories",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("Transport", "transport: flights, roads, borders"),
                                ("Security", "security: unrest, attack, war"),
                                ("Geo", "earthquake, landslide, eruption"),
                                ("Met", "weather: storm, flood, heat"),
                                ("Safety", "danger to the public"),
                                ("Rescue", "search and rescue"),
                                ("Fire", "fire"),
                                ("Health", "disease, poisoning"),
                                ("Env", "pollution, environment"),
                                ("Infra", "power, water, networks"),
                                ("CBRNE", "chemical, biological, nuclear, explosive"),
                                ("Other", "other"),
                            ],
                            max_length=20,
                        ),
                        blank=True,
                        default=list,
                        size=None,
                        verbose_name="kinds of incident it fits",
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=crisis.clock.Now(), verbose_name="begun at")),
                ("retired_at", models.DateTimeField(null=True, verbose_name="retired at")),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="begun by",
                    ),
                ),
            ],
            options={
                "verbose_name": "playbook",
                "verbose_name_plural": "playbooks",
                "ordering": ["name", "pk"],
            },
        ),
        migrations.CreateModel(
            name="PlaybookVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField(verbose_name="version")),
                (
                    "kind",
                    models.CharField(
                        choices=[("alert", "alert"), ("update", "update"), ("cancel", "cancel"), ("all-clear", "all-clear")],
                        default="alert",
                        max_length=10,
                        verbose_name="kind of campaign",
                    ),
                ),
                ("texts", models.JSONField(verbose_name="texts")),
                ("hours", models.PositiveIntegerField(verbose_name="seen there within how many hours")),
                ("mode", models.CharField(max_length=20, verbose_name="were there, or still there")),
                (
                    "ways",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=30), size=None, verbose_name="ways"
                    ),
                ),
                ("written_at", models.DateTimeField(db_default=crisis.clock.Now(), verbose_name="written at")),
                (
                    "playbook",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="messaging.playbook",
                        verbose_name="playbook",
                    ),
                ),
                (
                    "written_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="written by",
                    ),
                ),
            ],
            options={
                "verbose_name": "version of a playbook",
                "verbose_name_plural": "versions of playbooks",
                "constraints": [
                    models.UniqueConstraint(fields=("playbook", "number"), name="one_playbook_version_a_number"),
                ],
            },
        ),
        migrations.CreateModel(
            name="PlaybookApproval",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_default=crisis.clock.Now(), verbose_name="time")),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="person",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="approvals", to="messaging.playbookversion"
                    ),
                ),
            ],
            options={
                "verbose_name": "approval of a playbook",
                "verbose_name_plural": "approvals of playbooks",
                "constraints": [
                    models.UniqueConstraint(fields=("version", "by"), name="one_playbook_approval_a_person"),
                ],
            },
        ),
        migrations.AddField(
            model_name="text",
            name="playbook_version",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="messaging.playbookversion",
                verbose_name="playbook",
            ),
        ),
        migrations.RunSQL(RULES, BACK),
    ]
