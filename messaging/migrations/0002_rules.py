"""The rules of approval, kept by the database itself: who may write what when, what an approval is bound to, and the second person.

The application repeats them in `workflow.py` with sentences; these triggers hold at every door, raw SQL of the application's role included.
Every refusal is an integrity_constraint_violation, which Django raises as IntegrityError.
"""

from __future__ import annotations

from django.db import migrations

from messaging.models import TRANSITIONS

MOVES = ", ".join(f"'{old}>{new}'" for old, news in TRANSITIONS.items() for new in sorted(news))

# Columns of a campaign that the machine writes. Everything else is content.
MACHINE = "ARRAY['status','status_reason','round','reach','updated_at','submitted_at','approved_at','started_at','ended_at','started_in']"

WRITING = """
CREATE FUNCTION messaging_refuse(sentence text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '%', sentence USING ERRCODE = 'integrity_constraint_violation'; END $$;

CREATE FUNCTION messaging_by() RETURNS bigint LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
DECLARE person text := nullif(current_setting('crisis.by', true), '');
BEGIN
    IF person IS NULL THEN PERFORM messaging_refuse('A campaign is written by a named person, through a verb.'); END IF;
    RETURN person::bigint;
END $$;

-- Locks the campaign before its status is read, so that a submit and an edit cannot pass each other.
CREATE FUNCTION messaging_write(parent bigint) RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE found text;
BEGIN
    SELECT status INTO found FROM messaging_campaign WHERE id = parent FOR UPDATE;
    IF found IS DISTINCT FROM 'draft' THEN PERFORM messaging_refuse('Only a draft can be edited; withdraw it first.'); END IF;
    INSERT INTO messaging_author (campaign_id, user_id) VALUES (parent, messaging_by()) ON CONFLICT DO NOTHING;
END $$;

CREATE FUNCTION messaging_child_content() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE parents bigint[] := ARRAY[]::bigint[]; parent bigint;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW IS NOT DISTINCT FROM OLD THEN RETURN NEW; END IF;
    IF TG_OP <> 'INSERT' THEN parents := parents || OLD.campaign_id; END IF;
    IF TG_OP <> 'DELETE' THEN parents := parents || NEW.campaign_id; END IF;
    FOR parent IN SELECT DISTINCT p FROM unnest(parents) p ORDER BY p LOOP PERFORM messaging_write(parent); END LOOP;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER content BEFORE INSERT OR UPDATE OR DELETE ON messaging_text FOR EACH ROW EXECUTE FUNCTION messaging_child_content();
CREATE TRIGGER content BEFORE INSERT OR UPDATE OR DELETE ON messaging_rendering FOR EACH ROW EXECUTE FUNCTION messaging_child_content();
CREATE TRIGGER content BEFORE INSERT OR UPDATE OR DELETE ON messaging_campaign_accounts FOR EACH ROW EXECUTE FUNCTION messaging_child_content();

CREATE FUNCTION messaging_campaign_insert() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.status <> 'draft' THEN PERFORM messaging_refuse('A campaign begins as a draft.'); END IF;
    IF NEW.corrects_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM messaging_campaign WHERE id = NEW.corrects_id AND incident_id = NEW.incident_id AND started_at IS NOT NULL) THEN
        PERFORM messaging_refuse('A correction is of something that was sent about the same incident.');
    END IF;
    NEW.round := 0;
    INSERT INTO messaging_author (campaign_id, user_id) VALUES (NEW.id, messaging_by()) ON CONFLICT DO NOTHING;
    RETURN NEW;
END $$;
CREATE TRIGGER content_insert BEFORE INSERT ON messaging_campaign FOR EACH ROW EXECUTE FUNCTION messaging_campaign_insert();

CREATE FUNCTION messaging_campaign_update() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
BEGIN
    IF (to_jsonb(NEW) - MACHINE_COLUMNS) IS DISTINCT FROM (to_jsonb(OLD) - MACHINE_COLUMNS) THEN
        IF OLD.status <> 'draft' THEN PERFORM messaging_refuse('Only a draft can be edited; withdraw it first.'); END IF;
        INSERT INTO messaging_author (campaign_id, user_id) VALUES (NEW.id, messaging_by()) ON CONFLICT DO NOTHING;
    END IF;
    IF NEW.corrects_id IS DISTINCT FROM OLD.corrects_id OR NEW.incident_id IS DISTINCT FROM OLD.incident_id AND OLD.corrects_id IS NOT NULL THEN
        PERFORM messaging_refuse('What a correction corrects is said when it is begun, and never changes.');
    END IF;
    NEW.round := OLD.round;
    NEW.started_in := OLD.started_in;
    IF NEW.status <> OLD.status THEN
        IF NOT (OLD.status || '>' || NEW.status) = ANY (ARRAY[LEGAL_MOVES]) THEN
            PERFORM messaging_refuse(format('A campaign that is %s cannot become %s.', OLD.status, NEW.status));
        END IF;
        IF NEW.status = 'submitted' THEN NEW.round := OLD.round + 1; END IF;
        -- People are let in only by the transaction that begins a sending, and who begins it anew says who they are.
        IF NEW.status = 'sending' AND OLD.status IN ('approved', 'sent') THEN NEW.started_in := pg_current_xact_id()::text::bigint; END IF;
        IF OLD.status = 'sent' THEN PERFORM messaging_by(); END IF;
        IF NEW.status = 'sending' AND EXISTS (SELECT FROM messaging_campaign WHERE corrects_id = NEW.id AND status <> 'rejected') THEN
            PERFORM messaging_refuse('What is being corrected is sent to nobody else.');
        END IF;
        IF NEW.status = 'sending' AND EXISTS (SELECT FROM messaging_campaign WHERE id = NEW.corrects_id AND status IN ('approved', 'sending', 'paused')) THEN
            PERFORM messaging_refuse('A correction begins after what it corrects has ended.');
        END IF;
        IF OLD.status = 'draft' AND NEW.status = 'submitted' THEN
            INSERT INTO messaging_author (campaign_id, user_id) VALUES (NEW.id, messaging_by()) ON CONFLICT DO NOTHING;
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER content_update BEFORE UPDATE ON messaging_campaign FOR EACH ROW EXECUTE FUNCTION messaging_campaign_update();
REVOKE DELETE, TRUNCATE ON messaging_campaign FROM crisis_app;
REVOKE UPDATE, DELETE, TRUNCATE ON messaging_author FROM crisis_app;
""".replace("MACHINE_COLUMNS", MACHINE).replace("LEGAL_MOVES", MOVES)

WRITING_BACK = """
DROP TRIGGER content ON messaging_text;
DROP TRIGGER content ON messaging_rendering;
DROP TRIGGER content ON messaging_campaign_accounts;
DROP TRIGGER content_insert ON messaging_campaign;
DROP TRIGGER content_update ON messaging_campaign;
DROP FUNCTION messaging_campaign_update(), messaging_campaign_insert(), messaging_child_content(), messaging_write(bigint), messaging_by(), messaging_refuse(text);
GRANT DELETE ON messaging_campaign TO crisis_app;
GRANT UPDATE, DELETE ON messaging_author TO crisis_app;
"""

APPROVAL = """
CREATE FUNCTION messaging_fingerprint(target bigint) RETURNS text LANGUAGE sql STABLE
SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
    SELECT encode(sha256(convert_to(jsonb_build_object(
        'round', c.round,
        'campaign', to_jsonb(c) - MACHINE_COLUMNS,
        'texts', (SELECT jsonb_agg(to_jsonb(t) ORDER BY t.id) FROM messaging_text t WHERE t.campaign_id = c.id),
        'renderings', (SELECT jsonb_agg(to_jsonb(r) ORDER BY r.id) FROM messaging_rendering r WHERE r.campaign_id = c.id),
        'exception', (SELECT jsonb_build_object('incident', x.incident_id, 'reason', x.reason, 'expires_at', x.expires_at)
                        FROM messaging_reachexception x WHERE x.id = c.exception_id),
        'audience', (SELECT to_jsonb(v) FROM audiences_audienceversion v WHERE v.id = c.audience_version_id),
        'accounts', (SELECT jsonb_agg(jsonb_build_object('id', a.id, 'slug', a.slug, 'handle', a.handle,
                            'secret_name', a.secret_name, 'drill', a.drill) ORDER BY a.id)
                       FROM messaging_campaign_accounts w JOIN messaging_account a ON a.id = w.account_id WHERE w.campaign_id = c.id)
        )::text, 'UTF8')), 'hex')
    FROM messaging_campaign c WHERE c.id = target
$$;

CREATE FUNCTION messaging_may_approve(person bigint, target bigint) RETURNS boolean LANGUAGE sql STABLE
SET search_path = public, pg_temp AS $$
    SELECT crisis_holds(person, 'supervisor') AND crisis_rested(person)
       AND EXISTS (SELECT FROM crisis_user u, messaging_campaign c WHERE u.id = person AND c.id = target AND (u.mission_id IS NULL OR EXISTS (
            SELECT FROM crisis_incident_countries i JOIN crisis_mission m ON m.country_id = i.country_id
             WHERE i.incident_id = c.incident_id AND m.id = u.mission_id)))
       AND NOT EXISTS (SELECT FROM messaging_author WHERE campaign_id = target AND user_id = person)
       AND NOT EXISTS (SELECT FROM audiences_audienceversion v JOIN messaging_campaign c ON c.audience_version_id = v.id
                        WHERE c.id = target AND v.written_by_id = person)
       AND NOT EXISTS (SELECT FROM messaging_reachexception x JOIN messaging_campaign c ON c.exception_id = x.id
                        WHERE c.id = target AND x.written_by_id = person)
$$;

CREATE FUNCTION messaging_approval_insert() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE found record;
BEGIN
    SELECT status, round INTO found FROM messaging_campaign WHERE id = NEW.campaign_id FOR UPDATE;
    IF found.status IS DISTINCT FROM 'submitted' THEN PERFORM messaging_refuse('Only a submitted campaign can be approved.'); END IF;
    IF NEW.by_id IS DISTINCT FROM messaging_by() THEN PERFORM messaging_refuse('Nobody approves in another person''s name.'); END IF;
    NEW.round := found.round;
    NEW.at := crisis_now();
    RETURN NEW;
END $$;
CREATE TRIGGER approval_insert BEFORE INSERT ON messaging_approval FOR EACH ROW EXECUTE FUNCTION messaging_approval_insert();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON messaging_approval FOR EACH ROW EXECUTE FUNCTION crisis_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON messaging_author FOR EACH ROW EXECUTE FUNCTION crisis_append_only();
REVOKE UPDATE, DELETE, TRUNCATE ON messaging_approval FROM crisis_app;

-- Words that are shown and hashed are those of the campaign itself, for one of its ways.
CREATE FUNCTION messaging_rendering_place() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM messaging_text WHERE id = NEW.text_id AND campaign_id = NEW.campaign_id)
       OR NOT EXISTS (SELECT FROM messaging_campaign_accounts WHERE account_id = NEW.account_id AND campaign_id = NEW.campaign_id) THEN
        PERFORM messaging_refuse('A message is made of a text of its own campaign, for one of its ways.');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER place BEFORE INSERT OR UPDATE ON messaging_rendering FOR EACH ROW EXECUTE FUNCTION messaging_rendering_place();

CREATE FUNCTION messaging_is_worded(target bigint) RETURNS boolean LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT NOT EXISTS (
        SELECT FROM messaging_campaign_accounts w JOIN messaging_text t USING (campaign_id)
          LEFT JOIN messaging_rendering r ON r.account_id = w.account_id AND r.text_id = t.id AND r.campaign_id = w.campaign_id
         WHERE w.campaign_id = target AND r.id IS NULL)
$$;

-- At COMMIT, because one statement can edit and approve at once: triggers on rows would fire too early to see both. It judges
-- every status on the way, not only the last one of a transaction, unless the campaign went back to be decided again.
CREATE FUNCTION messaging_two_persons() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.status IN ('approved', 'sending')
       AND NOT EXISTS (SELECT FROM messaging_campaign WHERE id = NEW.id AND status IN ('draft', 'submitted', 'rejected')) AND (NOT messaging_is_worded(NEW.id) OR NOT (EXISTS (
        SELECT FROM messaging_approval a JOIN messaging_campaign c ON c.id = a.campaign_id
         WHERE a.campaign_id = NEW.id AND a.round = c.round AND a.verdict = 'approved'
           AND a.fingerprint = messaging_fingerprint(c.id) AND messaging_may_approve(a.by_id, c.id)) OR messaging_broke_glass(NEW.id))) THEN
        PERFORM messaging_refuse('Nothing is sent without the approval of exactly this by a supervisor who wrote no part of it.');
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER two_persons AFTER INSERT OR UPDATE ON messaging_campaign DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION messaging_two_persons();
""".replace("MACHINE_COLUMNS", MACHINE)

APPROVAL_BACK = """
DROP TRIGGER two_persons ON messaging_campaign;
DROP TRIGGER place ON messaging_rendering;
DROP FUNCTION messaging_rendering_place(), messaging_is_worded(bigint);
DROP TRIGGER approval_insert ON messaging_approval;
DROP TRIGGER append_only ON messaging_approval;
DROP TRIGGER append_only ON messaging_author;
DROP FUNCTION messaging_two_persons(), messaging_approval_insert(), messaging_may_approve(bigint, bigint), messaging_fingerprint(bigint);
GRANT UPDATE, DELETE ON messaging_approval TO crisis_app;
"""

DRILLS = """
CREATE FUNCTION messaging_drill_way() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (SELECT drill FROM messaging_account WHERE id = NEW.account_id) IS DISTINCT FROM
       (SELECT drill FROM messaging_campaign WHERE id = NEW.campaign_id) THEN
        PERFORM messaging_refuse('A drill uses drill accounts only, and drill accounts are for drills only.');
    END IF;
    IF (SELECT test FROM messaging_campaign WHERE id = NEW.campaign_id) AND (SELECT address_kind FROM messaging_account WHERE id = NEW.account_id) IS NULL THEN
        PERFORM messaging_refuse('A TEST is sent only by ways that write to each person.');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER drill_way BEFORE INSERT OR UPDATE ON messaging_campaign_accounts FOR EACH ROW EXECUTE FUNCTION messaging_drill_way();

-- A drill stays a drill: the mark is set when a campaign is made, equals its incident's, and never changes.
CREATE FUNCTION messaging_drill_mark() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (SELECT drill FROM crisis_incident WHERE id = NEW.incident_id) IS DISTINCT FROM NEW.drill THEN
        PERFORM messaging_refuse('A drill campaign belongs to a drill incident, and a live one to a live one.');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER drill_mark BEFORE INSERT OR UPDATE ON messaging_campaign FOR EACH ROW EXECUTE FUNCTION messaging_drill_mark();

CREATE FUNCTION messaging_drill_keep() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.drill IS DISTINCT FROM OLD.drill THEN PERFORM messaging_refuse('A drill is never turned into a live alert, nor the other way.'); END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION messaging_test_keep() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.test IS DISTINCT FROM OLD.test THEN PERFORM messaging_refuse('A TEST is never turned into an alert, nor the other way.'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER test_keep BEFORE UPDATE ON messaging_campaign FOR EACH ROW EXECUTE FUNCTION messaging_test_keep();
CREATE TRIGGER drill_keep BEFORE UPDATE ON messaging_campaign FOR EACH ROW EXECUTE FUNCTION messaging_drill_keep();
CREATE TRIGGER drill_keep BEFORE UPDATE ON messaging_account FOR EACH ROW EXECUTE FUNCTION messaging_drill_keep();
CREATE TRIGGER drill_keep BEFORE UPDATE ON crisis_incident FOR EACH ROW EXECUTE FUNCTION messaging_drill_keep();
"""

DRILLS_BACK = """
DROP TRIGGER drill_way ON messaging_campaign_accounts;
DROP TRIGGER drill_mark ON messaging_campaign;
DROP TRIGGER test_keep ON messaging_campaign;
DROP FUNCTION messaging_test_keep();
DROP TRIGGER drill_keep ON messaging_campaign;
DROP TRIGGER drill_keep ON messaging_account;
DROP TRIGGER drill_keep ON crisis_incident;
DROP FUNCTION messaging_drill_keep(), messaging_drill_mark(), messaging_drill_way();
"""

LEDGER = """
-- The messages that have to be with a person before this one: what it follows, and what that follows in turn. Each began
-- earlier than the next, so that two which name each other never wait for one another.
CREATE FUNCTION messaging_earlier(target bigint) RETURNS SETOF bigint LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    WITH RECURSIVE line (id, began) AS (
        SELECT c.id, coalesce(c.started_at, 'infinity') FROM messaging_campaign c WHERE c.id = target
        UNION
        SELECT e.id, e.started_at FROM line l JOIN messaging_campaign c ON c.id = l.id JOIN messaging_campaign e ON e.id = c.refers_to_id
         WHERE e.started_at < l.began)
    SELECT id FROM line WHERE id <> target
$$;

-- Who got this message: any of it, or of those it corrects. One whose answer never came may have got it.
CREATE FUNCTION messaging_got(target bigint) RETURNS SETOF bigint LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    WITH RECURSIVE line (id) AS (
        SELECT target
        UNION
        SELECT c.corrects_id FROM line l JOIN messaging_campaign c ON c.id = l.id WHERE c.corrects_id IS NOT NULL)
    SELECT DISTINCT d.contact FROM messaging_delivery d JOIN line l ON l.id = d.campaign_id
     WHERE d.contact <> 0 AND d.status IN ('accepted', 'delivered', 'read', 'uncertain', 'resent')
$$;

-- A TEST goes to active colleagues of the closed list alone, and to no more than 200 of them.
CREATE FUNCTION messaging_test_people(target bigint, queued bigint[]) RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM unnest(queued) p WHERE NOT EXISTS (SELECT FROM audiences_staffmember s WHERE s.contact_id = p AND s.active)) THEN
        PERFORM messaging_refuse('A TEST goes to colleagues on the list of staff, and to nobody else.');
    END IF;
    IF (SELECT count(DISTINCT p) FROM (SELECT unnest(people) AS p FROM messaging_batch WHERE campaign_id = target UNION ALL SELECT unnest(queued)) every) > 200 THEN
        PERFORM messaging_refuse('A TEST goes to at most 200 people.');
    END IF;
END $$;

CREATE FUNCTION messaging_batch_update() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.people IS DISTINCT FROM OLD.people AND NEW.people <> '{}') OR (NEW.campaign_id, NEW.account_id, NEW.number, NEW.key, NEW.total)
        IS DISTINCT FROM (OLD.campaign_id, OLD.account_id, OLD.number, OLD.key, OLD.total) OR NEW.text_id IS DISTINCT FROM OLD.text_id THEN
        PERFORM messaging_refuse('Who gets what was frozen when the sending began.');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER frozen_update BEFORE UPDATE ON messaging_batch FOR EACH ROW EXECUTE FUNCTION messaging_batch_update();
-- While it is being sent, or paused, the sender stays who was approved. Before that a changed one holds the campaign.
CREATE FUNCTION messaging_account_keep() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.slug, NEW.handle, NEW.secret_name) IS DISTINCT FROM (OLD.slug, OLD.handle, OLD.secret_name) AND EXISTS (
        SELECT FROM messaging_campaign_accounts w JOIN messaging_campaign c ON c.id = w.campaign_id
         WHERE w.account_id = NEW.id AND c.status IN ('sending', 'paused')) THEN
        PERFORM messaging_refuse('A sender is not changed while it sends.');
    END IF;
    -- Who speaks there, and by which secret, is as two administrators want it. The channel and the drill mark are for life.
    IF (NEW.slug, NEW.handle, NEW.secret_name) IS DISTINCT FROM (OLD.slug, OLD.handle, OLD.secret_name) AND NOT crisis_is_owner()
       AND NOT (NEW.slug = OLD.slug AND EXISTS (
        SELECT FROM crisis_adminaction WHERE kind = 'account.credential' AND applied_in = pg_current_xact_id()::text::bigint
           AND (data->>'account')::bigint = NEW.id AND data->>'handle' = NEW.handle AND data->>'secret_name' = NEW.secret_name)) THEN
        PERFORM messaging_refuse('Two persons say how an account logs in, in the transaction that confirms it.');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER account_keep BEFORE UPDATE ON messaging_account FOR EACH ROW EXECUTE FUNCTION messaging_account_keep();
ALTER TABLE messaging_batch SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
REVOKE DELETE, TRUNCATE ON messaging_receipt FROM crisis_app;
-- Nor is one removed and made anew by one person, under another name and secret.
REVOKE DELETE, TRUNCATE ON messaging_account FROM crisis_app;
"""

LEDGER_BACK = """
DROP TRIGGER account_keep ON messaging_account;
DROP FUNCTION messaging_account_keep();
DROP TRIGGER frozen_update ON messaging_batch;
DROP FUNCTION messaging_batch_update(), messaging_test_people(bigint, bigint[]), messaging_got(bigint), messaging_earlier(bigint);
ALTER TABLE messaging_batch RESET (fillfactor, autovacuum_vacuum_scale_factor);
GRANT DELETE ON messaging_receipt, messaging_account TO crisis_app;
"""


class Migration(migrations.Migration):
    dependencies = [("messaging", "0001_initial"), ("crisis", "0008_power"), ("audiences", "0001_initial")]
    operations = [
        migrations.RunSQL(WRITING, WRITING_BACK),
        migrations.RunSQL(APPROVAL, APPROVAL_BACK),
        migrations.RunSQL(DRILLS, DRILLS_BACK),
        migrations.RunSQL(LEDGER, LEDGER_BACK),
    ]
