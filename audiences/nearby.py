"""A place as it is typed and the circle around it: “Antakya”, “Antakya, Turkey”, “36.2, 36.16”, “Antakya (36.2, 36.16)”."""

from __future__ import annotations

import re
from collections.abc import Collection
from decimal import Decimal

from django.utils.translation import gettext as _

from audiences import gazetteer
from audiences.criteria import Circle
from crisis.language import readers_language
from crisis.refusal import Refused

NUMBER = r"[-+]?\d{1,3}(?:\.\d{1,20})?"
POINT = re.compile(rf"({NUMBER})\s*[,;]\s*({NUMBER})")
NAMED_POINT = re.compile(rf"(.*\S)\s*\(({NUMBER})\s*[,;]\s*({NUMBER})\)", re.DOTALL)
SHOWN = 5  # places named when several are called alike


def circle(text: str, km: float, countries: Collection[str]) -> Circle:
    """The circle around what was typed. A name is looked for in these countries. Raises Refused unless it is one place."""
    text = text.strip()
    if bare := POINT.fullmatch(text):
        return Circle(float(bare[1]), float(bare[2]), km)
    if named := NAMED_POINT.fullmatch(text):
        return Circle(float(named[2]), float(named[3]), km, named[1])
    place = _place(text, countries)
    return Circle(place.lat, place.lon, km, place.name)


def typed(area: Circle) -> str:
    """What a person would type for the middle of this circle: exactly this point."""
    middle = point(area.lat, area.lon)
    return f"{area.name} ({middle})" if area.name else middle


def point(lat: float, lon: float) -> str:
    """Such as "36.2, 36.16", never with an exponent."""
    return f"{_plain(lat)}, {_plain(lon)}"


def _plain(degrees: float) -> str:
    return format(Decimal(repr(degrees)), "f")


def _place(text: str, countries: Collection[str]) -> gazetteer.Place:
    found = gazetteer.find(text, countries, readers_language())
    if not found:
        raise Refused(
            _("No place is called “%(name)s” in the countries chosen. Write another name, or latitude and longitude.")
            % {"name": text[:100]},
            field="near",
        )
    sought = gazetteer.folded(text.partition(",")[0])
    alike = [place for place in found if gazetteer.folded(place.name) == sought] or found
    if len(alike) > 1:
        names = "; ".join(f"{place.label} ({point(place.lat, place.lon)})" for place in alike[:SHOWN])
        raise Refused(_("Several places begin so. Write one of them whole: %(names)s.") % {"names": names}, field="near")
    return alike[0]
