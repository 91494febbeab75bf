"""The messaging app: what, whether and how. The highest app: it may show everything."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MessagingConfig(AppConfig):
    name = "messaging"
    verbose_name = _("messaging")

    def ready(self) -> None:
        from crisis import backups
        from messaging import credentials, earlier_messages, purging, remembering
        from messaging.delivery import restoring
        from messaging.forms import earlier_messages as questions

        credentials.register()
        earlier_messages.register()
        questions.register()
        purging.register()
        remembering.register()
        backups.afterwards("messaging", restoring.hold)
