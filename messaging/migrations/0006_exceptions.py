"""The exception kept by the database: words that never change, terms of at most 72 hours by one approver after another."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import crisis.clock

RULES = """
CREATE FUNCTION messaging_exception_insert() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    NEW.written_by_id := messaging_by();
    NEW.written_at := crisis_now();
    IF NEW.used_at IS NOT NULL OR NEW.revoked_at IS NOT NULL OR NEW.noted_at IS NOT NULL THEN
        PERFORM messaging_refuse('An exception begins unused.');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER written BEFORE INSERT ON messaging_reachexception FOR EACH ROW EXECUTE FUNCTION messaging_exception_insert();

CREATE FUNCTION messaging_exception_update() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE machine text[] := ARRAY['used_at', 'revoked_at', 'revoked_by_id', 'noted_at', 'noted_by_id'];
BEGIN
    IF (to_jsonb(NEW) - machine) IS DISTINCT FROM (to_jsonb(OLD) - machine) THEN
        PERFORM messaging_refuse('The words and the end of an exception never change; a new one is written.');
    END IF;
    IF OLD.used_at IS NOT NULL AND NEW.used_at IS DISTINCT FROM OLD.used_at
       OR OLD.revoked_at IS NOT NULL AND (NEW.revoked_at, NEW.revoked_by_id) IS DISTINCT FROM (OLD.revoked_at, OLD.revoked_by_id)
       OR OLD.noted_at IS NOT NULL AND (NEW.noted_at, NEW.noted_by_id) IS DISTINCT FROM (OLD.noted_at, OLD.noted_by_id) THEN
        PERFORM messaging_refuse('What was noted of an exception stays noted.');
    END IF;
    IF NEW.revoked_at IS NOT NULL AND OLD.revoked_at IS NULL AND NEW.revoked_by_id IS DISTINCT FROM messaging_by() THEN
        PERFORM messaging_refuse('Nobody revokes in another person''s name.');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER kept BEFORE UPDATE ON messaging_reachexception FOR EACH ROW EXECUTE FUNCTION messaging_exception_update();
REVOKE DELETE, TRUNCATE ON messaging_reachexception FROM crisis_app;

-- Whether a sending may begin under an exception: granted, not over, not revoked, of a grave incident that is not closed.
CREATE FUNCTION messaging_in_force(target bigint, incident bigint) RETURNS boolean LANGUAGE sql STABLE
SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM messaging_reachexception x JOIN crisis_incident i ON i.id = x.incident_id
                    WHERE x.id = target AND x.incident_id = incident AND x.revoked_at IS NULL AND i.status <> 'closed'
                      AND i.severity IN ('Extreme', 'Severe')
                      AND (SELECT t.until FROM messaging_exceptionterm t WHERE t.exception_id = x.id ORDER BY t.id DESC LIMIT 1)
                          > crisis_now())
$$;

-- The row of the exception is locked, so that two approvers cannot pass each other.
CREATE FUNCTION messaging_term_insert() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE found record; before record;
BEGIN
    SELECT x.written_by_id, x.revoked_at, i.status, i.severity INTO found FROM messaging_reachexception x
      JOIN crisis_incident i ON i.id = x.incident_id WHERE x.id = NEW.exception_id FOR UPDATE OF x;
    SELECT t.by_id INTO before FROM messaging_exceptionterm t WHERE t.exception_id = NEW.exception_id ORDER BY t.id DESC LIMIT 1;
    IF NEW.by_id IS DISTINCT FROM messaging_by() THEN PERFORM messaging_refuse('Nobody approves in another person''s name.'); END IF;
    IF NEW.by_id IN (found.written_by_id, before.by_id) THEN
        PERFORM messaging_refuse('An exception is granted and renewed by a person who neither wrote it nor granted it last.');
    END IF;
    IF NOT EXISTS (SELECT FROM crisis_user u JOIN crisis_user_groups ug ON ug.user_id = u.id JOIN auth_group g ON g.id = ug.group_id
                    WHERE u.id = NEW.by_id AND u.is_active AND g.name = 'supervisor') THEN
        PERFORM messaging_refuse('An exception is granted by a supervisor.');
    END IF;
    IF found.revoked_at IS NOT NULL OR found.status = 'closed' OR found.severity NOT IN ('Extreme', 'Severe') THEN
        PERFORM messaging_refuse('An exception holds only for an open incident with serious harm, and not after it was revoked.');
    END IF;
    NEW.at := crisis_now();
    IF NEW.until <= NEW.at OR NEW.until > NEW.at + interval '72 hours' THEN
        PERFORM messaging_refuse('An exception is granted for at most 72 hours.');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER granted BEFORE INSERT ON messaging_exceptionterm FOR EACH ROW EXECUTE FUNCTION messaging_term_insert();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON messaging_exceptionterm FOR EACH ROW EXECUTE FUNCTION crisis_append_only();
REVOKE UPDATE, DELETE, TRUNCATE ON messaging_exceptionterm FROM crisis_app;

CREATE FUNCTION messaging_exception_place() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.exception_id IS NOT NULL AND NEW.incident_id IS DISTINCT FROM
       (SELECT incident_id FROM messaging_reachexception WHERE id = NEW.exception_id) THEN
        PERFORM messaging_refuse('An exception belongs to its own incident.');
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.exception_id IS NOT NULL AND NEW.status = 'sending' AND OLD.status <> 'sending'
       AND NOT messaging_in_force(NEW.exception_id, NEW.incident_id) THEN
        PERFORM messaging_refuse('The exception is not in force: nothing is sent under it.');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER exception_place BEFORE INSERT OR UPDATE ON messaging_campaign FOR EACH ROW EXECUTE FUNCTION messaging_exception_place();
"""

BACK = """
DROP TRIGGER exception_place ON messaging_campaign;
DROP TRIGGER append_only ON messaging_exceptionterm;
DROP TRIGGER granted ON messaging_exceptionterm;
DROP TRIGGER kept ON messaging_reachexception;
DROP TRIGGER written ON messaging_reachexception;
DROP FUNCTION messaging_exception_place(), messaging_term_insert(), messaging_in_force(bigint, bigint), messaging_exception_update(),
              messaging_exception_insert();
GRANT DELETE ON messaging_reachexception TO crisis_app;
"""


class Migration(migrations.Migration):
    dependencies = [("messaging", "0005_playbooks"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = [
        migrations.CreateModel(
            name="ExceptionTerm",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_default=crisis.clock.Now(), verbose_name="time")),
                ("until", models.DateTimeField(verbose_name="until")),
                ("reason", models.CharField(blank=True, max_length=500, verbose_name="why it is still needed")),
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
                    "exception",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="terms",
                        to="messaging.reachexception",
                        verbose_name="exception",
                    ),
                ),
            ],
            options={
                "verbose_name": "term of an exception",
                "verbose_name_plural": "terms of exceptions",
                "ordering": ["id"],
            },
        ),
        migrations.RunSQL(RULES, BACK),
    ]
