"""The audiences app: who may be held, where they were last seen, and saved definitions. Knows nothing of messages."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AudiencesConfig(AppConfig):
    name = "audiences"
    verbose_name = _("audiences")

    def ready(self) -> None:
        for registers in ("audiences.retention", "audiences.recount"):  # once a day
            import_module(registers)
        import_module("audiences.rotating")  # says which keys a backup needs
        import_module("audiences.sources")  # says what the keys of programs may feed
