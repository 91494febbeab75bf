"""`manage.py rotate_keys`: a new key for the addresses at rest. Interrupted, it goes on where it stopped.

`manage.py rotate_keys --drop-unused`, two hours later: takes keys that nothing names any more out of the ring.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audiences import rotating
from crisis.refusal import Refused


class Command(BaseCommand):
    help = "Makes a new key and encrypts every address with it. The key that finds opt-outs again never changes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--drop-unused", action="store_true", help="only take keys that nothing names out of the ring")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._drop() if options["drop_unused"] else self._rotate()
        except Refused as refused:
            raise CommandError(str(refused)) from None

    def _rotate(self) -> None:
        if left := rotating.rotate(self.stdout.write):
            raise CommandError(f"{left} addresses were being changed by others. Run it again.")
        self.stdout.write("Two hours from now, drop the old key: manage.py rotate_keys --drop-unused")

    def _drop(self) -> None:
        dropped = rotating.drop_unused()
        self.stdout.write(f"Dropped: {', '.join(dropped)}." if dropped else "Every key is still in use. Nothing was dropped.")
