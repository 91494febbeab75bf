"""The form of how an account logs in at its platform."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from crisis.power.forms import WhyForm


class CredentialForm(WhyForm):
    """The name there, and the name of its secret; the secret itself is never typed here."""

    handle = forms.CharField(label=_("Name there"), max_length=200)
    secret_name = forms.CharField(
        label=_("Name of its secret"),
        max_length=60,
        help_text=_("Only its name. The secret itself lies in the file of secrets and is never typed here."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    field_order = ["handle", "secret_name", "why"]

    def change(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("handle", "secret_name")}
