"""What is let into the queue, judged once a statement: a snapshot of a million people writes ten thousand batches."""

from __future__ import annotations

from django.db import migrations

RULES = """
CREATE FUNCTION messaging_batches_insert() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE found record; again messaging_batch;
BEGIN
    FOR found IN
        SELECT g.*, c.status, c.drill, c.test, c.started_in, a.drill AS account_drill,
               w.account_id IS NULL OR g.text_id IS NOT NULL AND t.id IS NULL AS strange
          FROM (SELECT campaign_id, account_id, text_id, max(cardinality(people)) AS most, bool_and(resend_of_id IS NOT NULL) AS again
                  FROM fresh GROUP BY 1, 2, 3) g
          LEFT JOIN messaging_campaign c ON c.id = g.campaign_id
          LEFT JOIN messaging_account a ON a.id = g.account_id
          LEFT JOIN messaging_campaign_accounts w ON w.account_id = g.account_id AND w.campaign_id = g.campaign_id
          LEFT JOIN messaging_text t ON t.id = g.text_id AND t.campaign_id = g.campaign_id
    LOOP
        IF found.status IS DISTINCT FROM 'sending' THEN PERFORM messaging_refuse('People are queued only while their campaign is being sent.'); END IF;
        IF found.drill IS DISTINCT FROM found.account_drill THEN PERFORM messaging_refuse('A drill uses drill accounts only, and drill accounts are for drills only.'); END IF;
        IF found.test THEN
            PERFORM messaging_test_people(found.campaign_id, ARRAY(SELECT unnest(people) FROM fresh WHERE campaign_id = found.campaign_id));
        END IF;
        IF found.most > 100 THEN PERFORM messaging_refuse('A batch holds at most 100 people.'); END IF;
        IF NOT found.again AND found.started_in IS DISTINCT FROM pg_current_xact_id()::text::bigint THEN
            PERFORM messaging_refuse('People are let in only when a sending begins.');
        END IF;
        IF found.strange THEN PERFORM messaging_refuse('People are queued for a text of their own campaign, by one of its ways.'); END IF;
    END LOOP;
    FOR again IN SELECT * FROM fresh WHERE resend_of_id IS NOT NULL LOOP PERFORM messaging_demand_resend(again); END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER frozen_insert AFTER INSERT ON messaging_batch REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION messaging_batches_insert();
"""
RULES_BACK = """
DROP TRIGGER frozen_insert ON messaging_batch;
DROP FUNCTION messaging_batches_insert();
"""


class Migration(migrations.Migration):
    dependencies = [("messaging", "0011_order_rules")]
    operations = [migrations.RunSQL(RULES, RULES_BACK)]
