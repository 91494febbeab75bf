"""`manage.py conformance`: a verdict for a terminal, a program and a page to hand on, and no order to anybody real."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from messaging.channels.conformance import CODES
from messaging.management.commands.conformance import saying
from tests.ordering import ENV, SECRET
from tests.test_conformance import free_ports
from tests.wire import Simulator, simulator

SANDBOX = ("--population", "0", "--exercise", "--sandbox")
QUICK = ("--decision-delay", "0.1", "--duration", "0.3", "--min-interval", "0.2")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    log = tmp_path_factory.mktemp("judged") / "journal"
    with simulator("delegated", log, *SANDBOX, *QUICK, "--issuer", "conformance", env=ENV) as process:
        yield process


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFORMANCE_SECRET", SECRET)
    monkeypatch.delenv("CONFORMANCE_WEBHOOK_SECRET", raising=False)


def judge(url: str, *options: str) -> str:
    """What the command prints."""
    said = StringIO()
    call_command("conformance", url, *options, stdout=said)
    return said.getvalue()


def refusal(url: str, *options: str) -> str:
    with pytest.raises(CommandError) as error:
        judge(url, *options)
    return str(error.value)


def test_the_reference_platform_keeps_the_contract(platform: Simulator, tmp_path: Path) -> None:
    found = json.loads(judge(platform.url, "--json", "--html", str(tmp_path / "verdict.html")))
    open_ones = [one["code"] for one in found["findings"] if one["passed"] is None]
    assert (found["conforms"], found["broken"], [one["code"] for one in found["findings"]]) == (True, 0, [*CODES])
    assert open_ones == ["webhook_told", "webhook_signed", "webhook_again"]  # nobody listened
    page = (tmp_path / "verdict.html").read_text()
    assert all(sentence in page for sentence in found["summary"].values())
    assert not re.search(r'(src|href)="(?!#)|<script|url\(', page)


def test_what_is_broken_is_said_and_counts(platform: Simulator, tmp_path: Path) -> None:
    with simulator("delegated", tmp_path / "journal", *SANDBOX, *QUICK, env=ENV) as anybodys:
        said = StringIO()
        with pytest.raises(SystemExit) as left:
            call_command("conformance", anybodys.url, "--only", "issuer_bound", "--language", "ru", stdout=said)
    assert left.value.code == 1
    assert "✗ Ключ действует только от имени своего владельца  [issuer_bound]" in said.getvalue()
    assert "Мы подали заявку своим ключом от чужого имени.\n    Вы ответили состоянием 200." in said.getvalue()
    assert '"issuer": "somebody-else"' in said.getvalue()


def test_it_judges_by_one_rule_alone(platform: Simulator) -> None:
    said = judge(platform.url, "--only", "signature_true")
    assert said.splitlines()[0] == "✓ A wrong signature is refused  [signature_true]"
    assert "Rules kept: 1. Rules broken: 0. Not judged: 0." in said


@pytest.mark.parametrize(
    ("flags", "why"),
    [((), "it would write to real people"), (("--exercise",), "has no sandbox"),
     ((*SANDBOX, "--min-interval", "60"), "at most 2 seconds between estimates")],
    ids=["real", "no sandbox", "slow"],
)  # fmt: skip
def test_it_orders_nothing_where_it_cannot_judge(tmp_path: Path, flags: tuple[str, ...], why: str) -> None:
    with simulator("delegated", tmp_path / "journal", "--population", "0", *flags, env=ENV) as other:
        assert why in refusal(other.url)
        assert other.lines() == []


def test_it_says_that_a_key_is_not_the_right_one(platform: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFORMANCE_SECRET", "guessed")
    assert "with status 401 and the code wrong_signature" in refusal(platform.url)


def test_it_says_that_nobody_answers() -> None:
    (port,) = free_ports(1)
    assert refusal(f"http://127.0.0.1:{port}").startswith("Nobody answers at this address")


@pytest.mark.parametrize("url", ["nowhere", "http://", "ftp://127.0.0.1:1"])
def test_it_says_that_an_address_is_none(url: str) -> None:
    assert refusal(url).startswith("Nobody answers at this address")


@pytest.mark.parametrize(
    ("options", "why"),
    [(("--listen", "127.0.0.1:8100"), "CONFORMANCE_WEBHOOK_SECRET"), (("--only", "beauty"), "invalid choice")],
)
def test_it_says_what_is_missing(platform: Simulator, options: tuple[str, ...], why: str) -> None:
    assert why in refusal(platform.url, *options)


@pytest.mark.parametrize("listen", ["8100", "127.0.0.1:", "127.0.0.1:http"])
def test_it_listens_on_a_host_and_a_port(platform: Simulator, monkeypatch: pytest.MonkeyPatch, listen: str) -> None:
    monkeypatch.setenv("CONFORMANCE_WEBHOOK_SECRET", ENV["PLATFORM_SIM_WEBHOOK_SECRET"])
    assert refusal(platform.url, "--listen", listen).startswith("--listen is a host and a port")


def test_it_says_that_it_cannot_listen_there(platform: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFORMANCE_WEBHOOK_SECRET", ENV["PLATFORM_SIM_WEBHOOK_SECRET"])
    taken = platform.url.removeprefix("http://")
    assert refusal(platform.url, "--listen", taken).startswith(f"{taken} cannot be listened on")


def test_it_needs_a_secret(platform: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONFORMANCE_SECRET")
    assert "set CONFORMANCE_SECRET" in refusal(platform.url)


def test_it_says_the_same_in_both_languages() -> None:
    assert saying("en")("Not judged.") == "Not judged."
    assert saying("ru")("Not judged.") == "Не проверено."
