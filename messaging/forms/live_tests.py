"""The form of a TEST to colleagues."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from messaging.models import Account


class WaysForm(forms.Form):
    """By which ways the TEST goes."""

    accounts = forms.ModelMultipleChoiceField(
        Account.objects.none(), label=_("Ways to test"), widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        live = Account.objects.filter(drill=False, address_kind__isnull=False, paused_at=None).order_by("pk")
        self.fields["accounts"].queryset = live  # type: ignore[attr-defined]
