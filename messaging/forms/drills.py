"""The form of the copy of a drill as a live draft."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from crisis.models import Incident, User


class CopyForm(forms.Form):
    """About which real incident the copy is."""

    incident = forms.ModelChoiceField(
        Incident.objects.none(),
        label=_("About which real incident?"),
        empty_label=_("choose one"),
    )

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        real = Incident.objects.seen_by(by).filter(drill=False).exclude(status=Incident.Status.CLOSED)
        self.fields["incident"].queryset = real  # type: ignore[attr-defined]
