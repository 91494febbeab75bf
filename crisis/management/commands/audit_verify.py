"""`manage.py audit_verify [--head HASH]`: recomputes the audit chain; exit 1 names the first bad row."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from crisis import audit


class Command(BaseCommand):
    help = "Recomputes the chain of the audit log. Exit 1 names what was changed, removed or inserted."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--head", default="", metavar="HASH", help="a head noted earlier: finds rows cut off at the end")

    def handle(self, *args: Any, **options: Any) -> None:
        rows, head, wrong = audit.verify(options["head"])
        for sentence in wrong:
            self.stderr.write(str(sentence))
        self.stdout.write(f"{rows} rows, head {head or 'none'}")
        if wrong:
            sys.exit(1)
