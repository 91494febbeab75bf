"""`manage.py backup PATH`: the whole database as it is now, in one file with its seal. The console goes on meanwhile."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from crisis.backups import making, programs
from crisis.embedded import EmbeddedError
from crisis.refusal import Refused


class Command(BaseCommand):
    help = "Writes the whole database to a file and its seal beside it. The key ring and the secrets are not in it."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with programs.server():
                made = making.make(options["path"].absolute())
        except (Refused, EmbeddedError, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be written: {error.strerror}.") from error
        except Error as error:
            raise CommandError(f"The database refused, nothing was written: {str(error).strip()}") from error
        self.stdout.write(f"{made.path}: {made.size} bytes, audit head {made.head or 'none'}, sealed by {made.seal.name}")
        self.stdout.write(
            f"Not in it: the key ring and the secrets. Keep the key ring somewhere else; without its keys "
            f"({', '.join(made.keys) or 'none yet'}) no address in this file can be read by anybody."
        )
