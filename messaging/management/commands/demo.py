"""`manage.py demo`: the whole console on this machine with the story of November 2015, its platforms simulated."""

from __future__ import annotations

import os
import signal
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connections

from crisis import embedded
from crisis.demonstration import PASSWORD
from crisis.embedded import EmbeddedError
from crisis.refusal import Refused
from crisis.supervisor import Supervisor
from messaging.stage import Stage, StageError
from messaging.stories import egypt, telling

READY_SECONDS = 60.0


class Command(BaseCommand):
    help = "Starts the whole console with invented people and simulated platforms. Ctrl-C stops it; its data is kept."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="of the console on this machine (default %(default)s)")
        parser.add_argument("--data-dir", type=Path, default=settings.DATA_DIR, help="where everything is kept (default var)")
        parser.add_argument("--people", type=int, default=egypt.PEOPLE, metavar="N", help="invented at the first start")
        parser.add_argument("--reset", action="store_true", help="forget all earlier starts and begin the story anew")

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, _as_interrupt)
        try:
            data_dir = options["data_dir"].resolve()
            stage = Stage.entered(data_dir)
            if stage is None:
                Stage.at(data_dir, options["port"]).enter()
            else:
                self._play(stage, partial(egypt.generate, people=options["people"]), reset=options["reset"])
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
        except (EmbeddedError, StageError, telling.NotOursError, egypt.StoryError, Refused) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename or options['data_dir']} cannot be used: {error.strerror or error}.") from error
        except Error as error:
            raise CommandError(f"The database refused: {str(error).strip()}") from error

    def _play(self, stage: Stage, story: Callable[[datetime], egypt.Story], *, reset: bool) -> None:
        stage.lock()
        if reset and "DATABASE_URL" in os.environ:
            raise StageError("--reset forgets the embedded database only. DATABASE_URL names another; nothing was removed.")
        if reset:
            stage.clear()
        stage.secrets()
        servers = nullcontext() if "DATABASE_URL" in os.environ else embedded.servers(stage.data_dir)
        with servers as found:
            at = telling.prepare(stage.data_dir / "story", story)
            commands = [*stage.simulators(at, telling.hooks(stage.web), lively=True), *stage.console(telling.workers())]
            connections.close_all()
            with Supervisor(commands) as supervisor:
                if not supervisor.run_until(stage.answers, READY_SECONDS):
                    raise StageError(f"The console does not answer; the reason is in {stage.data_dir / 'logs'}.")
                self._announce(stage)
                supervisor.run(also=found.tend if found else lambda: None)
        self.stdout.write("Stopped.")

    def _announce(self, stage: Stage) -> None:
        self.stdout.write("Demonstration: every platform is a simulator on this machine, and nobody real is reached.")
        for username, _first, _last, role in telling.CAST:
            self.stdout.write(f"  {username:<6} {role:<11} password: {PASSWORD}")
        self.stdout.write("  The log-in pages show the code that each of them would type now.")
        self.stdout.write(f"  mails that wake an approver can be read in {stage.journal('mail')}")
        self.stdout.write(f"ready {stage.url}")


def _as_interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
