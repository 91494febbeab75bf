"""Orders hold no person, what was said of them stays said, and a drill's contact cards lead to nobody."""

from __future__ import annotations

from django.db import migrations

# What was one time is two: that a platform holds an order, and that it decided.
TAKEN = """
UPDATE messaging_order SET taken_at = answered_at WHERE answered_at IS NOT NULL;
UPDATE messaging_order SET answered_at = NULL WHERE decision = '' AND answered_at IS NOT NULL;
"""
RULES = """
CREATE FUNCTION messaging_order_insert() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE ours record;
BEGIN
    SELECT b.account_id, b.people, a.address_kind INTO ours
      FROM messaging_batch b JOIN messaging_account a ON a.id = b.account_id WHERE b.id = NEW.batch_id;
    IF ours.people <> '{}' OR ours.address_kind IS NOT NULL THEN
        PERFORM messaging_refuse('An order holds no person, and goes to no way that writes to each person.');
    END IF;
    IF NEW.follows_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM messaging_order o JOIN messaging_batch b ON b.id = o.batch_id
         WHERE o.id = NEW.follows_id AND b.account_id = ours.account_id) THEN
        PERFORM messaging_refuse('An order follows one of the same account: nobody else knows who got that.');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER frozen_insert BEFORE INSERT ON messaging_order FOR EACH ROW EXECUTE FUNCTION messaging_order_insert();

CREATE FUNCTION messaging_order_update() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.batch_id, NEW.follows_id, NEW.recipients) IS DISTINCT FROM (OLD.batch_id, OLD.follows_id, OLD.recipients)
       OR OLD.asked_at IS NOT NULL AND NEW.asked_at IS DISTINCT FROM OLD.asked_at
       OR OLD.body IS NOT NULL AND NEW.body IS DISTINCT FROM OLD.body
       OR OLD.taken_at IS NOT NULL AND NEW.taken_at IS DISTINCT FROM OLD.taken_at
       OR OLD.answered_at IS NOT NULL AND NEW.answered_at IS DISTINCT FROM OLD.answered_at
       OR OLD.waived_at IS NOT NULL AND (NEW.waived_at, NEW.waived_by_id) IS DISTINCT FROM (OLD.waived_at, OLD.waived_by_id)
       OR OLD.cancel_asked_at IS NOT NULL AND NEW.cancel_asked_at IS DISTINCT FROM OLD.cancel_asked_at
       OR OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at THEN
        PERFORM messaging_refuse('What an order asks for, and when it was asked and answered, never changes.');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER frozen_update BEFORE UPDATE ON messaging_order FOR EACH ROW EXECUTE FUNCTION messaging_order_update();
REVOKE DELETE, TRUNCATE ON messaging_order FROM crisis_app;

CREATE FUNCTION messaging_card_place() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE desk record;
BEGIN
    SELECT drill, address_kind INTO desk FROM messaging_account WHERE id = NEW.account_id;
    IF desk.address_kind IS NOT NULL THEN PERFORM messaging_refuse('Only who sends by himself is asked by a contact card.'); END IF;
    IF desk.drill AND (NEW.phone, NEW.other_phone, NEW.email) <> ('', '', '') THEN
        PERFORM messaging_refuse('A contact card of a drill has no telephone and no e-mail: nobody real is asked.');
    END IF;
    IF NEW.parent_id = NEW.id OR NEW.parent_id IS NOT NULL
       AND NEW.account_id IS DISTINCT FROM (SELECT account_id FROM messaging_card WHERE id = NEW.parent_id) THEN
        PERFORM messaging_refuse('An official is asked by another of the same duty desk.');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER place BEFORE INSERT OR UPDATE ON messaging_card FOR EACH ROW EXECUTE FUNCTION messaging_card_place();
REVOKE DELETE, TRUNCATE ON messaging_card FROM crisis_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON messaging_orderword FOR EACH ROW EXECUTE FUNCTION crisis_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON messaging_told FOR EACH ROW EXECUTE FUNCTION crisis_append_only();
REVOKE UPDATE, DELETE, TRUNCATE ON messaging_orderword, messaging_told FROM crisis_app;
"""
BACK = """
GRANT UPDATE, DELETE ON messaging_orderword, messaging_told TO crisis_app;
DROP TRIGGER append_only ON messaging_told;
DROP TRIGGER append_only ON messaging_orderword;
GRANT DELETE ON messaging_order, messaging_card TO crisis_app;
DROP TRIGGER place ON messaging_card;
DROP TRIGGER frozen_update ON messaging_order;
DROP TRIGGER frozen_insert ON messaging_order;
DROP FUNCTION messaging_card_place(), messaging_order_update(), messaging_order_insert();
"""


class Migration(migrations.Migration):
    dependencies = [("messaging", "0010_orders")]
    operations = [migrations.RunSQL(TAKEN, migrations.RunSQL.noop), migrations.RunSQL(RULES, BACK)]
