"""OWASP ASVS 5.0: the requirements this product answers for, each shown by a test that is named in `asvs.csv`."""

from __future__ import annotations

import ast
import csv
import re
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings

ROOT: Path = settings.BASE_DIR
ROWS = [*csv.DictReader((ROOT / "tests" / "asvs.csv").open(encoding="utf-8"))]


@cache
def names_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_a_requirement_is_shown_by_a_test_that_exists(row: dict[str, str]) -> None:
    path, _, name = row["test"].partition("::")
    assert name.startswith("test_")
    assert name in names_in(path)


def test_a_requirement_has_a_number_and_a_level_and_says_what_is_shown() -> None:
    bad = [
        row
        for row in ROWS
        if not re.fullmatch(r"\d+\.\d+\.\d+", row["id"]) or row["level"] not in "123" or not row["what is shown"]
    ]
    assert bad == []


def test_the_must_haves_are_there_once() -> None:
    numbers = [row["id"] for row in ROWS]
    assert (len(numbers) >= 45, len(set(numbers))) == (True, len(numbers))
