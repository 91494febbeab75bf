"""`manage.py serve web|worker|sweeper|teller|importer`: one part of an installation, kept by a service manager."""

from __future__ import annotations

import logging
import os
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from threading import Event, Thread
from time import monotonic
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, close_old_connections
from redis import RedisError

from audiences import uploads
from crisis.checks import demand_strong_settings
from crisis.starting import demand_ready_database
from messaging import delivery, escalation, worker
from messaging.channels import CHANNELS, channel_class
from messaging.escalation import sending

log = logging.getLogger(__name__)
TELL_SECONDS = IMPORT_SECONDS = 1.0
GUNICORN = ["-m", "gunicorn", "crisis.wsgi", "--worker-class", "gthread", "--preload", "--no-control-socket"]


class Command(BaseCommand):
    help = (
        "Runs one part of an installation: the web console, a worker of one channel, the sweeper, the teller, or the importer."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parts = parser.add_subparsers(dest="part", required=True)
        web = parts.add_parser("web", help="the console, by gunicorn")
        web.add_argument("--bind", default="127.0.0.1:8000", metavar="HOST:PORT")
        web.add_argument("--workers", type=int, default=2)
        web.add_argument("--threads", type=int, default=8)
        hears = parts.add_parser("worker", help="sends by one channel; start as many as its account has lanes")
        hears.add_argument("channel", choices=sorted(slug for slug in CHANNELS if channel_class(slug).networked))
        parts.add_parser("sweeper", help="does what is due and nobody does; a second one waits for the first to die")
        parts.add_parser("teller", help="wakes the people who may decide, by e-mail and SMS; several do no harm")
        parts.add_parser("importer", help="looks at and imports large files; a second one waits for the first to die")

    def handle(self, *args: Any, **options: Any) -> None:
        demand_strong_settings()
        demand_ready_database()
        match options["part"]:
            case "web":
                _web(options["bind"], options["workers"], options["threads"])
            case "worker":
                _worker(options["channel"])
            case "sweeper":
                _sweep()
            case "teller":
                _tell()
            case "importer":
                _import()


def _web(bind: str, workers: int, threads: int) -> None:
    """Become gunicorn, so that signals and the exit status are its own."""
    numbers = ["--bind", bind, "--workers", str(workers), "--threads", str(threads), "--graceful-timeout", "5"]
    os.execv(sys.executable, [sys.executable, *GUNICORN, *numbers])  # noqa: S606


def _worker(channel: str) -> None:
    try:
        worker.listen(channel)
    except RedisError as error:
        raise CommandError(f"Redis does not answer ({type(error).__name__}). The sweeper sends meanwhile.") from error


def _sweep() -> None:
    _leave_when_told(delivery.leaving)
    _until_told(delivery.sweep_alone, settings.SWEEP_SECONDS, delivery.leaving)


def _import() -> None:
    """Step after step while there is a file to go on with; what it was at when it is killed is done again."""
    leaving = Event()
    _leave_when_told(leaving)

    def step() -> None:
        while uploads.work_alone() and not leaving.is_set():
            close_old_connections()

    _until_told(step, IMPORT_SECONDS, leaving)


def _tell() -> None:
    """Each way has a thread of its own: a mail server that hangs delays no SMS."""
    leaving = sending.leaving
    _leave_when_told(leaving)
    works = [partial(_until_told, partial(escalation.tell, way), TELL_SECONDS, leaving) for way in escalation.offered()]
    tellers = [Thread(target=work, daemon=True) for work in works]
    for teller in tellers:
        teller.start()
    leaving.wait()
    for teller in tellers:
        teller.join(5.0)


def _leave_when_told(leaving: Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: leaving.set())


def _until_told(step: Callable[[], object], seconds: float, leaving: Event) -> None:
    """Do a step every so many seconds. A database that does not answer ends nothing."""
    while not leaving.is_set():
        began = monotonic()
        close_old_connections()
        try:
            step()
        except Error as error:
            log.warning("The database does not answer (%s); trying again.", type(error).__name__)
        leaving.wait(max(0.0, seconds - (monotonic() - began)))
