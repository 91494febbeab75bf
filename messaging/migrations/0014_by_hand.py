"""What people do by hand no machine does: a duty desk has no lane."""

from __future__ import annotations

from django.db import migrations

BY_HAND = """
CREATE FUNCTION messaging_lane_insert() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM messaging_account WHERE id = NEW.account_id AND slug = 'manual') THEN
        PERFORM messaging_refuse('A duty desk is asked by people, so no machine has a way to it.');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER by_hand BEFORE INSERT OR UPDATE OF account_id ON messaging_lane
   FOR EACH ROW EXECUTE FUNCTION messaging_lane_insert();
"""
BACK = """
DROP TRIGGER by_hand ON messaging_lane;
DROP FUNCTION messaging_lane_insert();
"""


class Migration(migrations.Migration):
    dependencies = [("messaging", "0013_deliveries")]
    operations = [migrations.RunSQL(BY_HAND, BACK)]
