"""The audit log proves itself: the database writes time, place and hash of each row, and refuses to change one."""

from __future__ import annotations

from django.db import migrations

CHAIN = """
CREATE FUNCTION crisis_audit_hash(e crisis_auditentry) RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
    SELECT encode(sha256(convert_to(e.prev_hash || jsonb_build_object(
        'id', e.id, 'at', e.at, 'by', e.by_id, 'action', e.action,
        'object_type', e.object_type, 'object_id', e.object_id, 'data', e.data)::text, 'UTF8')), 'hex')
$$;

-- The id is drawn again under the lock, so that the order of ids is the order of the chain.
CREATE FUNCTION crisis_audit_chain() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('crisis_auditentry', 0));
    NEW.id := nextval(pg_get_serial_sequence('crisis_auditentry', 'id'));
    NEW.at := crisis_now();
    NEW.prev_hash := coalesce((SELECT hash FROM crisis_auditentry ORDER BY id DESC LIMIT 1), '');
    NEW.hash := crisis_audit_hash(NEW);
    RETURN NEW;
END $$;
CREATE TRIGGER chain BEFORE INSERT ON crisis_auditentry FOR EACH ROW EXECUTE FUNCTION crisis_audit_chain();

CREATE FUNCTION crisis_append_only() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% only grows: its rows are never changed or removed.', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON crisis_auditentry FOR EACH ROW EXECUTE FUNCTION crisis_append_only();
CREATE TRIGGER append_only_all BEFORE TRUNCATE ON crisis_auditentry FOR EACH STATEMENT EXECUTE FUNCTION crisis_append_only();
REVOKE UPDATE, DELETE, TRUNCATE ON crisis_auditentry FROM crisis_app;
"""

BACK = """
DROP TRIGGER chain ON crisis_auditentry;
DROP TRIGGER append_only ON crisis_auditentry;
DROP TRIGGER append_only_all ON crisis_auditentry;
DROP FUNCTION crisis_audit_chain(), crisis_append_only(), crisis_audit_hash(crisis_auditentry);
GRANT UPDATE, DELETE ON crisis_auditentry TO crisis_app;
"""


class Migration(migrations.Migration):
    dependencies = [("crisis", "0001_initial")]
    operations = [migrations.RunSQL(CHAIN, BACK)]
