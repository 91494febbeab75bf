"""Filters of the lists of campaigns and of incidents."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from crisis.forms import FilterByIncident
from crisis.models import Incident, User
from messaging.models import Campaign, Status

DRILLS = [("", _("with drills")), ("no", _("without drills")), ("yes", _("only drills"))]


class CampaignFilter(FilterByIncident):
    """Filters of the list of campaigns; they live in the URL. What cannot be read filters nothing and says so."""

    status = forms.ChoiceField(label=_("Status"), required=False, choices=[("", _("any")), *Status.choices])
    incident = forms.ModelChoiceField(Incident.objects.none(), label=_("Incident"), required=False, empty_label=_("any"))
    drill = forms.ChoiceField(label=_("Drills"), required=False, choices=DRILLS)

    def rows(self) -> Any:
        """The campaigns that pass, newest first."""
        self.is_valid()
        chosen = {name: value for name, value in self.cleaned_data.items() if value}
        if "drill" in chosen:
            chosen["drill"] = chosen["drill"] == "yes"
        rows = Campaign.objects.seen_by(self.by).filter(**chosen)
        return rows.select_related("incident", "created_by").prefetch_related("texts")


class IncidentFilter(forms.Form):
    """Filters of the list of incidents; they live in the URL."""

    status = forms.ChoiceField(
        label=_("Status"), required=False, choices=[("", _("not closed")), *Incident.Status.choices, ("all", _("all"))]
    )
    drill = forms.ChoiceField(
        label=_("Live or drill"), required=False, choices=[("", _("live and drills")), ("0", _("live")), ("1", _("drills"))]
    )

    def rows(self, by: User) -> QuerySet[Incident]:
        """The incidents that pass and that this person sees; a filter that cannot be read filters nothing."""
        self.is_valid()
        status, drill = self.cleaned_data.get("status", "all"), self.cleaned_data.get("drill", "")
        seen = Incident.objects.seen_by(by)
        rows = seen.prefetch_related("countries").select_related("opened_by").order_by("-opened_at", "-pk")
        if status in Incident.Status.values:
            rows = rows.filter(status=status)
        elif not status:
            rows = rows.exclude(status=Incident.Status.CLOSED)
        return rows.filter(drill=drill == "1") if drill else rows
