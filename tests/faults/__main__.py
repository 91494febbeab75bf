"""`python -m tests.faults [--layer L] [--seed S] [--seeds N] [--faults N] [--json]`: everything that can go wrong, judged.

Everything happens on servers of its own in a temporary directory. The exit status is 0 only when every promise was kept.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

import django

from tests.faults.layers import BESIDE, LAYERS, WRONGS, Options, Result, layer

MARK = "CRISIS_FAULTS"  # the process that has its own settings already


def main() -> int:
    parser = ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--layer", choices=[*LAYERS], default="sim")
    parser.add_argument("--seed", type=int, metavar="S", help="only this one, or with --seeds the first one")
    parser.add_argument("--seeds", type=int, metavar="N", help="how many (the layer's own number)")
    parser.add_argument("--faults", type=int, metavar="N", help="the most faults in one run")
    parser.add_argument("--processes", type=int, default=2, metavar="N")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    given = parser.parse_args()
    if os.environ.get(MARK) != str(os.getpid()):
        _begin_apart()
    django.setup()
    try:
        result = layer(given.layer)(_options(given))
    finally:
        shutil.rmtree(os.environ["CRISIS_DATA_DIR"], ignore_errors=True)
    sys.stdout.write((json.dumps(result.as_json()) if given.json else in_lines(result)) + "\n")
    return 0 if result.kept else 1


def _options(given: Namespace) -> Options:
    seeds = given.seeds or (1 if given.seed is not None else None)
    return Options(1 if given.seed is None else given.seed, seeds, given.faults, min(given.processes, seeds or given.processes))


def _begin_apart() -> None:
    """Begin this command again in the same process, with settings of its own: they are read once, at start."""
    for name in ("DATABASE_URL", "OWNER_DATABASE_URL", "REDIS_URL"):  # never on servers of others
        os.environ.pop(name, None)
    apart = {"CRISIS_DATA_DIR": tempfile.mkdtemp(prefix="crisis-faults-"), "CRISIS_DEMO": "1", MARK: str(os.getpid())}
    environment = {**os.environ, **apart, "DJANGO_SETTINGS_MODULE": "crisis.settings"}
    os.chdir(Path(__file__).resolve().parent.parent.parent)
    os.execve(sys.executable, [sys.executable, "-m", "tests.faults", *sys.argv[1:]], environment)


def in_lines(result: Result) -> str:
    faults = ", ".join(f"{kind} {number}" for kind, number in result.faults.most_common())
    wrongs = ", ".join(f"{name} {result.wrongs[name]}" for name in WRONGS)
    lines = [
        f"{result.seeds} seeds, {result.faults.total()} faults, {result.deliveries} deliveries judged",
        f"faults: {faults}",
        f"promises broken: {wrongs}",
    ]
    if result.beside:
        lines.append("one RQ job a person: " + ", ".join(f"{name} {result.beside[name]}" for name in BESIDE))
    lines += [f"at most: {name} {value:g}" for name, value in result.most.items()]
    return "\n".join([*lines, *result.failures])


if __name__ == "__main__":
    sys.exit(main())
