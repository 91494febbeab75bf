"""API clients and their keys. The database keeps that a machine never holds a role or a password, and that a key never changes."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import crisis.clock

RULES = """
CREATE FUNCTION crisis_refuse_machine() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The technical user of an API client holds no role and has no password.' USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION crisis_machine_role() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM crisis_apiclient WHERE user_id = NEW.user_id) THEN PERFORM crisis_refuse_machine(); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER machine_role BEFORE INSERT OR UPDATE ON crisis_user_groups FOR EACH ROW EXECUTE FUNCTION crisis_machine_role();

-- Django marks a password that no text can equal by a "!".
CREATE FUNCTION crisis_machine_password() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.password NOT LIKE '!%' AND EXISTS (SELECT FROM crisis_apiclient WHERE user_id = NEW.id) THEN PERFORM crisis_refuse_machine(); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER machine_password BEFORE UPDATE ON crisis_user FOR EACH ROW EXECUTE FUNCTION crisis_machine_password();

CREATE FUNCTION crisis_machine_made() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.user_id IS DISTINCT FROM OLD.user_id
       OR EXISTS (SELECT FROM crisis_user WHERE id = NEW.user_id AND password NOT LIKE '!%')
       OR EXISTS (SELECT FROM crisis_user_groups WHERE user_id = NEW.user_id) THEN PERFORM crisis_refuse_machine();
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER machine_made BEFORE INSERT OR UPDATE ON crisis_apiclient FOR EACH ROW EXECUTE FUNCTION crisis_machine_made();

-- Of a key only its use is written down, and that it was revoked, once.
CREATE FUNCTION crisis_key_keep() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE use text[] := ARRAY['last_used_at', 'minute_at', 'minute_calls'];
BEGIN
    IF OLD.revoked_at IS NULL THEN use := use || ARRAY['revoked_at', 'revoked_by_id']; END IF;
    IF (to_jsonb(NEW) - use) IS DISTINCT FROM (to_jsonb(OLD) - use) THEN
        RAISE EXCEPTION 'A key is never changed and never comes back: revoke it and make another.' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER key_keep BEFORE UPDATE ON crisis_apikey FOR EACH ROW EXECUTE FUNCTION crisis_key_keep();
REVOKE DELETE, TRUNCATE ON crisis_apiclient, crisis_apikey FROM crisis_app;
"""

RULES_BACK = """
DROP TRIGGER machine_role ON crisis_user_groups;
DROP TRIGGER machine_password ON crisis_user;
DROP TRIGGER machine_made ON crisis_apiclient;
DROP TRIGGER key_keep ON crisis_apikey;
DROP FUNCTION crisis_key_keep(), crisis_machine_made(), crisis_machine_password(), crisis_machine_role(), crisis_refuse_machine();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("crisis", "0005_duty"),
    ]

    operations = [
        migrations.CreateModel(
            name="ApiClient",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, unique=True, verbose_name="name")),
                ("made_at", models.DateTimeField(db_default=crisis.clock.Now(), editable=False, verbose_name="made at")),
                (
                    "user",
                    models.OneToOneField(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="api_client",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="writes in the name of",
                    ),
                ),
            ],
            options={
                "verbose_name": "API client",
                "verbose_name_plural": "API clients",
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="ApiAnswer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=255)),
                ("asked", models.CharField(max_length=64)),
                ("status", models.PositiveSmallIntegerField()),
                ("answer", models.TextField()),
                ("at", models.DateTimeField(db_default=crisis.clock.Now(), db_index=True)),
                (
                    "client",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="crisis.apiclient"),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("client", "name"), name="one_answer_a_name")],
            },
        ),
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("prefix", models.CharField(max_length=8, unique=True, verbose_name="begins with")),
                ("hash", models.CharField(editable=False, max_length=64)),
                (
                    "sources",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(),
                        blank=True,
                        default=list,
                        size=None,
                        verbose_name="sources it may feed",
                    ),
                ),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("incidents:read", "read open incidents"),
                                ("campaigns:read", "read its own campaigns and their results"),
                                ("campaigns:write", "write drafts of its own"),
                                ("campaigns:submit", "submit its own drafts for approval"),
                                ("campaigns:stop", "stop its own campaigns"),
                                ("contacts:write", "bring contacts and their addresses"),
                                ("sightings:write", "say where people were seen"),
                                ("trips:write", "say who will travel where"),
                            ],
                            max_length=20,
                        ),
                        size=None,
                        verbose_name="opens",
                    ),
                ),
                ("made_at", models.DateTimeField(db_default=crisis.clock.Now(), verbose_name="made at")),
                ("expires_at", models.DateTimeField(verbose_name="expires at")),
                ("revoked_at", models.DateTimeField(null=True, verbose_name="revoked at")),
                ("last_used_at", models.DateTimeField(null=True, verbose_name="last used at")),
                ("minute_at", models.DateTimeField(null=True)),
                ("minute_calls", models.PositiveIntegerField(default=0)),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="keys",
                        to="crisis.apiclient",
                        verbose_name="API client",
                    ),
                ),
                (
                    "change",
                    models.OneToOneField(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="crisis.adminaction",
                    ),
                ),
                (
                    "confirmed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="confirmed by",
                    ),
                ),
                (
                    "proposed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="proposed by",
                    ),
                ),
                (
                    "revoked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="revoked by",
                    ),
                ),
            ],
            options={
                "verbose_name": "API key",
                "verbose_name_plural": "API keys",
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("confirmed_by", models.F("proposed_by")), _negated=True),
                        name="two_persons_make_a_key",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "scopes__contained_by",
                                [
                                    "incidents:read",
                                    "campaigns:read",
                                    "campaigns:write",
                                    "campaigns:submit",
                                    "campaigns:stop",
                                    "contacts:write",
                                    "sightings:write",
                                    "trips:write",
                                ],
                            ),
                            models.Q(("scopes__len", 0), _negated=True),
                        ),
                        name="a_key_opens_what_is_known",
                    ),
                ],
            },
        ),
        migrations.RunSQL(RULES, RULES_BACK),
    ]
