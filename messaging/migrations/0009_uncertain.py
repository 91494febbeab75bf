"""Who may or may not have got a message: sent it again once where that was approved, else as a person decides."""

from __future__ import annotations

from django.db import migrations

RULES = """
-- A batch of people who stand as uncertain in one that is done: the same words by the same account under another key. The
-- console alone sends again once, and only where that was approved.
CREATE FUNCTION messaging_demand_resend(again messaging_batch) RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE old messaging_batch; rule text;
BEGIN
    SELECT * INTO old FROM messaging_batch WHERE id = again.resend_of_id;
    SELECT when_uncertain INTO rule FROM messaging_campaign WHERE id = again.campaign_id;
    IF (old.campaign_id, old.account_id, old.text_id, old.status) IS DISTINCT FROM (again.campaign_id, again.account_id, again.text_id, 'done')
       OR again.key = old.key OR cardinality(again.people) = 0 OR again.total <> cardinality(again.people)
       OR again.total <> (SELECT count(DISTINCT p) FROM unnest(again.people) p)
       OR EXISTS (SELECT FROM unnest(again.people) p WHERE NOT EXISTS (
             SELECT FROM messaging_delivery d WHERE d.campaign_id = old.campaign_id AND d.account_id = old.account_id
                AND d.batch_id = old.id AND d.contact = p AND d.status = 'uncertain')) THEN
        PERFORM messaging_refuse('Only to people who may or may not have got a message is it sent again, as it was, by the same account.');
    END IF;
    IF nullif(current_setting('crisis.by', true), '') IS NULL AND (rule <> 'resend' OR old.resend_of_id IS NOT NULL) THEN
        PERFORM messaging_refuse('The console sends again by itself once, and only where that was approved.');
    END IF;
END $$;
"""
RULES_BACK = "DROP FUNCTION messaging_demand_resend(messaging_batch);"

AMEND = """
DO $do$
DECLARE whole text := pg_get_functiondef('%(function)s'::regprocedure);
BEGIN
    IF strpos(whole, $a$%(before)s$a$) = 0 THEN RAISE EXCEPTION '%(function)s is not what this migration amends'; END IF;
    EXECUTE replace(whole, $a$%(before)s$a$, $b$%(after)s$b$);
END $do$;
"""


def amended(function: str, before: str, after: str) -> migrations.RunSQL:
    """A function of an earlier migration with some of its words replaced, and the way back."""
    there = AMEND % {"function": function, "before": before, "after": after}
    return migrations.RunSQL(there, AMEND % {"function": function, "before": after, "after": before})


class Migration(migrations.Migration):
    dependencies = [("messaging", "0008_purge")]
    operations = [
        migrations.RunSQL(RULES, RULES_BACK),
        amended(
            "messaging_batch_update()",
            "OR NEW.text_id IS DISTINCT FROM OLD.text_id",
            "OR NEW.text_id IS DISTINCT FROM OLD.text_id OR NEW.resend_of_id IS DISTINCT FROM OLD.resend_of_id",
        ),
        # The console alone begins anew only what it may send again by itself, and then lets in nobody else.
        amended(
            "messaging_campaign_update()",
            "IF OLD.status = 'sent' THEN PERFORM messaging_by(); END IF;",
            "IF OLD.status = 'sent' AND nullif(current_setting('crisis.by', true), '') IS NULL THEN\n"
            "            IF NEW.when_uncertain <> 'resend' THEN PERFORM messaging_by(); END IF;\n"
            "            NEW.started_in := OLD.started_in;\n"
            "        END IF;",
        ),
        amended(
            "messaging_keep_round()",
            "'not_after', NEW.not_after,",
            "'not_after', NEW.not_after, 'when_uncertain', NEW.when_uncertain,",
        ),
    ]
