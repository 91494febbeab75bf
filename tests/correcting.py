"""What is done after something wrong went out: the correction as a person writes it, and who got which words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from messaging import workflow
from messaging.models import Batch, Campaign, Delivery, Part
from messaging.wording import Words
from tests import world
from tests.engine import Engine
from tests.stages import Cast

RIGHT = {"ru": Words("Заголовок", "Верный текст.", "Уходите."), "en": Words("Headline", "The right text.", "Leave.")}


def written(campaign: Campaign, **changes: Any) -> workflow.Draft:
    """A draft as it stands, as the form would send it."""
    texts = {part: {t.language: words_of(t) for t in campaign.texts.filter(part=part)} for part in Part}
    return replace(
        world.content(*campaign.accounts.all(), version=campaign.audience_version),
        texts=texts[Part.MAIN], corrected=texts[Part.CORRECTED], kind=campaign.kind, refers_to=campaign.refers_to,
        exception_reason=campaign.exception_reason, exception_expires_at=campaign.exception_expires_at, pace=campaign.pace,
        not_after=campaign.not_after, **changes,
    )  # fmt: skip


def words_of(text: Any) -> Words:
    return Words.of(text)


def put_right(cast: Cast, campaign: Campaign, **changes: Any) -> Campaign:
    """Begin the correction, write the right text into it, and submit it."""
    begun = workflow.correct(campaign, by=cast.author)
    content = replace(written(begun), **{"texts": RIGHT, **changes})
    return workflow.submit(workflow.edit(begun, content, seen_at=begun.updated_at, by=cast.author), by=cast.author)


def corrected(cast: Cast, campaign: Campaign, **changes: Any) -> Campaign:
    return world.approve(put_right(cast, campaign, **changes), cast.approver)


def parts(campaign: Campaign) -> dict[str, set[int]]:
    """Part → the people queued for it, as peers would be contacts."""
    found: dict[str, set[int]] = {}
    for batch in Batch.objects.filter(campaign=campaign, total__gt=0).select_related("text"):
        assert batch.text is not None
        found.setdefault(batch.text.part, set()).update(batch.people)
    return found


def reached(campaign: Campaign) -> set[int]:
    got = Delivery.objects.filter(campaign=campaign).exclude(status="failed")
    return {*got.values_list("contact", flat=True)} - {0}


def peers_of(engine: Engine, batch: Batch) -> set[int]:
    return {peer for kind, peer in engine.heard(batch) if kind in ("accepted", "repeat")}
