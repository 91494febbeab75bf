"""The published contract of orders: a sound document with no field for a person, whose every example the simulator takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from jsonschema import Draft202012Validator

import messaging.channels
from messaging.channels import NARROWED, WORDING, OrderReport, text_sha256
from messaging.channels.delegated import reading, saying
from messaging.simulators import delegated
from tests.ordering import ENV, ask
from tests.wire import Simulator, simulator

DOCUMENT: dict[str, Any] = json.loads((Path(messaging.channels.__file__).parent / "contract" / "orders-v1.json").read_text())
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
STORY = datetime.fromisoformat("2015-11-08T12:37:00+03:00")  # when the examples are told
INSTANT = re.compile(r"2015-\d\d-\d\dT\d\d:\d\d:\d\d\+03:00")
OPERATIONS = [(path, verb, one) for path, verbs in DOCUMENT["paths"].items() for verb, one in verbs.items()]
HOOK = DOCUMENT["webhooks"]["order.status"]["post"]
# A field of any of these names could hold a person, an address of theirs, or a place where they are.
PERSON = re.compile(
    r"name|phone|msisdn|imsi|mail|user|peer|contact|person|member|list|ids?$|token|birth|passport|lat|lon|cell|polygon|point|city"
)
NO_PERSON = {"sender_name", "order_id", "event_id", "name"}  # the ministry's, ours, theirs, and the platform's own


def resolved(value: Any) -> Any:
    """What a $ref stands for."""
    while isinstance(value, Mapping) and "$ref" in value:
        found: Any = DOCUMENT
        for step in value["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        value = found
    return value


def validator(name: str) -> Draft202012Validator:
    schema = {**SCHEMAS[name], "components": {"schemas": SCHEMAS}}
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def bodies() -> Iterator[tuple[str, str, Any]]:
    """(schema, name, value) of every example, the ministry's questions and the platform's answers alike."""
    answers = [answer for _, _, one in OPERATIONS for answer in one["responses"].values()]
    asked = [one["requestBody"] for _, _, one in OPERATIONS if "requestBody" in one]
    for part in map(resolved, [*asked, *answers, HOOK["requestBody"]]):
        content = part["content"]["application/json"]
        for name, example in content["examples"].items():
            yield content["schema"]["$ref"].rpartition("/")[2], name, resolved(example)["value"]


def objects(schema: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of an object, wherever it stands, but for parts of a rule that only narrow another one."""
    if isinstance(schema, dict):
        if schema.get("type") == "object" and not where.endswith("/contains"):
            yield where, schema
        for key, inner in schema.items():
            yield from objects(inner, f"{where}/{key}")
    elif isinstance(schema, list):
        for number, inner in enumerate(schema):
            yield from objects(inner, f"{where}/{number}")


def moved(value: Any) -> Any:
    """An example as it would be told now instead of in 2015."""
    shift = datetime.now(UTC) - STORY
    said = INSTANT.sub(lambda at: (datetime.fromisoformat(at[0]) + shift).isoformat(), json.dumps(value, ensure_ascii=False))
    return json.loads(said)


def test_its_schemas_are_sound() -> None:
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(("schema", "name", "value"), [pytest.param(*one, id=f"{one[0]}-{one[1]}") for one in bodies()])
def test_an_example_is_what_the_document_says(schema: str, name: str, value: Any) -> None:
    assert [error.message for error in validator(schema).iter_errors(value)] == []


def test_every_object_is_closed() -> None:
    assert [where for where, schema in objects(SCHEMAS) if schema.get("additionalProperties") is not False] == []


def test_every_field_is_explained() -> None:
    fields = [
        (where, name, field) for where, schema in objects(SCHEMAS) for name, field in schema.get("properties", {}).items()
    ]
    assert [(where, name) for where, name, field in fields if not resolved(field).get("description", field.get("oneOf"))] == []


def test_there_is_no_field_for_a_person() -> None:
    names = {name for _, schema in objects(SCHEMAS) for name in schema.get("properties", {})}
    assert {name for name in names if PERSON.search(name)} == NO_PERSON
    assert [where for where, schema in objects(SCHEMAS) if "name" in schema.get("properties", {})] == ["/Platform"]


def test_the_only_lists_are_of_roles_words_and_languages() -> None:
    fields = [one for _, schema in objects(SCHEMAS) for one in schema.get("properties", {}).items()]
    assert {name for name, field in fields if field.get("type") == "array"} == {"by", "narrowed", "languages"}


def test_the_simulator_has_its_paths_and_no_others() -> None:
    nobody: Any = None
    app: web.Application = delegated.Platform({}, nobody, nobody, nobody, "secret").app()
    routes = {(route.resource.canonical, route.method.lower()) for route in app.router.routes() if route.resource}
    assert {one for one in routes if one[0].startswith("/v1/") and one[1] != "head"} == {(p, verb) for p, verb, _ in OPERATIONS}


def test_we_ask_by_its_words() -> None:
    asked = SCHEMAS["OrderRequest"]["properties"]
    assert set(SCHEMAS["Audience"]["properties"]) == saying.AUDIENCE
    assert set(SCHEMAS["Wording"]["properties"]) == {*WORDING}
    assert asked["order_id"] == {"$ref": "#/components/schemas/OrderId"}


def test_we_read_its_words() -> None:
    decision = SCHEMAS["Decision"]["properties"]
    assert set(SCHEMAS["Counters"]["properties"]) == {*reading.COUNTERS}
    assert decision["narrowed"]["items"]["enum"] == [*NARROWED]
    assert set(SCHEMAS["Status"]["properties"]["rounding"]["properties"]) == {*reading.STEPS.values()}


@pytest.mark.parametrize("name", ["done", "cancelled", "refused", "partial", "sending", "accepted"])
def test_we_understand_its_examples_of_a_status(name: str) -> None:
    value = resolved(DOCUMENT["paths"]["/v1/orders/{order_id}"]["get"]["responses"]["200"]["content"]["application/json"])
    told = reading.same("6f9b1c52-6f0e-4c3f-9a5e-0d9c8f1a2b3c", resolved(value["examples"][name])["value"])
    assert isinstance(told, OrderReport)
    assert (told.step, told.matched_step, told.lower) == (10, 100, 19000)
    assert bool(told.decision) == (name != "accepted")


def test_the_digests_in_its_examples_are_those_of_their_words() -> None:
    orders = [value for schema, _, value in bodies() if schema == "OrderRequest"]
    assert [text_sha256(one["texts"]) for one in orders] == [one["approval"]["text_sha256"] for one in orders]
    assert len(orders) == 4


def test_every_refusal_in_its_examples_is_one_of_its_codes() -> None:
    assert {value["error"]["code"] for schema, _, value in bodies() if schema == "Error"} <= {*DOCUMENT["x-codes"]}


def test_the_simulator_refuses_with_its_codes_alone() -> None:
    folder = Path(delegated.__file__).parent
    source = "".join((folder / name).read_text() for name in ("delegated.py", "delegated_grammar.py", "delegated_rules.py"))
    given = {(code, int(status)) for status, code in re.findall(r'Refusal\(\s*(\d+),\s*"(\w+)"', source)}
    assert given <= {(code, about["status"]) for code, about in DOCUMENT["x-codes"].items()}
    assert len(given) > 20


# Its examples on the wire


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    flags = ("--population", "8000", "--decision-delay", "0", "--duration", "0", "--min-interval", "0")
    with simulator("delegated", tmp_path_factory.mktemp("contract") / "journal", *flags, env=ENV) as running:
        running.control(post=the_post())
        yield running


def the_post() -> dict[str, str]:
    (spread,) = (value for _, name, value in bodies() if name == "post")
    return {"url": spread["post"]["url"], "text": spread["texts"]["ru"]}


def check_answer(one: Mapping[str, Any], found: Any) -> None:
    """The answer has a documented status and is what its schema says."""
    content = resolved(one["responses"][str(found.status_code)])["content"]["application/json"]
    name = content["schema"]["$ref"].rpartition("/")[2]
    assert [error.message for error in validator(name).iter_errors(found.json())] == []


def test_every_example_of_a_question_is_answered_as_the_document_says(platform: Simulator) -> None:
    for path, verb, one in OPERATIONS:
        for value in examples_of(one):
            asked = moved(value)
            found = ask(platform, verb.upper(), path, asked, key=asked.get("order_id", ""))
            assert found.status_code == 200, found.text
            check_answer(one, found)


def examples_of(one: Mapping[str, Any]) -> list[Any]:
    if "requestBody" not in one:
        return []
    return [resolved(example)["value"] for example in one["requestBody"]["content"]["application/json"]["examples"].values()]


@pytest.mark.parametrize("order_id", ["6f9b1c52-6f0e-4c3f-9a5e-0d9c8f1a2b3c", "00000000-0000-4000-8000-000000000000"])
def test_what_has_no_body_is_answered_as_the_document_says(platform: Simulator, order_id: str) -> None:
    for path, verb, one in OPERATIONS:
        if "requestBody" not in one:
            check_answer(one, ask(platform, verb.upper(), path.replace("{order_id}", order_id)))


def test_the_wire_is_judged(platform: Simulator) -> None:
    found = ask(platform, "POST", "/v1/orders", {"order_id": "x"}, key="x")
    (one,) = (one for path, _, one in OPERATIONS if path == "/v1/orders")
    check_answer(one, found)
    with pytest.raises(AssertionError):
        check_answer(DOCUMENT["paths"]["/v1/estimates"]["post"] | {"responses": {"422": one["responses"]["200"]}}, found)
