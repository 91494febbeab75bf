"""Addresses at rest: canonical spelling, encryption, fingerprints and the key ring's file."""

from __future__ import annotations

import hmac
import json
import os
from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils import translation
from pytest_django.fixtures import Settings

from audiences import keys
from audiences.models import AddressKind
from crisis.refusal import Refused

VK, PHONE, EMAIL = AddressKind.VK, AddressKind.PHONE, AddressKind.EMAIL


@pytest.fixture(autouse=True)
def ring_file(tmp_path: Path, settings: Settings) -> Path:
    settings.KEY_RING_FILE = tmp_path / "ring" / "keys.json"
    settings.LOCAL = True
    return Path(settings.KEY_RING_FILE)


def test_it_reads_back_what_it_encrypted() -> None:
    assert keys.decrypt(VK, keys.encrypt(VK, "1000042")) == "1000042"


def test_it_never_encrypts_a_value_the_same_way_twice() -> None:
    assert keys.encrypt(VK, "1000042") != keys.encrypt(VK, "1000042")


def test_no_nonce_comes_twice_however_many_are_drawn_at_once() -> None:
    seal = keys.ring().sealer(3)
    nonces = [seal(VK, "1000042")[3 : 3 + keys.NONCE] for _n in range(10)]
    assert ({len(nonce) for nonce in nonces}, len({*nonces})) == ({keys.NONCE}, 10)


def test_what_many_were_sealed_with_is_read_like_any_other() -> None:
    seal = keys.ring().sealer(2)
    assert [keys.decrypt(VK, seal(VK, str(n))) for n in range(5)] == ["0", "1", "2", "3", "4"]


def test_the_value_is_not_in_the_stored_bytes() -> None:
    assert b"1000042" not in keys.encrypt(VK, "1000042")


def test_it_refuses_a_value_moved_to_another_kind() -> None:
    blob = keys.encrypt(AddressKind.TELEGRAM, "1000042")
    with pytest.raises(ImproperlyConfigured, match="cannot be read"):
        keys.decrypt(VK, blob)


@pytest.mark.parametrize("place", [4, 20, -1])
def test_it_refuses_a_value_with_one_changed_byte(place: int) -> None:
    blob = bytearray(keys.encrypt(VK, "1000042"))
    blob[place] ^= 1
    with pytest.raises(ImproperlyConfigured):
        keys.decrypt(VK, bytes(blob))


def test_it_refuses_an_empty_value() -> None:
    with pytest.raises(ImproperlyConfigured):
        keys.decrypt(VK, b"")


def test_it_reads_old_values_after_rotation_and_writes_with_the_new_key(ring_file: Path) -> None:
    old, print_before = keys.encrypt(VK, "7"), keys.fingerprint(VK, "7")
    data = json.loads(ring_file.read_text())
    data["keys"]["k22"], data["current"] = b64encode(bytes(range(32))).decode(), "k22"
    ring_file.write_text(json.dumps(data))
    assert keys.decrypt(VK, old) == "7"
    assert keys.encrypt(VK, "7")[1:4] == b"k22"
    assert keys.fingerprint(VK, "7") == print_before


def test_it_names_the_key_that_is_missing(ring_file: Path) -> None:
    blob = keys.encrypt(VK, "7")
    data = json.loads(ring_file.read_text())
    data["keys"], data["current"] = {"k9": data["keys"]["k1"]}, "k9"
    ring_file.write_text(json.dumps(data))
    with pytest.raises(ImproperlyConfigured, match="“k1”"):
        keys.decrypt(VK, blob)


def test_fingerprints_are_equal_for_spellings_of_one_address() -> None:
    assert keys.fingerprint(PHONE, "8 (916) 000-11-22") == keys.fingerprint(PHONE, "+79160001122")


def test_a_fingerprint_is_the_hmac_sha256_of_kind_and_value(ring_file: Path) -> None:
    found = keys.fingerprint(VK, "42")
    secret = b64decode(json.loads(ring_file.read_text())["hmac"])
    assert found == hmac.digest(secret, b"%d:42" % VK, "sha256")


def test_fingerprints_differ_between_kinds() -> None:
    assert keys.fingerprint(VK, "42") != keys.fingerprint(AddressKind.TELEGRAM, "42")


def test_the_ring_is_made_for_its_owner_only(ring_file: Path) -> None:
    keys.ring()
    assert ring_file.stat().st_mode & 0o777 == 0o600
    assert [*ring_file.parent.iterdir()] == [ring_file]


def test_two_makers_of_the_ring_end_with_one(ring_file: Path) -> None:
    first = keys.ring()
    keys._create(ring_file)
    assert keys.ring() is first


def test_no_ring_is_made_in_production(settings: Settings, ring_file: Path) -> None:
    settings.LOCAL = False
    with pytest.raises(ImproperlyConfigured, match="no key ring"):
        keys.ring()
    assert not ring_file.exists()


def test_a_ring_others_can_read_is_refused(ring_file: Path) -> None:
    keys.ring()
    os.chmod(ring_file, 0o640)
    with pytest.raises(ImproperlyConfigured, match="chmod 600"):
        keys.ring()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"current": "k1", "keys": {"k1": "AAAA"}, "hmac": "AAAA"}'])
def test_a_broken_ring_is_refused_in_a_sentence(ring_file: Path, text: str) -> None:
    keys.ring()
    ring_file.write_text(text)
    with pytest.raises(ImproperlyConfigured, match="cannot be read"):
        keys.ring()


def test_the_keys_are_not_shown(ring_file: Path) -> None:
    assert "hmac" not in repr(keys.ring())


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (VK, " 0042 ", "42"),
        (VK, "1999999999", "1999999999"),
        (PHONE, "+7 916 000-11-22", "+79160001122"),
        (EMAIL, "Ivan@Example.ORG", "ivan@example.org"),
        (AddressKind.PUSH, " tok:en ", "tok:en"),
    ],
)
def test_it_knows_one_spelling(kind: int, value: str, expected: str) -> None:
    assert keys.canonical(kind, value) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (VK, ""),
        (VK, "0"),
        (VK, "-5"),
        (VK, "id42"),
        (VK, "٤٢"),
        (VK, "2000000000"),
        (VK, "9" * 5000),
        (PHONE, "+7"),
        (PHONE, "79160001122"),
        (EMAIL, "ivan@"),
        (EMAIL, "a b@example.org"),
        (AddressKind.PUSH, " "),
        (AddressKind.PUSH, "x" * 4097),
    ],
)
def test_it_refuses_what_cannot_be_an_address(kind: int, value: str) -> None:
    with pytest.raises(Refused):
        keys.fingerprint(kind, value)


@pytest.mark.parametrize(
    ("kind", "word"), [(VK, "номер"), (PHONE, "номер телефона"), (EMAIL, "почты"), (AddressKind.PUSH, "адрес")]
)
def test_it_refuses_in_the_language_of_whoever_asks(kind: int, word: str) -> None:
    with translation.override("ru"), pytest.raises(Refused, match=word):
        keys.canonical(kind, "")
