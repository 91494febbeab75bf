"""Forms of the playbook pages: one to write a version, one that asks for its blanks and for nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from audiences.whereabouts import hours_field, mode_field
from crisis.models import Category, Incident
from messaging.beginning import WINDOW_HOURS, Facts
from messaging.forms.words import NAMES, WordsForm, typed
from messaging.models import Campaign, Kind, Playbook, PlaybookVersion
from messaging.models.accounts import channel_choices
from messaging.models.playbooks import VALUE
from messaging.playbooks import blanks_of, known_values
from messaging.wording import Words
from messaging.workflow.preparing import Prepared

no_brackets = RegexValidator(r"[\[\]\n]", _("Write it in one line, without square brackets."), inverse_match=True)


class PlaybookForm(WordsForm):
    """What a version of a playbook says, to whom and by what."""

    field_order = ("name", "categories", "kind")

    name = forms.CharField(label=_("Name"), max_length=120)
    categories = forms.MultipleChoiceField(
        label=_("Which kinds of incident it fits"), required=False, widget=forms.CheckboxSelectMultiple,
        choices=lambda: [(value, capfirst(label)) for value, label in Category.choices],
        help_text=_("None chosen: it fits every kind."),
    )  # fmt: skip
    kind = forms.ChoiceField(label=_("Kind of campaign"), choices=Kind.choices, initial=Kind.ALERT)
    hours = hours_field(initial=WINDOW_HOURS)
    mode = mode_field()
    ways = forms.MultipleChoiceField(
        label=_("By what is it sent?"), choices=channel_choices, widget=forms.CheckboxSelectMultiple, required=False
    )

    def content(self) -> Prepared:
        """What the verbs take."""
        data = self.cleaned_data
        return Prepared(self.written(), data["ways"], Kind(data["kind"]), data["hours"], data["mode"])


def initial_of(playbook: Playbook, version: PlaybookVersion) -> dict[str, Any]:
    """Initial values of the form of the next version."""
    words = {code: Words(**text) for code, text in version.texts.items()}
    same = {name: getattr(version, name) for name in ("kind", "hours", "mode", "ways")}
    return {"name": playbook.name, "categories": playbook.categories, **same, **typed(words)}


class BlanksForm(forms.Form):
    """One field for each blank that the console cannot fill by itself, language by language."""

    def __init__(self, data: Any = None, *, version: PlaybookVersion, incident: Incident, facts: Facts) -> None:
        super().__init__(data)
        self.known, self.asked = known_values(version, facts), {}
        for code in version.said:
            for number, blank in enumerate(b for b in blanks_of(version, code) if b not in self.known[code]):
                name = f"{code}_{number}"
                self.asked[name] = (code, blank)
                label = f"{blank} ({NAMES[code]})"
                self.fields[name] = forms.CharField(
                    label=label, max_length=VALUE, validators=[no_brackets], widget=forms.TextInput(attrs={"lang": code})
                )
        if version.kind != Kind.ALERT:
            earlier = Campaign.objects.followable().filter(incident=incident)
            self.fields["refers_to"] = forms.ModelChoiceField(earlier, label=_("Which earlier campaign it follows"))

    def values(self) -> Mapping[str, Mapping[str, str]]:
        """Language → blank → what stands there instead: what the console knows and what was typed."""
        found = {code: dict(values) for code, values in self.known.items()}
        for name, (code, blank) in self.asked.items():
            found[code][blank] = getattr(self, "cleaned_data", {}).get(name) or f"[{blank}]"
        return found
