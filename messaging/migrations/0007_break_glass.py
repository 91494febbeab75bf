"""The one exception from the second person: a playbook that two approved, unchanged, sent by one on duty, reviewed by another."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import crisis.clock

RULES = """
CREATE FUNCTION messaging_is_supervisor(person bigint) RETURNS boolean LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT crisis_holds(person, 'supervisor') AND crisis_rested(person)
$$;

-- Why a campaign may not be sent by one person alone, as words for the page; empty when it may. Of its content alone, so that it
-- stays true while the campaign is being sent. The empty array: the channels that publish; whoever adds one amends it.
CREATE FUNCTION messaging_glass_content(target bigint) RETURNS text[] LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
DECLARE faults text[] := ARRAY[]::text[]; asked messaging_campaign; made messaging_playbookversion; rule jsonb; places jsonb;
BEGIN
    SELECT * INTO asked FROM messaging_campaign WHERE id = target;
    SELECT v.* INTO made FROM messaging_text t JOIN messaging_playbookversion v ON v.id = t.playbook_version_id
     WHERE t.campaign_id = target LIMIT 1;
    IF made.id IS NULL OR EXISTS (SELECT FROM messaging_text t WHERE t.campaign_id = target
          AND (t.playbook_version_id IS DISTINCT FROM made.id OR t.part <> 'main' OR jsonb_typeof(t.values) IS DISTINCT FROM 'object')) THEN
        RETURN ARRAY['no_playbook'];
    END IF;
    IF EXISTS (SELECT FROM messaging_text t, jsonb_each(t.values) one WHERE t.campaign_id = target
          AND (jsonb_typeof(one.value) <> 'string' OR length(one.value #>> '{}') > 300 OR one.value #>> '{}' ~ '[][\\n\\r]'))
       OR EXISTS (SELECT FROM messaging_text t WHERE t.campaign_id = target AND (
             t.link <> '' OR made.texts -> t.language IS NULL OR t.headline || t.body || t.instruction ~ '[][]'
             OR t.headline IS DISTINCT FROM messaging_fill(made.texts -> t.language ->> 'headline', t.values)
             OR t.body IS DISTINCT FROM messaging_fill(made.texts -> t.language ->> 'body', t.values)
             OR t.instruction IS DISTINCT FROM messaging_fill(made.texts -> t.language ->> 'instruction', t.values)))
       OR (SELECT count(*) FROM messaging_text WHERE campaign_id = target) <> (SELECT count(*) FROM jsonb_object_keys(made.texts))
       OR asked.kind <> made.kind THEN
        faults := array_append(faults, 'changed');
    END IF;
    IF (SELECT count(DISTINCT a.by_id) FROM messaging_playbookapproval a WHERE a.version_id = made.id AND a.by_id <> made.written_by_id) < 2 THEN
        faults := array_append(faults, 'not_approved');
    END IF;
    SELECT v.criteria INTO rule FROM audiences_audienceversion v WHERE v.id = asked.audience_version_id;
    places := coalesce(rule #> '{of,0,countries}', '[]');
    IF (rule #- '{of,0,countries}') IS DISTINCT FROM jsonb_build_object('op', 'all_of', 'of', jsonb_build_array(
           jsonb_build_object('op', 'seen', 'hours', made.hours, 'until', 'now', 'mode', made.mode))) THEN
        faults := array_append(faults, 'other_audience');
    ELSIF EXISTS (SELECT FROM jsonb_array_elements_text(places) place WHERE place NOT IN (
              SELECT country_id FROM crisis_incident_countries WHERE incident_id = asked.incident_id)) THEN
        faults := array_append(faults, 'other_country');
    END IF;
    IF NOT EXISTS (SELECT FROM messaging_campaign_accounts WHERE campaign_id = target)
       OR EXISTS (SELECT FROM messaging_campaign_accounts w JOIN messaging_account a ON a.id = w.account_id WHERE w.campaign_id = target
          AND (a.mission_id IS NOT NULL OR a.slug <> ALL (made.ways)
               OR a.address_kind IS NULL AND a.slug <> ALL (ARRAY[]::text[]))) THEN
        faults := array_append(faults, 'other_way');
    END IF;
    IF asked.exception_id IS NOT NULL THEN faults := array_append(faults, 'exception'); END IF;
    IF asked.starts_at IS NOT NULL THEN faults := array_append(faults, 'later'); END IF;
    RETURN faults;
END $$;

-- Why this person may not do it now.
CREATE FUNCTION messaging_glass_person(person bigint, target bigint) RETURNS text[] LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT array_remove(ARRAY[
        CASE WHEN NOT messaging_is_supervisor(person) THEN 'no_supervisor' END,
        CASE WHEN NOT crisis_on_duty(person) THEN 'off_duty' END,
        CASE WHEN EXISTS (SELECT FROM messaging_glassbreak WHERE by_id = person AND reviewed_at IS NULL) THEN 'unreviewed' END,
        CASE WHEN i.status = 'closed' THEN 'closed' END,
        CASE WHEN EXISTS (
            SELECT FROM messaging_text t JOIN messaging_playbookversion v ON v.id = t.playbook_version_id
              JOIN messaging_playbook p ON p.id = v.playbook_id
             WHERE t.campaign_id = target AND (p.retired_at IS NOT NULL OR EXISTS (
                   SELECT FROM messaging_playbookversion n WHERE n.playbook_id = p.id AND n.number > v.number
                      AND (SELECT count(*) FROM messaging_playbookapproval a WHERE a.version_id = n.id) >= 2))) THEN 'outdated' END
        ], NULL)
      FROM messaging_campaign c JOIN crisis_incident i ON i.id = c.incident_id WHERE c.id = target
$$;

-- Asked by `two_persons` at COMMIT.
CREATE FUNCTION messaging_broke_glass(target bigint) RETURNS boolean LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM messaging_approval a JOIN messaging_campaign c ON c.id = a.campaign_id
          JOIN messaging_glassbreak g ON g.approval_id = a.id AND g.by_id = a.by_id
         WHERE a.campaign_id = target AND a.round = c.round AND a.verdict = 'break_glass'
           AND a.fingerprint = messaging_fingerprint(c.id) AND messaging_is_supervisor(a.by_id))
       AND cardinality(messaging_glass_content(target)) = 0
$$;

CREATE FUNCTION messaging_glass_insert() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE said record; faults text[];
BEGIN
    SELECT campaign_id, by_id, verdict INTO said FROM messaging_approval WHERE id = NEW.approval_id;
    IF NEW.by_id IS DISTINCT FROM messaging_by() OR NEW.by_id IS DISTINCT FROM said.by_id OR said.verdict IS DISTINCT FROM 'break_glass' THEN
        PERFORM messaging_refuse('Nobody breaks the glass in another person''s name.');
    END IF;
    faults := messaging_glass_person(NEW.by_id, said.campaign_id) || messaging_glass_content(said.campaign_id);
    IF cardinality(faults) > 0 THEN PERFORM messaging_refuse('One person alone may not send this: ' || array_to_string(faults, ', ')); END IF;
    IF length(btrim(NEW.reason)) < 20 THEN PERFORM messaging_refuse('Sending alone needs a reason in a sentence.'); END IF;
    NEW.at := crisis_now();
    NEW.reviewed_at := NULL; NEW.reviewed_by_id := NULL; NEW.review := ''; NEW.review_words := '';
    RETURN NEW;
END $$;
CREATE TRIGGER alone BEFORE INSERT ON messaging_glassbreak FOR EACH ROW EXECUTE FUNCTION messaging_glass_insert();

-- It is reviewed once, by another supervisor who wrote no part of the message, and nothing else of it ever changes.
CREATE FUNCTION messaging_glass_review() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE campaign bigint := (SELECT campaign_id FROM messaging_approval WHERE id = OLD.approval_id);
BEGIN
    IF OLD.reviewed_at IS NOT NULL OR (NEW.id, NEW.approval_id, NEW.by_id, NEW.at, NEW.reason) IS DISTINCT FROM (OLD.id, OLD.approval_id, OLD.by_id, OLD.at, OLD.reason) THEN
        PERFORM messaging_refuse('What was sent alone is reviewed once, and never changed.');
    END IF;
    IF NEW.reviewed_by_id IS DISTINCT FROM messaging_by() OR NEW.reviewed_by_id = OLD.by_id OR NOT messaging_may_approve(NEW.reviewed_by_id, campaign) THEN
        PERFORM messaging_refuse('Another supervisor, who wrote no part of it, reviews what was sent alone.');
    END IF;
    IF NEW.review NOT IN ('right', 'wrong') OR btrim(NEW.review_words) = '' THEN PERFORM messaging_refuse('A review says what it found, in words.'); END IF;
    NEW.reviewed_at := crisis_now();
    RETURN NEW;
END $$;
CREATE TRIGGER review BEFORE UPDATE ON messaging_glassbreak FOR EACH ROW EXECUTE FUNCTION messaging_glass_review();
REVOKE DELETE, TRUNCATE ON messaging_glassbreak FROM crisis_app;
"""

BACK = """
DROP TRIGGER alone ON messaging_glassbreak;
DROP TRIGGER review ON messaging_glassbreak;
DROP FUNCTION messaging_glass_review(), messaging_glass_insert(), messaging_broke_glass(bigint), messaging_glass_person(bigint, bigint),
    messaging_glass_content(bigint), messaging_is_supervisor(bigint);
"""


class Migration(migrations.Migration):
    dependencies = [("messaging", "0006_exceptions"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = [
        migrations.CreateModel(
            name="GlassBreak",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_default=crisis.clock.Now(), verbose_name="time")),
                ("reason", models.CharField(max_length=500, verbose_name="why nobody else could be asked")),
                ("reviewed_at", models.DateTimeField(null=True, verbose_name="reviewed at")),
                (
                    "review",
                    models.CharField(
                        blank=True,
                        choices=[("right", "was right"), ("wrong", "was wrong")],
                        max_length=5,
                        verbose_name="what the review found",
                    ),
                ),
                ("review_words", models.CharField(blank=True, max_length=500, verbose_name="in words")),
                (
                    "approval",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="glass",
                        to="messaging.approval",
                        verbose_name="approval",
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="person",
                    ),
                ),
                (
                    "reviewed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="reviewed by",
                    ),
                ),
            ],
            options={
                "verbose_name": "campaign sent by one person alone",
                "verbose_name_plural": "campaigns sent by one person alone",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("reviewed_at", None)), fields=("by",), name="one_unreviewed_glass_break"
                    )
                ],
            },
        ),
        migrations.RunSQL(RULES, BACK),
    ]
