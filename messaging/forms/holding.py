"""The holding message on the declare page: its words, whom it is for and by what it goes, ready without a word typed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audiences import definitions
from audiences.criteria import Criteria, Mode, Seen
from audiences.models import AudienceVersion
from crisis.models import Incident, User
from messaging.beginning import LANGUAGES, VALID_HOURS, WINDOW_HOURS, Facts, filled, name_of, parts
from messaging.forms.campaigns import LONGEST_TEXT, NAMES
from messaging.models import Account
from messaging.standing import in_words
from messaging.wording import TEMPLATES, Words
from messaging.workflow import Draft

HEADLINE = 160
MODES = [
    ("last_seen_there", gettext_lazy("last seen there: those seen elsewhere since are left out")),
    ("was_there", gettext_lazy("was there: also those who have probably left")),
]
HOLDING = TEMPLATES["holding"]


def words_field(label: Any, limit: int, language: str, rows: int = 0) -> forms.CharField:
    attrs: dict[str, Any] = {"lang": language, **({"rows": rows} if rows else {})}
    widget: forms.Widget = forms.Textarea(attrs=attrs) if rows else forms.TextInput(attrs=attrs)
    return forms.CharField(label=label, max_length=limit, required=False, widget=widget)


class HoldingForm(forms.Form):
    """A message that needs nothing typed. Blanks in its words are filled from the other answers of the page when it is read."""

    headline_ru, headline_en = (words_field(gettext_lazy("Headline"), HEADLINE, code) for code in LANGUAGES)
    body_ru, body_en = (words_field(gettext_lazy("Text"), LONGEST_TEXT, code, 7) for code in LANGUAGES)
    instruction_ru, instruction_en = (words_field(gettext_lazy("What to do"), LONGEST_TEXT, code, 3) for code in LANGUAGES)
    hours = forms.IntegerField(
        label=gettext_lazy("Within how many hours"), min_value=1, max_value=90 * 24,
        help_text=gettext_lazy("72 is three days, 336 is two weeks; at most 2160."),
    )  # fmt: skip
    mode = forms.ChoiceField(
        label=gettext_lazy("Were there, or still there?"), widget=forms.RadioSelect,
        choices=MODES,
    )  # fmt: skip
    valid = forms.ChoiceField(
        label=gettext_lazy("Valid for"),
        choices=[
            ("6", gettext_lazy("6 hours")),
            ("12", gettext_lazy("12 hours")),
            ("24", gettext_lazy("24 hours")),
            ("72", gettext_lazy("3 days")),
        ],
    )
    accounts = forms.ModelMultipleChoiceField(
        Account.objects.none(), label=gettext_lazy("By what is it sent?"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, data: Any = None, *, drill: bool) -> None:
        ours = Account.objects.filter(drill=drill, mission=None).order_by("pk")
        initial: dict[str, Any] = {"hours": WINDOW_HOURS, "mode": "last_seen_there", "valid": str(VALID_HOURS)}
        initial["accounts"] = [one.pk for one in ours if one.needs_nothing_else and not one.paused_at]
        for code, words in HOLDING.words.items():
            initial |= {f"{part}_{code}": text for part, text in parts(words).items()}
        super().__init__(data, prefix="holding", initial=initial)
        ways: Any = self.fields["accounts"]
        ways.queryset, ways.label_from_instance = ours, _way

    def valid_until(self, at: datetime) -> datetime:
        chosen = getattr(self, "cleaned_data", {})
        return at + timedelta(hours=int(chosen.get("valid") or VALID_HOURS))

    def words(self, facts: Facts) -> dict[str, Words]:
        """The words of each language with every blank filled that the page can fill."""
        typed = getattr(self, "cleaned_data", self.initial)
        raw = {code: [typed.get(f"{part}_{code}") or "" for part in ("headline", "body", "instruction")] for code in LANGUAGES}
        return {code: filled(Words(*texts), facts.known(code)) for code, texts in raw.items()}

    def too_long(self, facts: Facts) -> bool:
        """Whether a headline, once filled, is longer than a headline may be; notes it beside its field."""
        for code, words in self.words(facts).items():
            if (over := len(words.headline) - HEADLINE) > 0:
                self.add_error(f"headline_{code}", _("It is %(over)d characters too long. Shorten it.") % {"over": over})
        return bool(self.errors)

    def criteria(self, codes: Sequence[str]) -> Criteria:
        """Whom the message is for in these countries."""
        chosen = getattr(self, "cleaned_data", self.initial)
        return Criteria(Seen(tuple(sorted(codes)), chosen["hours"], None, _mode(chosen["mode"])))

    def audience(self, incident: Incident, *, by: User) -> AudienceVersion:
        codes = incident.country_codes
        criteria = self.criteria(codes)
        return definitions.define(name_of(criteria), criteria, by=by, incident=incident)

    def content(self, facts: Facts, version: AudienceVersion) -> Draft:
        """What the verbs take."""
        return Draft(
            kind=HOLDING.kind,
            texts=self.words(facts),
            accounts=[*self.cleaned_data["accounts"]],
            audience_version=version,
            not_after=facts.valid_until,
        )

    def languages(self) -> list[dict[str, Any]]:
        """The fields of each language side by side."""
        return [
            {
                "code": code,
                "name": NAMES[code],
                "fields": [self[f"{part}_{code}"] for part in ("headline", "body", "instruction")],
            }
            for code in LANGUAGES
        ]


def _mode(value: str) -> Mode:
    return "was_there" if value == "was_there" else "last_seen_there"


def _way(account: Account) -> str:
    if not account.paused_at:
        return str(account.label)
    paused = _("paused: %(reason)s") % {"reason": in_words(account.paused_reason)}
    return f"{account.label} — {paused}"
