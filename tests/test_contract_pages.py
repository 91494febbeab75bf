"""The contract of orders is open to everybody: the document byte for byte, and a page in both languages that says the same."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.utils import translation

from messaging.public import contracts
from messaging.standing import TROUBLE

DOCUMENT, PAGE = "/contracts/orders/v1/openapi.json", "/contracts/orders/v1/"

pytestmark = pytest.mark.django_db


def test_anybody_gets_the_document_as_it_is_kept() -> None:
    answer = Client().get(DOCUMENT)
    assert (answer.status_code, answer.content) == (200, contracts.DOCUMENT.read_bytes())
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("application/json; charset=utf-8", "public, max-age=3600")


def test_a_document_that_somebody_has_is_not_sent_again() -> None:
    tag = Client().get(DOCUMENT)["ETag"]
    assert [Client().get(DOCUMENT, headers={"if-none-match": known}).status_code for known in (tag, '"older"')] == [304, 200]


@pytest.mark.parametrize("path", [DOCUMENT, PAGE])
def test_nobody_can_write_to_it(path: str) -> None:
    assert Client().post(path).status_code == 405


def test_the_page_says_the_rules_of_the_document() -> None:
    with translation.override("en"):
        assert [str(rule) for rule in contracts.RULES] == contracts.contract()["x-rules"]


def test_the_page_says_the_questions_of_the_document() -> None:
    paths = [one for verbs in contracts.contract()["paths"].values() for one in verbs.values()]
    asked = [*paths, *(hook["post"] for hook in contracts.contract()["webhooks"].values())]
    with translation.override("en"):
        said = {name: str(question) for name, (question, _) in contracts.QUESTIONS.items()}
        does = {code: str(words) for code, words in contracts.SANDBOX.items()}
    assert said == {one["operationId"]: one["summary"] for one in asked}
    assert does == {code: about["does"] for code, about in contracts.contract()["x-sandbox"].items()}


def test_every_refusal_of_an_order_has_words_for_our_people() -> None:
    codes = {code for code, about in contracts.contract()["x-codes"].items() if about["status"] in (403, 404, 422)}
    assert codes - TROUBLE.keys() == set()


@pytest.mark.parametrize(("query", "heading"), [("", "Договор"), ("?lang=ru", "Договор"), ("?lang=en", "Contract of orders")])
def test_the_page_is_there_in_two_languages(query: str, heading: str) -> None:
    html = Client().get(PAGE + query).content.decode()
    assert heading in html
    assert html.count("<li>") >= len(contracts.RULES)
    assert DOCUMENT in html


def test_the_page_shows_an_order_that_the_document_has() -> None:
    order, status = (json.loads(one) for one in contracts.examples())
    assert (order["audience"]["country"], status["counters"]["sent"]) == ("EG", 19400)
