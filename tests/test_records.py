"""The audit made usable: found by words, told campaign by campaign, anchored outside, taken away signed."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from copy import deepcopy
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from crisis import audit, sealing
from crisis.clock import now
from crisis.forms import AuditFilter
from crisis.models import AuditEntry
from messaging import workflow
from tests import visits, world
from tests.stages import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ours(quiet: None, settings: Any, tmp_path: Path) -> None:
    settings.RECORD_KEY_FILE = tmp_path / "keys" / "record.pem"


@pytest.fixture(scope="module")
def made(once: Callable[[type[Cast]], Cast]) -> Cast:
    return once(Cast)


@pytest.fixture
def cast(made: Cast) -> Cast:
    return deepcopy(made)


def signed(cast: Cast) -> bytes:
    campaign = world.approve(cast.submitted(), cast.approver)
    workflow.stop(campaign, by=cast.author)
    answer = visits.post(cast.approver, "campaign_record_sign", campaign.pk)
    assert (answer.status_code, answer["Content-Disposition"]) == (200, f'attachment; filename="record-{campaign.pk}.json"')
    found: bytes = answer.content
    return found


@pytest.mark.parametrize(("words", "actions"), [
    ("approved a campaign", {"campaign.approve"}), ("campaign.stop", {"campaign.stop"}),
    ("boris approved", {"campaign.approve"}), ("ANNA stopped", {"campaign.stop"}), ("nobody did this", set()),
])  # fmt: skip
def test_the_log_is_searched_by_words_of_the_deed_the_person_and_the_object(cast: Cast, words: str, actions: set[str]) -> None:
    campaign = world.approve(cast.submitted(), cast.approver)
    workflow.stop(campaign, by=cast.author)
    assert {row.action for row in AuditFilter({"words": words}).rows()} == actions


def test_the_log_is_searched_by_its_data(cast: Cast) -> None:
    campaign = cast.submitted()
    found = AuditFilter({"words": campaign.fingerprint()[:20]}).rows()
    assert [row.action for row in found] == ["campaign.submit"]


def test_a_campaigns_page_tells_who_did_what(cast: Cast) -> None:
    campaign = world.approve(cast.submitted(), cast.approver)
    page = visits.page(cast.author, "campaign_record", campaign.pk)
    deeds = ["approved a campaign", "started sending", "submitted a campaign", "began a campaign"]
    assert [deed for deed in deeds if deed not in page] == []


def test_every_approval_anchors_the_head_of_the_chain_in_the_log(
    cast: Cast, caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: Any
) -> None:
    campaign = cast.submitted()
    with caplog.at_level(logging.INFO, "crisis.audit"), django_capture_on_commit_callbacks(execute=True):
        world.approve(campaign, cast.approver)
    head = AuditEntry.objects.get(action="campaign.approve").hash
    assert any(f"Audit head {head}" in line for line in caplog.messages)
    assert audit.verify(head)[2] == []


def test_a_signed_record_holds_everything_but_addresses(cast: Cast) -> None:
    payload = json.loads(signed(cast))["payload"]
    assert {"report", "texts", "messages", "rounds", "approvals", "written_by", "audit", "exception"} <= payload.keys()
    assert [row["by"] for row in payload["approvals"]] == ["boris"]
    assert [row["action"] for row in payload["audit"]][-1] == "campaign.stop"
    assert AuditEntry.objects.filter(action="campaign.record").count() == 1
    assert "people" not in payload["report"]["ways"][0]


def test_a_signed_record_is_whole_until_a_letter_is_changed(cast: Cast) -> None:
    raw = signed(cast)
    assert sealing.judge(raw, key=sealing.public_key())[0]
    assert sealing.judge(raw.replace(b"A text in English.", b"A text in English!"))[0] is False
    assert sealing.judge(raw, key="0" * 64)[0] is False


@pytest.mark.parametrize("raw", [
    b"", b"{}", b"[]", b"null", b"\xff", b'{"format": "crisis-record-1"}', b"[" * 5000,
    b'{"format": "crisis-record-1", "payload": 1, "public_key": "zz", "signature": ""}',
])  # fmt: skip
def test_what_is_no_record_is_said_to_be_none(raw: bytes) -> None:
    assert "no signed record" in sealing.judge(raw)[1]


def test_an_operator_takes_a_record_away_and_an_administrator_does_not(cast: Cast) -> None:
    campaign = cast.submitted()
    assert visits.post(cast.author, "campaign_record_sign", campaign.pk).status_code == 200
    assert visits.post(world.person("gleb", "admin"), "campaign_record_sign", campaign.pk).status_code == 403


def test_the_key_is_made_once_and_read_by_us_alone(settings: Any) -> None:
    first, second = StringIO(), StringIO()
    call_command("record_key", stdout=first)
    call_command("record_key", stdout=second)
    assert first.getvalue() == second.getvalue()
    assert settings.RECORD_KEY_FILE.stat().st_mode & 0o077 == 0


def test_nothing_is_signed_in_production_without_a_key_made_on_purpose(settings: Any) -> None:
    settings.LOCAL = False
    with pytest.raises(ImproperlyConfigured, match="record_key"):
        sealing.seal({})


def exported(folder: Path) -> Path:
    call_command("audit_export", out=folder, day=now().astimezone().date(), stdout=StringIO())
    return next(folder.glob("*.seal.json"))


def verified(path: Path) -> str:
    said = StringIO()
    call_command("record_verify", str(path), stdout=said)
    return said.getvalue()


def test_a_day_of_the_log_is_exported_with_its_head_and_a_seal(cast: Cast, tmp_path: Path) -> None:
    cast.submitted()
    seal = exported(tmp_path)
    payload = json.loads(seal.read_text())["payload"]
    rows = [json.loads(line) for line in (tmp_path / payload["file"]).read_text().splitlines()]
    assert (payload["rows"], payload["head"]) == (len(rows), rows[-1]["hash"])
    assert "as it was when it was signed" in verified(seal)


def test_a_day_of_the_log_that_was_changed_is_found(cast: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cast.submitted()
    seal = exported(tmp_path)
    lines = seal.with_name(seal.name.replace(".seal.json", ".jsonl"))
    lines.write_text(lines.read_text().replace("campaign.submit", "campaign.edit"))
    with pytest.raises(SystemExit):
        call_command("record_verify", str(seal))
    assert "was changed or is missing" in capsys.readouterr().out
