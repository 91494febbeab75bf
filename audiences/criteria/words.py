"""Names, lists and instants in the reader's language, for the sentence of an audience. Russian gets the nominative."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, get_timezone_location
from babel.lists import format_list
from django.conf import settings
from django.utils.translation import gettext as _

from audiences.traits import OTHER, UNKNOWN
from crisis.language import readers_locale


def language_name(code: str) -> str:
    return {UNKNOWN: _("not known"), OTHER: _("another one")}.get(code) or readers_locale().languages.get(code, code)


def listed(names: Iterable[str]) -> str:
    """Names joined by the language's "or", in its alphabet's order."""
    return format_list(sorted(names), style="or", locale=readers_locale())


def instant(at: datetime) -> str:
    """Such as "8 November 2015, 12:00 (Moscow)": the center's own time, its zone named."""
    zone = ZoneInfo(settings.TIME_ZONE)
    here = readers_locale()
    day = format_datetime(at, "d MMMM y, HH:mm", tzinfo=zone, locale=here)
    return f"{day} ({get_timezone_location(zone, locale=here, return_city=True)})"


def day(on: date) -> str:
    """Such as "8 November 2015"."""
    return format_date(on, "d MMMM y", locale=readers_locale())
