"""`manage.py restore PATH [--into NAME] [--key PUBLIC]`: a backup back into an empty database, all sending held."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from django.utils import translation

from crisis.backups import programs, restoring
from crisis.embedded import EmbeddedError
from crisis.refusal import Refused

AFTERWARDS = """\
Everybody logs in again. What was being sent is held; whoever may have been written to after the backup is marked uncertain.
Unknown here is also who opted out after that, and what was destroyed after that is back: destroy it again."""


class Command(BaseCommand):
    help = "Brings a backup back into an empty database and holds whatever was being sent, until people have looked."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path)
        parser.add_argument("--into", default="", metavar="NAME", help="a database to make, instead of the configured one")
        parser.add_argument("--key", default="", metavar="PUBLIC", help="the public key its seal has to be signed by, in hex")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = {name: options[name] for name in ("into", "key")}
        try:
            with translation.override("en"), programs.server():
                done = restoring.restore(options["path"].absolute(), **wanted, say=self.stdout.write)
        except (Refused, EmbeddedError, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error
        except Error as error:
            raise CommandError(f"The database refused: {str(error).strip()} Until a restore succeeds it stays shut.") from error
        counts = ", ".join(f"{name} {number}" for name, number in done.counts.items())
        with translation.override("en"):
            self.stdout.write(f"“{done.database}” is as it was at {restoring.day_and_time(done.at)}. {counts}.")
        self.stdout.write(AFTERWARDS)
        if done.missing_keys:
            self.stdout.write(
                f"The key ring here lacks {', '.join(done.missing_keys)}: put the ring of the backup's day in its place, "
                "or nobody who is addressed by these keys can be written to."
            )
