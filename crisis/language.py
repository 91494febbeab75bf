"""In which language somebody reads this."""

from __future__ import annotations

from babel import Locale
from django.conf import settings
from django.utils.translation import get_language


def readers_language() -> str:
    """Russian ("ru") or English ("en"): as the page or letter is written in that is being made."""
    return (get_language() or settings.LANGUAGE_CODE).split("-")[0]


def readers_locale() -> Locale:
    """How numbers, dates and names are written in it."""
    return Locale.parse(readers_language())


def country_name(code: str) -> str:
    """The name of an ISO 3166 country in it."""
    return str(readers_locale().territories.get(code, code))
