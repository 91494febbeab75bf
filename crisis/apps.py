"""The app of people and incidents. Starting, it names the admin site that only some roles may enter."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class CrisisConfig(AppConfig):
    name = "crisis"
    verbose_name = _("People and incidents")

    def ready(self) -> None:
        from crisis import exporting
        from crisis.power import people, programs

        people.register()
        programs.register()
        exporting.register()
        # The admin app reads this when its site is first touched, which is after every app's ready().
        apps.get_app_config("admin").default_site = "crisis.admin_site.ConsoleAdminSite"  # type: ignore[attr-defined]
        import_module("crisis.checks")
        for listens in ("crisis.sessions", "crisis.lockout"):  # to what ends a session, and to what was typed wrongly
            import_module(listens)
