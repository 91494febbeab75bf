"""What a polygon's line must not do: cross itself or the 180th meridian, hold nothing, or hold half a continent."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import cos, radians

from django.utils.translation import gettext as _

from audiences.criteria.cells import EARTH_KM
from crisis.refusal import Refused

MOST_KM2 = 500_000  # somewhat smaller than France
LEAST_KM2 = 0.01
FIELD = "points"

Point = tuple[float, float]


def check(points: Sequence[Point]) -> None:
    """Points (lat, lon) of a line that is closed from the last to the first. Raises Refused."""
    sides = [*pairwise([*points, points[0]])]
    if any(abs(one[1] - other[1]) > 180 for one, other in sides):
        raise Refused(
            _("The polygon crosses the 180th meridian. Draw one audience on each side of it, or choose a circle."), field=FIELD
        )
    if _crosses_itself(sides):
        raise Refused(
            _("The line of the polygon crosses or touches itself. Put its points in order around the area."), field=FIELD
        )
    size = _km2(points)
    if size < LEAST_KM2:
        raise Refused(_("The polygon holds no area: its points lie on one line."), field=FIELD)
    if size > MOST_KM2:
        sentence = _("The polygon is larger than %(n)d km². Choose countries instead, or draw a smaller one.")
        raise Refused(sentence % {"n": MOST_KM2}, field=FIELD)


def _crosses_itself(sides: list[tuple[Point, Point]]) -> bool:
    """Whether any two sides meet elsewhere than at the corner between neighbours."""
    last = len(sides) - 1
    for number, one in enumerate(sides):
        for later in range(number + 1, len(sides)):
            other = sides[later]
            if later == number + 1:
                folded = _goes_back(*one, other[1])
            elif number == 0 and later == last:
                folded = _goes_back(*other, one[1])
            else:
                folded = _meet(*one, *other)
            if folded:
                return True
    return False


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _goes_back(a: Point, corner: Point, c: Point) -> bool:
    """Whether the line turns on the spot at a corner and lies on itself."""
    forward = (corner[0] - a[0]) * (c[0] - corner[0]) + (corner[1] - a[1]) * (c[1] - corner[1])
    return _turn(a, corner, c) == 0 and forward < 0


def _meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether two stretches have a point in common."""
    first, second, third, fourth = _turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b)
    if first * second < 0 and third * fourth < 0:
        return True
    pairs = ((first, a, b, c), (second, a, b, d), (third, c, d, a), (fourth, c, d, b))
    return any(turn == 0 and _between(p, q, r) for turn, p, q, r in pairs)


def _between(a: Point, b: Point, c: Point) -> bool:
    return min(a[0], b[0]) <= c[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= c[1] <= max(a[1], b[1])


def _km2(points: Sequence[Point]) -> float:
    """On a map flat around the middle latitude: good enough to say too large or nothing at all."""
    degree = radians(1) * EARTH_KM
    lats = [lat for lat, _lon in points]
    twice = sum(one[1] * other[0] - other[1] * one[0] for one, other in pairwise([*points, points[0]]))
    return abs(twice) / 2 * degree * degree * cos(radians((min(lats) + max(lats)) / 2))
