"""The questions of the form that says whom an audience means: their fields, what is read from them, what they can show.

A question knows one kind of condition. `messaging` adds its own. What no question can show is kept by the form, in words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audiences.criteria import Listed, Node, Permitted, Speaks, Subscribed, Travelling
from audiences.criteria.words import language_name
from audiences.models import AddressKind, ContactList
from audiences.traits import LANGUAGES
from crisis.forms import CountriesField
from crisis.models import Country, User
from crisis.refusal import Problem, Refused

VK = AddressKind.VK.slug
Fields = Mapping[str, forms.Field]
Shown = tuple[dict[str, Any], list[Node]]  # what fields are filled with, and the conditions that are shown so
NOTHING: Shown = ({}, [])


@dataclass(frozen=True, slots=True)
class Question:
    """`fields` are made for the person who asks; `rows` are those that stand beside one another.

    `read` gives the conditions of what was typed and raises Refused; `names` are fields of a refusal that the form
    calls otherwise. `show` gives what the fields are filled with and the conditions which that says. One that `names_people`
    can also say who is meant besides the others, and who is not meant.
    """

    fields: Callable[[User], Fields]
    rows: tuple[tuple[str, ...], ...]
    read: Callable[[Mapping[str, Any]], list[Node]]
    show: Callable[[Sequence[Node]], Shown]
    names: Mapping[str, str] = field(default_factory=dict)
    names_people: bool = False


def ticked(label: Any, choices: Any, hint: Any = "", coerce: Callable[[str], Any] = str) -> forms.TypedMultipleChoiceField:
    """Boxes to tick, none of which has to be."""
    return forms.TypedMultipleChoiceField(
        label=label, choices=choices, coerce=coerce, required=False, help_text=hint, widget=forms.CheckboxSelectMultiple
    )


def countries_of(codes: Iterable[str]) -> list[Country]:
    return [*Country.objects.filter(pk__in=[*codes])]


def _following(_by: User) -> Fields:
    choices = [
        ("", gettext_lazy("everybody, whether they follow it or not")),
        ("yes", gettext_lazy("only those who follow it")),
        ("no", gettext_lazy("only those who do not follow it")),
    ]
    label = gettext_lazy("Our group in VK")
    return {"subscribed": forms.ChoiceField(label=label, choices=choices, required=False, widget=forms.RadioSelect)}


def _follow(data: Mapping[str, Any]) -> list[Node]:
    return [Subscribed(VK, data["subscribed"] == "yes")] if data["subscribed"] else []


def _show_following(nodes: Sequence[Node]) -> Shown:
    found = next((node for node in nodes if isinstance(node, Subscribed)), None)
    return ({"subscribed": "yes" if found.yes else "no"}, [found]) if found else NOTHING


def _allowing(_by: User) -> Fields:
    kinds = [(kind.slug, kind.label) for kind in AddressKind]
    return {
        "allows": ticked(gettext_lazy("Only those who allow our messages by"), kinds, gettext_lazy("By all that are ticked.")),
        "refuses": ticked(gettext_lazy("Only those who do not allow our messages by"), kinds),
    }


def _allow(data: Mapping[str, Any]) -> list[Node]:
    return [*(Permitted(kind, True) for kind in data["allows"]), *(Permitted(kind, False) for kind in data["refuses"])]


def _show_allowing(nodes: Sequence[Node]) -> Shown:
    found = [node for node in nodes if isinstance(node, Permitted)]
    allows, refuses = ([node.kind for node in found if node.yes is yes] for yes in (True, False))
    return {"allows": allows, "refuses": refuses}, [*found]


def _speaking(_by: User) -> Fields:
    choices = [(code, language_name(code)) for code in LANGUAGES]
    return {"languages": ticked(gettext_lazy("Language"), choices, gettext_lazy("One of those that are ticked."))}


def _speak(data: Mapping[str, Any]) -> list[Node]:
    return [Speaks(tuple(data["languages"]))] if data["languages"] else []


def _show_speaking(nodes: Sequence[Node]) -> Shown:
    found = next((node for node in nodes if isinstance(node, Speaks)), None)
    return ({"languages": [*found.languages]}, [found]) if found else NOTHING


def _day(label: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    wrong = {"invalid": gettext_lazy("Write a day, such as 2015-11-08.")}
    return forms.DateField(label=label, required=False, widget=widget, error_messages=wrong)


def _travelling(_by: User) -> Fields:
    label, hint = gettext_lazy("A registered trip to"), gettext_lazy("Start typing the country.")
    return {
        "trip_countries": CountriesField(label=label, required=False, help_text=hint),
        "trip_from": _day(gettext_lazy("Between")),
        "trip_to": _day(gettext_lazy("and")),
    }


def _travel(data: Mapping[str, Any]) -> list[Node]:
    countries, starts, ends = data["trip_countries"], data["trip_from"], data["trip_to"]
    if not (countries or starts or ends):
        return []
    missing = [Problem("trip_countries", _("Choose at least one country."))] if not countries else []
    for name, day in (("trip_from", starts), ("trip_to", ends)):
        if day is None:
            missing.append(Problem(name, _("Say from which day to which day people are there.")))
        elif day.year not in range(2000, 2101):
            missing.append(Problem(name, _("The year is not one of 2000 to 2100. Check the date.")))
    if missing:
        raise Refused(problems=missing)
    return [Travelling(tuple(country.code for country in countries), starts, ends)]


def _show_travelling(nodes: Sequence[Node]) -> Shown:
    found = next((node for node in nodes if isinstance(node, Travelling)), None)
    countries = countries_of(found.countries) if found else []
    if not found or len(countries) < len(found.countries):
        return NOTHING
    return {"trip_countries": countries, "trip_from": found.starts_on, "trip_to": found.ends_on}, [found]


def _listing(_by: User) -> Fields:
    choices = [(row.pk, row.name) for row in ContactList.objects.only("name")]
    return {"lists": ticked(gettext_lazy("On a list"), choices, gettext_lazy("On one of those that are ticked."), int)}


def _list(data: Mapping[str, Any]) -> list[Node]:
    return [Listed(tuple(data["lists"]))] if data["lists"] else []


def _show_listing(nodes: Sequence[Node]) -> Shown:
    found = next((node for node in nodes if isinstance(node, Listed)), None)
    return ({"lists": [*found.lists]}, [found]) if found else NOTHING


FOLLOWING = Question(_following, (("subscribed",),), _follow, _show_following)
ALLOWING = Question(_allowing, (("allows",), ("refuses",)), _allow, _show_allowing)
SPEAKING = Question(_speaking, (("languages",),), _speak, _show_speaking)
TRIP = Question(
    _travelling, (("trip_countries",), ("trip_from", "trip_to")), _travel, _show_travelling,
    {"countries": "trip_countries", "starts_on": "trip_from", "ends_on": "trip_to"},
)  # fmt: skip
LISTS = Question(_listing, (("lists",),), _list, _show_listing)
FROM_ELSEWHERE: list[Question] = []  # what other apps know of people: `messaging` adds who got what
