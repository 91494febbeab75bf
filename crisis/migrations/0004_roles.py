"""The four roles of people who work in the console, as groups."""

from __future__ import annotations

from django.db import migrations

ROLES = ("operator", "supervisor", "admin", "auditor")


def make(apps, schema_editor):
    group = apps.get_model("auth", "Group")
    group.objects.using(schema_editor.connection.alias).bulk_create([group(name=name) for name in ROLES])


def remove(apps, schema_editor):
    apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias).filter(name__in=ROLES).delete()


class Migration(migrations.Migration):
    dependencies = [("crisis", "0003_countries"), ("auth", "0012_alter_user_first_name_max_length")]
    operations = [migrations.RunPython(make, remove)]
