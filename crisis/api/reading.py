"""Strict JSON: what could be read in two ways is not read at all. And the values that fields of a call are made of."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja.parser import Parser
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from crisis.refusal import Problem, Refused

MOST_BYTES = 1_000_000
LINES = "application/x-ndjson"
DEEPEST = 20
YEARS = range(2000, 2100)


class StrictParser(Parser):
    """Reads a body, or raises Refused saying what is wrong with it."""

    def parse_body(self, request: HttpRequest) -> Any:
        return read(request.body)


def read(body: bytes) -> Any:
    """The value of a JSON text. Raises Refused for anything else, for a name given twice, and for what nobody means."""
    try:
        found = json.loads(body.decode(), object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_number)
    except RecursionError as error:
        raise _too_deep() from error
    except UnicodeDecodeError as error:
        raise Refused(_("The body is not in UTF-8. Send it in UTF-8."), status=400) from error
    except ValueError as error:
        raise Refused(_("The body is not JSON. Send one JSON object."), status=400) from error
    _refuse_strange(found)
    return found


def rows_of(request: HttpRequest, most: int) -> Any:
    """A body of rows: one JSON list, or by its type a JSON value on each line, of which one more than `most` are looked at.

    Raises Refused like `read`, naming the line by its index.
    """
    if request.content_type != LINES:
        return read(request.body)
    lines = [line for line in request.body.splitlines() if line.strip()]
    return [_line(index, line) for index, line in enumerate(lines[: most + 1])]


def _line(index: int, line: bytes) -> Any:
    try:
        return read(line)
    except Refused as refused:
        problems = [Problem(f"{index}.{one.field}".rstrip("."), one.sentence) for one in refused.problems]
        raise Refused(problems=problems, status=refused.status) from refused


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _value in pairs]
        twice = next(name for name in names if names.count(name) > 1)[:40]
        raise Refused(_("“%(field)s” is given twice. Give it once.") % {"field": twice}, field=twice, status=422)
    return found


def _refuse_constant(word: str) -> Any:
    raise Refused(_("“%(value)s” is no JSON number. Send a number, or leave it out.") % {"value": word}, status=422)


def _number(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise Refused(_("A number is too large to be one. Send a smaller number."), status=422)
    return found


def _too_deep() -> Refused:
    sentence = _("The body has objects within objects more than %(n)d deep. Send it flatter.")
    return Refused(sentence % {"n": DEEPEST}, status=422)


def _refuse_strange(value: Any) -> None:
    """No deeper than is ever meant, and no sign in a text that a database or a platform cannot hold."""
    level, depth = [value], 0
    while level:
        if depth > DEEPEST:
            raise _too_deep()
        for text in (one for part in level for one in _texts(part)):
            if "\x00" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
                raise Refused(_("A text holds a character that is no letter: NUL or half of a pair. Take it out."), status=422)
        level, depth = [inner for part in level for inner in _parts(part)], depth + 1


def _parts(value: Any) -> list[Any]:
    return [*value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [*value] if isinstance(value, dict) else []


class Strict(BaseModel):
    """A body: no other fields than these, and no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _moment(value: object) -> datetime:
    """Raises ValueError with a sentence; the framework passes it on."""
    sentence = _("A time has to name its zone and lie between 2000 and 2099, such as “2026-03-01T12:00:00+03:00”.")
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) and "T" in value else None
    except ValueError:
        found = None
    if found is None or found.utcoffset() is None or found.year not in YEARS:
        raise ValueError(sentence)
    return found


Number = Annotated[int, Field(ge=1, le=2**63 - 1)]
Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
