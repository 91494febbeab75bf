"""What a new draft begins with: a template whose blanks the console can fill is filled, so that a tired person types less."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import override

from audiences.criteria.words import country_name, instant
from audiences.models import AudienceVersion
from crisis.models import Incident
from messaging.models import Account, Campaign, Kind
from messaging.phrases import countries
from messaging.stories import offering
from messaging.wording import TEMPLATES, Template, Words

LANGUAGES = ("ru", "en")
VALID_HOURS = 12
WINDOW_HOURS = 14 * 24


def initial(incident: Incident, template: Template | None, refers_to: Campaign | None, at: datetime) -> dict[str, Any]:
    """Initial values of the draft form of a new campaign."""
    version = AudienceVersion.objects.filter(audience__incident=incident).order_by("-pk").first()
    accounts = Account.objects.filter(drill=incident.drill, paused_at=None)
    return {
        "kind": template.kind if template else (Kind.UPDATE if refers_to else Kind.ALERT),
        "refers_to": refers_to and refers_to.pk,
        "accounts": [account.pk for account in accounts],
        "audience": str(version.pk) if version else "new",
        "countries": incident.country_codes,
        "hours": WINDOW_HOURS,
        "until_now": "now",
        "mode": "last_seen_there",
        "not_after": at + timedelta(hours=VALID_HOURS),
        "exception_expires_at": at + timedelta(hours=24),
        **_texts(incident, template, refers_to),
    }


def _texts(incident: Incident, template: Template | None, refers_to: Campaign | None) -> dict[str, str]:
    words = template.words if template else {}
    return {
        f"{name}_{language}": value
        for language in LANGUAGES
        if language in words
        for name, value in _filled(words[language], _known(incident, refers_to, language)).items()
    }


def _filled(words: Words, known: Mapping[str, str]) -> dict[str, str]:
    filled = {"headline": words.headline, "body": words.body, "instruction": words.instruction}
    for blank, value in known.items():
        filled = {name: text.replace(blank, value) for name, text in filled.items()}
    return filled


def _known(incident: Incident, refers_to: Campaign | None, language: str) -> dict[str, str]:
    """Blank → what the console knows in this language. A blank it cannot fill stays, and the text cannot be submitted."""
    title = incident.title_ru if language == "ru" else incident.title_en
    with override(language):
        next_at = instant(incident.next_update_at) if incident.next_update_at else ""
        said_at = instant(refers_to.started_at) if refers_to and refers_to.started_at else ""
        place = countries(incident.country_codes)
    found = {
        ("[Что произошло]", "[What happened]", "[название учения]", "[name of the exercise]"): title,
        ("[страна]", "[country]"): place,
        ("[время, часовой пояс]", "[time, time zone]"): next_at,
        ("[дата, время, часовой пояс]", "[дата, время]", "[date, time, time zone]", "[date, time]"): said_at,
    }
    return {blank: value for blanks, value in found.items() for blank in blanks if value}


def name_of(codes: list[str], hours: int) -> str:
    """A name for an audience defined while drafting: "Egypt, 336 h"."""
    place = ", ".join(country_name(code) for code in codes)
    return (_("%(place)s, %(n)d h") % {"place": place, "n": hours})[:200]


def templates_for(incident: Incident) -> dict[str, Template]:
    """What a new message may begin from: the drill's own template only in a drill, a story's only in a demonstration of it."""
    if incident.drill:
        return TEMPLATES
    return {**offering.templates(), **{slug: template for slug, template in TEMPLATES.items() if slug != "drill"}}
