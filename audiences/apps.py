"""The audiences app: who may be held, where they were last seen, and saved definitions. Knows nothing of messages."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AudiencesConfig(AppConfig):
    name = "audiences"
    verbose_name = _("audiences")

    def ready(self) -> None:
        from audiences import recount, retention, rotating, sources

        retention.register()
        recount.register()
        rotating.register()
        sources.register()
