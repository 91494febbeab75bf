"""Forms about incidents, duty and the audit log. They read what a person typed; what is allowed is decided by the verbs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from crisis import duty
from crisis.deeds import DEEDS, deed
from crisis.incidents import usual_title
from crisis.lines import stray
from crisis.models import AuditEntry, Category, Certainty, Country, Fact, Incident, Severity, Urgency, User
from crisis.permissions import ROLES
from crisis.refusal import Forbidden, Refused

COUNTRY_FIELDS = 5
YEARS = range(2000, 2100)

SEVERITY_EXAMPLES = {
    Severity.EXTREME: _("war, an earthquake in a city, an attack on tourists"),
    Severity.SEVERE: _("flights suspended, a hurricane coming, unrest in the streets"),
    Severity.MODERATE: _("a strike at the airport, roads closed"),
    Severity.MINOR: _("new entry rules, long queues"),
    Severity.UNKNOWN: _("first reports, nobody can say"),
}
URGENCY_EXAMPLES = {
    Urgency.IMMEDIATE: _("people must act at once"),
    Urgency.EXPECTED: _("people must prepare today"),
    Urgency.FUTURE: _("people can plan"),
    Urgency.PAST: _("nothing more needs to be done"),
    Urgency.UNKNOWN: _("nobody can say"),
}
CERTAINTY_EXAMPLES = {
    Certainty.OBSERVED: _("seen, or said by the authorities"),
    Certainty.LIKELY: _("two independent sources, or a forecast"),
    Certainty.POSSIBLE: _("one source"),
    Certainty.UNLIKELY: _("rumours that others deny"),
    Certainty.UNKNOWN: _("nobody can say"),
}
NEXT_UPDATES = [
    ("30", _("in 30 minutes")),
    ("60", _("in 1 hour")),
    ("120", _("in 2 hours")),
    ("360", _("in 6 hours")),
    ("", _("not promised")),
]


def add_problems(form: forms.BaseForm, refused: Refused, names: Mapping[str, str] | None = None, prefix: str = "") -> None:
    """Put a refusal's sentences beside the fields they speak of, those without one above the form.

    `names`: what the verb calls a field → what the form calls it. Raises Forbidden: what a role lacks is no matter of the form.
    """
    if isinstance(refused, Forbidden):
        raise refused
    for problem in refused.problems:
        name = prefix + (names or {}).get(problem.field, problem.field)
        form.add_error(name if name in form.fields else None, str(problem.sentence))


class Moment(forms.DateTimeField):
    """Date and time in the center's own zone, typed without naming it; the page says which."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    default_error_messages = {"invalid": _("This is no date and time. Write it like 2015-11-08 14:30.")}

    def to_python(self, value: Any) -> datetime | None:
        found: datetime | None = super().to_python(value)
        if found and found.year not in YEARS:
            raise forms.ValidationError(_("The year has to lie between 2000 and 2099."))
        return found


def _words(choices: Iterable[tuple[str, Any]], examples: Mapping[Any, Any]) -> list[tuple[str, str]]:
    return [(value, format_html("<b>{}</b> <span>{}</span>", capfirst(label), examples[value])) for value, label in choices]


class CountryNames(forms.TextInput):
    """A few text inputs with one list of suggestions; the later ones are folded away."""

    template_name = "crisis/country_names.html"

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        values = data.getlist(name) if hasattr(data, "getlist") else data.get(name, [])
        return [value.strip() for value in values if value.strip()]

    def format_value(self, value: Any) -> Any:
        return value or []

    def _render(self, template_name: str, context: dict[str, Any], renderer: Any = None) -> SafeString:
        # Django's form renderer looks into apps only; our templates all live in one place.
        return mark_safe(render_to_string(template_name, context))  # noqa: S308

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        typed = [str(v) for v in self.format_value(value)]
        context["widget"]["typed"] = typed + [""] * (COUNTRY_FIELDS - len(typed))
        context["widget"]["several"] = len(typed) > 1
        context["countries"] = sorted(map(str, Country.objects.all()))
        return context


# Names that people type in a hurry and the Unicode CLDR does not give.
SHORT_NAMES = {
    "turkey": "TR", "usa": "US", "america": "US", "сша": "US", "америка": "US", "uk": "GB", "england": "GB", "britain": "GB",
    "англия": "GB", "британия": "GB", "uae": "AE", "emirates": "AE", "оаэ": "AE", "эмираты": "AE", "czech republic": "CZ",
    "holland": "NL", "голландия": "NL", "белоруссия": "BY", "киргизия": "KG", "молдавия": "MD", "корея": "KR", "korea": "KR",
}  # fmt: skip


class CountriesField(forms.Field):
    """Countries by name in Russian or English, or by code."""

    widget = CountryNames

    def clean(self, value: Any) -> list[Country]:
        names = super().clean(value)
        known = {name.casefold(): c for c in Country.objects.all() for name in (c.name_in("ru"), c.name_in("en"), c.code)}
        known |= {name: known[code.casefold()] for name, code in SHORT_NAMES.items()}
        unknown = [name for name in names if name.casefold() not in known]
        if unknown:
            raise forms.ValidationError(
                _("No country is called “%(name)s”. Choose one of the list."), params={"name": ", ".join(unknown)}
            )
        return list(dict.fromkeys(known[name.casefold()] for name in names))


class DeclareForm(forms.ModelForm):  # type: ignore[type-arg]
    """Where, what, how bad: the place is the only thing that must be typed."""

    countries = CountriesField(
        label=_("Where did it happen?"),
        help_text=_("Start typing the country."),
        error_messages={"required": _("Choose at least one country: an alert needs a place.")},
    )
    category = forms.ChoiceField(
        label=_("What is it?"),
        help_text=_("The nearest one is enough."),
        choices=lambda: [("", _("Choose")), *((value, capfirst(label)) for value, label in Category.choices)],
        error_messages={"required": _("Choose what it is.")},
    )
    severity = forms.ChoiceField(
        label=_("How bad?"),
        widget=forms.RadioSelect,
        choices=lambda: _words(Severity.choices, SEVERITY_EXAMPLES),
        error_messages={"required": _("Say how bad it is; “not known yet” is an answer too.")},
    )
    urgency = forms.ChoiceField(
        label=_("How soon?"),
        widget=forms.RadioSelect,
        initial=Urgency.IMMEDIATE,
        choices=lambda: _words(Urgency.choices, URGENCY_EXAMPLES),
    )
    certainty = forms.ChoiceField(
        label=_("How sure?"),
        widget=forms.RadioSelect,
        initial=Certainty.OBSERVED,
        choices=lambda: _words(Certainty.choices, CERTAINTY_EXAMPLES),
    )
    minutes = forms.ChoiceField(
        label=_("When will the public hear from us next?"),
        help_text=_("The console says when it is late."),
        choices=NEXT_UPDATES,
        initial="60",
        required=False,
    )

    class Meta:
        model = Incident
        fields = [
            "category", "severity", "urgency", "certainty", "title_ru", "title_en", "hotline",
            "estimate_people", "estimate_source", "estimate_at",
        ]  # fmt: skip
        widgets = {"estimate_at": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")}
        help_texts = {
            "title_ru": _("Left empty, it is made of the country and the kind."),
            "hotline": _("The number that texts will name."),
            "estimate_source": _("Who says so: an office, a document, a publication."),
        }

    field_order = ["countries", "category", "severity", "urgency", "certainty", "hotline", "minutes"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["title_ru"].required = False

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("estimate_people") is not None:
            for name in ("estimate_source", "estimate_at"):
                if not data.get(name):
                    self.add_error(name, _("A number needs its source and its date: reports will quote them."))
        for name in Incident.LINES:
            if sentence := stray(Incident._meta.get_field(name), data.get(name, "")):
                self.add_error(name, sentence)
        return data

    def promised(self, now: datetime) -> datetime | None:
        """When the public hears from us next, by the answers given so far."""
        minutes = self.cleaned_data.get("minutes")
        return now + timedelta(minutes=int(minutes)) if minutes else None

    def incident(self, now: datetime) -> Incident:
        """The unsaved row of a valid form; `now` is the database's instant."""
        incident: Incident = self.save(commit=False)
        incident.next_update_at = self.promised(now)
        if not incident.title_ru:
            category, places = self.cleaned_data["category"], self.cleaned_data["countries"]
            incident.title_ru = usual_title(category, places, "ru")
            incident.title_en = incident.title_en or usual_title(category, places, "en")
        return incident


class NoteForm(forms.Form):
    """One line of the situation log. Its length is judged by the verb."""

    text = forms.CharField(label=_("What happened?"), required=False, strip=True)


class FactForm(forms.Form):
    """One fact of the sheet as it is typed. What texts can say is judged by the verb."""

    name_ru = forms.CharField(label=_("Name in Russian"), help_text=_("The same name again changes that fact."))
    name_en = forms.CharField(label=_("Name in English"), required=False)
    kind = forms.ChoiceField(label=_("Kind"), choices=Fact.Kind, initial=Fact.Kind.TEXT)
    value_ru = forms.CharField(label=_("Value in Russian"), required=False, help_text=_("Empty: it is taken off the sheet."))
    value_en = forms.CharField(label=_("Value in English"), required=False, help_text=_("Empty: as in Russian."))
    source = forms.CharField(label=_("Source"), required=False)


class NextUpdateForm(forms.Form):
    """When the public is to hear from us: so many minutes from now, or not promised."""

    minutes = forms.ChoiceField(label=_("Next update"), choices=NEXT_UPDATES, required=False)

    def at(self, now: datetime) -> datetime | None:
        minutes = self.cleaned_data["minutes"]
        return now + timedelta(minutes=int(minutes)) if minutes else None


class CoverageForm(forms.Form):
    """Whether a mission has told its followers, and where it can be read."""

    posted = forms.BooleanField(label=_("told its followers"), required=False)
    link = forms.URLField(label=_("Link to the post"), required=False, assume_scheme="https")


class ShiftForm(forms.Form):
    """One shift as it is typed; the verb judges it."""

    person = forms.ModelChoiceField(User.objects.none(), label=_("Who"), empty_label=_("Choose"))
    from_at = Moment(label=_("From"))
    until_at = Moment(label=_("Until"))
    order = forms.TypedChoiceField(
        label=_("Order of call"),
        choices=[(n, n) for n in duty.ORDERS],
        coerce=int,
        initial=1,
        help_text=_("1 is called first; the next one when nobody answered for some minutes."),
    )
    phone = forms.CharField(
        label=_("Phone"), max_length=50, required=False, help_text=_("Shown on the list of people to call.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = User.objects.filter(is_active=True, groups__name__in=ROLES).distinct().order_by("last_name", "username")
        self.fields["person"].queryset = rows  # type: ignore[attr-defined]


class AuditFilter(forms.Form):
    """Filters of the audit log; they live in the URL."""

    words = forms.CharField(label=_("Words"), max_length=100, required=False)
    who = forms.ModelChoiceField(
        User.objects.order_by("username"), label=_("Who"), required=False, to_field_name="username", empty_label=_("everybody")
    )
    action = forms.ChoiceField(label=_("What"), required=False)
    about = forms.CharField(label=_("About"), required=False, widget=forms.HiddenInput)
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    until = forms.DateField(
        label=_("Up to and including"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = AuditEntry.objects.order_by("action").values_list("action", flat=True).distinct()
        self.fields["action"].choices = [("", _("everything")), *((a, deed(a)) for a in known)]  # type: ignore[attr-defined]

    def rows(self) -> Any:
        """The entries that pass; a filter that cannot be read filters nothing and says so beside its field."""
        self.is_valid()
        rows, chosen = AuditEntry.objects.select_related("by"), self.cleaned_data
        if chosen.get("words"):
            rows = rows.filter(_having(chosen["words"]))
        if chosen.get("who"):
            rows = rows.filter(by=chosen["who"])
        if chosen.get("action"):
            rows = rows.filter(action=chosen["action"])
        if chosen.get("about"):
            kind, _colon, key = chosen["about"].partition(":")
            rows = rows.filter(object_type=kind, object_id=key)
        if chosen.get("since"):
            rows = rows.filter(at__gte=_midnight(chosen["since"]))
        if chosen.get("until"):
            rows = rows.filter(at__lt=_midnight(chosen["until"] + timedelta(days=1)))
        return rows


def _having(words: str) -> Q:
    """Entries in which every word stands: in the deed, the person's name, the object or the data."""
    found = Q()
    for word in words.split()[:10]:
        deeds_of_it = [action for action, said in DEEDS.items() if word.casefold() in str(said).casefold()]
        person = Q(by__username__icontains=word) | Q(by__last_name__icontains=word) | Q(by__first_name__icontains=word)
        about = Q(object_id=word.removeprefix("№")) | Q(data__icontains=word) | Q(hash__startswith=word.lower())
        found &= Q(action__in=deeds_of_it) | Q(action__icontains=word) | person | about
    return found


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, datetime.min.time()), timezone.get_default_timezone())


class FilterByIncident(forms.Form):
    """A filter of a list that a person sees, with a field `incident` of those that they see."""

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by
        self.fields["incident"].queryset = Incident.objects.seen_by(by)  # type: ignore[attr-defined]
