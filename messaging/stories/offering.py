"""What a demonstration offers so that nobody has to type the story: its incident and its alert to begin from."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from crisis.models import Incident
from messaging.models import Kind
from messaging.stories import telling
from messaging.wording import Template, Words

SLUG = "story"
TYPED = (
    "category",
    "severity",
    "urgency",
    "certainty",
    "title_ru",
    "title_en",
    "estimate_people",
    "estimate_source",
    "estimate_at",
)


def declaration() -> str:
    """The declare form's address, filled in with the story's incident; empty outside a demonstration and once declared."""
    told = _document("incident.json")
    if not told or Incident.objects.filter(title_ru=told["title_ru"], drill=False).exists():
        return ""
    typed = [(name, told[name]) for name in TYPED] + [("countries", code) for code in told["countries"]]
    return f"{reverse('incident_declare')}?{urlencode(typed)}"


def templates() -> dict[str, Template]:
    """The story's alert as a template to begin from; none outside a demonstration."""
    told = _document("texts.json")
    if not told:
        return {}
    words = {text["language"]: Words(*(text[name] for name in Words._fields)) for text in told["texts"]}
    return {SLUG: Template(SLUG, _("The alert of 8 November 2015"), Kind.ALERT, "correction", words)}


def beginning() -> dict[str, Any]:
    """What else the draft form of the story's alert begins with: whom it is for, and why VK is to write to everybody there."""
    told, audience = _document("texts.json"), telling.told()
    return {
        "audience": str(audience.pk) if audience else "new",
        "not_after": datetime.fromisoformat(told["not_after"]),
        "link": told["texts"][0]["link"],
        "exception_reason": told["exception_reason"],
    }


def _document(name: str) -> dict[str, Any]:
    path = settings.DATA_DIR / "story" / name
    if not settings.DEMO or not path.is_file():
        return {}
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found
