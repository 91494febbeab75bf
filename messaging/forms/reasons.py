"""Forms that ask why something is done."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from messaging.limits import EXCEPTION_HOURS


class ReasonForm(forms.Form):
    """Why something is returned, rejected or discarded."""

    reason = forms.CharField(label=_("Why"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


class RenewForm(forms.Form):
    """For how long, and why the danger still holds."""

    hours = forms.IntegerField(label=_("For how many hours from now"), min_value=1, max_value=EXCEPTION_HOURS, initial=24)
    reason = forms.CharField(
        label=_("Why does the danger still hold?"), max_length=500, widget=forms.Textarea(attrs={"rows": 3})
    )
