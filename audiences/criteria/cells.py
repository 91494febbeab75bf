"""The H3 cells of resolution 7 that an area touches, as runs of their numbers."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from math import asin, cos, radians, sin, sqrt

import h3.api.basic_int as h3

RESOLUTION = 7  # cells of some 5 km²; nothing finer is kept
EARTH_KM = 6371.0088  # mean radius
RES_SHIFT, DIGIT_BITS, FINEST = 52, 3, 15  # of an H3 index
OVERHANG = 1.5  # a cell's descendants lie within so many times its own radius from its centre

Ranges = tuple[tuple[int, ...], tuple[int, ...]]
Vector = tuple[float, float, float]


@lru_cache(maxsize=256)
def of_circle(lat: float, lon: float, km: float) -> Ranges:
    """First and last cells of runs of cells, measured on a sphere: poles and the 180th meridian are places like others."""
    centre = _vector(lat, lon)
    return _runs(cell for base in h3.get_res0_cells() for cell in _near(base, 0, centre, km / EARTH_KM))


@lru_cache(maxsize=256)
def of_polygon(points: tuple[tuple[float, float], ...]) -> Ranges:
    """First and last cells of runs of cells. Sides are straight where latitude and longitude are drawn as a flat map."""
    return _runs(h3.compact_cells(h3.polygon_to_cells_experimental(h3.LatLngPoly(points), RESOLUTION, contain="overlap")))


def _near(cell: int, resolution: int, centre: Vector, arc: float) -> list[int]:
    """The cells at or below `cell` whose every descendant touches the circle: as few and as coarse as possible."""
    middle, corners = _vector(*h3.cell_to_latlng(cell)), [_vector(*point) for point in h3.cell_to_boundary(cell)]
    away, radius = _arc(centre, middle), max(_arc(middle, corner) for corner in corners)
    if away > arc + OVERHANG * radius:
        return []
    if away + OVERHANG * radius <= arc:
        return [cell]
    if resolution == RESOLUTION:
        return [cell] if away <= arc or _touches(corners, middle, centre, arc) else []
    children = h3.cell_to_children(cell)
    found = [inner for child in children for inner in _near(child, resolution + 1, centre, arc)]
    return [cell] if sorted(found) == sorted(children) else found


def _touches(corners: list[Vector], middle: Vector, centre: Vector, arc: float) -> bool:
    """Whether the circle's centre lies in the cell or one of its sides comes as near as the circle reaches."""
    inside = True
    for one, other in zip(corners, [*corners[1:], corners[0]], strict=True):
        if _arc_to_side(centre, one, other) <= arc:
            return True
        side = _cross(one, other)
        inside = inside and _dot(side, centre) * _dot(side, middle) >= 0
    return inside


def _arc_to_side(point: Vector, one: Vector, other: Vector) -> float:
    side = _cross(one, other)
    if _dot(_cross(side, one), point) > 0 > _dot(_cross(side, other), point):  # it stands over the side
        height = _dot(side, point) / sqrt(_dot(side, side))
        return asin(min(1.0, abs(height)))
    return min(_arc(point, one), _arc(point, other))


def _runs(cells: Iterable[int]) -> Ranges:
    runs = sorted(map(_run, cells))
    return tuple(first for first, _last in runs), tuple(last for _first, last in runs)


def _run(parent: int) -> tuple[int, int]:
    """The first and the last cell of resolution 7 inside a coarser one: their indexes differ in the digits below it alone."""
    first = last = parent & ~(0xF << RES_SHIFT) | RESOLUTION << RES_SHIFT
    for digit in range(h3.get_resolution(parent) + 1, RESOLUTION + 1):
        place = DIGIT_BITS * (FINEST - digit)
        first &= ~(7 << place)
        last = last & ~(7 << place) | 6 << place
    return first, last


def _vector(lat: float, lon: float) -> Vector:
    north, east = radians(lat), radians(lon)
    return cos(north) * cos(east), cos(north) * sin(east), sin(north)


def _arc(one: Vector, other: Vector) -> float:
    """The angle between two directions, in radians."""
    x, y, z = one[0] - other[0], one[1] - other[1], one[2] - other[2]
    half = sqrt(x * x + y * y + z * z) / 2
    return 2 * asin(min(1.0, half))


def _dot(one: Vector, other: Vector) -> float:
    return one[0] * other[0] + one[1] * other[1] + one[2] * other[2]


def _cross(one: Vector, other: Vector) -> Vector:
    (a, b, c), (x, y, z) = one, other
    return b * z - c * y, c * x - a * z, a * y - b * x
