"""The question where people were seen: countries, how, how far back, which part of them. A form asks it up to three times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.urls import reverse_lazy
from django.utils.functional import lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audiences import nearby
from audiences.criteria import Area, Circle, Node, Polygon, Seen
from audiences.criteria.areas import WIDEST_KM, from_text
from audiences.criteria.seen import LONGEST, SHORTEST
from audiences.models import Source
from audiences.questions import NOTHING, Fields, Question, Shown, countries_of, ticked
from crisis.forms import CountriesField
from crisis.models import User
from crisis.refusal import Problem, Refused
from crisis.templatetags.console import zone_name

HOURS = {"hours": 1, "days": 24}
YEARS = range(2000, 2101)
MODE_CHOICES = [
    ("last_seen_there", gettext_lazy("Last seen there, and nowhere else since")),
    ("was_there", gettext_lazy("Were there, also those seen elsewhere since")),
]
MISSING = {  # what a place cannot do without
    "countries": gettext_lazy("Choose at least one country: an audience never means everybody."),
    "mode": gettext_lazy("Choose whether people were there or were last seen there."),
    "window": gettext_lazy("Say how many hours or days back people may have been seen."),
}


def mode_field(**asked: Any) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=gettext_lazy("Were there, or still there?"),
        choices=MODE_CHOICES,
        initial="last_seen_there",
        widget=forms.RadioSelect,
        **asked,
    )


def hours_field(**asked: Any) -> forms.IntegerField:
    """How far back, in hours, where there is no choice of days."""
    return forms.IntegerField(
        label=gettext_lazy("Seen there within how many hours"),
        min_value=SHORTEST,
        max_value=LONGEST,
        help_text=gettext_lazy("72 is three days, 336 is two weeks; at most 2160."),
        **asked,
    )


def _until_hint() -> str:
    return _("%(place)s time. Leave it empty for the moment of sending.") % {"place": zone_name(settings.TIME_ZONE)}


class WindowField(forms.IntegerField):
    """A number of hours or days; how many may be asked for is judged by the rule."""

    def __init__(self) -> None:
        super().__init__(
            label=gettext_lazy("How far back?"),
            initial=14,
            required=False,
            help_text=gettext_lazy("From 1 hour to 90 days."),
            widget=forms.NumberInput(attrs={"min": 1, "inputmode": "numeric"}),
            error_messages={"invalid": gettext_lazy("Write a whole number, such as 14.")},
        )
        self.needed = True


def _when() -> Fields:
    return {
        "window": WindowField(),
        "unit": forms.ChoiceField(
            label=gettext_lazy("Hours or days"),
            choices=[("days", gettext_lazy("days")), ("hours", gettext_lazy("hours"))],
            initial="days",
            required=False,
        ),
        "until": forms.DateTimeField(
            label=gettext_lazy("Up to when?"),
            required=False,
            help_text=lazy(_until_hint, str)(),
            widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M:%S"),
            error_messages={"invalid": gettext_lazy("Write a date and a time, such as 2015-11-08 12:00, or leave it empty.")},
        ),
    }


def _part() -> Fields:
    suggest = {
        "list": "places",
        "autocomplete": "off",
        "hx-get": reverse_lazy("place_list"),
        "hx-trigger": "input changed delay:200ms",
        "hx-target": "#places",
    }
    return {
        "near": forms.CharField(
            label=gettext_lazy("Near which place?"),
            required=False,
            max_length=300,
            help_text=gettext_lazy("A town, such as Antakya, or latitude and longitude: 36.2, 36.16."),
            widget=forms.TextInput(attrs=suggest),
        ),
        "km": forms.FloatField(
            label=gettext_lazy("Up to how many km from it?"),
            required=False,
            help_text=lazy(lambda: _("From 1 to %(n)d.") % {"n": WIDEST_KM}, str)(),
            widget=forms.NumberInput(attrs={"min": 1, "step": "any", "inputmode": "decimal"}),
            error_messages={"invalid": gettext_lazy("Write a number of kilometres, such as 50.")},
        ),
        "shape": forms.CharField(
            label=gettext_lazy("Or inside a polygon"),
            required=False,
            help_text=gettext_lazy("One point a line, latitude and longitude: 36.2, 36.16. GeoJSON and WKT can be pasted too."),
            widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        ),
        "sources": ticked(
            gettext_lazy("Only sightings of these sources"),
            [(source.pk, str(source)) for source in Source.objects.all()],
            gettext_lazy("None ticked: of every source in use."),
            int,
        ),
    }


def _fields(_by: User) -> Fields:
    countries = CountriesField(
        label=gettext_lazy("Where were they seen?"), help_text=gettext_lazy("Start typing the country."), required=False
    )
    mode = mode_field(required=False)
    vars(countries)["needed"] = vars(mode)["needed"] = True
    unit = _when()
    vars(unit["unit"])["needed"] = True
    return {"countries": countries, "mode": mode, **unit, **_part()}


def missing(data: Mapping[str, Any]) -> list[Problem]:
    """What a place lacks, each with its sentence."""
    return [Problem(name, sentence) for name, sentence in MISSING.items() if data.get(name) in (None, "", [])]


def _read(data: Mapping[str, Any]) -> list[Node]:
    if not any(data[name] not in (None, "", []) for name in ("countries", "near", "km", "shape", "sources")):
        return []
    lacking = missing(data)
    until: datetime | None = data["until"]
    if until and until.year not in YEARS:
        lacking.append(Problem("until", _("The year is not one of 2000 to 2100. Check the date.")))
    if lacking:
        raise Refused(problems=lacking)
    codes = tuple(country.code for country in data["countries"])
    hours = data["window"] * HOURS[data["unit"] or "days"]
    return [Seen(codes, hours, until, data["mode"], _area(data, codes), tuple(data["sources"]))]


def _area(data: Mapping[str, Any], countries: Sequence[str]) -> Area | None:
    near, km, shape = data["near"], data["km"], data["shape"]
    if shape and (near or km is not None):
        raise Refused(_("Give either a place and kilometres, or a polygon."), field="shape")
    if shape:
        return from_text(shape)
    if km is not None and not near:
        raise Refused(_("Say of which place: name it, or write its latitude and longitude."), field="near")
    if near and km is None:
        raise Refused(_("Say up to how many kilometres from it."), field="km")
    return nearby.circle(near, km, countries) if near else None


def _show(nodes: Sequence[Node]) -> Shown:
    place = next((node for node in nodes if isinstance(node, Seen)), None)
    if place is None:
        return NOTHING
    countries, part = countries_of(place.countries), _shown_area(place)
    if len(countries) < len(place.countries) or part is None:
        return NOTHING
    days, rest = divmod(place.hours, 24)
    when = {"window": place.hours if rest else days, "unit": "hours" if rest else "days", "until": place.until}
    return {"countries": countries, "mode": place.mode, **when, **part, "sources": [*place.sources]}, [place]


def _shown_area(place: Seen) -> dict[str, Any] | None:
    """What would be typed for its area; None for one that typing would not give again exactly."""
    match place.area:
        case None:
            return {}
        case Circle() as area:
            near = nearby.typed(area)
            try:
                return {"near": near, "km": area.km} if nearby.circle(near, area.km, ()) == area else None
            except Refused:
                return None
        case Polygon(points=points):
            return {"shape": "\n".join(nearby.point(lat, lon) for lat, lon in points)}


PLACE = Question(
    _fields,
    (("countries",), ("mode",), ("window", "unit"), ("until",), ("near", "km"), ("shape",), ("sources",)),
    _read,
    _show,
    {"hours": "window", "area": "shape", "points": "shape", "lat": "near", "lon": "near", "name": "near"},
)
