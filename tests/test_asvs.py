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
# What a console that can frighten a country is never without: chapter and section, then the requirements of it.
MUST = {
    "1.2": "1 2 3 4 5 10", "1.3": "6 7 11", "1.5": "1 2", "2.3": "1 3 4 5", "3.3": "1 2 3 4", "3.4": "1 3 6", "3.5": "1 3",
    "5.2": "1 2 3", "6.2": "1 4", "6.3": "1 2 3 8", "6.5": "1 5", "7.3": "1 2", "7.4": "1 2 3 4 5", "8.1": "1 2",
    "8.2": "1 2 3", "8.3": "1 2", "11.3": "2", "11.4": "2", "12.1": "1 2", "12.2": "1", "12.3": "1 2 3 4", "13.2": "4 5",
    "13.3": "4", "13.4": "2", "14.2": "1 6 7", "14.3": "2", "15.1": "2", "15.3": "2 3", "15.4": "2", "16.2": "1 2 3 4 5",
    "16.3": "1 2 3 4", "16.4": "1 2 3", "16.5": "1 2 3 4",
}  # fmt: skip
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
    must = {f"{section}.{number}" for section, found in MUST.items() for number in found.split()}
    assert (must - {*numbers}, len(set(numbers))) == (set(), len(numbers))
