"""A key of a program feeds sources that there are, and says which when it brings anything; and no source is ever deleted."""

from __future__ import annotations

from django.db import migrations

RULES = """
CREATE FUNCTION audiences_key_feeds() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.scopes && '{contacts:write,sightings:write,trips:write}'::varchar[] <> (cardinality(NEW.sources) > 0)
       OR EXISTS (SELECT unnest(NEW.sources) EXCEPT SELECT id FROM audiences_source) THEN
        PERFORM crisis_refuse('A key that brings people or their whereabouts names the sources it feeds, and no other key does.');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER feeds BEFORE INSERT ON crisis_apikey FOR EACH ROW EXECUTE FUNCTION audiences_key_feeds();
REVOKE DELETE, TRUNCATE ON audiences_source FROM crisis_app;
"""

RULES_BACK = """
DROP TRIGGER feeds ON crisis_apikey;
DROP FUNCTION audiences_key_feeds();
GRANT DELETE ON audiences_source TO crisis_app;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("audiences", "0006_outages"),
        ("crisis", "0011_destruction"),
    ]

    operations = [migrations.RunSQL(RULES, RULES_BACK)]
