"""What an incident's fact sheet puts into the blanks of a text, and what it says otherwise since a message was submitted."""

from __future__ import annotations

from collections.abc import Iterator

from crisis.facts import sheet
from crisis.models import Fact
from messaging.models import Campaign, Rendering, Status, Text
from messaging.wording import blanks


def filled(text: Text) -> str:
    """The whole text in which `[name]` of a fact reads what the sheet says now, in the text's language."""
    if text.campaign_id is None or not blanks(text.whole):
        return text.whole
    whole, russian = text.whole, text.language == "ru"
    for fact in sheet(text.campaign.incident):
        whole = whole.replace(
            f"[{fact.name_ru}]" if russian else f"[{fact.name_en}]", fact.value_ru if russian else fact.value_en
        )
    return whole


def changed_since(campaign: Campaign) -> list[tuple[Fact, Fact | None]]:
    """Facts this message uses that were changed after it was submitted: each as it is now, and as it was."""
    if campaign.status == Status.DRAFT or campaign.submitted_at is None:
        return []
    return [*_changes(campaign)]


def _changes(campaign: Campaign) -> Iterator[tuple[Fact, Fact | None]]:
    rows = Fact.objects.filter(incident=campaign.incident_id)
    later = [*rows.filter(at__gt=campaign.submitted_at).newest()]
    if not later:
        return
    before = {fact.name_ru: fact for fact in rows.filter(at__lte=campaign.submitted_at).newest()}
    said = "\n".join([*_blanks(campaign), *Rendering.objects.filter(campaign=campaign).values_list("body", flat=True)])
    for fact in later:
        old = before.get(fact.name_ru)
        marks = {f"[{fact.name_ru}]", f"[{fact.name_en}]", *([old.value_ru, old.value_en] if old else [])}
        if any(mark and mark in said for mark in marks):
            yield fact, old


def _blanks(campaign: Campaign) -> list[str]:
    return [blank for text in campaign.texts.all() for blank in blanks(text.whole)]
