"""Schemathesis, a stranger to this code, asks what the published documents allow and what they do not.

Nothing answers 5xx, and what is answered is what the document says: a platform that keeps the contract of orders, our own door
for its webhooks, and the interface of programs.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import getitem
from typing import Any

import pytest
import requests
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import response_schema_conformance

from crisis.api import api
from crisis.wsgi import application
from messaging import delivery
from messaging.channels import text_sha256
from messaging.models import Receipt
from tests import test_hooks, world
from tests.ordering import ENV, ask, signed
from tests.programs import Scene
from tests.test_channel_contract import JSON
from tests.test_contract_document import DOCUMENT, HOOK, OPERATIONS, check_answer, examples_of, moved
from tests.wire import Simulator, simulator

CHECKS = [not_a_server_error, response_schema_conformance]
EITHER = st.sampled_from(GenerationMode)
API: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema(), default=str))
CALLS = [(path, verb) for path, verbs in API["paths"].items() for verb in verbs]
Ask = Callable[[Any], None]


def explore(operation: Any, ask: Ask, *, examples: int) -> None:
    """Ask an operation in so many ways, with bodies the document allows and with others."""

    @settings(
        max_examples=examples, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=[*HealthCheck]
    )
    @given(case=EITHER.flatmap(lambda mode: operation.as_strategy(generation_mode=mode)))
    def run(case: Any) -> None:
        ask(case)

    run()


def only(schema: Any, path: str, verb: str) -> Any:
    """One operation of a schema."""
    found = (result.ok() for result in schema.get_all_operations())
    return next(one for one in found if (one.path, one.method.lower()) == (path, verb))


class Signed(requests.auth.AuthBase):
    """Signs what really goes over the wire."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        raw = request.body or b""
        body = raw if isinstance(raw, bytes) else str(raw).encode()
        request.headers.update(signed(str(request.method), request.path_url, body))
        return request


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    flags = ("--population", "2000", "--decision-delay", "0", "--duration", "0", "--min-interval", "0")
    with simulator("delegated", tmp_path_factory.mktemp("strange") / "journal", *flags, env=ENV) as running:
        yield running


@pytest.mark.parametrize(("path", "verb"), [pytest.param(path, verb, id=one["operationId"]) for path, verb, one in OPERATIONS])
def test_a_platform_answers_whatever_it_is_asked(platform: Simulator, path: str, verb: str) -> None:
    session, statuses = requests.Session(), set[int]()
    session.auth, session.trust_env = Signed(), False

    def ask(case: Any) -> None:
        make_sound(case)
        found = case.call(base_url=platform.url, session=session)
        statuses.add(found.status_code)
        case.validate_response(found, checks=CHECKS)

    explore(only(schemathesis.openapi.from_dict(DOCUMENT), path, verb), ask, examples=60)
    assert 401 not in statuses
    assert statuses & {200, 404}


@pytest.mark.parametrize(
    ("path", "one"), [pytest.param(path, one, id=one["operationId"]) for path, _, one in OPERATIONS if "requestBody" in one]
)
def test_a_platform_answers_when_any_one_value_is_another(platform: Simulator, path: str, one: dict[str, Any]) -> None:
    sound = [moved(value) for value in examples_of(one)]

    @settings(max_examples=150, deadline=None, database=None, phases=[Phase.generate])
    @given(data=st.data())
    def run(data: st.DataObject) -> None:
        body = deepcopy(data.draw(st.sampled_from(sound)))
        key = body.get("order_id", "")
        *way, last = data.draw(st.sampled_from([*ways(body)]))
        reduce(getitem, way, body)[last] = data.draw(JSON)
        check_answer(one, ask(platform, "POST", path, body, key=key))

    run()


def ways(value: Any) -> Iterator[tuple[Any, ...]]:
    """How to come to every value inside of one."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield (key,)
        yield from ((key, *way) for way in ways(inner))


def make_sound(case: Any) -> None:
    """Put right what no generator can guess in an order that is one, so that it gets further than the door."""
    body = case.body
    if not isinstance(body, dict) or not isinstance(body.get("texts"), dict) or not isinstance(body.get("approval"), dict):
        return
    if all(isinstance(text, str) for text in body["texts"].values()):
        body["approval"]["text_sha256"] = text_sha256(body["texts"])
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    body["window"] = {"not_before": datetime.now(UTC).isoformat(), "not_after": ends}
    if isinstance(body.get("basis"), dict):
        body["basis"]["ends_at"] = ends
    case.headers = {**(case.headers or {}), "Idempotency-Key": str(body.get("order_id"))}


@pytest.mark.django_db
def test_our_door_takes_whatever_a_platform_tells(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.CHANNEL_URLS = {**settings.CHANNEL_URLS, "vk-geo": "http://127.0.0.1:1"}
    monkeypatch.setenv("VK_GEO", "t")
    monkeypatch.setenv("VK_GEO_WEBHOOK", f"whsec_{base64.b64encode(test_hooks.KEY).decode()}")
    geo = world.account("vk-geo")
    told = {"post": {**HOOK, "parameters": []}}
    schema = schemathesis.openapi.from_dict({**DOCUMENT, "paths": {"/event": told}, "webhooks": {}})
    statuses = set[int]()

    def tell(case: Any) -> None:
        body = case.body if isinstance(case.body, Mapping) else {}
        statuses.add(test_hooks.signed(geo, body)[0])

    explore(only(schema, "/event", "post"), tell, examples=80)
    delivery.settle()
    assert statuses == {200, 400}
    assert Receipt.objects.exists()


@pytest.fixture(scope="module")
def made(once: Callable[[type[Scene]], Scene]) -> Scene:
    return once(Scene)


@pytest.fixture
def asking(made: Scene, quiet: None) -> Iterator[tuple[str, int]]:
    """A program's key and its draft. Calls come through the real door, in the test's own transaction, which nothing may end."""
    scene = deepcopy(made)
    draft = scene.drafted()
    signals = (request_started, request_finished)
    for one in signals:
        one.disconnect(close_old_connections)
    yield scene.ours.text, draft.pk
    for one in signals:
        one.connect(close_old_connections)


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "verb"), CALLS)
def test_the_interface_of_programs_answers_whatever_it_is_asked(asking: tuple[str, int], path: str, verb: str) -> None:
    statuses, (key, draft) = set[int](), asking

    def ask(case: Any) -> None:
        given = {"Authorization": f"Bearer {key}", **({"Idempotency-Key": case.id} if verb == "post" else {})}
        case.headers = {**{name: said for name, said in (case.headers or {}).items() if name.title() not in given}, **given}
        if isinstance((case.path_parameters or {}).get("pk"), int):
            case.path_parameters["pk"] = draft
        found = case.call()
        statuses.add(found.status_code)
        case.validate_response(found, checks=CHECKS)

    schema = schemathesis.openapi.from_dict(API)
    schema.app = application
    explore(only(schema, path, verb), ask, examples=20)
    assert not statuses & {401, 429}, statuses
