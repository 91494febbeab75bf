"""Outlines of countries for the map, as they are drawn and no finer: the file `data/countries.json`.

Borders are policy: an installation replaces the file by `manage.py map_shapes`, which also says where ours comes from.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "data" / "countries.json"

Point = tuple[float, float]  # longitude, latitude
Ring = tuple[Point, ...]


@cache
def countries() -> Mapping[str, tuple[Ring, ...]]:
    """Rings of each country by its code of two letters, the largest first. No ring crosses the 180th meridian."""
    stored = json.loads(FILE.read_text())["countries"]
    return {code: tuple(_paired(ring) for ring in rings) for code, rings in stored.items()}


def _paired(flat: Sequence[float]) -> Ring:
    return tuple(zip(flat[::2], flat[1::2], strict=True))


def simplified(ring: Sequence[Point], tolerance: float) -> list[Point]:
    """The ring with no more points than needed to stay within the tolerance, in degrees (Douglas and Peucker 1973)."""
    kept, waiting = {0, len(ring) - 1}, [(0, len(ring) - 1)]
    while waiting:
        first, last = waiting.pop()
        distance, furthest = max(
            ((_distance(ring[n], ring[first], ring[last]), n) for n in range(first + 1, last)), default=(0.0, first)
        )
        if distance > tolerance:
            kept.add(furthest)
            waiting += [(first, furthest), (furthest, last)]
    return [ring[n] for n in sorted(kept)]


def _distance(point: Point, start: Point, end: Point) -> float:
    (x, y), (x_1, y_1), (x_2, y_2) = point, start, end
    along_x, along_y = x_2 - x_1, y_2 - y_1
    length = along_x**2 + along_y**2
    share = 0.0 if length == 0 else max(0.0, min(1.0, ((x - x_1) * along_x + (y - y_1) * along_y) / length))
    return float(((x - x_1 - share * along_x) ** 2 + (y - y_1 - share * along_y) ** 2) ** 0.5)


def area(ring: Sequence[Point]) -> float:
    """In square degrees: good enough to tell a mainland from a rock."""
    pairs = zip(ring, [*ring[1:], ring[0]], strict=True)
    return abs(sum(x_1 * y_2 - x_2 * y_1 for (x_1, y_1), (x_2, y_2) in pairs)) / 2


def from_topology(topology: Mapping[str, Any], codes: Mapping[str, str], tolerance: float) -> dict[str, list[list[float]]]:
    """Outlines from a TopoJSON of countries. `codes` gives a code of two letters for each number or name found there."""
    arcs = [*_arcs(topology)]
    found: dict[str, list[list[Point]]] = {}
    for shape in topology["objects"]["countries"]["geometries"]:
        code = codes.get(str(shape.get("id"))) or codes.get(shape["properties"]["name"])
        if code:
            rings = [part for outer in _outer_rings(shape) for part in _cut(_ring(outer, arcs))]
            found.setdefault(code, []).extend(rings)
    return {code: [_flat(ring) for ring in _worth_drawing(rings, tolerance)] for code, rings in sorted(found.items())}


def _arcs(topology: Mapping[str, Any]) -> Iterator[list[Point]]:
    (scale_x, scale_y), (left, bottom) = topology["transform"]["scale"], topology["transform"]["translate"]
    for arc in topology["arcs"]:
        x = y = 0
        points = []
        for step_x, step_y in arc:
            x, y = x + step_x, y + step_y
            points.append((x * scale_x + left, y * scale_y + bottom))
        yield points


def _outer_rings(shape: Mapping[str, Any]) -> Iterable[Sequence[int]]:
    polygons = [shape["arcs"]] if shape["type"] == "Polygon" else shape["arcs"]
    return (polygon[0] for polygon in polygons)


def _ring(numbers: Sequence[int], arcs: Sequence[list[Point]]) -> list[Point]:
    points: list[Point] = []
    for number in numbers:
        arc = arcs[number] if number >= 0 else arcs[~number][::-1]
        points += arc[1:] if points else arc
    return points


def _cut(ring: list[Point]) -> list[list[Point]]:
    """The ring in two parts where it crosses the 180th meridian, which a flat map shows at both of its ends."""
    whole = [ring[0]]
    for x, y in ring[1:]:
        whole.append((x + 360 * round((whole[-1][0] - x) / 360), y))
    shift = -360.0 if max(x for x, _y in whole) > 180 else 360.0 if min(x for x, _y in whole) < -180 else 0.0
    if not shift:
        return [whole]
    beyond = [(x + shift, y) for x, y in whole]
    return [part for part in (_within(whole), _within(beyond)) if len(part) >= 4]


def _within(ring: list[Point]) -> list[Point]:
    """The part between both ends of the map: the ring clipped by two lines (Sutherland and Hodgman 1974)."""
    for edge, sign in ((180.0, 1), (-180.0, -1)):
        kept: list[Point] = []
        for (x_1, y_1), (x_2, y_2) in zip(ring, [*ring[1:], *ring[:1]], strict=True):
            inside, will_be = (sign * x_1 <= 180), (sign * x_2 <= 180)
            if inside:
                kept.append((x_1, y_1))
            if inside != will_be:
                kept.append((edge, y_1 + (y_2 - y_1) * (edge - x_1) / (x_2 - x_1)))
        ring = kept
    return [*ring, ring[0]] if ring and ring[0] != ring[-1] else ring


def _worth_drawing(rings: list[list[Point]], tolerance: float) -> list[list[Point]]:
    """The largest ring always, others when they can be seen; rocks become points no map of this size shows."""
    ordered = sorted(rings, key=area, reverse=True)
    drawn = [simplified(ring, tolerance) for ring in ordered]
    seen = [ring if len(ring) >= 4 else ordered[n] for n, ring in enumerate(drawn) if n == 0 or area(ring) > tolerance**2 * 4]
    return sorted(seen, key=area, reverse=True)


def _flat(ring: Sequence[Point]) -> list[float]:
    return [round(value, 2) for point in ring for value in point]
