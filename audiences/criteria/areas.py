"""Parts of a country on a map: a circle or a polygon, kept as it was drawn and looked for as H3 cells of resolution 7.

Sightings are stored by cell, so every cell that an area touches belongs to it: it may reach one cell (about 5 km²) too far
and never falls short.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import asin, atan2, cos, degrees, isfinite, pi, radians, sin
from typing import Any, ClassVar, Self

import h3.api.basic_int as h3
from django.utils.translation import gettext as _

from audiences.criteria.checks import keys_of, list_of
from crisis.refusal import Refused

RESOLUTION = 7
EARTH_KM = 6371.0088  # mean radius
WIDEST_KM = 300
MOST_POINTS = 200
CORNERS = 90  # of the polygon drawn around a circle
RES_SHIFT, DIGIT_BITS, FINEST = 52, 3, 15  # of an H3 index

Ranges = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Circle:
    """Everything up to `km` from a point. `name` is the place the person named, such as "Antakya", or empty."""

    op: ClassVar[str] = "circle"
    lat: float
    lon: float
    km: float
    name: str = ""

    def __post_init__(self) -> None:
        _degrees(self.lat, 90, "lat")
        _degrees(self.lon, 180, "lon")
        if not _is_number(self.km) or not 1 <= self.km <= WIDEST_KM:
            raise Refused(_("A circle has a radius of 1 to %(n)d km.") % {"n": WIDEST_KM}, field="km")
        if not isinstance(self.name, str) or len(self.name) > 200 or not (self.name.isprintable()):
            raise Refused(_("The name of the place has at most 200 letters."), field="name")

    def ranges(self) -> Ranges:
        """First and last cells of runs of cells: a cell of resolution 7 touches the area exactly when a run holds it."""
        return _ranges(self._outline())

    def _outline(self) -> tuple[tuple[float, float], ...]:
        """Corners (lat, lon) just outside the circle, so that its sides touch it and no corner is cut off."""
        km = self.km / cos(pi / CORNERS)
        return tuple(_away(self.lat, self.lon, km, 2 * pi * corner / CORNERS) for corner in range(CORNERS))

    def sentence(self) -> str:
        values = {"km": f"{self.km:g}", "place": self.name or f"{self.lat:.3f}, {self.lon:.3f}"}
        return _("up to %(km)s km from %(place)s") % values

    def to_json(self) -> dict[str, Any]:
        return {"op": self.op, "lat": self.lat, "lon": self.lon, "km": self.km, "name": self.name}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        keys_of(data, "lat", "lon", "km", "name")
        return cls(data["lat"], data["lon"], data["km"], data["name"])


@dataclass(frozen=True, slots=True)
class Polygon:
    """Everything inside a line through at least three points (lat, lon). The last point is joined to the first."""

    op: ClassVar[str] = "polygon"
    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if not isinstance(self.points, tuple) or not 3 <= len(set(self.points)) <= len(self.points) <= MOST_POINTS:
            raise Refused(_("A polygon has from 3 to %(n)d different points.") % {"n": MOST_POINTS}, field="points")
        for lat, lon in self.points:
            _degrees(lat, 90, "points")
            _degrees(lon, 180, "points")

    def ranges(self) -> Ranges:
        """First and last cells of runs of cells: a cell of resolution 7 touches the area exactly when a run holds it."""
        return _ranges(self.points)

    def sentence(self) -> str:
        return _("inside the polygon drawn on the map (%(n)d points)") % {"n": len(self.points)}

    def to_json(self) -> dict[str, Any]:
        return {"op": self.op, "points": [[lat, lon] for lat, lon in self.points]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        keys_of(data, "points")
        return cls(tuple(_point(point) for point in list_of(data, "points")))


Area = Circle | Polygon
AREAS: dict[str, type[Circle] | type[Polygon]] = {area.op: area for area in (Circle, Polygon)}


def area_from_json(data: object) -> Area:
    """Read what an area's to_json() wrote. Raises Refused, naming the field, for anything else."""
    op = data.get("op") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or not isinstance(op, str) or op not in AREAS:
        raise Refused(_("An area is a circle or a polygon."), field="area")
    return AREAS[op].from_json(data)


@lru_cache(maxsize=256)
def _ranges(outline: tuple[tuple[float, float], ...]) -> Ranges:
    cells = h3.polygon_to_cells_experimental(h3.LatLngPoly(outline), RESOLUTION, contain="overlap")
    runs = sorted(map(_run, h3.compact_cells(cells)))
    return tuple(first for first, _last in runs), tuple(last for _first, last in runs)


def _run(parent: int) -> tuple[int, int]:
    """The first and the last cell of resolution 7 inside a coarser one: their indexes differ in the digits below it alone."""
    first = last = parent & ~(0xF << RES_SHIFT) | RESOLUTION << RES_SHIFT
    for digit in range(h3.get_resolution(parent) + 1, RESOLUTION + 1):
        place = DIGIT_BITS * (FINEST - digit)
        first &= ~(7 << place)
        last = last & ~(7 << place) | 6 << place
    return first, last


def _away(lat: float, lon: float, km: float, bearing: float) -> tuple[float, float]:
    """The point at a distance and bearing (radians) on a sphere."""
    here, arc = radians(lat), km / EARTH_KM
    there = asin(sin(here) * cos(arc) + cos(here) * sin(arc) * cos(bearing))
    east = atan2(sin(bearing) * sin(arc) * cos(here), cos(arc) - sin(here) * sin(there))
    return degrees(there), (lon + degrees(east) + 540) % 360 - 180


def _point(point: object) -> tuple[float, float]:
    if not isinstance(point, Sequence) or isinstance(point, str) or len(point) != 2:
        raise Refused(_("A point is a latitude and a longitude."), field="points")
    return point[0], point[1]


def _degrees(value: object, most: int, field: str) -> None:
    if not _is_number(value) or not -most <= value <= most:  # type: ignore[operator]
        raise Refused(_("Degrees from -%(most)d to %(most)d are expected.") % {"most": most}, field=field)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
