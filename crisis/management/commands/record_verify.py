"""`manage.py record_verify FILE [--key PUBLIC]`: says whether a signed record is as it was made; exit 1 if not."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crisis import sealing


class Command(BaseCommand):
    help = "Says whether a signed record, or a day of the log with its seal, is as it was made. Needs no database."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--key", default="", metavar="PUBLIC", help="the public key it has to be signed by, in hex")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            whole, sentence = sealing.judge(path.read_bytes(), key=options["key"], beside=path.parent)
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}") from error
        self.stdout.write(sentence)
        if not whole:
            sys.exit(1)
