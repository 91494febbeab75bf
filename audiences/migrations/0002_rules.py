"""Audience versions are written once; presence is vacuumed early, as an index-only scan of unvacuumed pages reads every row;
and the application may refresh the planner's statistics of tables that an import has made more than twice as big: by those of
an empty table a big join takes minutes."""

from __future__ import annotations

from django.db import migrations

WRITTEN_ONCE = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audiences_audienceversion FOR EACH ROW EXECUTE FUNCTION crisis_append_only();
CREATE TRIGGER append_only_all BEFORE TRUNCATE ON audiences_audienceversion FOR EACH STATEMENT EXECUTE FUNCTION crisis_append_only();
REVOKE UPDATE, DELETE, TRUNCATE ON audiences_audienceversion FROM crisis_app;
"""

CHANGEABLE = """
DROP TRIGGER append_only ON audiences_audienceversion;
DROP TRIGGER append_only_all ON audiences_audienceversion;
GRANT UPDATE, DELETE ON audiences_audienceversion TO crisis_app;
"""

EARLY = """
ALTER TABLE audiences_presence SET (
    autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0.01, autovacuum_vacuum_insert_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0
);
"""

USUAL = """
ALTER TABLE audiences_presence RESET (
    autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_vacuum_insert_scale_factor,
    autovacuum_vacuum_insert_threshold, autovacuum_analyze_scale_factor, autovacuum_vacuum_cost_delay
);
"""

STATISTICS = """
CREATE FUNCTION audiences_refresh_statistics() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    grown regclass;
BEGIN
    FOR grown IN
        SELECT oid FROM pg_class
         WHERE oid IN ('public.audiences_contact'::regclass, 'public.audiences_address'::regclass, 'public.audiences_presence'::regclass)
           AND pg_relation_size(oid) > 2 * relpages * current_setting('block_size')::bigint
    LOOP
        EXECUTE format('ANALYZE %s', grown);
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION audiences_refresh_statistics() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audiences_refresh_statistics() TO crisis_app;
"""


class Migration(migrations.Migration):
    dependencies = [("audiences", "0001_initial"), ("crisis", "0002_audit_chain")]
    operations = [
        migrations.RunSQL(WRITTEN_ONCE, CHANGEABLE),
        migrations.RunSQL(EARLY, USUAL),
        migrations.RunSQL(STATISTICS, "DROP FUNCTION audiences_refresh_statistics()"),
    ]
