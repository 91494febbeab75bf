"""The published document as a judge of what a platform says: field by field, by JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

CONTRACT: Final[dict[str, Any]] = json.loads((Path(__file__).parent.parent / "contract" / "orders-v1.json").read_text())
SANDBOX: Final[dict[str, Any]] = CONTRACT["x-sandbox"]
Kind = Literal["field", "rounding", "shape"]
FORMATS: Final = FormatChecker(())


@FORMATS.checks("date-time", raises=ValueError)
def _is_instant(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@dataclass(frozen=True, slots=True)
class Problem:
    """Where an answer is not what the document says: a field it does not know, a total not rounded, or anything else."""

    kind: Kind
    where: str
    what: str


def problems(schema: str, value: Any) -> list[Problem]:
    """All that is wrong with a value that should be of this schema."""
    if schema == "Estimate":  # of its two forms the one that was meant
        return [*_problems(f"Estimate/oneOf/{int(isinstance(value, dict) and 'withheld' in value)}", value)]
    return [*_problems(schema, value)]


def _problems(schema: str, value: Any) -> Iterator[Problem]:
    for error in _validator(schema).iter_errors(value):
        for leaf in _leaves(error):
            yield Problem(_kind(leaf), "/".join(map(str, leaf.absolute_path)) or "/", leaf.message[:200])


@cache
def _validator(schema: str) -> Draft202012Validator:
    parts = {"components": {"schemas": CONTRACT["components"]["schemas"]}}
    return Draft202012Validator({"$ref": f"#/components/schemas/{schema}", **parts}, format_checker=FORMATS)


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """Of one of several forms what is wrong with the one that is an object; the other is null."""
    inner = [one for one in error.context or () if not (one.validator == "type" and one.validator_value == "null")]
    if not inner:
        yield error
    for one in inner:
        yield from _leaves(one)


def _kind(error: ValidationError) -> Kind:
    if error.validator == "additionalProperties":
        return "field"
    counted = {"counters", "estimate"} & {*error.absolute_path}
    return "rounding" if counted and error.validator in {"multipleOf", "minimum"} else "shape"
