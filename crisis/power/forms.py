"""Forms of people and of changes of power. They only read what was typed; the kinds of change judge it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from crisis.models import Mission, User
from crisis.permissions import ROLES
from crisis.templatetags.console import role_name


def _roles() -> list[tuple[str, str]]:
    return [(role, role_name(role)) for role in ROLES]


class WhyForm(forms.Form):
    """Why a change is proposed: whoever confirms it decides by that."""

    why = forms.CharField(
        label=_("Why"),
        max_length=500,
        help_text=_("Whoever confirms it decides by this."),
        error_messages={"required": _("Say why: whoever confirms it decides by that.")},
    )


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
