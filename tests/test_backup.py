"""A backup as a file: really dumped, sealed, complete at one instant, and refused wherever it could do harm."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connections

from crisis import embedded, sealing
from crisis.backups import making, restoring
from crisis.models import AuditEntry
from crisis.refusal import Refused
from messaging.models import Campaign, Status
from tests.stages import Cast
from tests.vault import Vault, by_owner, vault_of
from tests.world import sql

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def vault(committed: str, tmp_path: Path) -> Iterator[Vault]:
    with vault_of(committed, tmp_path) as found:
        yield found


def found(campaign: Campaign) -> Campaign:
    """The campaign as it stands in the database we speak to now."""
    return Campaign.objects.get(pk=campaign.pk)


def test_a_backup_is_for_our_eyes_alone_and_sealed(vault: Vault, tmp_path: Path) -> None:
    Cast().at(Status.SENT)
    made = vault.save()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (made.path, made.seal)] == [0o600, 0o600]
    assert sealing.judge(made.seal.read_bytes(), beside=tmp_path)[0]
    assert {path.name for path in tmp_path.iterdir()} == {"crisis.backup", "crisis.backup.seal.json"}


def test_a_backup_is_in_the_audit_log_after_the_head_it_holds(vault: Vault) -> None:
    Cast()
    made = vault.save()
    last = AuditEntry.objects.order_by("-id")[0]
    assert (last.action, last.data["head"], last.prev_hash) == ("backup.made", made.head, made.head)


def test_the_keys_of_addresses_are_named_and_not_in_it(vault: Vault) -> None:
    Cast()
    made = vault.save()
    ring = json.loads(settings.KEY_RING_FILE.read_text())
    assert made.keys == [ring["current"]]
    assert ring["hmac"].encode() not in made.path.read_bytes()


def test_a_key_ring_that_cannot_read_the_addresses_is_told_of(vault: Vault, settings: Any, tmp_path: Path) -> None:
    Cast()
    (needed,) = vault.save().keys
    other = json.loads(settings.KEY_RING_FILE.read_text())
    settings.KEY_RING_FILE = tmp_path / "keys.json"
    settings.KEY_RING_FILE.write_text(json.dumps({**other, "current": "k9", "keys": {"k9": other["keys"][needed]}}))
    settings.KEY_RING_FILE.chmod(0o600)
    assert vault.bring_back().missing_keys == [needed]


def test_a_file_is_never_written_over(vault: Vault) -> None:
    vault.save()
    with pytest.raises(Refused, match="is there already"):
        vault.save()


def test_what_is_written_while_it_is_dumped_is_not_in_it(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    cast, dump = Cast(), making.run

    def dump_beside_an_operator(*words: str) -> None:
        cast.draft()
        dump(*words)

    monkeypatch.setattr(making, "run", dump_beside_an_operator)
    vault.save()
    assert (Campaign.objects.count(), AuditEntry.objects.filter(action="backup.made").count()) == (1, 1)
    vault.bring_back()
    assert Campaign.objects.count() == 0


def test_a_dump_that_fails_leaves_nothing(vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_owner("SELECT 1")
    sql("SELECT 1")  # we are connected; whatever connects from here on fails
    with monkeypatch.context() as broken:
        broken.setenv("PGOPTIONS", "-c no_such_setting=1")
        with pytest.raises(Refused, match=r"pg_dump failed: .*no_such_setting"):
            vault.save()
    assert [*tmp_path.iterdir()] == []


# What is not restored


def spoil(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def test_a_spoilt_backup_is_not_restored(vault: Vault) -> None:
    spoil(vault.save().path)
    with pytest.raises(Refused, match="is not the file that was sealed"):
        vault.bring_back()


def test_a_seal_that_was_changed_is_not_believed(vault: Vault) -> None:
    seal = vault.save().seal
    seal.write_text(seal.read_text().replace('"backup"', '"backups"'))
    with pytest.raises(Refused, match="changed after it was signed"):
        vault.bring_back()


def test_a_backup_without_its_seal_is_not_restored(vault: Vault) -> None:
    vault.save().seal.unlink()
    with pytest.raises(Refused, match="lie side by side"):
        vault.bring_back()


def test_a_backup_sealed_by_another_key_is_not_restored(vault: Vault, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="another key signed it"):
        restoring.restore(vault.save().path, into="nowhere", key="ab" * 32)


def test_a_backup_of_a_newer_program_is_not_restored(vault: Vault) -> None:
    by_owner("INSERT INTO django_migrations (app, name, applied) VALUES ('messaging', '9999_later', now())")
    vault.save()
    with pytest.raises(Refused, match=r"messaging\.9999_later is unknown here"):
        vault.bring_back()


def test_a_backup_of_an_older_program_is_run_forward(vault: Vault) -> None:
    call_command("migrate", "crisis", "0010", database="owner", verbosity=0)
    vault.save()
    vault.bring_back()
    assert sql("SELECT count(*) FROM crisis_destruction") == [(0,)]


def test_a_database_with_something_in_it_is_left_alone(vault: Vault) -> None:
    campaign = Cast().at(Status.SENDING)
    made = vault.save()
    with pytest.raises(Refused, match=r"is not empty\. Nothing was changed"):
        restoring.restore(made.path)
    assert found(campaign).status == Status.SENDING


def test_a_database_in_use_is_left_alone_and_not_shut(committed: str, vault: Vault) -> None:
    made = vault.save()
    by_owner(f'CREATE DATABASE "{vault.database}"')
    by_owner(f'GRANT CONNECT ON DATABASE "{vault.database}" TO crisis_app')
    where = connections["default"].get_connection_params() | {"dbname": f"{vault.database}"}
    with psycopg.connect(host=where["host"], user=where["user"], dbname=where["dbname"], passfile=where["passfile"]) as used:
        with pytest.raises(Refused, match="in use by 1 connections"):
            restoring.restore(made.path, into=f"{vault.database}")
        assert used.execute("SELECT has_database_privilege('crisis_app', current_database(), 'CONNECT')").fetchone() == (True,)
    vault.bring_back()


def test_an_audit_log_that_was_changed_is_found_and_the_database_stays_shut(vault: Vault) -> None:
    Cast().at(Status.SENDING)
    by_owner("ALTER TABLE crisis_auditentry DISABLE TRIGGER USER")
    by_owner("UPDATE crisis_auditentry SET action = 'incident.move' WHERE id = (SELECT min(id) FROM crisis_auditentry)")
    vault.save()
    with pytest.raises(Refused, match=r"was changed after it was written.*stays shut"):
        vault.bring_back()


def test_the_commands_say_what_they_did(committed: str, vault: Vault, tmp_path: Path, capsys: Any) -> None:
    campaign, path = Cast().at(Status.SENDING), tmp_path / "crisis.backup"
    call_command("backup", str(path))
    call_command("restore", str(path), "--into", f"{vault.database}")
    said = capsys.readouterr().out
    told = ["Not in it: the key ring", "no address in this file can be read", f"“{vault.database}” is as it was at", "paused 1"]
    assert [words for words in told if words not in said] == []
    vault.enter()
    assert found(campaign).status == Status.PAUSED


def test_an_empty_machine_is_brought_back_by_one_command(vault: Vault, tmp_path: Path) -> None:
    campaign, data_dir = Cast().at(Status.SENDING), tmp_path / "another machine"
    env = {**os.environ, "CRISIS_DEMO": "1", "CRISIS_DATA_DIR": str(data_dir), "CRISIS_KEY_RING": str(settings.KEY_RING_FILE)}
    argv = [sys.executable, "manage.py", "restore", str(vault.save().path)]
    ended = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, "“crisis” is as it was at" in ended.stdout, "lacks" in ended.stdout) == (0, True, False)
    with embedded.servers(data_dir), psycopg.connect(embedded.database_url(data_dir, "crisis_app")) as there:
        status = there.execute("SELECT status FROM messaging_campaign WHERE id = %s", [campaign.pk]).fetchone()
    assert status == (Status.PAUSED,)


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_command_without_a_database_says_so_in_one_sentence(vault: Vault, command: str) -> None:
    path = vault.path.with_name("another") if command == "backup" else vault.save().path
    connections["owner"].close()
    connections["owner"].settings_dict["NAME"] = "nowhere"
    with pytest.raises(CommandError, match=r"The database refused.*does not exist"):
        call_command(command, str(path))
    assert not vault.path.with_name("another").exists()


def test_a_command_refuses_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no directory"):
        call_command("backup", str(tmp_path / "nowhere" / "crisis.backup"))
