"""`manage.py conformance URL`: judges a platform of exercises by the contract of orders, for whoever has built one."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.safestring import mark_safe

from messaging.channels.conformance import CODES, CannotJudgeError, Finding, Target, reporting, run

LANGUAGES = ("en", "ru")
Say = Callable[[str], str]


class Command(BaseCommand):
    help = (
        "Asks a platform, in its sandbox and within a minute, all that the contract speaks of. Exit 0 if no rule is broken. "
        "CONFORMANCE_SECRET signs what is asked, CONFORMANCE_WEBHOOK_SECRET (whsec_…) what the platform tells."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("url", help="the platform's own base address, without /v1")
        parser.add_argument("--issuer", default="conformance", help="under what name the platform knows the key")
        parser.add_argument("--listen", metavar="HOST:PORT", help="where the platform tells of its orders; unsaid: not judged")
        parser.add_argument("--only", action="append", choices=CODES, default=[], help="judge by this rule; may be repeated")
        parser.add_argument("--language", choices=LANGUAGES, default="en", help="of what is printed")
        parser.add_argument("--json", action="store_true", help="print one JSON object in both languages and nothing else")
        parser.add_argument("--html", type=Path, metavar="FILE", help="write a page to hand on, in both languages")

    def handle(self, *args: Any, **options: Any) -> None:
        say = saying(options["language"])
        try:
            findings = run(_target(options), options["only"])
        except CannotJudgeError as reason:
            raise CommandError(reason.why.told(say)) from reason
        except OSError as error:
            raise CommandError(f"{options['listen']} cannot be listened on: {error.strerror}.") from error
        if options["html"]:
            options["html"].write_text(page(options["url"], findings))
        found = {"url": options["url"], **reporting.in_languages(findings, {one: saying(one) for one in LANGUAGES})}
        self.stdout.write(json.dumps(found, ensure_ascii=False) if options["json"] else reporting.text(findings, say))
        if not reporting.conforms(findings):
            sys.exit(1)


def saying(language: str) -> Say:
    def say(text: str) -> str:
        with translation.override(language):
            return translation.gettext(text)

    return say


def page(url: str, findings: list[Finding]) -> str:
    """One file that needs no other: a verdict to hand on."""
    style = (settings.BASE_DIR / "static" / "conformance.css").read_text()
    verdicts = [
        {
            "language": language,
            "summary": reporting.summary(findings, saying(language)),
            "rows": reporting.rows(findings, saying(language)),
        }
        for language in LANGUAGES
    ]
    context = {
        "url": url,
        "at": datetime.now(UTC).isoformat(" ", "minutes"),
        "conforms": reporting.conforms(findings),
        "verdicts": verdicts,
    }
    return render_to_string("messaging/conformance.html", {**context, "style": mark_safe(f"<style>{style}</style>")})  # noqa: S308


def _target(options: dict[str, Any]) -> Target:
    secret = os.environ.get("CONFORMANCE_SECRET", "")
    if not secret:
        raise CommandError("No secret: set CONFORMANCE_SECRET in the environment to the key you share with the platform.")
    webhook_secret = os.environ.get("CONFORMANCE_WEBHOOK_SECRET", "")
    if options["listen"] and not webhook_secret:
        raise CommandError("No secret for webhooks: set CONFORMANCE_WEBHOOK_SECRET in the environment, or leave --listen out.")
    return Target(options["url"], secret, webhook_secret, _place(options["listen"]), options["issuer"])


def _place(listen: str | None) -> tuple[str, int] | None:
    if listen is None:
        return None
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise CommandError("--listen is a host and a port, 0.0.0.0:8100.")
    return host, int(port)
