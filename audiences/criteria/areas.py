"""Parts of a country on a map: a circle or a polygon, kept as it was drawn and looked for as H3 cells of resolution 7.

Sightings are stored by cell, so every cell that an area touches belongs to it: it may reach one cell (about 2.5 km across) too
far and never falls short.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from django.utils.translation import gettext as _

from audiences.criteria import cells, outlines
from audiences.criteria.cells import Ranges
from audiences.criteria.checks import keys_of, list_of, shown
from crisis.refusal import Refused

WIDEST_KM = 300
MOST_POINTS = 200
HUGE = 10**6  # no degrees and no kilometres are as many; says no to NaN and infinity as well
LONGEST_TEXT = 20_000  # of a polygon as text
NUMBER = r"[-+]?\d{1,3}(?:\.\d{1,20})?"
LINE = re.compile(rf"({NUMBER})(?:\s*[,;]\s*|\s+)({NUMBER})")
WKT = re.compile(r"POLYGON\s*\(\s*\(([^()]*)\)\s*\)", re.IGNORECASE)


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
        return cells.of_circle(self.lat, self.lon, self.km)

    def sentence(self) -> str:
        values = {"km": f"{self.km:g}", "place": self.name or f"{self.lat:.3f}, {self.lon:.3f}"}
        return _kept_by_cells(_("up to %(km)s km from %(place)s") % values)

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
        if not isinstance(self.points, tuple) or not 3 <= len(self.points) <= MOST_POINTS:
            raise _not_so_many()
        for lat, lon in self.points:
            _degrees(lat, 90, "points")
            _degrees(lon, 180, "points")
        outlines.check(self.points)

    def ranges(self) -> Ranges:
        """First and last cells of runs of cells: a cell of resolution 7 touches the area exactly when a run holds it."""
        return cells.of_polygon(self.points)

    def sentence(self) -> str:
        return _kept_by_cells(_("inside the polygon drawn on the map (%(n)d points)") % {"n": len(self.points)})

    def to_json(self) -> dict[str, Any]:
        return {"op": self.op, "points": [[lat, lon] for lat, lon in self.points]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        keys_of(data, "points")
        return cls(_points(list_of(data, "points")))


Area = Circle | Polygon
AREAS: dict[str, type[Circle] | type[Polygon]] = {area.op: area for area in (Circle, Polygon)}


def area_from_json(data: object) -> Area:
    """Read what an area's to_json() wrote. Raises Refused, naming the field, for anything else."""
    op = data.get("op") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or not isinstance(op, str) or op not in AREAS:
        raise Refused(_("An area is a circle or a polygon."), field="area")
    return AREAS[op].from_json(data)


def from_text(text: str) -> Polygon:
    """A polygon from points "lat, lon" by line, from GeoJSON or from WKT, which both name the longitude first.

    The last point may repeat the first. Raises Refused for anything else, for several polygons and for one with a hole.
    """
    if len(text) > LONGEST_TEXT:
        raise Refused(
            _("The text of the polygon is too long. At most %(n)d points are taken.") % {"n": MOST_POINTS}, field="points"
        )
    text = text.strip()
    if text.startswith("{"):
        points = _swapped(_ring_of_geojson(text))
    elif text[:1].isalpha():
        points = _swapped(_ring_of_wkt(text))
    else:
        points = [_pair(line) for line in text.splitlines() if line.strip()]
    closed = len(points) > 1 and points[0] == points[-1]
    return Polygon(_points(points[:-1] if closed else points))


def _ring_of_geojson(text: str) -> list[Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(_("This is no GeoJSON. Copy it whole, from the first bracket to the last."), field="points") from None
    if data.get("type") == "FeatureCollection":
        features = data.get("features")
        if not isinstance(features, list) or len(features) != 1:
            raise _not_one()
        data = features[0]
    if isinstance(data, dict) and data.get("type") == "Feature":
        data = data.get("geometry")
    rings = data.get("coordinates") if isinstance(data, dict) and data.get("type") == "Polygon" else None
    if not isinstance(rings, list) or len(rings) != 1 or not isinstance(rings[0], list):
        raise _not_one()
    return [point[:2] if isinstance(point, list) else point for point in rings[0]]  # a third number is a height


def _ring_of_wkt(text: str) -> list[Any]:
    found = WKT.fullmatch(text)
    if found is None:
        raise _not_one()
    return [_pair(point) for point in found[1].split(",")]


def _pair(text: str) -> tuple[float, float]:
    found = LINE.fullmatch(text.strip())
    if found is None:
        raise Refused(
            _("“%(value)s” is no point. Write a latitude and a longitude, such as 36.2, 36.16.") % {"value": shown(text)},
            field="points",
        )
    return float(found[1]), float(found[2])


def _swapped(points: Sequence[Any]) -> list[Any]:
    return [(lat, lon) for lon, lat in _points(points)]


def _not_one() -> Refused:
    return Refused(_("One polygon without holes is expected: as points by line, GeoJSON or WKT."), field="points")


def _not_so_many() -> Refused:
    return Refused(_("A polygon has from 3 to %(n)d different points.") % {"n": MOST_POINTS}, field="points")


def _kept_by_cells(area: str) -> str:
    return _("%(area)s (one cell, about 2.5 km, too wide at most, never too narrow)") % {"area": area}


def _points(given: Sequence[Any]) -> tuple[tuple[float, float], ...]:
    if len(given) > MOST_POINTS + 1:
        raise _not_so_many()
    return tuple(_point(point) for point in given)


def _point(point: object) -> tuple[float, float]:
    if not isinstance(point, Sequence) or isinstance(point, str) or len(point) != 2:
        raise Refused(_("A point is a latitude and a longitude."), field="points")
    return point[0], point[1]


def _degrees(value: object, most: int, field: str) -> None:
    if not _is_number(value) or not -most <= value <= most:  # type: ignore[operator]
        raise Refused(_("Degrees from -%(most)d to %(most)d are expected.") % {"most": most}, field=field)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < HUGE
