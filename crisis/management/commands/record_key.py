"""`manage.py record_key`: makes the key that signs records and exports, where there is none, and prints its public half."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from crisis import sealing


class Command(BaseCommand):
    help = "Makes the key that signs records, once, and prints its public half: keep that line somewhere else."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.RECORD_KEY_FILE.is_file():
            sealing.make_key(settings.RECORD_KEY_FILE)
        self.stdout.write(sealing.public_key())
