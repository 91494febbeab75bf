"""The README stays true: its commands, paths, channels and variables are those of the project."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from messaging.channels import CHANNELS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
SETTINGS = (ROOT / "crisis" / "settings.py").read_text()
COMMANDS = re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)
PATHS = re.findall(r"(?:crisis|audiences|messaging|tests|docs)/[\w./]*", README)
MANAGE = sorted(set(re.findall(r"manage\.py (\w+)", README)))
VARIABLES = sorted(set(re.findall(r"`([A-Z][A-Z_]+(?:_[A-Z]+)+)`", README)))
READ = sorted(set(re.findall(r'(?:env\.\w+\(|database\("\w+", )"([A-Z_]+)"', SETTINGS)))
LOCKS = ("requirements.lock", "requirements-dev.lock")


def test_it_names_exactly_two_commands_for_a_newcomer() -> None:
    assert [command.rsplit(" ", 1)[1] for command in COMMANDS] == ["demo", "pytest"]
    assert [re.findall(r"-r (\S+)", command) for command in COMMANDS] == [[LOCKS[0]], [LOCKS[1]]]


@pytest.mark.parametrize("path", sorted(set(PATHS)))
def test_a_path_it_names_is_there(path: str) -> None:
    assert (ROOT / path.rstrip(".")).exists()


@pytest.mark.parametrize("command", MANAGE)
def test_a_command_it_names_is_there(command: str) -> None:
    ours = {
        path.stem
        for app in ("crisis", "audiences", "messaging")
        for path in (ROOT / app / "management" / "commands").glob("*.py")
    }
    assert command in ours | {"migrate", "collectstatic"}


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_variable_it_names_is_read_by_the_settings(variable: str) -> None:
    assert f'"{variable}"' in SETTINGS


@pytest.mark.parametrize("variable", READ)
def test_a_variable_the_settings_read_stands_in_its_table(variable: str) -> None:
    assert re.search(rf"^\| [^|]*`{variable}`[^|]* \|", README, re.MULTILINE)


@pytest.mark.parametrize("slug", sorted(CHANNELS))
def test_every_channel_says_what_it_was_proven_against(slug: str) -> None:
    row = re.search(rf"^\| `{slug}` \|.*$", README, re.MULTILINE)
    assert row, f"{slug} is missing in the table of channels"
    assert "simulator" in row[0]


def test_it_has_a_picture_of_itself() -> None:
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert (ROOT / picture).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_host_and_hashes_everything(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    packages = re.findall(r"^[a-z0-9][\w.\-\[\]]*==", text, re.MULTILINE)
    assert len(packages) > 20
    assert text.count("--hash=sha256:") >= len(packages)
