"""What is wrong with a call, in one shape: {"problems": [{"field", "sentence"}]}. Every sentence names the remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.http import JsonResponse
from django.utils.translation import gettext as _
from pydantic import BaseModel

from crisis.refusal import Problem

LONGEST_NAME = 80


class ProblemOut(BaseModel):
    field: str
    sentence: str


class ProblemsOut(BaseModel):
    """Nothing was done. A field of a row is named "3.country": the row's index, then its name."""

    problems: list[ProblemOut]


REFUSALS: dict[Any, Any] = {frozenset({400, 401, 403, 404, 409, 413, 415, 422, 429}): ProblemsOut}


def said(problems: Iterable[Problem], status: int, **headers: str) -> JsonResponse:
    """The answer that refuses."""
    shown = [{"field": problem.field, "sentence": str(problem.sentence)} for problem in problems]
    return JsonResponse({"problems": shown}, status=status, headers=headers, json_dumps_params={"ensure_ascii": False})


def problems_of(errors: Sequence[Mapping[str, Any]]) -> list[Problem]:
    """What the framework found wrong with the fields, in our words."""
    return [Problem(name, _sentence(name, error)) for error in errors for name in [_field(error["loc"])]]


def _field(path: Sequence[Any]) -> str:
    """ "texts.ru.body": where the value stands in what was sent, without the framework's own steps."""
    steps = path[2:] if path[0] == "body" else path[1:]
    joined = ".".join(str(step) for step in steps)[:LONGEST_NAME]
    return "".join(sign if sign.isprintable() else "·" for sign in joined)


def _sentence(name: str, error: Mapping[str, Any]) -> str:
    kind, told = error["type"], error.get("ctx", {})
    if kind == "value_error":
        return str(told["error"])
    values = {"field": name, **{key: told[key] for key in ("ge", "le", "expected", "max_length") if key in told}}
    return str(_sentences().get(kind, _("“%(field)s” cannot be read. See openapi.json for what it has to be."))) % values


def _sentences() -> dict[str, str]:
    """By the framework's name of the fault; said anew for each reader's language."""
    wrong_range = _("“%(field)s” is too small or too large. See openapi.json for its bounds.")
    return {
        "missing": _("“%(field)s” is missing. Add it."),
        "extra_forbidden": _("“%(field)s” is not known here. Leave it out."),
        "int_type": _("“%(field)s” has to be a whole number, written without quotes."),
        "int_parsing": _("“%(field)s” has to be a whole number."),
        "string_type": _("“%(field)s” has to be a text in quotes."),
        "list_type": _("“%(field)s” has to be a list."),
        "dict_type": _("“%(field)s” has to be an object in braces."),
        "model_type": _("“%(field)s” has to be an object in braces."),
        "model_attributes_type": _("“%(field)s” has to be an object in braces."),
        "literal_error": _("“%(field)s” has to be one of these: %(expected)s."),
        "string_too_long": _("“%(field)s” may have at most %(max_length)d characters. Shorten it."),
        "too_long": _("“%(field)s” may have at most %(max_length)d entries. Leave some out."),
        "greater_than_equal": wrong_range,
        "less_than_equal": wrong_range,
    }
