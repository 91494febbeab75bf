"""What programs send by mistake or on purpose: each call is refused with field and remedy, and does nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from messaging import workflow
from tests import world
from tests.programs import Scene, sentences

pytestmark = pytest.mark.django_db

RULE = {"op": "all_of", "of": [{"op": "seen", "countries": ["EG"], "hours": 336, "until": "now", "mode": "last_seen_there"}]}
TEXT = {"headline": "Заголовок", "body": "Текст."}


def rule(**changes: Any) -> dict[str, Any]:
    return {"op": "all_of", "of": [{**RULE["of"][0], **changes}]}  # type: ignore[dict-item]


@pytest.fixture(scope="module")
def made(once: Callable[[type[Scene]], Scene]) -> Scene:
    return once(Scene)


@pytest.fixture
def scene(made: Scene, quiet: None) -> Scene:
    return deepcopy(made)


# What is changed in a good draft, the status, the field that is named, and words of the sentence.
DRAFTS: list[tuple[str, dict[str, Any], int, str, str]] = [
    ("no incident", {"incident": None}, 422, "incident", "missing. Add it"),
    ("no texts", {"texts": None}, 422, "texts", "missing. Add it"),
    ("no end", {"not_after": None}, 422, "not_after", "missing. Add it"),
    ("no accounts", {"accounts": None}, 422, "accounts", "missing. Add it"),
    ("nobody", {"audience_rule": None}, 422, "audience_rule", "never to everybody"),
    ("two audiences", {"audience_version": 1}, 422, "audience_rule", "Send either"),
    ("a status", {"status": "approved"}, 422, "status", "not known here. Leave it out"),
    ("an approver", {"approved_by": 1}, 422, "approved_by", "not known here. Leave it out"),
    ("an author", {"created_by": 1}, 422, "created_by", "not known here. Leave it out"),
    ("a drill", {"drill": True}, 422, "drill", "not known here. Leave it out"),
    ("an exception", {"exception_reason": "because"}, 422, "exception_reason", "not known here. Leave it out"),
    ("a round", {"round": 7}, 422, "round", "not known here. Leave it out"),
    ("a strange name", {"\u202e" * 200: 1}, 422, "·" * 80, "not known here. Leave it out"),
    ("a number as text", {"incident": "1"}, 422, "incident", "whole number, written without quotes"),
    ("a number as truth", {"incident": True}, 422, "incident", "whole number"),
    ("a number with a point", {"incident": 1.5}, 422, "incident", "whole number"),
    ("nobody's incident", {"incident": 999_999_999}, 422, "incident", "no open incident"),
    ("no number at all", {"incident": 0}, 422, "incident", "too small or too large"),
    ("a number of no database", {"incident": 2**70}, 422, "incident", "too small or too large"),
    ("a kind of no alert", {"kind": "greeting"}, 422, "kind", "one of these"),
    ("texts as a list", {"texts": [TEXT]}, 422, "texts", "object in braces"),
    ("a language of nobody", {"texts": {"xx": TEXT}}, 422, "texts.xx.[key]", "one of these: 'ru' or 'en'"),
    ("a text as a number", {"texts": {"ru": {"body": 7}}}, 422, "texts.ru.body", "text in quotes"),
    ("a text of more parts", {"texts": {"ru": {**TEXT, "html": "<b>"}}}, 422, "texts.ru.html", "not known here"),
    ("a long headline", {"texts": {"ru": {"headline": "ы" * 161}}}, 422, "texts.ru.headline", "at most 160 characters"),
    ("a long text", {"texts": {"ru": {"body": "ы" * 20_001}}}, 422, "texts.ru.body", "at most 20000 characters"),
    ("a link of no web", {"link": "javascript:alert(1)"}, 422, "link", "begins with https"),
    ("a time without a zone", {"not_after": "2026-12-01T12:00:00"}, 422, "not_after", "name its zone"),
    ("a time as a number", {"not_after": 1_800_000_000}, 422, "not_after", "name its zone"),
    ("a year of nobody", {"not_after": "9999-12-31T23:59:59+00:00"}, 422, "not_after", "between 2000 and 2099"),
    ("a day that is none", {"starts_at": "2026-02-30T12:00:00Z"}, 422, "starts_at", "name its zone"),
    ("accounts as a number", {"accounts": 1}, 422, "accounts", "has to be a list"),
    ("too many accounts", {"accounts": [*range(1, 22)]}, 422, "accounts", "at most 20 entries"),
    ("an account of nobody", {"accounts": [999_999]}, 422, "accounts", "not there for you"),
    ("a message of nobody", {"refers_to": 999_999}, 422, "refers_to", "sent nothing of this number"),
    ("an audience of nobody", {"audience_rule": None, "audience_version": 999_999},
     422, "audience_version", "audience_rule instead"),
    ("a rule of nothing", {"audience_rule": {}}, 422, "audience_rule.op", "not the rule of an audience"),
    ("an empty rule", {"audience_rule": {"op": "all_of", "of": []}}, 422, "audience_rule.countries", "never means everybody"),
    ("a rule as a list", {"audience_rule": []}, 422, "audience_rule", "object in braces"),
    ("a rule as SQL", {"audience_rule": {"op": "sql", "of": ["1=1"]}}, 422, "audience_rule.op", "not the rule"),
    ("a condition as a list", {"audience_rule": {"op": "all_of", "of": [[]]}}, 422, "audience_rule.of", "has to be an object"),
    ("a window of nothing", {"audience_rule": rule(hours=0)}, 422, "audience_rule.hours", "1 hour to 90 days"),
    ("a window of ten years", {"audience_rule": rule(hours=87_600)}, 422, "audience_rule.hours", "1 hour to 90 days"),
    ("a window as text", {"audience_rule": rule(hours="72")}, 422, "audience_rule.hours", "1 hour to 90 days"),
    ("a country of nobody", {"audience_rule": rule(countries=["ZZ"])}, 422, "audience_rule.countries", "is no country"),
    ("a country as a list", {"audience_rule": rule(countries=[["EG"]])}, 422, "audience_rule.countries", "is no country"),
    ("another country", {"audience_rule": rule(countries=["EG", "TR"])}, 422, "audience_rule.countries", "does not touch"),
    ("a mode of nobody", {"audience_rule": rule(mode=[])}, 422, "audience_rule.mode", "were there"),
    ("an end without a zone", {"audience_rule": rule(until="2026-01-01")}, 422, "audience_rule.until", "time zone"),
    ("a kind as a list", {"audience_rule": {"op": "all_of", "of": [{"op": "permitted", "kind": [], "yes": True}]}},
     422, "audience_rule.kind", "no kind of address"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "status", "field", "words"), [pytest.param(*row[1:], id=row[0]) for row in DRAFTS])
def test_a_bad_draft_is_refused(scene: Scene, changes: dict[str, Any], status: int, field: str, words: str) -> None:
    check_refusal(scene, scene.draft_body(**changes), status, field, words)


def test_no_message_follows_one_that_was_rejected(scene: Scene) -> None:
    rejected = scene.submitted()
    workflow.reject(rejected, "Wrong country", by=scene.boris)
    check_refusal(scene, scene.draft_body(refers_to=rejected.pk), 422, "refers_to", "sent nothing of this number")


def check_refusal(scene: Scene, body: Any, status: int, field: str, words: str, **headers: str) -> None:
    before = world.counts()
    answer = scene.ours.post("campaigns", body, **headers)
    found = [*sentences(answer)]
    assert (answer.status_code, field in [name for name, _sentence in found]) == (status, True), found
    assert words in " ".join(sentence for _name, sentence in found)
    assert world.counts() == before


# What is sent instead of JSON: the bytes, the status, the field, words of the sentence.
BODIES: list[tuple[str, bytes, int, str, str]] = [
    ("nothing", b"", 422, "", "is missing"),
    ("no JSON", b"incident=1", 400, "", "not JSON. Send one JSON object"),
    ("half of it", b'{"incident": 1', 400, "", "not JSON"),
    ("a list", b"[1]", 422, "", "object in braces"),
    ("a text", b'"draft"', 422, "", "object in braces"),
    ("null", b"null", 422, "", "object in braces"),
    ("a name twice", b'{"incident": 1, "incident": 2}', 422, "incident", "given twice. Give it once"),
    ("a name twice inside", b'{"texts": {"ru": {}, "ru": {}}}', 422, "ru", "given twice"),
    ("NaN", b'{"incident": NaN}', 422, "", "no JSON number"),
    ("infinity", b'{"incident": -Infinity}', 422, "", "no JSON number"),
    ("1e400", b'{"incident": 1e400}', 422, "", "too large to be one"),
    ("a number of 5,000 digits", b'{"incident": ' + b"9" * 5000 + b"}", 400, "", "not JSON"),
    ("21 deep", b'{"texts": ' + b"[" * 21 + b"]" * 21 + b"}", 422, "", "more than 20 deep"),
    ("100,000 deep", b"[" * 100_000 + b"]" * 100_000, 422, "", "more than 20 deep"),
    ("1 MB and more", b'"' + b"x" * 1_000_000 + b'"', 413, "", "longer than 1 MB"),
    ("NUL", b'{"link": "a\\u0000b"}', 422, "", "NUL or half of a pair. Take it out"),
    ("NUL in a name", b'{"a\\u0000b": 1}', 422, "", "NUL or half of a pair"),
    ("half of a pair", b'{"link": "\\ud800"}', 422, "", "NUL or half of a pair"),
    ("no UTF-8", b'{"link": "\xff"}', 400, "", "not in UTF-8. Send it in UTF-8"),
    ("UTF-16", '{"incident": 1}'.encode("utf-16"), 400, "", "UTF-8"),
    ("a mark in front", b"\xef\xbb\xbf{}", 400, "", "not JSON"),
]


@pytest.mark.parametrize(("body", "status", "field", "words"), [pytest.param(*row[1:], id=row[0]) for row in BODIES])
def test_a_bad_body_is_refused(scene: Scene, body: bytes, status: int, field: str, words: str) -> None:
    before = world.counts()
    answer = scene.ours.post("campaigns", body)
    found = [*sentences(answer)]
    assert (answer.status_code, field in {name for name, _sentence in found} or not field) == (status, True), found
    assert words in " ".join(sentence for _name, sentence in found)
    assert world.counts() == before


HEADERS: list[tuple[str, dict[str, str], int, str, str]] = [
    ("a form", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "Content-Type", "has to be JSON"),
    ("plain text", {"Content-Type": "text/plain"}, 415, "Content-Type", "has to be JSON"),
    ("no key of its own", {"Idempotency-Key": ""}, 422, "Idempotency-Key", "1 to 255 plain letters"),
    ("a long key", {"Idempotency-Key": "x" * 256}, 422, "Idempotency-Key", "1 to 255 plain letters"),
    ("a strange key", {"Idempotency-Key": "a\x01b"}, 422, "Idempotency-Key", "plain letters"),
    ("no bearer", {"Authorization": "Basic YTpi"}, 401, "Authorization", "Authorization: Bearer"),
    ("an empty bearer", {"Authorization": "Bearer "}, 401, "Authorization", "Authorization: Bearer"),
    ("a key of nobody", {"Authorization": "Bearer crisis_00000000_" + "A" * 43}, 401, "", "not known"),
    ("a long key", {"Authorization": "Bearer " + "A" * 10_000}, 401, "", "not known"),
]


@pytest.mark.parametrize(("headers", "status", "field", "words"), [pytest.param(*row[1:], id=row[0]) for row in HEADERS])
def test_a_bad_header_is_refused(scene: Scene, headers: dict[str, str], status: int, field: str, words: str) -> None:
    check_refusal(scene, scene.draft_body(), status, field, words, **headers)


ADDRESSES: list[tuple[str, str, int, str, str]] = [
    ("page -1", "campaigns?page=-1", 422, "page", "too small or too large"),
    ("page 0", "campaigns?page=0", 422, "page", "too small or too large"),
    ("page of a thousand million", "campaigns?page=1000000000", 422, "page", "too small or too large"),
    ("page of letters", "campaigns?page=one", 422, "page", "whole number"),
    ("ten thousand at once", "campaigns?per_page=10000", 422, "per_page", "too small or too large"),
    ("a page twice", "campaigns?page=1&page=2", 422, "page", "stands there twice"),
    ("a filter of nobody", "campaigns?created_by=1", 422, "created_by", "not known here"),
    ("a number too large", f"campaigns/{2**64}", 422, "pk", "too small or too large"),
    ("a number of letters", "campaigns/one", 404, "", "nothing at this address"),
    ("a way out", "campaigns/..%2f..%2fadmin", 404, "", "nothing at this address"),
]


@pytest.mark.parametrize(("path", "status", "field", "words"), [pytest.param(*row[1:], id=row[0]) for row in ADDRESSES])
def test_a_bad_address_is_refused(scene: Scene, path: str, status: int, field: str, words: str) -> None:
    ((name, sentence),) = sentences(answer := scene.ours.get(path))
    assert (answer.status_code, name) == (status, field)
    assert words in sentence


@pytest.mark.parametrize("name", ["key", "api_key", "access_token", "anything"])
def test_a_key_in_the_address_is_refused_even_beside_a_true_one(scene: Scene, name: str) -> None:
    ((field, sentence),) = sentences(answer := scene.ours.get(f"campaigns?{name}={scene.ours.text}"))
    assert (answer.status_code, field) == (400, name)
    assert "have this one revoked" in sentence


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "campaigns/1"), ("PATCH", "campaigns/1"), ("PUT", "campaigns"), ("GET", "campaigns/1/stop")]
)
def test_another_method_says_which_are_taken(scene: Scene, method: str, path: str) -> None:
    ((_field, sentence),) = sentences(answer := scene.ours.call(method, path))
    assert (answer.status_code, method in sentence, bool(answer.headers["Allow"])) == (405, True, True)


@pytest.mark.parametrize("part", ["submit", "stop"])
def test_a_call_without_a_body_takes_none(scene: Scene, part: str) -> None:
    campaign, before = scene.submitted(), world.counts()
    answer = scene.ours.post(f"campaigns/{campaign.pk}/{part}", {"approved_by": 1})
    assert (answer.status_code, world.counts()) == (422, before)


def test_a_draft_with_nothing_in_it_is_not_submitted(scene: Scene) -> None:
    answer = scene.ours.post("campaigns", scene.draft_body(texts={"ru": {"body": " "}}, accounts=[]))
    pk, before = json.loads(answer.content)["id"], world.counts()
    refused = scene.ours.post(f"campaigns/{pk}/submit")
    assert (refused.status_code, {name for name, _sentence in sentences(refused)}) == (409, {"texts", "accounts"})
    assert world.counts() == before
