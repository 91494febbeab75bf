"""The database's clock and roles, then people and incidents."""

from __future__ import annotations

import django.contrib.auth.models
import django.contrib.auth.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import crisis.clock
import crisis.lines

CLOCK = """
CREATE FUNCTION crisis_now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT statement_timestamp()';
"""
# STABLE, not VOLATILE: a volatile clock would drop the time bound out of the index condition.

ROLES = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'crisis_app') THEN
        RAISE EXCEPTION 'The role crisis_app does not exist. Create it first: CREATE ROLE crisis_app LOGIN PASSWORD ...';
    END IF;
END $$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC, crisis_app;
GRANT USAGE ON SCHEMA public TO crisis_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO crisis_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO crisis_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO crisis_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO crisis_app;
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.RunSQL(CLOCK, "DROP FUNCTION crisis_now()"),
        migrations.RunSQL(ROLES, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Country",
            fields=[
                ("code", models.CharField(max_length=2, primary_key=True, serialize=False, verbose_name="code")),
            ],
            options={
                "verbose_name": "country",
                "verbose_name_plural": "countries",
            },
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                (
                    "username",
                    models.CharField(
                        error_messages={"unique": "A user with that username already exists."},
                        help_text="Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.",
                        max_length=150,
                        unique=True,
                        validators=[django.contrib.auth.validators.UnicodeUsernameValidator()],
                        verbose_name="username",
                    ),
                ),
                ("first_name", models.CharField(blank=True, max_length=150, verbose_name="first name")),
                ("last_name", models.CharField(blank=True, max_length=150, verbose_name="last name")),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="email address")),
                (
                    "is_staff",
                    models.BooleanField(
                        default=False,
                        help_text="Designates whether the user can log into this admin site.",
                        verbose_name="staff status",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Designates whether this user should be treated as active. Unselect this instead of deleting accounts.",
                        verbose_name="active",
                    ),
                ),
                ("date_joined", models.DateTimeField(default=django.utils.timezone.now, verbose_name="date joined")),
                (
                    "language",
                    models.CharField(
                        choices=[("ru", "Русский"), ("en", "English")], default="ru", max_length=2, verbose_name="language"
                    ),
                ),
                ("last_seen_at", models.DateTimeField(editable=False, null=True, verbose_name="last seen at")),
                ("approver_since", models.DateTimeField(editable=False, null=True, verbose_name="approves since")),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "verbose_name": "user",
                "verbose_name_plural": "users",
                "abstract": False,
            },
            managers=[
                ("objects", django.contrib.auth.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name="Incident",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title_ru", models.CharField(max_length=200, verbose_name="title in Russian")),
                ("title_en", models.CharField(blank=True, max_length=200, verbose_name="title in English")),
                (
                    "category",
                    models.CharField(
                        choices=[
                            ("Transport", "transport: flights, roads, borders"),
                            ("Security", "security: unrest, attack, war"),
                            ("Geo", "earthquake, landslide, eruption"),
                            ("Met", "weather: storm, flood, heat"),
                            ("Safety", "danger to the public"),
                            ("Rescue", "search and rescue"),
                            ("Fire", "fire"),
                            ("Health", "disease, poisoning"),
                            ("Env", "pollution, environment"),
                            ("Infra", "power, water, networks"),
                            ("CBRNE", "chemical, biological, nuclear, explosive"),
                            ("Other", "other"),
                        ],
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                (
                    "urgency",
                    models.CharField(
                        choices=[
                            ("Immediate", "now"),
                            ("Expected", "within hours"),
                            ("Future", "later"),
                            ("Past", "it is over"),
                            ("Unknown", "not known yet"),
                        ],
                        max_length=20,
                        verbose_name="how soon",
                    ),
                ),
                (
                    "severity",
                    models.CharField(
                        choices=[
                            ("Extreme", "lives are in danger"),
                            ("Severe", "serious harm is likely"),
                            ("Moderate", "people are hindered"),
                            ("Minor", "good to know"),
                            ("Unknown", "not known yet"),
                        ],
                        max_length=20,
                        verbose_name="how bad",
                    ),
                ),
                (
                    "certainty",
                    models.CharField(
                        choices=[
                            ("Observed", "it has happened"),
                            ("Likely", "more likely than not"),
                            ("Possible", "possible"),
                            ("Unlikely", "unlikely"),
                            ("Unknown", "not known yet"),
                        ],
                        max_length=20,
                        verbose_name="how sure",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("open", "open"), ("monitoring", "monitoring"), ("closed", "closed")],
                        default="open",
                        editable=False,
                        max_length=12,
                        verbose_name="status",
                    ),
                ),
                ("drill", models.BooleanField(default=False, verbose_name="this is a drill")),
                ("hotline", models.CharField(blank=True, max_length=50, verbose_name="hotline")),
                (
                    "estimate_people",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="nationals estimated there"),
                ),
                ("estimate_source", models.CharField(blank=True, max_length=300, verbose_name="source of the estimate")),
                ("estimate_at", models.DateField(blank=True, null=True, verbose_name="date of the estimate")),
                ("next_update_at", models.DateTimeField(blank=True, null=True, verbose_name="next update due")),
                ("opened_at", models.DateTimeField(db_default=crisis.clock.Now(), editable=False, verbose_name="declared at")),
                ("countries", models.ManyToManyField(related_name="incidents", to="crisis.country", verbose_name="where")),
                (
                    "opened_by",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="declared by",
                    ),
                ),
            ],
            options={
                "verbose_name": "incident",
                "verbose_name_plural": "incidents",
                "ordering": ["-opened_at"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("estimate_people", None),
                            models.Q(models.Q(("estimate_source", ""), _negated=True), ("estimate_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="an_estimate_names_its_source_and_date",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("hotline__regex", crisis.lines.ONE_LINE),
                            ("title_en__regex", crisis.lines.ONE_LINE),
                            ("title_ru__regex", crisis.lines.ONE_LINE),
                        ),
                        name="a_title_is_one_line",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LogEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_default=crisis.clock.Now(), verbose_name="time")),
                ("text", models.CharField(max_length=1000, verbose_name="text")),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="person",
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="log",
                        to="crisis.incident",
                        verbose_name="incident",
                    ),
                ),
            ],
            options={
                "verbose_name": "log entry",
                "verbose_name_plural": "log entries",
                "ordering": ["-at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="Mission",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("embassy", "embassy"),
                            ("consular_section", "consular section"),
                            ("consulate_general", "consulate-general"),
                        ],
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                ("name_ru", models.CharField(max_length=200, verbose_name="name in Russian")),
                ("name_en", models.CharField(max_length=200, verbose_name="name in English")),
                ("city_ru", models.CharField(max_length=100, verbose_name="city in Russian")),
                ("city_en", models.CharField(max_length=100, verbose_name="city in English")),
                ("phone", models.CharField(blank=True, max_length=50, verbose_name="phone")),
                ("source", models.CharField(blank=True, max_length=300, verbose_name="source of these facts")),
                (
                    "country",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="missions",
                        to="crisis.country",
                        verbose_name="country",
                    ),
                ),
            ],
            options={
                "verbose_name": "mission",
                "verbose_name_plural": "missions",
                "constraints": [
                    models.UniqueConstraint(fields=("country", "kind", "city_en"), name="one_mission_of_a_kind_in_a_city"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Coverage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("posted", models.BooleanField(verbose_name="told its followers")),
                ("link", models.URLField(blank=True, verbose_name="link")),
                ("since_at", models.DateTimeField(db_default=crisis.clock.Now(), verbose_name="since when")),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="noted by",
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="coverage",
                        to="crisis.incident",
                        verbose_name="incident",
                    ),
                ),
                (
                    "mission",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="crisis.mission",
                        verbose_name="mission",
                    ),
                ),
            ],
            options={
                "verbose_name": "coverage",
                "verbose_name_plural": "coverage",
                "constraints": [
                    models.UniqueConstraint(fields=("incident", "mission"), name="one_coverage_row_a_mission"),
                ],
            },
        ),
        migrations.AddField(
            model_name="user",
            name="mission",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to="crisis.mission", verbose_name="mission"
            ),
        ),
        migrations.CreateModel(
            name="AdminAction",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=40, verbose_name="kind")),
                ("data", models.JSONField(default=dict, verbose_name="data")),
                ("why", models.CharField(max_length=500, verbose_name="why")),
                ("proposed_at", models.DateTimeField(db_default=crisis.clock.Now(), verbose_name="proposed at")),
                ("confirmed_at", models.DateTimeField(null=True, verbose_name="confirmed at")),
                ("refused_at", models.DateTimeField(null=True, verbose_name="refused at")),
                ("refusal", models.CharField(blank=True, max_length=500, verbose_name="why it was refused")),
                ("applied_in", models.BigIntegerField(editable=False, null=True)),
                (
                    "person",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="whom it concerns",
                    ),
                ),
                (
                    "confirmed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="confirmed by",
                    ),
                ),
                (
                    "proposed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="proposed by",
                    ),
                ),
                (
                    "refused_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="refused by",
                    ),
                ),
            ],
            options={
                "verbose_name": "change of access",
                "verbose_name_plural": "changes of access",
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("confirmed_by", None),
                            models.Q(("confirmed_by", models.F("proposed_by")), _negated=True),
                            _connector="OR",
                        ),
                        name="another_person_confirms",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("person", None),
                            models.Q(
                                models.Q(("person", models.F("proposed_by")), _negated=True),
                                models.Q(
                                    ("confirmed_by", None),
                                    models.Q(("person", models.F("confirmed_by")), _negated=True),
                                    _connector="OR",
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="nobody_changes_their_own_power",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("confirmed_by", None), ("refused_by", None), _connector="OR"),
                        name="confirmed_or_refused",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_default=crisis.clock.Now(), editable=False, verbose_name="time")),
                ("action", models.CharField(editable=False, max_length=60, verbose_name="action")),
                ("object_type", models.CharField(editable=False, max_length=60, verbose_name="about what")),
                ("object_id", models.CharField(editable=False, max_length=60, verbose_name="its number")),
                ("data", models.JSONField(default=dict, editable=False, verbose_name="data")),
                (
                    "prev_hash",
                    models.CharField(db_default="", editable=False, max_length=64, verbose_name="hash of the row before"),
                ),
                ("hash", models.CharField(db_default="", editable=False, max_length=64, unique=True, verbose_name="hash")),
                (
                    "by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="person",
                    ),
                ),
            ],
            options={
                "verbose_name": "audit entry",
                "verbose_name_plural": "audit log",
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["object_type", "object_id"], name="audit_about")],
            },
        ),
    ]
