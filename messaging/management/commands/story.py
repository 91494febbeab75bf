"""`manage.py story egypt|direct --out DIR`: writes a story's files. It reads the clock for the story, and imports nothing."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from messaging.stories import egypt

STORIES = {"egypt": (egypt.generate, egypt.PEOPLE), "direct": (egypt.generate_direct, egypt.DIRECT_PEOPLE)}


class Command(BaseCommand):
    help = "Writes a story as plain files to import, with expected.csv: who must get the message. Same arguments, same bytes."
    requires_system_checks = ()  # it needs neither the database nor an installation

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "story", choices=sorted(STORIES), help="egypt: the whole story; direct: everybody is reachable, for load"
        )
        parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="an empty or new directory")
        parser.add_argument("--at", metavar="ISO", help="the story's now, with its zone; default: this minute")
        parser.add_argument(
            "--seed", type=int, default=egypt.SEED, help="another seed tells it of other people (default %(default)s)"
        )
        parser.add_argument("--people", type=int, metavar="N", help=f"default {egypt.PEOPLE}, direct {egypt.DIRECT_PEOPLE}")

    def handle(self, *args: Any, **options: Any) -> None:
        generate, people = STORIES[options["story"]]
        at, out = _at(options["at"]), options["out"]
        try:
            story = generate(at, options["seed"], people if options["people"] is None else options["people"])
            egypt.write(story, out)
        except egypt.StoryError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"The story cannot be written to {out}: {error.strerror}.") from error
        self.stdout.write(f"{story.people} people, {story.sightings} sightings in {out}. Now is {story.at.isoformat()}.")


def _at(given: str | None) -> datetime:
    if given is None:
        return datetime.now(UTC).replace(second=0, microsecond=0)
    try:
        return datetime.fromisoformat(given)
    except ValueError as error:
        raise CommandError(f"{given} is not a time. Write it as 2015-11-08T10:40:00+00:00.") from error
