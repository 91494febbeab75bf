"""Submitted rounds as they stood, kept by the database itself, and the notices to those who may decide."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import crisis.clock

KEPT = """
CREATE FUNCTION messaging_keep_round() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
BEGIN
    INSERT INTO messaging_round (campaign_id, number, at, by_id, texts, facts, reach)
    SELECT NEW.id, NEW.round, crisis_now(), nullif(current_setting('crisis.by', true), '')::bigint,
           coalesce((SELECT jsonb_agg(jsonb_build_object('part', t.part, 'language', t.language, 'headline', t.headline,
                                 'body', t.body, 'instruction', t.instruction, 'link', t.link) ORDER BY t.part, t.language DESC)
                       FROM messaging_text t WHERE t.campaign_id = NEW.id), '[]'),
           jsonb_build_object('kind', NEW.kind, 'audience', NEW.audience_version_id, 'starts_at', NEW.starts_at,
                              'not_after', NEW.not_after,
                              'exception_reason', coalesce((SELECT x.reason FROM messaging_reachexception x
                                                             WHERE x.id = NEW.exception_id), ''),
                              'exception_expires_at', (SELECT x.expires_at FROM messaging_reachexception x
                                                        WHERE x.id = NEW.exception_id),
                              'accounts', coalesce((SELECT jsonb_agg(w.account_id ORDER BY w.account_id)
                                            FROM messaging_campaign_accounts w WHERE w.campaign_id = NEW.id), '[]')),
           coalesce(NEW.reach, '{}');
    RETURN NULL;
END $$;
CREATE TRIGGER keep_round AFTER UPDATE ON messaging_campaign FOR EACH ROW
    WHEN (NEW.status = 'submitted' AND OLD.status <> 'submitted') EXECUTE FUNCTION messaging_keep_round();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON messaging_round FOR EACH ROW EXECUTE FUNCTION crisis_append_only();
REVOKE UPDATE, DELETE, TRUNCATE ON messaging_round FROM crisis_app;
REVOKE DELETE, TRUNCATE ON messaging_notice FROM crisis_app;
"""

KEPT_BACK = """
DROP TRIGGER keep_round ON messaging_campaign;
DROP TRIGGER append_only ON messaging_round;
DROP FUNCTION messaging_keep_round();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("messaging", "0003_api_authors"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("round", models.PositiveIntegerField()),
                (
                    "way",
                    models.CharField(
                        choices=[("screen", "on screen"), ("email", "by e-mail"), ("sms", "by SMS"), ("phone", "by phone")],
                        max_length=6,
                    ),
                ),
                (
                    "about",
                    models.CharField(
                        choices=[("decision", "a decision"), ("review", "the review of what was sent alone")],
                        default="decision",
                        max_length=8,
                    ),
                ),
                ("step", models.PositiveSmallIntegerField()),
                ("due_at", models.DateTimeField()),
                ("lease_until", models.DateTimeField(null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("sent_at", models.DateTimeField(null=True)),
                ("answered_at", models.DateTimeField(null=True)),
                ("failure", models.CharField(blank=True, max_length=60)),
                (
                    "by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "campaign",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="notices", to="messaging.campaign"
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="notices", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "verbose_name": "notice",
                "verbose_name_plural": "notices",
                "ordering": ["step", "pk"],
                "indexes": [models.Index(models.F("due_at"), condition=models.Q(("sent_at", None)), name="notice_due")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("about", "decision")),
                        fields=("campaign", "round", "person", "way"),
                        name="one_notice_a_way_and_round",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("about", "review")),
                        fields=("campaign", "person", "way", "step"),
                        name="one_notice_a_way_and_reminder",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Round",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("at", models.DateTimeField(db_default=crisis.clock.Now())),
                ("texts", models.JSONField()),
                ("facts", models.JSONField()),
                ("reach", models.JSONField()),
                (
                    "by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "campaign",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="rounds", to="messaging.campaign"
                    ),
                ),
            ],
            options={
                "verbose_name": "submitted round",
                "verbose_name_plural": "submitted rounds",
                "ordering": ["number"],
                "constraints": [models.UniqueConstraint(fields=("campaign", "number"), name="one_row_a_round")],
            },
        ),
        migrations.RunSQL(KEPT, KEPT_BACK),
    ]
