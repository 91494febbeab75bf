"""A row for every statement that destroyed whereabouts or took an address from its person: who remembers them must forget."""

from __future__ import annotations

from django.db import migrations

RULES = """
CREATE TABLE audiences_destroyed (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT crisis_now()
);
REVOKE INSERT, UPDATE ON audiences_destroyed FROM crisis_app;
CREATE FUNCTION audiences_note_destroyed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO audiences_destroyed DEFAULT VALUES;
    RETURN NULL;
END $$;
CREATE FUNCTION audiences_note_rows_destroyed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM gone) THEN
        INSERT INTO audiences_destroyed DEFAULT VALUES;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER noted AFTER DELETE ON audiences_presence REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION audiences_note_rows_destroyed();
CREATE TRIGGER noted AFTER DELETE ON audiences_address REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION audiences_note_rows_destroyed();
CREATE TRIGGER noted_emptied AFTER TRUNCATE ON audiences_presence FOR EACH STATEMENT EXECUTE FUNCTION audiences_note_destroyed();
CREATE TRIGGER noted_moved AFTER UPDATE OF contact_id ON audiences_address
    FOR EACH STATEMENT EXECUTE FUNCTION audiences_note_destroyed();
"""

RULES_BACK = """
DROP TRIGGER noted_moved ON audiences_address;
DROP TRIGGER noted_emptied ON audiences_presence;
DROP TRIGGER noted ON audiences_address;
DROP TRIGGER noted ON audiences_presence;
DROP FUNCTION audiences_note_rows_destroyed();
DROP FUNCTION audiences_note_destroyed();
DROP TABLE audiences_destroyed;
"""


class Migration(migrations.Migration):
    dependencies = [("audiences", "0007_fed_sources")]

    operations = [migrations.RunSQL(RULES, RULES_BACK)]
