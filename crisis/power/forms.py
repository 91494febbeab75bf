"""Forms of people and of changes of power. They only read what was typed; the kinds of change judge it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crisis import feeds
from crisis.forms import YEARS
from crisis.models import Mission, Scope, User
from crisis.permissions import ROLES
from crisis.templatetags.console import role_name


def _roles() -> list[tuple[str, str]]:
    return [(role, role_name(role)) for role in ROLES]


def _usable() -> list[tuple[int, str]]:
    return [(feed.number, feed.name) for feed in feeds.known() if feed.usable]


class WhyForm(forms.Form):
    """Why a change is proposed: whoever confirms it decides by that."""

    why = forms.CharField(
        label=_("Why"),
        max_length=500,
        help_text=_("Whoever confirms it decides by this."),
        error_messages={"required": _("Say why: whoever confirms it decides by that.")},
    )

    def change(self) -> dict[str, Any]:
        """What the kind of change is told besides the reason."""
        return {}


class RolesForm(WhyForm):
    """Which roles somebody is to have, and where they work."""

    roles = forms.MultipleChoiceField(
        label=_("Roles"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=_roles,
        help_text=_("Nobody is an administrator and a supervisor at once. Without a role a person can do nothing."),
    )
    mission = forms.ModelChoiceField(
        Mission.objects.select_related("country").order_by("country", "city_en"),
        label=_("Mission"),
        required=False,
        empty_label=_("none: the ministry, all incidents"),
        help_text=_("People of a mission see the incidents of its country alone."),
    )
    field_order = ["roles", "mission", "why"]

    def change(self) -> dict[str, Any]:
        mission = self.cleaned_data["mission"]
        return {"roles": sorted(self.cleaned_data["roles"]), "mission": mission and mission.pk}


class PersonForm(RolesForm):
    """A person who is to work here."""

    username = forms.CharField(label=_("Name to log in by"), max_length=150)
    last_name = forms.CharField(label=_("Last name"), max_length=150)
    first_name = forms.CharField(label=_("First name"), max_length=150)
    email = forms.EmailField(label=_("E-mail"), required=False, max_length=254)
    language = forms.ChoiceField(label=_("Language"), choices=User._meta.get_field("language").choices or [])
    field_order = ["username", "last_name", "first_name", "email", "language", "roles", "mission", "why"]

    def change(self) -> dict[str, Any]:
        names = ("username", "last_name", "first_name", "email", "language")
        return super().change() | {name: self.cleaned_data[name] for name in names}


class ClientForm(WhyForm):
    """A program that is to knock at the API."""

    name = forms.CharField(
        label=_("What it is called"),
        max_length=100,
        help_text=_("The system, and whose it is: “Duty desk of the embassy in Cairo”."),
        error_messages={"required": _("Give the client a name of at most 100 characters.")},
    )
    mission = forms.ModelChoiceField(
        Mission.objects.select_related("country").order_by("country", "city_en"),
        label=_("Mission"),
        required=False,
        empty_label=_("none: the ministry, all incidents"),
        help_text=_("A program of a mission sees the incidents of its country alone."),
    )
    field_order = ["name", "mission", "why"]

    def change(self) -> dict[str, Any]:
        mission = self.cleaned_data["mission"]
        return {"name": self.cleaned_data["name"], "mission": mission and mission.pk}


class KeyForm(WhyForm):
    """What a new key is to open and to feed, and until when."""

    scopes = forms.MultipleChoiceField(
        label=_("What the key opens"),
        widget=forms.CheckboxSelectMultiple,
        choices=Scope.choices,
        help_text=_("Choose as little as the program needs. No key approves."),
        error_messages={"required": _("Choose at least one thing that the key opens, from the list.")},
    )
    sources = forms.TypedMultipleChoiceField(
        label=_("Which sources it may feed"),
        required=False,
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        choices=_usable,
        help_text=_("Needed when it brings contacts, sightings or stays. Only sources in use with a legal basis can be fed."),
        error_messages={"invalid_choice": _("There is no such source in use. Choose from the list.")},
    )
    expires_at = forms.DateField(
        label=_("Last day on which it opens"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
        help_text=_("At most a year from now."),
        error_messages={
            "required": _("Say on which day the key ends."),
            "invalid": _("This is no date. Write it like 2015-11-08."),
        },
    )
    field_order = ["scopes", "sources", "expires_at", "why"]

    def clean_expires_at(self) -> datetime:
        """The end of that day in the center's own zone."""
        last: date = self.cleaned_data["expires_at"]
        if last.year not in YEARS:
            raise forms.ValidationError(_("The year has to lie between 2000 and 2099."))
        return datetime.combine(last + timedelta(days=1), time.min, timezone.get_default_timezone())

    def change(self) -> dict[str, Any]:
        scopes, sources = sorted(self.cleaned_data["scopes"]), sorted(self.cleaned_data["sources"])
        return {"scopes": scopes, "sources": sources, "expires_at": self.cleaned_data["expires_at"].isoformat()}
