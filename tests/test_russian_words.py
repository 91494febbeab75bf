"""What the console says by itself is Russian: failures, the log, and a word for every deed, channel and reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext_lazy

from crisis import audit, deeds, incidents
from messaging import channels, delivery, workflow
from messaging.models.accounts import LABELS
from messaging.phrases import FAILURES
from messaging.standing import TROUBLE
from tests.posting import browser, quiet_bell, russian_watch  # noqa: F401 (fixtures)
from tests.reading import foreign, text_of, unread
from tests.watch import KNOWN, Watch

pytestmark = pytest.mark.django_db
SOURCE = Path(channels.__file__).parent
ROOT = SOURCE.parent.parent


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "429", "500"])
def test_a_failure_is_told_in_russian(name: str) -> None:
    with translation.override("ru"):
        assert foreign(text_of(render_to_string(f"{name}.html"))) == []


def test_an_address_that_is_none_and_a_page_too_old_are_told_in_russian(watch: Watch) -> None:
    missing = browser("anna").get("/нет/")
    assert (missing.status_code, unread(missing, known=KNOWN)) == (404, [])
    old = browser("anna", enforce_csrf_checks=True).post(reverse("incident_note", args=[watch.incident.pk]))
    assert (old.status_code, unread(old, known=KNOWN)) == (403, [])


def test_a_broken_log_is_told_of_in_russian(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "VERIFY", "SELECT 1, true, false UNION SELECT 2, false, true")
    page = browser("dina").post(reverse("audit_verify"))
    assert unread(page, known=KNOWN) == []


def test_every_deed_that_is_recorded_has_words() -> None:
    sources = [path.read_text() for app in ("crisis", "audiences", "messaging") for path in (ROOT / app).rglob("*.py")]
    recorded = {name for text in sources for name in re.findall(r"record\(\s*\"([\w.]+)\"", text)}
    assert recorded - deeds.DEEDS.keys() == set()


def test_every_channel_and_every_reason_it_gives_has_words() -> None:
    source = "".join(path.read_text() for path in SOURCE.rglob("*.py"))
    reasons = {*re.findall(r'ChannelError\("(?:pause|retry|uncertain|content)", "(\w+)"', source)}
    failures = {*re.findall(r'Outcome\(\w+, "failed", "(\w+)"', source)}
    assert {reason for reason in reasons if not re.match(r"http_|no_confirmation", reason)} - TROUBLE.keys() == set()
    assert failures - FAILURES.keys() == set()
    assert {channels.channel_class(slug).label for slug in channels.CHANNELS} == {*LABELS}


def test_the_log_is_written_in_the_installation_s_language_whoever_acts(watch: Watch) -> None:
    with translation.override("en"):
        workflow.withdraw(watch.held, by=watch.anna)
        workflow.submit(watch.held, by=watch.anna)
        held = delivery.Held(gettext_lazy("%(account)s was not part of what the approver saw."), account=watch.vk)
        incidents.tell(watch.incident.pk, "%(why)s", why=held)
    lines = "\n".join(watch.incident.log.values_list("text", flat=True))
    assert foreign(lines) == []
