"""The holding message on the declare page: its words, whom it is for and by what it goes, ready without a word typed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audiences import definitions
from audiences.criteria import Criteria, Seen
from audiences.models import AudienceVersion
from audiences.whereabouts import hours_field, mode_field
from crisis.models import Incident, User
from messaging.beginning import VALID_HOURS, WINDOW_HOURS, Facts, filled, name_of
from messaging.forms.words import WordsForm, typed
from messaging.limits import LONGEST_HEADLINE
from messaging.models import Account
from messaging.standing import in_words
from messaging.wording import TEMPLATES, Words
from messaging.workflow import Draft

HOLDING = TEMPLATES["holding"]


class HoldingForm(WordsForm):
    """A message that needs nothing typed. Blanks in its words are filled from the other answers of the page when it is read."""

    hours = hours_field()
    mode = mode_field()
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
        super().__init__(data, prefix="holding", initial=initial | typed(HOLDING.words))
        ways: Any = self.fields["accounts"]
        ways.queryset, ways.label_from_instance = ours, _way

    def valid_until(self, at: datetime) -> datetime:
        chosen = getattr(self, "cleaned_data", {})
        return at + timedelta(hours=int(chosen.get("valid") or VALID_HOURS))

    def words(self, facts: Facts) -> dict[str, Words]:
        """The words of each language with every blank filled that the page can fill."""
        return {code: filled(words, facts.known(code)) for code, words in self.written().items()}

    def too_long(self, facts: Facts) -> bool:
        """Whether a headline, once filled, is longer than a headline may be; notes it beside its field."""
        for code, words in self.words(facts).items():
            if (over := len(words.headline) - LONGEST_HEADLINE) > 0:
                self.add_error(f"headline_{code}", _("It is %(over)d characters too long. Shorten it.") % {"over": over})
        return bool(self.errors)

    def criteria(self, codes: Sequence[str]) -> Criteria:
        """Whom the message is for in these countries."""
        chosen = getattr(self, "cleaned_data", self.initial)
        return Criteria(Seen(tuple(sorted(codes)), chosen["hours"], None, chosen["mode"]))

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


def _way(account: Account) -> str:
    if not account.paused_at:
        return str(account.label)
    paused = _("paused: %(reason)s") % {"reason": in_words(account.paused_reason)}
    return f"{account.label} — {paused}"
