"""A new key for the addresses at rest: nothing is lost on the way, it goes on after an interruption, and opt-outs are found."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from audiences import keys, presence, rotating, uploads
from audiences.imports import FileKind
from audiences.models import Address, AddressKind, UploadPart
from crisis.models import AuditEntry
from crisis.refusal import Refused
from tests import world
from tests.watch import CONTACTS, _file

pytestmark = pytest.mark.django_db
VK = AddressKind.VK


@pytest.fixture(autouse=True)
def ring_file(tmp_path: Path, settings: Any) -> Path:
    settings.KEY_RING_FILE = tmp_path / "keys.json"
    return Path(settings.KEY_RING_FILE)


@pytest.fixture(autouse=True)
def people(ring_file: Path) -> None:
    world.contacts([1, 2, 3, 4, 5])


def silent(words: str) -> None:
    """Nobody listens."""


def sealed() -> list[bytes]:
    return [bytes(row.value_encrypted) for row in Address.objects.exclude(value_encrypted=b"").order_by("pk")]


def names() -> list[str]:
    return [blob[1 : 1 + blob[0]].decode() for blob in sealed()]


def values() -> list[str]:
    return [keys.decrypt(VK, blob) for blob in sealed()]


def rest(ring_file: Path) -> None:
    """Two hours and a second go by."""
    then = ring_file.stat().st_mtime - 7201
    os.utime(ring_file, (then, then))


def test_every_address_is_written_with_the_new_key_and_reads_as_before() -> None:
    before = {row.pk: row.updated_at for row in Address.objects.all()}
    assert rotating.rotate(silent, many=2) == 0
    assert (names(), values()) == (["k2"] * 5, ["1", "2", "3", "4", "5"])
    assert {row.pk: row.updated_at for row in Address.objects.all()} == before
    assert AuditEntry.objects.get(action="keys.rotate").data == {"key": "k2"}


def test_addresses_are_found_again_by_the_same_hash_and_so_are_opt_outs() -> None:
    presence.deny(VK, [keys.fingerprint(VK, "77")])
    rotating.rotate(silent)
    assert presence.find(VK, "3") is not None
    assert Address.objects.get(value_hmac=keys.fingerprint(VK, "77")).denied
    assert bytes(Address.objects.get(value_hmac=keys.fingerprint(VK, "77")).value_encrypted) == b""


def test_interrupted_it_goes_on_with_the_key_made_then(monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = rotating._chunk, iter([True, False])

    def fails_later(after: int, many: int) -> Any:
        if not next(calls):
            raise KeyboardInterrupt
        return real(after, many)

    monkeypatch.setattr(rotating, "_chunk", fails_later)
    with pytest.raises(KeyboardInterrupt):
        rotating.rotate(silent, many=2)
    assert (names(), values()) == (["k2", "k2", "k1", "k1", "k1"], ["1", "2", "3", "4", "5"])
    monkeypatch.setattr(rotating, "_chunk", real)
    rotating.rotate(silent, many=2)
    assert names() == ["k2"] * 5
    assert sorted(keys.ring().ciphers) == ["k1", "k2"]


def test_the_old_key_stays_until_none_uses_it(ring_file: Path) -> None:
    rotating.rotate(silent)
    old = keys.ring().ciphers["k1"]
    rest(ring_file)
    assert rotating.drop_unused() == ["k1"]
    assert [*keys.ring().ciphers] == ["k2"]
    assert old is not keys.ring().ciphers["k2"]
    assert values() == ["1", "2", "3", "4", "5"]


def test_a_key_that_one_address_still_names_is_not_dropped(ring_file: Path) -> None:
    left = sealed()[0]
    rotating.rotate(silent)
    Address.objects.filter(pk=Address.objects.earliest("pk").pk).update(value_encrypted=left)
    rest(ring_file)
    assert rotating.drop_unused() == []
    assert values() == ["1", "2", "3", "4", "5"]


def test_a_key_that_a_waiting_file_names_is_not_dropped(ring_file: Path) -> None:
    uploads.keep(FileKind.CONTACTS, _file("people.csv", CONTACTS), None, by=world.person("anna", "operator"))
    rotating.rotate(silent)
    rest(ring_file)
    assert rotating.drop_unused() == []
    UploadPart.objects.all().delete()
    assert rotating.drop_unused() == ["k1"]


def test_nothing_is_dropped_while_somebody_may_still_write_with_the_old_key(ring_file: Path) -> None:
    rotating.rotate(silent)
    with pytest.raises(Refused, match="two hours"):
        rotating.drop_unused()
    assert sorted(keys.ring().ciphers) == ["k1", "k2"]


def test_the_ring_stays_a_file_of_its_owner_and_keeps_the_key_of_the_hashes(ring_file: Path) -> None:
    before = json.loads(ring_file.read_text())
    rotating.rotate(silent)
    after = json.loads(ring_file.read_text())
    assert (after["hmac"], after["keys"]["k1"], after["current"]) == (before["hmac"], before["keys"]["k1"], "k2")
    assert ring_file.stat().st_mode & 0o777 == 0o600
    assert [*ring_file.parent.iterdir()] == [ring_file]


@pytest.fixture
def somebody_rotates() -> Iterator[None]:
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [rotating.LOCK])
        yield
    other.close()


def test_two_never_rotate_at_once(somebody_rotates: None) -> None:
    with pytest.raises(CommandError, match="already"):
        call_command("rotate_keys")
    assert {*names()} == {"k1"}


def test_the_command_says_what_it_did_and_what_is_left_to_do(capsys: pytest.CaptureFixture[str], ring_file: Path) -> None:
    call_command("rotate_keys")
    told = capsys.readouterr().out
    assert "The new key is “k2”" in told
    assert "Encrypted anew: 5 addresses." in told
    rest(ring_file)
    call_command("rotate_keys", drop_unused=True)
    assert "Dropped: k1." in capsys.readouterr().out
