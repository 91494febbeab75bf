"""A delivery's batch has its campaign and its account: these keys were checked twice for every person."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


def _unchecked(to: str, **options: str) -> models.ForeignKey[object, object]:
    protect = django.db.models.deletion.PROTECT
    return models.ForeignKey(db_constraint=False, db_index=False, on_delete=protect, to=to, **options)


class Migration(migrations.Migration):
    dependencies = [("messaging", "0009_uncertain")]

    operations = [
        migrations.AlterField("delivery", "account", _unchecked("messaging.account", related_name="+", verbose_name="account")),
        migrations.AlterField(
            "delivery", "campaign", _unchecked("messaging.campaign", related_name="deliveries", verbose_name="campaign")
        ),
        migrations.AlterField("deliveryref", "account", _unchecked("messaging.account", related_name="+")),
    ]
