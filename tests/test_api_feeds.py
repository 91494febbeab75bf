"""What programs bring: contacts, sightings and stays, whole or not at all, once, and never told back."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any

import jsonschema
import pytest
from django.http import HttpResponse

from audiences import feeding
from audiences.api import CONTACT, SIGHTING, TRIP
from audiences.models import Address, Contact, Presence, Source, Trip
from crisis.api import api
from crisis.clock import now
from crisis.models import AuditEntry
from tests import world
from tests.programs import Program, carrier, said, sentences

pytestmark = pytest.mark.django_db
SECRET = "79161234567"
EXAMPLES = {"contacts": CONTACT, "sightings": SIGHTING, "trips": TRIP}


class Feed:
    """A program, and a source with a legal basis."""

    def __init__(self) -> None:
        self.makers = world.person("gleb", "admin"), world.person("zoya", "admin")
        self.program = Program("Carrier", self.makers)
        self.source = carrier()

    def post(self, path: str, rows: Any, source: object = None, **headers: str) -> HttpResponse:
        return self.program.post(f"{path}?source={source or self.source.pk}", rows, **headers)

    def people(self) -> None:
        """c-1 with VK 42, and c-2."""
        rows = [{"contact": "c-1", "addresses": [{"kind": "vk", "value": "42", "permitted": True}]}, {"contact": "c-2"}]
        assert self.post("contacts", rows).status_code == 200


@pytest.fixture(scope="module")
def made(once: Callable[[type[Feed]], Feed]) -> Feed:
    return once(Feed)


@pytest.fixture
def feed(made: Feed) -> Feed:
    return deepcopy(made)


def sighting(**changes: Any) -> dict[str, Any]:
    at = (now() - timedelta(hours=1)).isoformat()
    return {"kind": "vk", "value": "42", "country": "EG", "lat": 27.25, "lon": 33, "seen_at": at, **changes}


def test_contacts_come_with_their_addresses(feed: Feed) -> None:
    answer = said(feed.post("contacts", [CONTACT, {"contact": "c-2"}]))
    assert (answer["contacts"]["added"], answer["addresses"]["added"], answer["errors"]) == (2, 1, [])
    assert Address.objects.get().contact.reference == CONTACT["contact"]  # type: ignore[union-attr]


def test_sightings_become_presence_and_unknown_ones_are_counted(feed: Feed) -> None:
    feed.people()
    answer = said(feed.post("sightings", [sighting(), sighting(value="99")]))
    assert {name: answer["sightings"][name] for name in ("rows", "added", "unknown")} == {"rows": 2, "added": 1, "unknown": 1}
    assert Presence.objects.get().source == feed.source


def test_a_stay_is_kept_once_and_of_a_stranger_told_by_its_index(feed: Feed) -> None:
    feed.people()
    stay = {"country": "EG", "starts_on": "2015-11-01", "ends_on": "2015-11-14"}
    rows = [{**stay, "contact": "nobody"}, {**stay, "contact": "c-1"}, {**stay, "kind": "vk", "value": "42"}]
    answer = said(feed.post("trips", rows))
    assert (answer["trips"]["added"], Trip.objects.count(), [error["index"] for error in answer["errors"]]) == (1, 1, [0])


def test_rows_may_stand_on_lines(feed: Feed) -> None:
    body = b'{"contact": "c-1"}\n\n{"contact": "c-2"}\r\n'
    answer = feed.post("contacts", body, **{"Content-Type": "application/x-ndjson"})
    assert (answer.status_code, Contact.objects.count()) == (200, 2)


@pytest.mark.parametrize(
    ("body", "field"),
    [(b'{"contact": "c-1"}\n\n{oops\n', "1"), (b'{"contact": "1", "contact": "2"}\n', "0.contact"), (b"\xff\n", "0")],
)
def test_a_line_that_is_no_json_is_named_and_nothing_is_stored(feed: Feed, body: bytes, field: str) -> None:
    before = world.counts()
    answer = feed.post("contacts", body, **{"Content-Type": "application/x-ndjson"})
    assert ([name for name, _sentence in sentences(answer)], Contact.objects.count()) == ([field], 0)
    assert world.counts() == before


def test_lines_are_taken_where_rows_are_alone(feed: Feed) -> None:
    answer = feed.program.post("campaigns", b"{}", **{"Content-Type": "application/x-ndjson"})
    assert answer.status_code == 415


# What is sent, the status, the field that is named, and words of the sentence.
BAD: list[tuple[str, Any, int, str, str]] = [
    ("contacts", {}, 422, "", "Send a list"),
    ("contacts", [], 422, "", "at least one"),
    ("contacts", [7], 422, "0", "object in braces"),
    ("contacts", [{"contact": "1"}, {"contact": 7}], 422, "1.contact", "text in quotes"),
    ("contacts", [{"language": "ru"}], 422, "0.contact", "missing. Add it"),
    ("contacts", [{"contact": ""}], 422, "0.contact", "1 to 64"),
    ("contacts", [{"contact": "=HYPERLINK(1)"}], 422, "0.contact", "looks like a formula"),
    ("contacts", [{"contact": "x" * 5000}], 422, "0.contact", "longer than 4096"),
    ("contacts", [{"contact": "1", "language": "russian"}], 422, "0.language", "two or three letters"),
    ("contacts", [{"contact": "1", "id": 7}], 422, "0.id", "not known here"),
    ("contacts", [{"contact": "1", "dead": False}], 422, "0.dead", "not known here"),
    ("contacts", [{"contact": "1", "language": "ru"}, {"contact": "1", "language": "en"}], 422, "1", "An earlier row"),
    ("contacts", [{"contact": "1", "addresses": {}}], 422, "0.addresses", "a list of at most 20"),
    ("contacts", [{"contact": "1", "addresses": [{}] * 21}], 422, "0.addresses", "a list of at most 20"),
    ("contacts", [{"contact": "1", "addresses": ["42"]}], 422, "0.addresses.0", "object in braces"),
    ("contacts", [{"contact": "1", "addresses": [{"kind": "vk"}]}], 422, "0.addresses.0.value", "missing"),
    ("contacts", [{"contact": "1", "addresses": [{"kind": "fax", "value": SECRET}]}], 422, "0.addresses.0.kind", "one of"),
    ("contacts", [{"contact": "1", "addresses": [{"kind": "email", "value": SECRET}]}], 422, "0.addresses.0.value", ""),
    ("contacts", [{"contact": "1", "addresses": [{"kind": "vk", "value": "42", "denied": "no"}]}], 422,
     "0.addresses.0.denied", "true or false"),
    ("contacts", [{"contact": "1", "addresses": [{"contact": "2", "kind": "vk", "value": "42"}]}], 422,
     "0.addresses.0.contact", "not known here"),
    ("sightings", [{**SIGHTING, "country": "XX"}], 422, "0.country", "two letters"),
    ("sightings", [{**SIGHTING, "lat": 91}], 422, "0.lat", "Degrees"),
    ("sightings", [{**SIGHTING, "lat": "27"}], 422, "0.lat", "without quotes"),
    ("sightings", [{**SIGHTING, "lon": True}], 422, "0.lon", "without quotes"),
    ("sightings", [{**SIGHTING, "seen_at": "2015-11-08"}], 422, "0.seen_at", "time zone"),
    ("sightings", [{**SIGHTING, "kind": "phone", "value": SECRET[:4]}], 422, "0.value", ""),
    ("trips", [{**TRIP, "kind": "vk", "value": "42"}], 422, "0.contact", "leave the other empty"),
    ("trips", [{**TRIP, "ends_on": "2015-10-01"}], 422, "0.ends_on", "before it starts"),
    ("trips", [{**TRIP, "starts_on": 20151101}], 422, "0.starts_on", "text in quotes"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "rows", "status", "field", "words"), BAD)
def test_a_wrong_row_is_named_and_nothing_of_the_call_is_stored(
    feed: Feed, path: str, rows: Any, status: int, field: str, words: str
) -> None:
    before = world.counts()
    answer = feed.post(path, rows)
    ((found, sentence),) = sentences(answer)
    assert (answer.status_code, found, words in sentence) == (status, field, True)
    assert SECRET[:4] not in answer.content.decode()
    assert world.counts() == before


def test_good_rows_beside_a_wrong_one_are_not_stored(feed: Feed) -> None:
    feed.post("contacts", [{"contact": "c-1"}, {"contact": ""}])
    assert not Contact.objects.exists()


def test_a_hundred_wrong_rows_are_named_and_no_more(feed: Feed) -> None:
    assert len([*sentences(feed.post("contacts", [{"contact": ""}] * 150))]) == 100


def test_too_many_rows_are_refused(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "MOST_ROWS", 1)
    answer = feed.post("contacts", [{"contact": "1"}, {"contact": "2"}])
    assert (answer.status_code, Contact.objects.count()) == (413, 0)


def test_too_many_bytes_are_refused(feed: Feed) -> None:
    assert feed.post("contacts", b" " * 1_000_001).status_code == 413


@pytest.mark.parametrize("path", ["contacts", "sightings", "trips"])
@pytest.mark.parametrize(
    ("changes", "words"),
    [({"legal_basis": " "}, "no legal basis"), ({"active": False}, "switched off")],
)
def test_a_source_has_to_be_in_use_and_with_a_legal_basis(feed: Feed, path: str, changes: dict[str, Any], words: str) -> None:
    Source.objects.update(**changes)
    before = world.counts()
    answer = feed.post(path, [EXAMPLES[path]])
    assert [(field, words in sentence) for field, sentence in sentences(answer)] == [("source", True)]
    assert world.counts() == before


@pytest.mark.parametrize("path", ["contacts", "sightings", "trips"])
@pytest.mark.parametrize("which", ["another's", "nobody's"])
def test_a_source_that_is_not_the_key_s_is_refused_without_a_word_on_whether_there_is_one(
    feed: Feed, path: str, which: str
) -> None:
    other = Source.objects.create(name="Rumour", owner="x", legal_basis="y")
    before = world.counts()
    answer = feed.post(path, [EXAMPLES[path]], other.pk if which == "another's" else 999_999)
    ((field, sentence),) = sentences(answer)
    assert (answer.status_code, field, "may not feed" in sentence, "Rumour" in sentence) == (403, "source", True, False)
    assert {**world.counts(), "crisis_auditentry": 0} == {**before, "crisis_auditentry": 0}
    assert AuditEntry.objects.get(action="key.refuse").data["why"] == "source"


def test_a_key_is_told_its_own_sources_and_no_others(feed: Feed) -> None:
    Source.objects.create(name="Rumour", owner="x", legal_basis="y")
    _key, text = feed.program.make_key("trips:write", "campaigns:read")
    assert said(feed.program.get("sources"))["sources"] == [
        {"id": feed.source.pk, "name": "Carrier", "kinds": ["contacts", "sightings", "trips"], "active": True}
    ]
    assert [one["kinds"] for one in said(feed.program.call("GET", "sources", text=text))["sources"]] == [["trips"]]


@pytest.mark.parametrize("changes", [{"active": False}, {"legal_basis": " "}])
def test_a_source_that_takes_nothing_in_is_told_as_not_active(feed: Feed, changes: dict[str, Any]) -> None:
    Source.objects.update(**changes)
    assert [one["active"] for one in said(feed.program.get("sources"))["sources"]] == [False]


@pytest.mark.parametrize("address", ["contacts", "contacts?source=", "contacts?source=x", "contacts?source=0"])
def test_a_call_without_a_source_is_refused(feed: Feed, address: str) -> None:
    answer = feed.program.post(address, [CONTACT])
    assert (answer.status_code, [name for name, _sentence in sentences(answer)]) == (422, ["source"])


def test_the_same_call_again_is_answered_again_and_done_once(feed: Feed) -> None:
    first, again = (feed.post("contacts", [CONTACT], **{"Idempotency-Key": "one"}) for _time in range(2))
    assert (first.content, AuditEntry.objects.filter(action="contacts.feed").count()) == (again.content, 2)


def test_the_same_rows_of_another_source_are_another_call(feed: Feed) -> None:
    other = Source.objects.create(name="Rumour", owner="x", legal_basis="y")
    _key, feed.program.text = feed.program.make_key(sources=[feed.source, other])
    feed.post("contacts", [CONTACT], **{"Idempotency-Key": "one"})
    answer = feed.post("contacts", [CONTACT], other.pk, **{"Idempotency-Key": "one"})
    assert (answer.status_code, [name for name, _sentence in sentences(answer)]) == (422, ["Idempotency-Key"])


def test_an_address_told_twice_is_stored_once(feed: Feed) -> None:
    address = {"kind": "vk", "value": "42", "permitted": True}
    answer = said(feed.post("contacts", [{"contact": "c-1", "addresses": [address, address]}, {"contact": "c-1"}]))
    assert (answer["addresses"]["repeated"], answer["contacts"]["repeated"], Address.objects.count()) == (1, 1, 1)


def test_an_address_of_another_contact_stays_where_it_is(feed: Feed) -> None:
    feed.people()
    taken = {"contact": "c-2", "addresses": [{"kind": "vk", "value": "42", "denied": True}]}
    (error,) = said(feed.post("contacts", [taken]))["errors"]
    assert (error["index"], error["field"], Address.objects.get().contact.reference) == (0, "value", "c-1")  # type: ignore[union-attr]


def test_no_address_stands_in_an_answer_the_log_or_the_audit(feed: Feed, caplog: pytest.LogCaptureFixture) -> None:
    rows = [{"contact": "c-1", "addresses": [{"kind": "phone", "value": f"+{SECRET}", "permitted": True}]}]
    answer = feed.post("contacts", rows)
    told = [*AuditEntry.objects.filter(action="contacts.feed").values_list("data", flat=True)]
    assert len(told) == 2
    assert not any(SECRET[1:] in text for text in (answer.content.decode(), caplog.text, json.dumps(told)))


@pytest.mark.parametrize(("path", "example"), [("contacts", CONTACT), ("sightings", SIGHTING), ("trips", TRIP)])
def test_the_examples_of_the_document_are_taken_and_answered_as_it_says(feed: Feed, path: str, example: dict[str, Any]) -> None:
    document = json.loads(json.dumps(api.get_openapi_schema(path_prefix="")))
    described = document["paths"][f"/{path}"]["post"]
    assert described["requestBody"]["content"]["application/json"]["example"] == [example]
    answer = feed.post(path, [example])
    schema = {**described["responses"]["200"]["content"]["application/json"]["schema"], "components": document["components"]}
    jsonschema.validate(said(answer), schema)
