"""The scan after a rehearsal finds an address wherever it stands in clear, in hex or in base64: planted ones prove it."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from redis import Redis

from audiences import keys
from audiences.models import Address, AddressKind, Contact
from crisis import audit
from messaging.stories import scanning
from tests import world
from tests.world import sql

pytestmark = pytest.mark.django_db
PEER = "123456789"
WAYS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in a sentence": "peer_id={} was refused".format,
    "in hex": lambda words: words.encode().hex(),
    "in capital hex one digit later": lambda words: f"A{words.encode().hex().upper()}F",
    "in base64": lambda words: b64encode(words.encode()).decode(),
    "in base64 of more": lambda words: b64encode(f'~?>{{"to": {words}}}'.encode()).decode(),
    "in base64 for a URL": lambda words: urlsafe_b64encode(f"~~~{words}".encode()).decode().rstrip("="),
}


def scan(*files: Path, exports: tuple[bytes, ...] = ()) -> dict[str, int]:
    return scanning.in_clear(frozenset({PEER.encode()}), files, exports)


def test_an_address_that_is_kept_encrypted_is_not_found() -> None:
    world.contacts([int(PEER)])
    assert Address.objects.count() == 1
    assert scan() == {}


@pytest.mark.parametrize("way", WAYS.values(), ids=[*WAYS])
def test_it_finds_one_planted_in_a_table(way: Callable[[str], str]) -> None:
    with transaction.atomic():
        audit.record("people.search", by=None, data={"planted": way(PEER)})
    assert scan() == {"crisis_auditentry": 1}


def test_it_finds_one_that_is_stored_as_bytes_without_being_encrypted() -> None:
    hmac = keys.fingerprint(AddressKind.VK, PEER)
    Address.objects.create(
        contact=Contact.objects.create(), kind=AddressKind.VK, value_hmac=hmac, value_encrypted=PEER.encode()
    )
    assert scan() == {"audiences_address": 1}


@pytest.mark.parametrize("way", WAYS.values(), ids=[*WAYS])
def test_it_finds_one_planted_in_redis(way: Callable[[str], str]) -> None:
    redis = Redis.from_url(settings.REDIS_URL)
    redis.hset("left-behind", "data", way(PEER))
    try:
        assert scan() == {"redis": 1}
    finally:
        redis.delete("left-behind")


def test_it_finds_one_planted_in_the_name_of_a_key() -> None:
    redis = Redis.from_url(settings.REDIS_URL)
    redis.set(f"answered:{PEER}", "1")
    try:
        assert scan() == {"redis": 1}
    finally:
        redis.delete(f"answered:{PEER}")


@pytest.mark.parametrize("way", WAYS.values(), ids=[*WAYS])
def test_it_finds_one_planted_in_a_log_and_in_an_export(tmp_path: Path, way: Callable[[str], str]) -> None:
    log = tmp_path / "worker.log"
    log.write_text(f"POST /method/messages.send {way(PEER)} 200\n")
    assert scan(log, exports=(f"Number,{way(PEER)}\r\n".encode(),)) == {"worker.log": 1, "exports": 1}


@pytest.mark.parametrize("other", ["1234567890", "0123456789", "12345678", "12345 6789"])
def test_a_longer_or_shorter_number_is_another_one(other: str) -> None:
    assert scan(exports=(other.encode(),)) == {}


def test_it_reads_every_table() -> None:
    tables: list[Any] = sql("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
    filled = {name for (name,) in tables if sql(f'SELECT EXISTS (SELECT FROM "{name}")')[0][0]}
    assert {place for place, _text in scanning._dump()} == filled
