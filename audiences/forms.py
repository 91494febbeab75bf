"""Forms about audiences and files. They read what a person typed into plain values; what is allowed is decided by the verbs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audiences import keys
from audiences.criteria import AnyOf, Criteria, Except, Node, Seen
from audiences.models import AddressKind, Audience, AudienceVersion
from audiences.outages import NOBODY_SAYS_SO
from audiences.questions import ALLOWING, FOLLOWING, FROM_ELSEWHERE, LISTS, SPEAKING, TRIP, Fields, Question
from audiences.whereabouts import PLACE, missing
from crisis.forms import CountriesField, FilterByIncident, Moment, add_problems
from crisis.models import Incident, User
from crisis.refusal import Refused

# What Criteria calls a field → what the form calls it. A question has names of its own beside these.
FIELDS = {"hours": "window", "yes": "allows", "kind": "allows"}


@dataclass(frozen=True, slots=True)
class Fold:
    """Questions that stay folded until somebody needs them; `prefix` begins the names of their fields."""

    title: Any
    questions: Sequence[Question]
    prefix: str = ""
    rows: tuple[str, ...] = ()  # names of the first fields of the rows shown; all of them when empty
    hint: Any = ""


PART_ROWS = ("near", "shape", "sources")
FIRST_ROWS = ("countries", "mode", "window", "until")
PEOPLE, KNOWN = (FOLLOWING, ALLOWING, SPEAKING), (TRIP, LISTS)
OR, NOT = "or_", "not_"


def others() -> list[Question]:
    """Who can be meant besides those of the first place."""
    return [PLACE, TRIP, LISTS, *_named_elsewhere()]


def taken_away() -> list[Question]:
    return [PLACE, SPEAKING, LISTS, *_named_elsewhere()]


def _named_elsewhere() -> list[Question]:
    return [question for question in FROM_ELSEWHERE if question.names_people]


def folds() -> list[Fold]:
    return [
        Fold(gettext_lazy("Part of the country, sources of sightings"), [PLACE], rows=PART_ROWS),
        Fold(gettext_lazy("Who follows us, who allows our messages, language"), PEOPLE),
        Fold(gettext_lazy("Trips, lists, earlier campaigns"), [*KNOWN, *FROM_ELSEWHERE]),
        Fold(
            gettext_lazy("Or people of another place, a trip, a list or an earlier campaign"), others(), OR,
            hint=gettext_lazy("They are meant as well. The other conditions hold for all of them."),
        ),
        Fold(
            gettext_lazy("But not these people"), taken_away(), NOT,
            hint=gettext_lazy("Whoever meets one of these is not meant."),
        ),
    ]  # fmt: skip


class CriteriaForm(forms.Form):
    """Whom an audience means. `criteria()` is there when these fields are valid, whatever other fields a subclass has.

    `kept` are conditions this form has no fields for: they stay as they are. `by` is who asks: the messages to choose from are
    those this person sees.
    """

    def __init__(self, *args: Any, by: User, kept: Iterable[Node] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kept = (*kept,)
        own, self.fields = self.fields, {}
        made: dict[int, Fields] = {}  # by question: what it offers is asked once, wherever it stands
        for prefix, question in asked():
            if id(question) not in made:
                made[id(question)] = question.fields(by)
            self.fields |= {prefix + name: deepcopy(field) for name, field in made[id(question)].items()}
        self.asked = frozenset(self.fields)
        self.fields |= own

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not self.errors.keys() & self.asked:
            try:
                criteria = self._criteria()
            except Refused as refused:
                add_problems(self, refused, FIELDS)
            else:
                if criteria:
                    data["criteria"] = criteria
        return data

    def _criteria(self) -> Criteria | None:
        """None when something typed is wrong, which now stands beside its field."""
        meant = self._read("", [PLACE, *PEOPLE, *KNOWN, *FROM_ELSEWHERE])
        besides, taken = self._read(OR, others()), self._read(NOT, taken_away())
        if self.errors.keys() & self.asked:
            return None
        places = [node for node in meant if isinstance(node, Seen)]
        first = [*places, *besides]
        nodes = [*([AnyOf(*first)] if len(first) > 1 else first), *(node for node in meant if node not in places)]
        nodes += [*([Except(*taken)] if taken else []), *self.kept]
        if not any(node.bounded for node in nodes):
            raise Refused(problems=missing(self.cleaned_data))
        return Criteria(*nodes)

    def _read(self, prefix: str, questions: Iterable[Question]) -> list[Node]:
        found: list[Node] = []
        for question in questions:
            data = {name.removeprefix(prefix): value for name, value in self.cleaned_data.items() if name.startswith(prefix)}
            try:
                found += question.read(data)
            except Refused as refused:
                add_problems(self, refused, question.names, prefix)
        return found

    def criteria(self) -> Criteria:
        """What was typed. Raises KeyError while `cleaned_data` has no "criteria"."""
        found: Criteria = self.cleaned_data["criteria"]
        return found

    def first_rows(self) -> list[list[forms.BoundField]]:
        """What every audience is asked."""
        return self._rows("", [PLACE], FIRST_ROWS)

    def folds(self) -> list[dict[str, Any]]:
        """The other questions; a fold in which something stands or is wrong is open."""
        found = []
        for fold in folds():
            rows = self._rows(fold.prefix, fold.questions, fold.rows)
            fields = [field for row in rows for field in row]
            is_open = any(field.errors or _is_said(field) for field in fields)
            found.append({"title": fold.title, "hint": fold.hint, "rows": rows, "open": is_open})
        return found

    def _rows(self, prefix: str, questions: Iterable[Question], first: Sequence[str]) -> list[list[forms.BoundField]]:
        rows = [row for question in questions for row in question.rows if not first or row[0] in first]
        shown = [[self[prefix + name] for name in row] for row in rows]
        return [row for row in shown if row[0].errors or getattr(row[0].field, "choices", True)]


def _is_said(field: forms.BoundField) -> bool:
    """Whether something stands in it that does not stand in every new form."""
    return field.value() not in (None, "", []) and str(field.value()) != str(field.field.initial)


def asked() -> Iterator[tuple[str, Question]]:
    """Every question of the form with the prefix of its fields."""
    yield "", PLACE
    yield from (("", question) for question in (*PEOPLE, *KNOWN, *FROM_ELSEWHERE))
    yield from ((OR, question) for question in others())
    yield from ((NOT, question) for question in taken_away())


def fields_of(criteria: Criteria, by: User) -> tuple[dict[str, Any], tuple[Node, ...]]:
    """The initial values of a CriteriaForm that says this, and the conditions it has no fields for."""
    initial, shown = _shown(criteria.of, "", [PLACE, *PEOPLE, *KNOWN, *FROM_ELSEWHERE], by)
    for node in criteria.of:
        match node:
            case AnyOf(of=inner) if criteria.place is None and OR not in shown:
                values, said = _shown_choice(inner, by)
            case Except(of=inner) if NOT not in shown:
                values, said = _shown(inner, NOT, taken_away(), by)
            case _:
                continue
        if len(said) == len(inner):
            initial, shown = initial | values, [*shown, node, OR if isinstance(node, AnyOf) else NOT]
    return initial, tuple(node for node in criteria.of if node not in shown)


def _shown_choice(nodes: Sequence[Node], by: User) -> tuple[dict[str, Any], list[Any]]:
    """The first place stands where every audience has its place, the others in the fold for them."""
    place, first = _shown(nodes, "", [PLACE], by)
    besides, rest = _shown([node for node in nodes if node not in first], OR, others(), by)
    return {**place, **besides}, [*first, *rest]


def _shown(nodes: Sequence[Node], prefix: str, questions: Iterable[Question], by: User) -> tuple[dict[str, Any], list[Any]]:
    initial: dict[str, Any] = {}
    shown: list[Any] = []
    for question in questions:
        values, found = question.show(nodes)
        fields = question.fields(by) if values else {}
        if all(_can_say(fields[name], value) for name, value in values.items()):
            initial |= {prefix + name: value for name, value in values.items()}
            shown += found
    return initial, shown


def _can_say(field: forms.Field, value: Any) -> bool:
    """Whether each choice is still one of those offered to this person."""
    if not isinstance(field, forms.ChoiceField):
        return True
    return all(field.valid_value(str(each)) for each in (value if isinstance(value, list) else [value]))


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
        super().__init__(*args, by=by, **kwargs)
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


class AudienceFilter(FilterByIncident):
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

    def rows(self) -> Any:
        """Audiences that pass; a filter that cannot be read filters nothing and says so beside its field."""
        self.is_valid()
        chosen, rows = self.cleaned_data, Audience.objects.seen_by(self.by).select_related("incident")
        if chosen.get("q"):
            rows = rows.filter(name__icontains=chosen["q"])
        if chosen.get("incident"):
            rows = rows.filter(incident=chosen["incident"])
        return rows.order_by("name", "pk") if chosen.get("sort") else rows.order_by("-pk")


class AddressForm(forms.Form):
    """An exact address. It is posted, so that it stands in no URL and no log."""

    kind = forms.TypedChoiceField(
        label=gettext_lazy("What is it?"), choices=AddressKind.choices, coerce=int, initial=AddressKind.VK
    )
    address = forms.CharField(
        label=gettext_lazy("Exact address"),
        max_length=4096,
        help_text=gettext_lazy("A VK number, a phone with its country code, an e-mail. Nothing is searched by a part of it."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "kind" in data and "address" in data:
            try:
                data["hmac"] = keys.fingerprint(data["kind"], data["address"])
            except Refused as refused:
                self.add_error("address", str(refused))
        return data


class OutageForm(forms.Form):
    """What does not work where, as it is typed. What is allowed is decided by the verb."""

    kind = forms.TypedChoiceField(
        label=gettext_lazy("What does not work?"), choices=AddressKind.choices, coerce=int, initial=AddressKind.VK
    )
    countries = CountriesField(
        label=gettext_lazy("In which country?"),
        help_text=gettext_lazy("Start typing the country."),
        error_messages={"required": gettext_lazy("Choose at least one country.")},
    )
    since_at = Moment(
        label=gettext_lazy("Since when?"), error_messages={"required": gettext_lazy("Say since when it does not work.")}
    )
    said_by = forms.CharField(
        label=gettext_lazy("Who says so?"),
        help_text=gettext_lazy("A person, an office, a page. You may name yourself."),
        error_messages={"required": NOBODY_SAYS_SO},
    )


class OutageEndForm(forms.Form):
    """Since when it works again."""

    until_at = Moment(
        label=gettext_lazy("Works again since"), error_messages={"required": gettext_lazy("Say since when it works again.")}
    )
