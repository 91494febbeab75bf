"""`manage.py check_all`: the gate. Style, types, templates, migrations, settings, catalogue; everything but the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

PYTHON = sys.executable
TOOLS = str(Path(PYTHON).parent)
MANAGE = (PYTHON, "manage.py")
# A production installation's settings, so that `check --deploy` judges what will run.
PRODUCTION = {
    "CRISIS_DEMO": "0",
    "SECRET_KEY": "long-and-mixed-and-of-no-installation" * 2,
    "ALLOWED_HOSTS": "crisis.example",
}

STEPS: tuple[tuple[str, tuple[str, ...], dict[str, str]], ...] = (
    ("style", (PYTHON, "-m", "ruff", "check", "."), {}),
    ("format", (PYTHON, "-m", "ruff", "format", "--check", "."), {}),
    ("types", (PYTHON, "-m", "mypy"), {}),
    ("templates", (f"{TOOLS}/djlint", "templates", "--lint", "--quiet"), {}),
    ("migrations", (*MANAGE, "makemigrations", "--check", "--dry-run"), {"CRISIS_DEMO": "1"}),
    ("settings", (*MANAGE, "check", "--deploy", "--fail-level", "WARNING"), PRODUCTION),
    ("catalogue", (*MANAGE, "catalogue", "--check"), {"CRISIS_DEMO": "1"}),
)


class Command(BaseCommand):
    help = "Runs every check of the source but the tests, and names those that failed."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        failed = [name for name, argv, env in STEPS if not self._passes(name, argv, env)]
        if failed:
            self.stderr.write(f"Failed: {', '.join(failed)}.")
            sys.exit(1)
        self.stdout.write("All checks passed.")

    def _passes(self, name: str, argv: tuple[str, ...], env: dict[str, str]) -> bool:
        with TemporaryDirectory() as place:
            ring = Path(place) / "keys.json"
            ring.touch(mode=0o600)
            ring.write_text("{}")
            told = {**os.environ, **env, "CRISIS_KEY_RING": str(ring)}
            done = subprocess.run(argv, cwd=settings.BASE_DIR, env=told, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            self.stdout.write(f"— {name} —\n{done.stdout}{done.stderr}")
        else:
            self.stdout.write(f"{name}: ok")
        return done.returncode == 0
