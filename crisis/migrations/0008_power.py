"""Power changes hands between two persons, and the database holds to it at every door.

A role, a mission or the word "active" changes only in the transaction that confirms an `AdminAction` about exactly this person.
The owner of the tables, who founds an installation by a command on the machine, is not asked. Refusals are integrity violations.
"""

from __future__ import annotations

from django.db import migrations

ACTIONS = """
CREATE FUNCTION crisis_refuse(sentence text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '%', sentence USING ERRCODE = 'integrity_constraint_violation'; END $$;

CREATE FUNCTION crisis_is_owner() RETURNS boolean LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = 'public.crisis_user'::regclass
$$;

CREATE FUNCTION crisis_holds(person bigint, role text) RETURNS boolean LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM crisis_user u JOIN crisis_user_groups ug ON ug.user_id = u.id JOIN auth_group g ON g.id = ug.group_id
                    WHERE u.id = person AND u.is_active AND g.name = role)
$$;

-- What this very transaction confirms about a person.
CREATE FUNCTION crisis_confirmed_now(person bigint) RETURNS SETOF crisis_adminaction LANGUAGE sql STABLE
SET search_path = public, pg_temp AS $$
    SELECT * FROM crisis_adminaction WHERE person_id = person AND applied_in = pg_current_xact_id()::text::bigint
$$;

CREATE FUNCTION crisis_demand_name(person bigint) RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF person::text IS DISTINCT FROM nullif(current_setting('crisis.by', true), '') THEN
        PERFORM crisis_refuse('A change of power is proposed and decided by a named person, in their own name.');
    END IF;
END $$;

CREATE FUNCTION crisis_adminaction_insert() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM crisis_demand_name(NEW.proposed_by_id);
    IF NOT crisis_holds(NEW.proposed_by_id, 'admin')
       AND NOT (NEW.kind = 'approver.lift_rest' AND crisis_holds(NEW.proposed_by_id, 'supervisor')) THEN
        PERFORM crisis_refuse('A change of power is proposed by an active administrator.');
    END IF;
    NEW.proposed_at := crisis_now();
    NEW.confirmed_by_id := NULL; NEW.confirmed_at := NULL; NEW.refused_by_id := NULL; NEW.refused_at := NULL; NEW.applied_in := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER proposed BEFORE INSERT ON crisis_adminaction FOR EACH ROW EXECUTE FUNCTION crisis_adminaction_insert();

CREATE FUNCTION crisis_adminaction_update() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE decided text[] := ARRAY['confirmed_by_id','confirmed_at','refused_by_id','refused_at','refusal','applied_in','person_id'];
BEGIN
    IF OLD.confirmed_by_id IS NOT NULL OR OLD.refused_by_id IS NOT NULL THEN
        PERFORM crisis_refuse('A change of power is decided once.');
    END IF;
    IF to_jsonb(NEW) - decided IS DISTINCT FROM to_jsonb(OLD) - decided THEN
        PERFORM crisis_refuse('A proposal is never edited; refuse it and propose anew.');
    END IF;
    IF NEW.person_id IS DISTINCT FROM OLD.person_id AND (OLD.person_id IS NOT NULL OR NEW.kind <> 'person.create'
       OR NEW.data->>'username' IS DISTINCT FROM (SELECT username FROM crisis_user WHERE id = NEW.person_id)) THEN
        PERFORM crisis_refuse('Whom it concerns is said when it is proposed.');
    END IF;
    NEW.confirmed_at := NULL; NEW.refused_at := NULL; NEW.applied_in := NULL;
    IF NEW.confirmed_by_id IS NULL THEN
        PERFORM crisis_demand_name(NEW.refused_by_id);
        IF NOT crisis_holds(NEW.refused_by_id, 'admin') AND NEW.refused_by_id <> NEW.proposed_by_id
           AND NOT (NEW.kind = 'approver.lift_rest' AND crisis_holds(NEW.refused_by_id, 'supervisor')) THEN
            PERFORM crisis_refuse('A change of power is decided by an active administrator.');
        END IF;
        NEW.refused_at := crisis_now();
        RETURN NEW;
    END IF;
    PERFORM crisis_demand_name(NEW.confirmed_by_id);
    IF OLD.proposed_at <= crisis_now() - interval '24 hours' THEN
        PERFORM crisis_refuse('A proposal holds for 24 hours; propose it anew.');
    END IF;
    IF NEW.kind = 'approver.lift_rest' THEN
        IF NOT (crisis_holds(NEW.proposed_by_id, 'admin') AND crisis_holds(NEW.confirmed_by_id, 'supervisor')
                OR crisis_holds(NEW.proposed_by_id, 'supervisor') AND crisis_holds(NEW.confirmed_by_id, 'admin')) THEN
            PERFORM crisis_refuse('The rest of a new approver is lifted by an administrator and a supervisor together.');
        END IF;
    ELSIF NOT crisis_holds(NEW.proposed_by_id, 'admin') OR NOT crisis_holds(NEW.confirmed_by_id, 'admin') THEN
        PERFORM crisis_refuse('A change of power takes two active administrators.');
    END IF;
    NEW.confirmed_at := crisis_now();
    NEW.applied_in := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END $$;
CREATE TRIGGER decided BEFORE UPDATE ON crisis_adminaction FOR EACH ROW EXECUTE FUNCTION crisis_adminaction_update();
CREATE TRIGGER append_only BEFORE DELETE ON crisis_adminaction FOR EACH ROW EXECUTE FUNCTION crisis_append_only();
REVOKE DELETE, TRUNCATE ON crisis_adminaction FROM crisis_app;
"""

ACTIONS_BACK = """
DROP TRIGGER proposed ON crisis_adminaction;
DROP TRIGGER decided ON crisis_adminaction;
DROP TRIGGER append_only ON crisis_adminaction;
DROP FUNCTION crisis_adminaction_update(), crisis_adminaction_insert(), crisis_demand_name(bigint), crisis_confirmed_now(bigint),
    crisis_holds(bigint, text), crisis_is_owner(), crisis_refuse(text);
GRANT DELETE ON crisis_adminaction TO crisis_app;
"""

PEOPLE = """
-- AFTER, so that two roles granted by one statement see each other; the person's row is locked, so that two transactions do.
CREATE FUNCTION crisis_role_change() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE granted boolean := TG_OP = 'INSERT'; who bigint; role text;
BEGIN
    IF TG_OP = 'UPDATE' THEN PERFORM crisis_refuse('A role is granted or taken away, never rewritten.'); END IF;
    IF granted THEN
        who := NEW.user_id; SELECT name INTO role FROM auth_group WHERE id = NEW.group_id;
    ELSE
        who := OLD.user_id; SELECT name INTO role FROM auth_group WHERE id = OLD.group_id;
    END IF;
    PERFORM FROM crisis_user WHERE id = who FOR UPDATE;
    -- The first two administrators have nobody who could confirm them.
    IF NOT crisis_is_owner()
       AND NOT (granted AND role = 'admin' AND NOT EXISTS (SELECT FROM crisis_adminaction) AND 2 >= (
            SELECT count(*) FROM crisis_user_groups ug JOIN auth_group g ON g.id = ug.group_id WHERE g.name = 'admin'))
       AND NOT EXISTS (SELECT FROM crisis_confirmed_now(who)
                                              WHERE kind IN ('person.create', 'person.roles') AND (data->'roles' ? role) = granted) THEN
        PERFORM crisis_refuse('Roles change as two persons want it, in the transaction that confirms it.');
    END IF;
    IF granted AND role IN ('admin', 'supervisor') AND 1 < (
        SELECT count(*) FROM crisis_user_groups ug JOIN auth_group g ON g.id = ug.group_id
         WHERE ug.user_id = who AND g.name IN ('admin', 'supervisor')) THEN
        PERFORM crisis_refuse('Nobody is an administrator and a supervisor at once.');
    END IF;
    IF role = 'supervisor' THEN
        UPDATE crisis_user SET approver_since = CASE WHEN granted THEN crisis_now() END WHERE id = who;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER two_persons AFTER INSERT OR UPDATE OR DELETE ON crisis_user_groups FOR EACH ROW EXECUTE FUNCTION crisis_role_change();

-- A form saves every column; what it had read of `approver_since` is not believed. It only ever moves to now.
CREATE FUNCTION crisis_person_change() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE approver boolean;
BEGIN
    IF crisis_is_owner() THEN RETURN NEW; END IF;
    IF TG_OP = 'INSERT' THEN NEW.approver_since := NULL; RETURN NEW; END IF;
    approver := EXISTS (SELECT FROM crisis_user_groups ug JOIN auth_group g ON g.id = ug.group_id
                         WHERE ug.user_id = NEW.id AND g.name = 'supervisor');
    NEW.approver_since := CASE WHEN NOT approver THEN NULL WHEN NEW.approver_since = crisis_now() THEN NEW.approver_since
                               ELSE OLD.approver_since END;
    IF NEW.username <> OLD.username THEN PERFORM crisis_refuse('A person keeps the name they log in by.'); END IF;
    -- Only opening is held here. Shutting somebody out takes two persons as well, by the verb; a closed door opens nothing.
    IF NEW.is_active AND NOT OLD.is_active AND NOT EXISTS (
        SELECT FROM crisis_confirmed_now(NEW.id) WHERE kind = 'person.activate') THEN
        PERFORM crisis_refuse('Two persons let somebody in again.');
    END IF;
    IF NEW.mission_id IS DISTINCT FROM OLD.mission_id AND NOT EXISTS (SELECT FROM crisis_confirmed_now(NEW.id)
        WHERE kind IN ('person.create', 'person.roles') AND (data->>'mission')::bigint IS NOT DISTINCT FROM NEW.mission_id) THEN
        PERFORM crisis_refuse('Two persons say for which mission somebody works: it decides what they see.');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER two_persons BEFORE INSERT OR UPDATE ON crisis_user FOR EACH ROW EXECUTE FUNCTION crisis_person_change();

-- A new approver rests for a day. The role's day counts, not the account's: it is granted after the account is made.
CREATE FUNCTION crisis_rested(person bigint) RETURNS boolean LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM crisis_user u WHERE u.id = person AND (u.approver_since <= crisis_now() - interval '24 hours' OR EXISTS (
        SELECT FROM crisis_adminaction a WHERE a.person_id = person AND a.kind = 'approver.lift_rest'
           AND a.confirmed_at >= u.approver_since)))
$$;
"""

PEOPLE_BACK = """
DROP TRIGGER two_persons ON crisis_user_groups;
DROP TRIGGER two_persons ON crisis_user;
DROP FUNCTION crisis_rested(bigint), crisis_person_change(), crisis_role_change();
"""

CLIENTS = """
-- A program knocks, and a key opens, as two administrators want it: exactly this name, these scopes, this end.
CREATE FUNCTION crisis_client_change() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF crisis_is_owner() THEN RETURN NEW; END IF;
    IF TG_OP = 'UPDATE' AND NEW.name IS DISTINCT FROM OLD.name
       OR TG_OP = 'INSERT' AND NOT EXISTS (
        SELECT FROM crisis_adminaction a JOIN crisis_user u ON u.id = NEW.user_id
         WHERE a.kind = 'api.client' AND a.applied_in = pg_current_xact_id()::text::bigint AND a.data->>'name' = NEW.name
           AND (a.data->>'mission')::bigint IS NOT DISTINCT FROM u.mission_id) THEN
        PERFORM crisis_refuse('An API client is made as two persons want it, in the transaction that confirms it.');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER two_persons BEFORE INSERT OR UPDATE ON crisis_apiclient FOR EACH ROW EXECUTE FUNCTION crisis_client_change();

CREATE FUNCTION crisis_key_insert() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF crisis_is_owner() THEN RETURN NEW; END IF;
    SELECT id INTO NEW.change_id FROM crisis_adminaction a
     WHERE kind = 'api.key' AND applied_in = pg_current_xact_id()::text::bigint
       AND proposed_by_id = NEW.proposed_by_id AND confirmed_by_id = NEW.confirmed_by_id
       AND (data->>'client')::bigint = NEW.client_id AND data->'scopes' = to_jsonb(NEW.scopes)
       AND coalesce(data->'sources', '[]') = to_jsonb(NEW.sources)
       AND (data->>'expires_at')::timestamptz = NEW.expires_at
       AND NOT EXISTS (SELECT FROM crisis_apikey WHERE change_id = a.id)
     ORDER BY id LIMIT 1;
    IF NEW.change_id IS NULL THEN
        PERFORM crisis_refuse('A key is made as two persons want it, once, in the transaction that confirms it.');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER two_persons BEFORE INSERT ON crisis_apikey FOR EACH ROW EXECUTE FUNCTION crisis_key_insert();
"""

CLIENTS_BACK = """
DROP TRIGGER two_persons ON crisis_apiclient;
DROP TRIGGER two_persons ON crisis_apikey;
DROP FUNCTION crisis_key_insert(), crisis_client_change();
"""


class Migration(migrations.Migration):
    dependencies = [("crisis", "0007_sessions")]
    operations = [
        migrations.RunSQL(ACTIONS, ACTIONS_BACK),
        migrations.RunSQL(PEOPLE, PEOPLE_BACK),
        migrations.RunSQL(CLIENTS, CLIENTS_BACK),
    ]
