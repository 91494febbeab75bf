"""The routes by which programs bring contacts, sightings and stays. `audiences.feeding` judges and stores what they send."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Query
from pydantic import BaseModel

from audiences.feeding import ACTIONS, MOST_ROWS, fed_by, feed
from audiences.imports.columns import FileKind
from crisis.api import REFUSALS, Key, api, caller, once
from crisis.api.reading import LINES, rows_of
from crisis.models import FEEDING, Scope
from crisis.permissions import may

SourceNumber = Annotated[int, Query(ge=1, le=2**63 - 1, description="Who answers for the rows: one of those of /sources.")]


class SourceOut(BaseModel):
    """`kinds` is what the key may bring of it. One that is not `active` (off, or without legal basis) takes nothing in."""

    id: int
    name: str
    kinds: list[str]
    active: bool


class SourcesOut(BaseModel):
    sources: list[SourceOut]


class RowErrorOut(BaseModel):
    """A row that was left out because of what is known here. `index` counts from 0."""

    index: int
    field: str
    sentence: str


class FedOut(BaseModel):
    """What became of the rows, by the kind of row."""

    contacts: dict[str, int] = {}
    addresses: dict[str, int] = {}
    sightings: dict[str, int] = {}
    trips: dict[str, int] = {}
    errors: list[RowErrorOut]


ANSWERS: dict[Any, Any] = {200: FedOut, **REFUSALS}
CONTACT = {
    "contact": "c-000001",
    "language": "ru",
    "addresses": [{"kind": "vk", "value": "1000001", "subscribed": True, "permitted": True, "denied": False}],
}
SIGHTING = {
    "kind": "vk",
    "value": "1000001",
    "country": "EG",
    "lat": 27.2579,
    "lon": 33.8116,
    "seen_at": "2015-11-08T12:00:00+03:00",
}
TRIP = {"contact": "c-000001", "country": "EG", "starts_on": "2015-11-01", "ends_on": "2015-11-14"}


@api.get("/sources", auth=Key(FEEDING[0], others=FEEDING[1:]), response={200: SourcesOut, **REFUSALS})
def list_sources(request: HttpRequest) -> HttpResponse:
    """The sources that this key may feed, and no others."""
    by = caller(request)
    kinds = [kind.value for kind, action in ACTIONS.items() if may(by, action)]
    rows = [SourceOut(id=s.pk, name=s.name, kinds=kinds, active=s.active and s.has_basis) for s in fed_by(by)]
    return JsonResponse(SourcesOut(sources=rows).model_dump())


def _described(example: dict[str, Any]) -> dict[str, Any]:
    """The body in the document: the rows are judged one by one, not by the framework."""
    rows = {"type": "array", "minItems": 1, "maxItems": MOST_ROWS, "items": {"type": "object"}}
    lines = {"type": "string", "description": "A row on each line."}
    content = {"application/json": {"schema": rows, "example": [example]}, LINES: {"schema": lines}}
    return {"requestBody": {"required": True, "content": content}}


def _key(scope: Scope) -> Key:
    return Key(scope, "source", lines=True)


@api.post("/contacts", auth=_key(Scope.CONTACTS_WRITE), response=ANSWERS, openapi_extra=_described(CONTACT))
def feed_contacts(request: HttpRequest, source: SourceNumber) -> HttpResponse:
    """Bring contacts with their addresses. Needs an Idempotency-Key. An address of another contact stays where it is."""
    return _fed(request, FileKind.CONTACTS, source)


@api.post("/sightings", auth=_key(Scope.SIGHTINGS_WRITE), response=ANSWERS, openapi_extra=_described(SIGHTING))
def feed_sightings(request: HttpRequest, source: SourceNumber) -> HttpResponse:
    """Say where addresses were seen. Needs an Idempotency-Key. Those of addresses we do not hold are counted, not kept."""
    return _fed(request, FileKind.SIGHTINGS, source)


@api.post("/trips", auth=_key(Scope.TRIPS_WRITE), response=ANSWERS, openapi_extra=_described(TRIP))
def feed_trips(request: HttpRequest, source: SourceNumber) -> HttpResponse:
    """Say who will be where, by contact or by kind and value. Needs an Idempotency-Key. A stay told again is kept once."""
    return _fed(request, FileKind.TRIPS, source)


def _fed(request: HttpRequest, kind: FileKind, number: int) -> HttpResponse:
    rows = rows_of(request, MOST_ROWS)
    return once(request, lambda: feed(kind, rows, number, by=caller(request)))
