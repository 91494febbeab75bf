"""What follows an order need not wait for ever until it is cancelled: a person may let it go."""

from __future__ import annotations

from importlib import import_module

from django.db import migrations, models

amended = import_module("messaging.migrations.0009_uncertain").amended


class Migration(migrations.Migration):
    dependencies = [("messaging", "0014_by_hand")]
    operations = [
        migrations.AddField("order", "let_go_at", models.DateTimeField(null=True)),
        amended(
            "messaging_order_update()",
            "OR OLD.ended_at IS NOT NULL AND",
            "OR OLD.let_go_at IS NOT NULL AND NEW.let_go_at IS DISTINCT FROM OLD.let_go_at\n       OR OLD.ended_at IS NOT NULL AND",
        ),
    ]
