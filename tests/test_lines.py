"""Names and log lines stay one line: signs that break or turn one are refused with the field's name, and logged as codes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.db import IntegrityError
from django.test import Client

from crisis import lines
from crisis.models import Incident, Mission, User
from crisis.refusal import Refused
from messaging.models import Account
from tests import world
from tests.visits import screen_of

pytestmark = pytest.mark.django_db
STRAY = {
    "a\r\nX-Evil: 1": ("2", "U+000D"), "a\nb": ("2", "U+000A"), "a\x1b[2Jb": ("2", "U+001B"), "\u202eab": ("1", "U+202E"),
    "a\u2066b": ("2", "U+2066"), "a\u2028b": ("2", "U+2028"), "a\u200bb": ("2", "U+200B"), "a\x85b": ("2", "U+0085"),
}  # fmt: skip
DECLARED = {
    "countries": "Egypt", "category": "Transport", "severity": "Severe", "urgency": "Immediate", "certainty": "Observed",
    "estimate_people": "5", "estimate_at": "2015-11-08", "estimate_source": "an office",
}  # fmt: skip
LABELS = {
    "title_ru": "Title in Russian", "title_en": "Title in English", "hotline": "Hotline",
    "estimate_source": "Source of the estimate",
}  # fmt: skip


@pytest.mark.parametrize("hostile", STRAY, ids=ascii)
def test_an_incident_with_a_name_of_several_lines_is_not_declared(client_of: Callable[[User], Client], hostile: str) -> None:
    at, quote = STRAY[hostile]
    browser, before = client_of(world.person("anna", "operator")), world.counts()
    for field, label in LABELS.items():
        answer = browser.post("/incidents/declare/", {**DECLARED, field: f"x{hostile}"})
        said = f"{label}, character {int(at) + 1}: {quote} does not belong into one line. Delete it."
        assert (answer.status_code, said.lower() in unescape(answer.text).lower()) == (422, True)
    assert world.counts() == before


def test_the_verb_refuses_such_a_title_too() -> None:
    anna = world.person("anna", "operator")
    with pytest.raises(Refused, match=r"title in Russian, character 2: U.000A"):
        world.incident(anna, title_ru="a\nb")


@pytest.mark.parametrize("field", ["title_ru", "title_en", "hotline"])
def test_the_database_refuses_such_a_title_too(field: str) -> None:
    incident = world.incident(world.person("anna", "operator"))
    with pytest.raises(IntegrityError, match="a_title_is_one_line"):
        Incident.objects.filter(pk=incident.pk).update(**{field: "a\u202eb"})


@pytest.mark.parametrize("field", ["label_ru", "label_en"])
def test_the_database_refuses_such_a_name_of_an_account(field: str) -> None:
    account = world.account()
    with pytest.raises(IntegrityError, match="an_accounts_names_are_lines"):
        Account.objects.filter(pk=account.pk).update(**{field: "a\r\nb"})


@pytest.mark.parametrize("hostile", STRAY, ids=ascii)
def test_reference_data_is_written_in_single_lines(client_of: Callable[[User], Client], hostile: str) -> None:
    gleb, at = world.person("gleb", "admin"), STRAY[hostile][1]
    names = {"name_ru": f"x{hostile}y", "name_en": "Embassy", "city_ru": "Каир", "city_en": "Cairo"}
    answer = client_of(gleb).post("/admin/crisis/mission/add/", {"country": "EG", "kind": "embassy", **names})
    assert (answer.status_code, f"{at} does not belong into one line" in unescape(answer.text)) == (200, True)
    assert not Mission.objects.exists()


def test_an_account_is_named_in_one_line(client_of: Callable[[User], Client]) -> None:
    account, gleb = world.account(), world.person("gleb", "admin")
    lanes = {"lanes-TOTAL_FORMS": "0", "lanes-INITIAL_FORMS": "0"}
    typed = {
        "label_ru": "a\u202eb",
        "label_en": "",
        "handle": "1",
        "secret_name": "VK_MINISTRY",
        "rate": "",
        "answer_minutes": "60",
        **lanes,
    }
    answer = client_of(gleb).post(f"/admin/messaging/account/{account.pk}/change/", typed)
    assert "name in Russian, character 2: U+202E does not belong into one line" in unescape(answer.text)
    assert Account.objects.get().label_ru == "vk-direct"


# --- the log ------------------------------------------------------------------------------------------------------------

FORGED = "\n2026-01-01 00:00:00,000 INFO crisis.audit Audit head 00"


def written(message: str, *values: object, fault: BaseException | None = None) -> list[str]:
    found = (type(fault), fault, fault.__traceback__) if fault else None
    record = logging.LogRecord("crisis", logging.INFO, "", 0, message, values, found)
    return lines.OneLine("{asctime} {levelname} {name} {message}", style="{").format(record).split("\n")


@pytest.mark.parametrize("hostile", [FORGED, "a\rb", "\x1b]0;owned\x07", "\x1b[2J", "\u202ekcab", "\x9b31m"], ids=ascii)
def test_what_somebody_typed_is_one_line_of_the_log(hostile: str) -> None:
    (line,) = written("A call failed: %s", hostile)
    assert line.isprintable()
    assert ascii(hostile[0])[1:-1] in line or hostile[0] == "a"


def test_a_fault_that_quotes_it_forges_no_line_either() -> None:
    found = written("The sweep failed.", fault=ValueError(FORGED))
    assert [line for line in found[1:] if not line.startswith("    ")] == []


def test_every_line_of_the_installation_is_written_so(settings: Any) -> None:
    assert {one["()"] for one in settings.LOGGING["formatters"].values()} == {"crisis.lines.OneLine"}
    assert {handler["formatter"] for handler in settings.LOGGING["handlers"].values()} == set(settings.LOGGING["formatters"])


@pytest.mark.parametrize("name", ["x\r\nINFO crisis.audit forged", "\x1b[2J", "\u202eanna"], ids=ascii)
def test_a_name_typed_at_the_log_in_and_a_browsers_name_forge_no_line(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.setFormatter(lines.OneLine("%(levelname)s %(message)s"))
    Client(headers={"user-agent": name}).post("/login/", {"login": name, "password": "wrong"})
    screen_of(world.person("anna", "operator"), Client(headers={"user-agent": name}))
    assert all(line.isprintable() for line in caplog.text.splitlines())
    assert not any(line.startswith("INFO crisis.audit forged") for line in caplog.text.splitlines())
