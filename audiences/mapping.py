"""The map as a drawing the server makes: outlines of countries, how many people were last seen in each, and an area.

Degrees are drawn as a flat map (longitude to the right, latitude up), in which the sides of a polygon are straight.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from math import cos, radians
from typing import Any

from django.core.cache import cache as kept
from django.db import connection

from audiences import shapes, traits
from audiences.criteria import Circle, Criteria, Polygon, Seen
from audiences.criteria.areas import Area
from audiences.criteria.seen import ACTIVE
from crisis.language import country_name
from crisis.models import Country
from crisis.small import told

DAYS = 14  # of the shades
KEPT = 600  # seconds a count of the whole world is shown
STEPS = (1, 10, 100, 1_000, 10_000)  # people from which a country is drawn in the next darker shade
SCALE = 10  # drawing units a degree
COARSE, SMALLEST = 0.4, 1.0  # of the world: degrees a line may be off, square degrees of an island worth drawing
WORLD = (-180.0, -58.0, 180.0, 84.0)  # west, south, east, north
NARROWEST = 6.0  # degrees that are shown at least, however small the country
KM_A_DEGREE = 111.195

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Land:
    """One country as it is drawn. `step` is its shade, 0 for nobody."""

    code: str
    name: str
    people: int
    step: int
    chosen: bool
    path: str


@dataclass(frozen=True, slots=True)
class Map:
    """`by_name`: the twin of the drawing, every country that can be chosen. `at`: when people were counted.

    `steps`: the shades, each with the fewest and the most people it means, the last without a most.
    """

    lands: list[Land]
    view: str
    circle: Mapping[str, str] | None
    polygon: str
    by_name: list[Land]
    steps: list[tuple[int, int, int | None]]
    at: datetime
    days: int = DAYS

    @property
    def has_chosen(self) -> bool:
        return any(land.chosen for land in self.lands)


def map_of(criteria: Criteria, at: datetime) -> Map:
    """The countries an audience reaches into, and the first parts of countries it names."""
    places = [leaf for leaf in criteria.leaves(taken_away=False) if isinstance(leaf, Seen)]
    return drawn(criteria.countries, [place.area for place in places if place.area], at)


def drawn(chosen: Iterable[str], areas: Sequence[Area], at: datetime) -> Map:
    """The map with these countries outlined and as near as they allow; the whole world without any."""
    codes, (counts, counted_at) = frozenset(chosen), _people(at)
    box, near = _box(codes, areas), bool(codes)
    paths, names = dict(_nearby(box)) if near else _world(), {row.pk: str(row) for row in Country.objects.all()}
    lands = [
        Land(code, name, counts.get(code, 0), step(told(counts.get(code, 0))), code in codes, paths.get(code, ""))
        for code, name in {**{code: country_name(code) for code in paths}, **names}.items()
    ]
    circle = next((area for area in areas if isinstance(area, Circle)), None)
    polygon = next((area for area in areas if isinstance(area, Polygon)), None)
    return Map(
        # The border of a chosen country lies above its neighbours'.
        lands=sorted((land for land in lands if land.path), key=lambda land: (land.chosen, land.code)),
        by_name=sorted((land for land in lands if land.code in names), key=lambda land: land.name),
        view=_view(box),
        circle=_ellipse(circle) if circle else None,
        polygon=" ".join(_point(lon, lat) for lat, lon in polygon.points) if polygon else "",
        steps=[(n, first, STEPS[n] - 1 if n < len(STEPS) else None) for n, first in enumerate(STEPS, 1) if told(first)],
        at=counted_at,
    )


def step(people: int) -> int:
    return sum(people >= first for first in STEPS)


def _people(at: datetime) -> tuple[dict[str, int], datetime]:
    """People last seen in each country within two weeks, by sources in use, counted at most every ten minutes."""
    found: Any = kept.get("audiences.map")
    if found is None:
        found = (_counted(at), at)
        kept.set("audiences.map", found, KEPT)
    return found  # type: ignore[no-any-return]


def _counted(at: datetime) -> dict[str, int]:
    text = (
        f"SELECT p.country, count(*) FROM audiences_presence p WHERE p.last_seen_at BETWEEN %(since)s AND %(at)s"
        f" AND p.traits & {traits.LATEST} <> 0 AND {ACTIVE.format(t='p')} GROUP BY p.country"
    )
    with connection.cursor() as cursor:
        cursor.execute(text, {"since": at - timedelta(days=DAYS), "at": at})
        return dict(cursor.fetchall())


@cache
def _world() -> Mapping[str, str]:
    return {code: _path(_coarse(rings), digits=0) for code, rings in shapes.countries().items()}


def _coarse(rings: Sequence[shapes.Ring]) -> Iterator[Sequence[shapes.Point]]:
    for number, ring in enumerate(rings):
        line = shapes.simplified(ring, COARSE)
        if number == 0 or (len(line) >= 4 and shapes.area(ring) > SMALLEST):
            yield line if len(line) >= 4 else ring


def _nearby(box: Box) -> Iterator[tuple[str, str]]:
    """Countries with something inside the box, drawn as finely as they are stored."""
    for code, rings in shapes.countries().items():
        inside = [ring for ring in rings if _touches(ring, box)]
        if inside:
            yield code, _path(inside)


def _touches(ring: shapes.Ring, box: Box) -> bool:
    west, south, east, north = _around([ring])
    return west <= box[2] and east >= box[0] and south <= box[3] and north >= box[1]


def _around(rings: Iterable[Sequence[shapes.Point]]) -> Box:
    points = [point for ring in rings for point in ring]
    xs, ys = [x for x, _y in points], [y for _x, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def _box(codes: frozenset[str], areas: Sequence[Area]) -> Box:
    """What is shown: the largest part of each country chosen, and the areas, with some room around."""
    rings: list[Sequence[shapes.Point]] = [shapes.countries()[code][0] for code in codes if code in shapes.countries()]
    if not rings:
        return WORLD
    for area in areas:
        points = area.points if isinstance(area, Polygon) else ((area.lat, area.lon),)
        rings.append([(lon, lat) for lat, lon in points])
    west, south, east, north = _around(rings)
    wide, high = max(east - west, NARROWEST) * 1.3, max(north - south, NARROWEST) * 1.3
    wide, high = max(wide, high * 2), max(high, wide / 2.6)
    middle_x, middle_y = (west + east) / 2, (south + north) / 2
    return middle_x - wide / 2, middle_y - high / 2, middle_x + wide / 2, middle_y + high / 2


def _view(box: Box) -> str:
    west, south, east, north = box
    return f"{west * SCALE:.0f} {-north * SCALE:.0f} {(east - west) * SCALE:.0f} {(north - south) * SCALE:.0f}"


def _path(rings: Iterable[Sequence[shapes.Point]], digits: int = 1) -> str:
    return "".join(f"M{' '.join(_point(x, y, digits) for x, y in ring)}Z" for ring in rings)


def _point(lon: float, lat: float, digits: int = 1) -> str:
    return f"{lon * SCALE:.{digits}f},{-lat * SCALE:.{digits}f}"


def _ellipse(circle: Circle) -> dict[str, str]:
    """A circle on the ground, drawn where degrees of longitude are as long as those of latitude."""
    high = circle.km / KM_A_DEGREE
    wide = high / max(cos(radians(circle.lat)), 0.01)
    sizes = {"cx": circle.lon, "cy": -circle.lat, "rx": wide, "ry": high}
    return {name: f"{value * SCALE:.2f}" for name, value in sizes.items()}
