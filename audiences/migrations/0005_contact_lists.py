"""Uploaded lists of contacts."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import crisis.clock

# A person who is forgotten leaves every list: the rule about deletion looks when the transaction ends.
RULES = """
CREATE FUNCTION audiences_list_born() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    NEW.made_in := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END $$;
CREATE TRIGGER born BEFORE INSERT ON audiences_contactlist FOR EACH ROW EXECUTE FUNCTION audiences_list_born();

CREATE FUNCTION audiences_list_kept() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' OR NOT EXISTS (SELECT FROM audiences_contactlist
            WHERE id = NEW.list_id AND made_in = pg_current_xact_id()::text::bigint) THEN
        RAISE EXCEPTION 'the members of a list never change' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER kept BEFORE INSERT OR UPDATE ON audiences_listmember FOR EACH ROW EXECUTE FUNCTION audiences_list_kept();

CREATE FUNCTION audiences_member_gone() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM audiences_contact WHERE id = OLD.contact_id)
       AND EXISTS (SELECT FROM audiences_contactlist WHERE id = OLD.list_id) THEN
        RAISE EXCEPTION 'the members of a list never change' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER gone AFTER DELETE ON audiences_listmember DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION audiences_member_gone();
"""

FREE = """
DROP TRIGGER gone ON audiences_listmember;
DROP TRIGGER kept ON audiences_listmember;
DROP TRIGGER born ON audiences_contactlist;
DROP FUNCTION audiences_member_gone(), audiences_list_kept(), audiences_list_born();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("audiences", "0004_staff"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ContactList",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=200, unique=True, verbose_name="name")),
                ("uploaded_at", models.DateTimeField(db_default=crisis.clock.Now())),
                ("made_in", models.BigIntegerField(editable=False, null=True)),
                (
                    "source",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="lists", to="audiences.source"),
                ),
                (
                    "uploaded_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "list of contacts",
                "verbose_name_plural": "lists of contacts",
                "ordering": ["-uploaded_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="ListMember",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "list_id", "contact_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "list",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="members",
                        to="audiences.contactlist",
                    ),
                ),
                (
                    "contact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="lists", to="audiences.contact"
                    ),
                ),
            ],
        ),
        migrations.RunSQL(RULES, FREE),
    ]
