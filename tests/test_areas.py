"""Circles and polygons become cells: never too narrow, at most one cell too wide, anywhere; what is no area is refused."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from math import asin, atan2, cos, degrees, isclose, pi, radians, sin
from typing import Any

import h3.api.basic_int as h3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point
from shapely.geometry import Polygon as Shape

from audiences.criteria.areas import MOST_POINTS, Circle, Polygon, area_from_json, from_text
from audiences.criteria.cells import EARTH_KM, Ranges
from crisis.refusal import Refused

CELL_KM = 3.4  # more than any cell of resolution 7 measures across
SQUARE = ((36.0, 36.0), (36.0, 36.5), (36.5, 36.5), (36.5, 36.0))
FIJI, CHUKOTKA, POLES = (-17.8, 179.9), (66.0, -179.9), ((90.0, 0.0), (-90.0, 77.0), (89.9, 10.0))

anywhere = st.tuples(st.floats(-90, 90), st.floats(-180, 180)) | st.sampled_from([FIJI, CHUKOTKA, *POLES])
circles = st.builds(lambda point, km: Circle(*point, km), anywhere, st.floats(1, 40) | st.sampled_from([1, 1.5, 300]))
few = settings(max_examples=60, deadline=None, derandomize=True)


def holds(ranges: Ranges, cell: int) -> bool:
    firsts, lasts = ranges
    number = bisect_right(firsts, cell) - 1
    return number >= 0 and cell <= lasts[number]


def cells_of(ranges: Ranges) -> set[int]:
    """Every cell of resolution 7 in the runs, found by its coarser relatives alone."""
    found: set[int] = set()
    for first, last in zip(*ranges, strict=True):
        common = next(r for r in range(7, -1, -1) if h3.cell_to_parent(first, r) == h3.cell_to_parent(last, r))
        children = set(h3.cell_to_children(h3.cell_to_parent(first, common), 7))
        assert {cell for cell in children if first <= cell <= last} == children
        found |= children
    return found


def km_between(one: tuple[float, float], other: tuple[float, float]) -> float:
    return float(h3.great_circle_distance(one, other, unit="km"))


def away(point: tuple[float, float], km: float, bearing: float) -> tuple[float, float]:
    here, arc = radians(point[0]), km / EARTH_KM
    there = asin(max(-1.0, min(1.0, sin(here) * cos(arc) + cos(here) * sin(arc) * cos(bearing))))
    east = atan2(sin(bearing) * sin(arc) * cos(here), cos(arc) - sin(here) * sin(there))
    return degrees(there), (point[1] + degrees(east) + 540) % 360 - 180


@few
@given(circles, st.lists(st.tuples(st.floats(0, 0.9999), st.floats(0, 2 * pi)), min_size=20, max_size=20))
def test_every_point_of_a_circle_has_its_cell_in_the_runs(circle: Circle, drawn: list[tuple[float, float]]) -> None:
    centre, ranges = (circle.lat, circle.lon), circle.ranges()
    for share, bearing in [*drawn, (0.0, 0.0), *((0.9999, n * pi / 8) for n in range(16))]:
        assert holds(ranges, h3.latlng_to_cell(*away(centre, share * circle.km, bearing), 7))


@few
@given(st.builds(lambda point, km: Circle(*point, km), anywhere, st.floats(1, 40)))
def test_every_cell_of_a_circle_touches_it(circle: Circle) -> None:
    for cell in cells_of(circle.ranges()):
        corners = h3.cell_to_boundary(cell)
        sides = [
            (one[0] + (two[0] - one[0]) * n / 20, one[1] + ((two[1] - one[1] + 540) % 360 - 180) * n / 20)
            for one, two in pairwise([*corners, corners[0]])
            for n in range(20)
        ]
        inside = cell == h3.latlng_to_cell(circle.lat, circle.lon, 7)
        assert inside or min(km_between((circle.lat, circle.lon), point) for point in sides) <= circle.km + 0.1 * CELL_KM


@few
@given(circles)
def test_runs_are_sorted_and_have_nothing_in_common(circle: Circle) -> None:
    firsts, lasts = circle.ranges()
    assert all(first <= last for first, last in zip(firsts, lasts, strict=True))
    assert all(last < following for last, following in zip(lasts, firsts[1:], strict=False))


def test_a_run_holds_exactly_the_descendants_of_a_cell() -> None:
    ranges = Circle(36.2, 36.16, 60).ranges()
    found = cells_of(ranges)
    assert len(found) > 4 * len(ranges[0])
    assert {h3.get_resolution(cell) for cell in found} == {7}


quadrangles = st.tuples(st.floats(-60, 60), st.floats(-170, 170), *[st.floats(0.05, 0.4)] * 4).map(
    lambda d: ((d[0] + d[2], d[1]), (d[0], d[1] + d[3]), (d[0] - d[4], d[1]), (d[0], d[1] - d[5]))
)


@few
@given(quadrangles, st.data())
def test_every_point_of_a_polygon_has_its_cell_in_the_runs(points: tuple[tuple[float, float], ...], data: Any) -> None:
    shape, ranges = Shape(points), Polygon(points).ranges()
    for _n in range(20):
        weights = [data.draw(st.floats(0.001, 1)) for _point in points]
        lat, lon = (sum(w * p[axis] for w, p in zip(weights, points, strict=True)) / sum(weights) for axis in (0, 1))
        if shape.contains(Point(lat, lon)):
            assert holds(ranges, h3.latlng_to_cell(lat, lon, 7))


@few
@given(quadrangles)
def test_every_cell_of_a_polygon_touches_it(points: tuple[tuple[float, float], ...]) -> None:
    grown = Shape(points).buffer(1e-6)
    assert all(grown.intersects(Shape(h3.cell_to_boundary(cell))) for cell in cells_of(Polygon(points).ranges()))


@pytest.mark.parametrize("centre", [FIJI, CHUKOTKA])
def test_a_circle_reaches_over_the_180th_meridian(centre: tuple[float, float]) -> None:
    ranges = Circle(*centre, 50).ranges()
    assert holds(ranges, h3.latlng_to_cell(centre[0], 179.8, 7))
    assert holds(ranges, h3.latlng_to_cell(centre[0], -179.8, 7))
    assert not holds(ranges, h3.latlng_to_cell(centre[0], 0, 7))


def test_a_circle_at_the_pole_holds_the_pole() -> None:
    assert holds(Circle(89.9, 0, 100).ranges(), h3.latlng_to_cell(90, 0, 7))
    assert holds(Circle(-90, 0, 10).ranges(), h3.latlng_to_cell(-89.95, 130, 7))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        *(((lat, 0, 10), "lat") for lat in (90.01, -91, float("nan"), float("inf"), "36", True, None, [36])),
        *(((0, lon, 10), "lon") for lon in (180.01, -181, float("nan"), "36", False, None)),
        *(((0, 0, km), "km") for km in (0, 0.99, -5, 300.01, 10**400, float("nan"), float("inf"), "50", True, None)),
    ],
)
def test_it_refuses_a_circle_of_nonsense(values: tuple[Any, ...], field: str) -> None:
    with pytest.raises(Refused) as refused:
        Circle(*values)
    assert refused.value.problems[0].field == field


BOW = ((36.0, 36.0), (36.5, 36.5), (36.0, 36.5), (36.5, 36.0))
CROSSED = "The line of the polygon crosses or touches itself. Put its points in order around the area."
COUNT = f"A polygon has from 3 to {MOST_POINTS} different points."
REFUSED: list[tuple[Any, str]] = [
    (BOW, CROSSED),
    ((*SQUARE, (36.0, 36.0)), CROSSED),
    (((0.0, 0.0), (0.0, 1.0), (0.0, 0.5), (1.0, 0.5)), CROSSED),
    (((0.0, 0.0), (0.0, 1.0), (0.0, 2.0)), "crosses or touches itself"),
    (((0.0, 0.0), (0.00001, 0.00001), (0.0, 0.00002)), "The polygon holds no area: its points lie on one line."),
    (
        ((-17.0, 179.0), (-17.0, -179.0), (-18.0, -179.0), (-18.0, 179.0)),
        "The polygon crosses the 180th meridian. Draw one audience on each side of it, or choose a circle.",
    ),
    (
        ((30.0, 30.0), (30.0, 40.0), (40.0, 40.0), (40.0, 30.0)),
        "The polygon is larger than 500000 km². Choose countries instead, or draw a smaller one.",
    ),
    (((36.0, 36.0), (36.0, 36.5)), COUNT),
    ((), COUNT),
    (((0.0, 0.0),) * 10**6, COUNT),
    (((91.0, 0.0), (0.0, 1.0), (1.0, 1.0)), "Degrees from -90 to 90 are expected."),
    (((0.0, 0.0), (0.0, 181.0), (1.0, 1.0)), "Degrees from -180 to 180 are expected."),
    (((float("nan"), 0.0), (0.0, 1.0), (1.0, 1.0)), "Degrees from -90 to 90 are expected."),
    (((0.0, float("inf")), (0.0, 1.0), (1.0, 1.0)), "Degrees from -180 to 180 are expected."),
    ((("0", 0.0), (0.0, 1.0), (1.0, 1.0)), "Degrees from -90 to 90 are expected."),
    (((True, 0.0), (0.0, 1.0), (1.0, 1.0)), "Degrees from -90 to 90 are expected."),
]


@pytest.mark.parametrize(("points", "sentence"), REFUSED, ids=range(len(REFUSED)))
def test_it_refuses_a_polygon_in_words(points: Any, sentence: str) -> None:
    for make in (lambda: Polygon(points), lambda: area_from_json({"op": "polygon", "points": [[*p] for p in points]})):
        with pytest.raises(Refused) as refused:
            make()
        assert sentence in str(refused.value)
        assert refused.value.problems[0].field == "points"


@pytest.mark.parametrize(
    "text",
    [
        "36.0, 36.0\n36.0, 36.5\n36.5 36.5\r\n\n36.5;36.0\n",
        "36,36\n36,36.5\n36.5,36.5\n36.5,36\n36,36",
        '{"type": "Polygon", "coordinates": [[[36,36],[36.5,36],[36.5,36.5],[36,36.5],[36,36]]]}',
        '{"type":"Feature","properties":{},"geometry":{"type":"Polygon","coordinates":[[[36,36,0],[36.5,36],[36.5,36.5],[36,36.5]]]}}',
        '{"type":"FeatureCollection","features":[{"type":"Feature","geometry":'
        '{"type":"Polygon","coordinates":[[[36,36],[36.5,36],[36.5,36.5],[36,36.5],[36,36]]]}}]}',
        "POLYGON((36 36, 36.5 36, 36.5 36.5, 36 36.5, 36 36))",
        "polygon (( 36 36,36.5 36,36.5 36.5,36 36.5 ))",
    ],
)
def test_a_polygon_is_read_from_text(text: str) -> None:
    points = from_text(text).points
    assert len(points) == len(SQUARE)
    for found, expected in zip(points, SQUARE, strict=True):
        assert all(isclose(a, b) for a, b in zip(found, expected, strict=True))


ONE = "One polygon without holes is expected: as points by line, GeoJSON or WKT."
RING = "[[0,0],[1,0],[1,1]]"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", COUNT),
        ("36, 36", COUNT),
        ("36, 36\nabc\n1,1", "“abc” is no point. Write a latitude and a longitude, such as 36.2, 36.16."),
        ("1,2,3\n" * 3, "“1,2,3” is no point."),
        ("36, NaN\n1, 1\n2, 2", "“36, NaN” is no point."),
        ("1e9, 1\n1, 1\n2, 2", "“1e9, 1” is no point."),
        ("{", "This is no GeoJSON. Copy it whole, from the first bracket to the last."),
        ('{"type":' + "[" * 15_000, "This is no GeoJSON."),
        ("{}", ONE),
        ('{"type":"MultiPolygon","coordinates":[[' + RING + "]]}", ONE),
        ('{"type":"Polygon","coordinates":[' + RING + "," + RING + "]}", ONE),
        ('{"type":"FeatureCollection","features":[]}', ONE),
        ('{"type":"FeatureCollection","features":[1,2]}', ONE),
        ('{"type":"Polygon","coordinates":["abc"]}', ONE),
        ('{"type":"Polygon","coordinates":[[1,2,3]]}', "A point is a latitude and a longitude."),
        ('{"type":"Polygon","coordinates":[[["a","b"],[1,2],[2,3]]]}', "Degrees from -90 to 90 are expected."),
        ('{"type":"Polygon","coordinates":[[[NaN,1],[1,2],[2,4]]]}', "Degrees from -180 to 180 are expected."),
        ("POLYGON((0 0, 1 0, 1 1),(0 0, 1 0, 1 1))", ONE),
        ("MULTIPOLYGON(((0 0, 1 0, 1 1)))", ONE),
        ("POLYGON(" + "(" * 10_000, ONE),
        ("POLYGON((0 0, 1 1, 0 1, 1 0))", CROSSED),
        ("1.5, 2.5\n" * 10**6, f"The text of the polygon is too long. At most {MOST_POINTS} points are taken."),
        ("1 1\n" * 300, COUNT),
        ("x" + " " * 19_998 + "x", ONE),
    ],
)
def test_it_refuses_a_text_that_is_no_polygon(text: str, sentence: str) -> None:
    with pytest.raises(Refused) as refused:
        from_text(text)
    assert sentence in str(refused.value)
    assert refused.value.problems[0].field == "points"
