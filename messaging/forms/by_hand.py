"""Forms of an order that people work: they read what was typed; what can be is judged by the verbs."""

from __future__ import annotations

import re
from typing import Any, cast

from django import forms
from django.http import QueryDict
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from crisis.forms import Moment
from messaging import desks, totals
from messaging.models import NARROWED, TOTALS, Account, Card, Order, OrderWord
from messaging.workflow.by_hand import Heard

WAYS = [(way.value, way.label) for way in OrderWord.Way if way != OrderWord.Way.API]


class People(forms.IntegerField):
    """A number of people as it is dictated: 19 400. Nothing typed is "not told", which is not none."""

    widget = forms.TextInput(attrs={"inputmode": "numeric", "class": "num"})
    default_error_messages = {
        "invalid": _("Write a number of people in figures, or leave it empty: not told."),
        "min_value": _("A number of people is never below nothing. Nothing was changed."),
        "max_value": _("That is more people than there can be. Nothing was changed."),
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=totals.MOST, **{"required": False, **kwargs})
        for name in ("min", "max"):  # of a number field, which this is not: it takes the spaces that people write
            self.widget.attrs.pop(name, None)

    def to_python(self, value: Any) -> int | None:
        return super().to_python(re.sub(r"\s", "", value) if isinstance(value, str) else value)


class HeardForm(forms.Form):
    """How something was said, by whom, when, and what else."""

    way = forms.ChoiceField(label=_("How"), choices=WAYS, initial=OrderWord.Way.PHONE)
    card = forms.ModelChoiceField(
        Card.objects.none(), label=_("With whom"), required=False, empty_label=_("somebody else there")
    )
    at = Moment(label=_("When"), required=False, help_text=_("Empty: just now."))
    text = forms.CharField(label=_("What else was said"), required=False)
    seen = forms.IntegerField(required=False, min_value=0, max_value=2**62, widget=forms.HiddenInput)
    verb = ""

    def __init__(self, desk: Account, data: QueryDict | None = None) -> None:
        super().__init__(data, auto_id=f"{self.verb}-%s")
        self.leaves = desks.tree(desks.in_use(desk))
        field = cast("forms.ModelChoiceField[Card]", self.fields["card"])
        field.queryset = Card.objects.filter(account=desk, retired_at=None)
        if self.leaves:
            field.initial = self.leaves[0].card.pk

    @property
    def shown(self) -> list[forms.BoundField]:
        """What is filled in; the last word that was read is written by the page, so that it is always the newest."""
        return [field for field in self if field.name != "seen"]

    def heard(self) -> Heard:
        data = self.cleaned_data
        return Heard(
            way=data["way"], card=data["card"], at=data["at"], text=data["text"], source=data.get("source", ""),
            seen=data["seen"] or 0,
        )  # fmt: skip


class AskForm(HeardForm):
    """Whom did you ask?"""

    verb = "asked"


class StopForm(HeardForm):
    """Whom did you ask to stop?"""

    verb = "stop"


class AnswerForm(HeardForm):
    """What did they answer?"""

    verb = "answered"
    decision = forms.ChoiceField(
        label=_("They said"),
        choices=lambda: [(value, capfirst(label)) for value, label in Order.Decision.choices],
        widget=forms.RadioSelect,
        error_messages={"required": _("Say what they answered.")},
    )
    narrowed = forms.MultipleChoiceField(
        label=_("In part: how"), choices=[*NARROWED.items()], required=False, widget=forms.CheckboxSelectMultiple
    )
    lower, upper = People(label=_("They expect at least")), People(label=_("They expect at most"))
    field_order = ["decision", "narrowed", "card", "way", "at", "lower", "upper", "text"]


class TotalsForm(HeardForm):
    """What have they told? Of the whole desk, up to now."""

    verb = "told"
    source = forms.CharField(
        label=_("Who told it"), required=False, help_text=_("A letter and its number, or the position of whoever said it.")
    )
    matched, sent = People(label=_("People they found")), People(label=_("People they wrote to or called"))
    delivered, read = People(label=_("People it came to")), People(label=_("People who read it"))
    failed = People(label=_("People it could not be sent to"))
    over = forms.BooleanField(label=_("They have finished: nothing more comes"), required=False)
    field_order = ["matched", "sent", "delivered", "read", "failed", "source", "way", "card", "at", "text", "over"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["source"].needed = True  # type: ignore[attr-defined]  # the verb says what it is for

    def numbers(self) -> dict[str, int | None]:
        return {name: self.cleaned_data[name] for name in TOTALS if name in self.fields}


class ExpectForm(forms.Form):
    """How many people a desk says it would reach, before the decision."""

    lower = People(label=_("At least"), required=True)
    upper = People(label=_("At most"), required=True)
    source = forms.CharField(
        label=_("Who told it"), help_text=_("A letter and its number, or the position of whoever said it.")
    )
    at = Moment(label=_("When"), required=False, help_text=_("Empty: just now."))
