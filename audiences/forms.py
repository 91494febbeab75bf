"""Forms about audiences and files. They read what a person typed into plain values; what is allowed is decided by the verbs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.utils.functional import lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audiences.criteria import Criteria, Node, Permitted, Seen, Subscribed
from audiences.models import AddressKind, Audience, AudienceVersion
from crisis.forms import CountriesField
from crisis.models import Country, Incident, User
from crisis.refusal import Refused
from crisis.templatetags.console import zone_name

VK = AddressKind.VK.slug
HOURS = {"hours": 1, "days": 24}
FIELDS = {"hours": "window", "yes": "allows", "kind": "allows"}  # what Criteria calls a field → what the form calls it
YEARS = range(2000, 2101)

MODE_CHOICES = [
    ("last_seen_there", gettext_lazy("Last seen there, and nowhere else since")),
    ("was_there", gettext_lazy("Were there, also those seen elsewhere since")),
]
FOLLOWING = [
    ("", gettext_lazy("everybody, whether they follow it or not")),
    ("yes", gettext_lazy("only those who follow it")),
    ("no", gettext_lazy("only those who do not follow it")),
]


def _allowing() -> list[tuple[str, Any]]:
    return [("", gettext_lazy("everybody")), *((kind.slug, kind.label) for kind in AddressKind)]


def _until_hint() -> str:
    return _("%(place)s time. Leave it empty for the moment of sending.") % {"place": zone_name(settings.TIME_ZONE)}


def add_problems(form: forms.BaseForm, refused: Refused, names: Mapping[str, str] = FIELDS) -> None:
    """Put a refusal's sentences beside the fields they speak of, those without one above the form."""
    for problem in refused.problems:
        name = names.get(problem.field, problem.field)
        form.add_error(name if name in form.fields else None, str(problem.sentence))


class CriteriaForm(forms.Form):
    """Whom an audience means. `criteria()` is there when these fields are valid, whatever other fields a subclass has.

    `kept` are conditions this form has no fields for: they stay as they are.
    """

    countries = CountriesField(
        label=gettext_lazy("Where were they seen?"),
        help_text=gettext_lazy("Start typing the country."),
        error_messages={"required": gettext_lazy("Choose at least one country: an audience never means everybody.")},
    )
    mode = forms.ChoiceField(
        label=gettext_lazy("How?"),
        choices=MODE_CHOICES,
        initial="last_seen_there",
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose whether people were there or were last seen there.")},
    )
    window = forms.IntegerField(
        label=gettext_lazy("How far back?"),
        initial=14,
        help_text=gettext_lazy("From 1 hour to 90 days."),
        widget=forms.NumberInput(attrs={"min": 1, "inputmode": "numeric"}),
        error_messages={
            "required": gettext_lazy("Say how many hours or days back people may have been seen."),
            "invalid": gettext_lazy("Write a whole number, such as 14."),
        },
    )
    unit = forms.ChoiceField(
        label=gettext_lazy("Hours or days"),
        choices=[("days", gettext_lazy("days")), ("hours", gettext_lazy("hours"))],
        initial="days",
    )
    until = forms.DateTimeField(
        label=gettext_lazy("Up to when?"),
        required=False,
        help_text=lazy(_until_hint, str)(),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M:%S"),
        error_messages={"invalid": gettext_lazy("Write a date and a time, such as 2015-11-08 12:00, or leave it empty.")},
    )
    subscribed = forms.ChoiceField(
        label=gettext_lazy("Our group in VK"), choices=FOLLOWING, required=False, widget=forms.RadioSelect
    )
    allows = forms.ChoiceField(label=gettext_lazy("Only those who allow our messages by"), choices=_allowing, required=False)

    def __init__(self, *args: Any, kept: Iterable[Node] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kept = (*kept,)

    def clean_until(self) -> datetime | None:
        until: datetime | None = self.cleaned_data["until"]
        if until and until.year not in YEARS:
            raise forms.ValidationError(_("The year is not one of 2000 to 2100. Check the date."))
        return until

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not self.errors.keys() & CriteriaForm.base_fields.keys():
            try:
                data["criteria"] = self._criteria(data)
            except Refused as refused:
                add_problems(self, refused)
        return data

    def _criteria(self, data: Mapping[str, Any]) -> Criteria:
        codes = tuple(country.code for country in data["countries"])
        nodes: list[Node] = [Seen(codes, data["window"] * HOURS[data["unit"]], data["until"], data["mode"])]
        if data["subscribed"]:
            nodes.append(Subscribed(VK, data["subscribed"] == "yes"))
        if data["allows"]:
            nodes.append(Permitted(data["allows"], True))
        return Criteria(*nodes, *self.kept)

    def criteria(self) -> Criteria:
        """What was typed. Raises KeyError while `cleaned_data` has no "criteria"."""
        found: Criteria = self.cleaned_data["criteria"]
        return found


def fields_of(criteria: Criteria) -> tuple[dict[str, Any], tuple[Node, ...]]:
    """The initial values of a CriteriaForm that says this, and the conditions it has no fields for."""
    place = criteria.place
    following = next((leaf for leaf in criteria.of if isinstance(leaf, Subscribed)), None)
    allowing = next((leaf for leaf in criteria.of if isinstance(leaf, Permitted) and leaf.yes), None)
    initial: dict[str, Any] = {
        "subscribed": "" if following is None else "yes" if following.yes else "no",
        "allows": allowing.kind if allowing else "",
    }
    if place:
        initial |= _initial_place(place)
    shown = (place if place and not (place.area or place.sources) else None, following, allowing)
    return initial, tuple(leaf for leaf in criteria.of if leaf not in shown)


def _initial_place(place: Seen) -> dict[str, Any]:
    days, rest = divmod(place.hours, 24)
    return {
        "countries": [*Country.objects.filter(pk__in=place.countries)],
        "mode": place.mode,
        "window": place.hours if rest else days,
        "unit": "hours" if rest else "days",
        "until": place.until,
    }


class AudienceForm(CriteriaForm):
    """A new audience: the rule, a name, and the incident it is for."""

    name = forms.CharField(
        label=gettext_lazy("Its name"),
        max_length=200,
        error_messages={
            "required": gettext_lazy("Give the audience a name."),
            "max_length": gettext_lazy("The name is longer than 200 characters. Shorten it."),
        },
    )
    incident = forms.ModelChoiceField(
        Incident.objects.none(),
        label=gettext_lazy("For which incident?"),
        required=False,
        empty_label=gettext_lazy("none yet"),
    )

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        seen = Incident.objects.seen_by(by).exclude(status=Incident.Status.CLOSED)
        self.fields["incident"].queryset = seen  # type: ignore[attr-defined]


class RevisionForm(CriteriaForm):
    """The next version of an audience. `based_on` is the number of the version the person started from."""

    based_on = forms.IntegerField(widget=forms.HiddenInput)

    def demand_newest(self, last: AudienceVersion) -> None:
        """Raises Refused when somebody wrote a version meanwhile, which the person has not seen."""
        if self.cleaned_data["based_on"] != last.number:
            who = {"number": last.number, "person": last.written_by}
            raise Refused(
                _("Meanwhile %(person)s wrote version %(number)d. Nothing was saved. Compare it with yours, then save again.")
                % who
            )


class AudienceFilter(forms.Form):
    """Filters and order of the list; they live in the URL."""

    q = forms.CharField(label=gettext_lazy("Name"), required=False, max_length=200)
    incident = forms.ModelChoiceField(
        Incident.objects.none(), label=gettext_lazy("Incident"), required=False, empty_label=gettext_lazy("all")
    )
    sort = forms.ChoiceField(
        label=gettext_lazy("Order"),
        required=False,
        choices=[("", gettext_lazy("newest first")), ("name", gettext_lazy("by name"))],
    )

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by
        self.fields["incident"].queryset = Incident.objects.seen_by(by)  # type: ignore[attr-defined]

    def rows(self) -> Any:
        """Audiences that pass; a filter that cannot be read filters nothing and says so beside its field."""
        self.is_valid()
        chosen, rows = self.cleaned_data, Audience.objects.seen_by(self.by).select_related("incident")
        if chosen.get("q"):
            rows = rows.filter(name__icontains=chosen["q"])
        if chosen.get("incident"):
            rows = rows.filter(incident=chosen["incident"])
        return rows.order_by("name", "pk") if chosen.get("sort") else rows.order_by("-pk")
