"""Strict reading of what a form or JSON says: the right keys, types and words, or Refused naming the field."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any

from babel import Locale
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from audiences.models import AddressKind
from crisis.refusal import Problem, Refused

NOT_COUNTRIES = {"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"}  # what the CLDR names beside countries
MOST_WORDS = 50


@cache
def known_countries() -> frozenset[str]:
    return frozenset({str(code) for code in Locale("en").territories if len(str(code)) == 2} - NOT_COUNTRIES)


@cache
def kinds() -> frozenset[str]:
    return frozenset(kind.slug for kind in AddressKind)


def shown(value: object) -> str:
    """A foreign value short enough and plain enough to stand in a sentence."""
    text = "".join(c if c.isprintable() else "·" for c in str(value)[:41])
    return text if len(text) <= 40 else f"{text[:39]}…"


def keys_of(data: Mapping[str, Any], *expected: str) -> None:
    """All of the expected keys and no other, beside "op"."""
    missing = [Problem(key, _("“%(field)s” is missing.") % {"field": key}) for key in expected if key not in data]
    unknown = [
        Problem(shown(k), _("“%(field)s” is not known here.") % {"field": shown(k)}) for k in data if k not in {*expected, "op"}
    ]
    if missing or unknown:
        raise Refused(problems=missing + unknown)


def list_of(data: Mapping[str, Any], key: str) -> list[Any]:
    found = data[key]
    if not isinstance(found, list):
        raise Refused(_("“%(field)s” has to be a list.") % {"field": key}, field=key)
    return found


def words_of(given: tuple[Any, ...], field: str, known: Collection[str], none: str, wrong: str) -> None:
    """Every word known; at least one, at most 50."""
    if not isinstance(given, tuple) or not given:
        raise Refused(none, field=field)
    if len(given) > MOST_WORDS:
        raise Refused(_("At most %(n)d can be chosen here.") % {"n": MOST_WORDS}, field=field)
    for word in given:
        if not isinstance(word, str) or word not in known:
            raise Refused(wrong % {"value": shown(word)}, field=field)


def yes_or_no(value: object, field: str) -> None:
    if not isinstance(value, bool):
        raise Refused(_("“%(field)s” has to be yes or no.") % {"field": field}, field=field)


def instant_of(value: object) -> datetime | None:
    """None for "now", else the instant an ISO 8601 text with a time zone names."""
    if value == "now":
        return None
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.utcoffset() is None:
        raise Refused(_("The end of the window needs a date, a time and a time zone."), field="until")
    return found


def day_of(data: Mapping[str, Any], key: str) -> date:
    """The day an ISO 8601 text such as "2015-11-08" names."""
    value = data[key]
    try:
        found = date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None:
        raise Refused(_("“%(value)s” is no day. Write it like 2015-11-08.") % {"value": shown(value)}, field=key)
    return found


def missing(rows: QuerySet[Any], ids: Collection[int], field: str, sentence: str) -> list[Problem]:
    """One problem for each number that none of the rows has. The sentence says it as %(n)d."""
    there = {*rows.filter(pk__in=ids).values_list("pk", flat=True)}
    return [Problem(field, sentence % {"n": number}) for number in sorted({*ids} - there)]


def ids_of(given: object, field: str) -> None:
    """A tuple of at most 50 row numbers."""
    if not isinstance(given, tuple) or len(given) > MOST_WORDS:
        raise Refused(_("At most %(n)d can be chosen here.") % {"n": MOST_WORDS}, field=field)
    for number in given:
        if type(number) is not int or not 0 < number < 2**63:
            raise Refused(_("“%(value)s” cannot be chosen here.") % {"value": shown(number)}, field=field)
