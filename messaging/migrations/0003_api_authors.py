"""What an API client writes, those who made its keys count as authors of: they could have written it with the key themselves."""

from __future__ import annotations

from django.db import migrations

MAKERS = """
-- BEFORE, because it fires also where the client stands as an author already, and a newer key has other makers.
CREATE FUNCTION messaging_author_makers() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO messaging_author (campaign_id, user_id)
    SELECT DISTINCT NEW.campaign_id, maker FROM crisis_apiclient c JOIN crisis_apikey k ON k.client_id = c.id,
           unnest(ARRAY[k.proposed_by_id, k.confirmed_by_id]) maker WHERE c.user_id = NEW.user_id
    ON CONFLICT DO NOTHING;
    RETURN NEW;
END $$;
CREATE TRIGGER makers BEFORE INSERT ON messaging_author FOR EACH ROW EXECUTE FUNCTION messaging_author_makers();
"""

BACK = "DROP TRIGGER makers ON messaging_author; DROP FUNCTION messaging_author_makers();"


class Migration(migrations.Migration):
    dependencies = [("messaging", "0002_rules"), ("crisis", "0006_api_clients")]
    operations = [migrations.RunSQL(MAKERS, BACK)]
