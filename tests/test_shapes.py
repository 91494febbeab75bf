"""Outlines of countries: what is drawn is small, whole and by the codes the console uses."""

from __future__ import annotations

from itertools import pairwise

from audiences import shapes
from audiences.criteria.checks import known_countries


def test_every_outline_has_the_code_of_a_country_and_can_be_drawn() -> None:
    outlines = shapes.countries()
    assert outlines.keys() <= known_countries()
    assert all(len(ring) >= 4 and shapes.area(ring) > 0 for rings in outlines.values() for ring in rings)


def test_the_largest_part_of_a_country_comes_first() -> None:
    sizes = [[*map(shapes.area, rings)] for rings in shapes.countries().values()]
    assert all(each[0] == max(each) for each in sizes)


def test_small_islands_are_drawn_too() -> None:
    assert {"MV", "MT", "SG", "BH", "SC", "MU", "CY", "CU"} <= shapes.countries().keys()


def test_egypt_is_where_egypt_is() -> None:
    (ring,) = shapes.countries()["EG"]
    longitudes, latitudes = zip(*ring, strict=True)
    assert (24 < min(longitudes) < 25.5, 35 < max(longitudes) < 37.5) == (True, True)
    assert (21 < min(latitudes) < 23, 31 < max(latitudes) < 32) == (True, True)


def test_no_outline_crosses_the_180th_meridian() -> None:
    rings = [ring for rings in shapes.countries().values() for ring in rings]
    assert max(abs(a[0] - b[0]) for ring in rings for a, b in pairwise(ring)) < 180


def test_an_outline_across_the_180th_meridian_is_drawn_at_both_ends_of_the_map() -> None:
    square = {"type": "Polygon", "id": "242", "properties": {"name": "Fiji"}, "arcs": [[0]]}
    topology = {
        "transform": {"scale": [1, 1], "translate": [0, 0]},
        "arcs": [[[178, 0], [-356, 0], [0, 1], [356, 0], [0, -1]]],  # from 178° East to 178° West and back
        "objects": {"countries": {"geometries": [square]}},
    }
    east, west = shapes.from_topology(topology, {"242": "FJ"}, 0.1)["FJ"]
    assert ({*east[::2]}, {*west[::2]}) == ({178, 180}, {-180, -178})


def test_a_line_keeps_only_the_points_it_needs() -> None:
    assert shapes.simplified([(0, 0), (1, 0.01), (2, 0), (2, 2), (0, 0)], 0.1) == [(0, 0), (2, 0), (2, 2), (0, 0)]


SQUARE = {  # two countries side by side share the arc in the middle; a third has no code
    "transform": {"scale": [1, 1], "translate": [10, 20]},
    "arcs": [[[1, 0], [0, 1]], [[1, 1], [-1, 0], [0, -1], [1, 0]], [[1, 0], [1, 0], [0, 1], [-1, 0]]],
    "objects": {
        "countries": {
            "geometries": [
                {"type": "Polygon", "id": "818", "properties": {"name": "Egypt"}, "arcs": [[0, 1]]},
                {"type": "MultiPolygon", "properties": {"name": "Neighbour"}, "arcs": [[[2, -1]]]},
                {"type": "Polygon", "properties": {"name": "Nowhere"}, "arcs": [[0, 1]]},
            ]
        }
    },
}


def test_a_topology_becomes_outlines_by_number_or_name() -> None:
    found = shapes.from_topology(SQUARE, {"818": "EG", "Neighbour": "IL"}, 0.1)
    assert found == {
        "EG": [[11, 20, 11, 21, 10, 21, 10, 20, 11, 20]],
        "IL": [[11, 20, 12, 20, 12, 21, 11, 21, 11, 20]],
    }
