"""A key names the sources it may feed, as two persons want it. One made before names none and feeds nothing."""

from __future__ import annotations

import django.contrib.postgres.fields
from django.db import migrations, models

FUNCTION = """
CREATE OR REPLACE FUNCTION crisis_key_insert() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF crisis_is_owner() THEN RETURN NEW; END IF;
    SELECT id INTO NEW.change_id FROM crisis_adminaction a
     WHERE kind = 'api.key' AND applied_in = pg_current_xact_id()::text::bigint
       AND proposed_by_id = NEW.proposed_by_id AND confirmed_by_id = NEW.confirmed_by_id
       AND (data->>'client')::bigint = NEW.client_id AND data->'scopes' = to_jsonb(NEW.scopes)%s
       AND (data->>'expires_at')::timestamptz = NEW.expires_at
       AND NOT EXISTS (SELECT FROM crisis_apikey WHERE change_id = a.id)
     ORDER BY id LIMIT 1;
    IF NEW.change_id IS NULL THEN
        PERFORM crisis_refuse('A key is made as two persons want it, once, in the transaction that confirms it.');
    END IF;
    RETURN NEW;
END $$;
"""
SOURCES = " AND coalesce(data->'sources', '[]') = to_jsonb(NEW.sources)"


class Migration(migrations.Migration):
    dependencies = [("crisis", "0011_destruction")]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="sources",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(),
                blank=True,
                default=list,
                size=None,
                verbose_name="sources it may feed",
            ),
        ),
        migrations.RunSQL(FUNCTION % SOURCES, FUNCTION % ""),
    ]
