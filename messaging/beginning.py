"""What a new draft begins with: a template whose blanks the console can fill is filled, so that a tired person types less."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import override

from audiences.criteria import Criteria
from audiences.criteria.words import instant
from audiences.models import AudienceVersion
from crisis.incidents import usual_title
from crisis.language import country_name
from crisis.models import Category, Country, Incident
from messaging.first_words import ADVICE, REPORTS
from messaging.forms.words import typed
from messaging.models import Account, Campaign, Kind, Reached, WhenUncertain
from messaging.phrases import countries
from messaging.stories import offering
from messaging.wording import TEMPLATES, Template, Words

VALID_HOURS = 12
WINDOW_HOURS = 14 * 24


@dataclass(frozen=True, slots=True)
class Facts:
    """What the console knows of an incident, declared or just being typed. Nothing of it needs to be known."""

    places: Sequence[Country] = ()
    category: str = ""
    titles: Mapping[str, str] = field(default_factory=dict)
    hotline: str = ""
    next_at: datetime | None = None
    valid_until: datetime | None = None
    said_at: datetime | None = None

    @classmethod
    def of(cls, incident: Incident, places: Iterable[Country], valid_until: datetime, said_at: datetime | None = None) -> Facts:
        titles = {"ru": incident.title_ru, "en": incident.title_en}
        return cls([*places], incident.category, titles, incident.hotline, incident.next_update_at, valid_until, said_at)

    def known(self, language: str) -> dict[str, str]:
        """Blank → what to write there in this language. A blank that is not among them stays, and cannot be submitted.

        A sentence that is a blank as a whole is known to be empty where there is nothing to say.
        """
        with override(language):
            found = {
                ("[Что произошло]", "[What happened]", "[название учения]", "[name of the exercise]"): self._what(language),
                ("[страна]", "[country]"): countries(place.pk for place in self.places),
                ("[время, часовой пояс]", "[time, time zone]"): instant(self.next_at) if self.next_at else "",
                (
                    "[дата, время, часовой пояс]",
                    "[дата, время]",
                    "[date, time, time zone]",
                    "[date, time]",
                ): instant(self.said_at) if self.said_at else "",
                ("[действует до]", "[valid until]"): instant(self.valid_until) if self.valid_until else "",
                ("[Что делать сейчас]", "[What to do now]"): ADVICE[Category(self.category)][language] if self.category else "",
            }
            whole = {
                ("[Когда следующее сообщение]", "[When the next message comes]"): self._next(language),
                ("[Горячая линия]", "[Hotline]"): self._hotline(language),
            }
        filled = {blanks: value for blanks, value in found.items() if value} | whole
        return {blank: value for blanks, value in filled.items() for blank in blanks}

    def _what(self, language: str) -> str:
        """The title somebody typed; without one, that there are reports, which claims nothing."""
        title = self.titles.get(language, "")
        if title and not (self.category and self.places and title == usual_title(self.category, self.places, language)):
            return title
        if not (self.category and self.places):
            return ""
        return f"{countries(place.pk for place in self.places)}: {REPORTS[Category(self.category)][language]}"

    def _next(self, language: str) -> str:
        if self.next_at is None:
            return ""
        return {"ru": "Следующее сообщение: {}.", "en": "The next message follows: {}."}[language].format(instant(self.next_at))

    def _hotline(self, language: str) -> str:
        return {"ru": "Горячая линия: {}.", "en": "Hotline: {}."}[language].format(self.hotline) if self.hotline else ""


def initial(incident: Incident, template: Template | None, refers_to: Campaign | None, at: datetime) -> dict[str, Any]:
    """Initial values of the draft form of a new campaign."""
    version = AudienceVersion.objects.filter(audience__incident=incident).order_by("-pk").first()
    accounts = Account.objects.filter(drill=incident.drill, paused_at=None)
    if refers_to:  # to the same people by the same ways
        version, accounts = refers_to.audience_version or version, accounts.filter(campaigns=refers_to)
    ways = [one.pk for one in accounts if refers_to or one.needs_nothing_else]
    until = at + timedelta(hours=VALID_HOURS)
    facts = Facts.of(incident, incident.countries.all(), until, refers_to.started_at if refers_to else None)
    kind = template.kind if template else (Kind.UPDATE if refers_to else Kind.ALERT)
    follows = {Kind.UPDATE: Reached.ALSO}.get(kind, Reached.ONLY) if refers_to and refers_to.started_at else Reached.AS_IS
    return {
        "kind": kind,
        "refers_to": refers_to and refers_to.pk,
        "to_reached": follows.value,
        "pace": refers_to and refers_to.pace,
        "when_uncertain": refers_to.when_uncertain if refers_to else WhenUncertain.usual(incident.severity),
        "accounts": ways,  # who writes to people unknown to us needs an exception, and a desk somebody who calls it
        "audience": str(version.pk) if version else "new",
        "countries": incident.country_codes,
        "hours": WINDOW_HOURS,
        "until_now": "now",
        "mode": "last_seen_there",
        "not_after": until,
        "exception_expires_at": at + timedelta(hours=24),
        **typed({code: filled(words, facts.known(code)) for code, words in (template.words if template else {}).items()}),
    }


def filled(words: Words, known: Mapping[str, str]) -> Words:
    """The words with every blank filled that is known; a sentence left out leaves no gap."""
    return Words(*(_fill(text, known) for text in words))


def _fill(text: str, known: Mapping[str, str]) -> str:
    for blank, value in known.items():
        text = text.replace(blank, value)
    return re.sub(r" {2,}", " ", text).strip()


def name_of(criteria: Criteria) -> str:
    """A name for an audience defined while drafting: "Egypt, 336 h", or its sentence when it is no simple one."""
    if criteria.place is None:
        return criteria.sentence()[:200]
    place = ", ".join(country_name(code) for code in criteria.countries)
    return (_("%(place)s, %(n)d h") % {"place": place, "n": criteria.place.hours})[:200]


def templates_for(incident: Incident) -> dict[str, Template]:
    """What a new message may begin from: the drill's own templates only in a drill, a story's only in a demonstration of it."""
    if incident.drill:
        return TEMPLATES
    live = {slug: template for slug, template in TEMPLATES.items() if not slug.startswith("drill")}
    return {**offering.templates(), **live}
