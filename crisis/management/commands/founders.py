"""`manage.py founders A B`: the first two administrators of an installation, each with a link that sets their password once."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import translation

from crisis import invitations
from crisis.refusal import Refused


class Command(BaseCommand):
    help = "Makes the first two administrators. Works once, while there are none."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("usernames", nargs=2, metavar="USERNAME")
        parser.add_argument("--url", default="", help="of the console; by default https and the first of ALLOWED_HOSTS")

    def handle(self, *args: Any, **options: Any) -> None:
        host = next(iter(settings.ALLOWED_HOSTS), "")
        console = options["url"].rstrip("/") or f"https://{host}"
        with translation.override("en"):
            try:
                people = invitations.found(options["usernames"])
            except Refused as refused:
                raise CommandError(str(refused)) from refused
        hours = settings.PASSWORD_RESET_TIMEOUT // 3600
        self.stdout.write(f"Give each person their own link. It works once, within {hours} hours, and is not shown again.")
        for person in people:
            self.stdout.write(f"  {person.username}: {console}{invitations.link_for(person)}")
        self.stdout.write("At the first log-in each sets up a second step: an app that shows codes, or a passkey.")
