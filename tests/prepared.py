"""A playbook to test with: written by one person, approved by two others, made into a draft in an incident."""

from __future__ import annotations

from typing import Any

from crisis.models import Incident, User
from messaging import workflow
from messaging.models import Account, Campaign, Kind, Playbook, PlaybookVersion
from messaging.playbooks import filled_words
from messaging.wording import Words
from messaging.workflow.preparing import Prepared, approve_playbook, prepare
from tests import world

TEXTS = {
    "ru": Words("Выезд из страны: [страна]", "Сбор здесь: [место сбора], 10:00 (Москва).", "[Что делать сейчас]"),
    "en": Words("Leaving [country]", "Gather at: [meeting point], 10:00 (Moscow).", "[What to do now]"),
}
VALUES = {
    "ru": {"страна": "Египет", "место сбора": "посольство", "Что делать сейчас": "Ждите."},
    "en": {"country": "Egypt", "meeting point": "the embassy", "What to do now": "Wait."},
}


def content(**changes: Any) -> Prepared:
    return Prepared(**{"texts": TEXTS, "ways": ["vk-direct"], **changes})


def playbook(writer: User, *approvers: User, **changes: Any) -> Playbook:
    made = prepare("Leaving", ["Transport"], content(**changes), by=writer)
    for approver in approvers:
        approve_playbook(made.versions.get(), by=approver)
    return made


def draft(version: PlaybookVersion, incident: Incident, *accounts: Account, by: User, **changes: Any) -> Campaign:
    """A draft made from a playbook as its page makes it; `changes` are what somebody does otherwise."""
    audience = world.audience(by, hours=version.hours, countries=tuple(incident.country_codes))
    made = world.content(*accounts, version=audience, texts=filled_words(version, VALUES), kind=Kind(version.kind),
                         playbook_version=version, values=VALUES)  # fmt: skip
    return workflow.draft(incident, world.replace(made, **changes), by=by)
