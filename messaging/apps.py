"""The messaging app: what, whether and how. The highest app: it may show everything."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MessagingConfig(AppConfig):
    name = "messaging"
    verbose_name = _("messaging")

    def ready(self) -> None:
        import_module("messaging.credentials")  # a change that takes two persons registers itself
        from messaging import earlier_messages, remembering
        from messaging.forms import earlier_messages as questions

        earlier_messages.register()
        questions.register()
        remembering.register()
        import_module("messaging.purging")  # a change that takes two persons registers itself
        import_module("messaging.delivery.restoring")  # what a restored database means for campaigns
