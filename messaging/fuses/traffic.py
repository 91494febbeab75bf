"""What this message looks like beside those already sent: said before, too many in an hour, to far more people than usual."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from statistics import median

from django.db.models import Q, QuerySet

from messaging.limits import AN_HOUR, FIRST_FROM, REPEAT_HOURS, REPEAT_PERCENT, USUAL_FROM, USUAL_OF, USUAL_TIMES
from messaging.models import Campaign, Part, Status
from messaging.phrases import size_of

COMPARED = 50  # the newest of them are enough


def sent_since(campaign: Campaign, at: datetime) -> QuerySet[Campaign]:
    """Others of the same world, live or drill, that began since, or are approved and wait for their time."""
    begun = Q(started_at__gte=at) | Q(approved_at__gte=at, status=Status.APPROVED)
    return Campaign.objects.filter(begun, drill=campaign.drill).exclude(pk=campaign.pk).order_by("-pk")


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def alike(one: list[str], other: list[str]) -> bool:
    """Whether nearly all words are the same, in nearly the same order."""
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    least = REPEAT_PERCENT / 100
    return bool(one) and matcher.real_quick_ratio() >= least and matcher.quick_ratio() >= least and matcher.ratio() >= least


def repeated(campaign: Campaign, texts: dict[str, str], at: datetime) -> Campaign | None:
    """The newest message about the same country that says nearly the same. What follows it or leads to it is no repetition."""
    near = Q(incident__countries__in=campaign.incident.countries.all())
    rows = sent_since(campaign, at - timedelta(hours=REPEAT_HOURS)).filter(near).exclude(refers_to=campaign).distinct()
    said = {language: words(text) for language, text in texts.items()}
    for row in rows.exclude(pk__in=[*_chain(campaign)]).prefetch_related("texts")[:COMPARED]:
        if any(alike(said.get(t.language, []), words(t.whole)) for t in row.texts.all() if t.part == Part.MAIN):
            return row
    return None


def _chain(campaign: Campaign) -> Iterator[int]:
    """What it follows, and what that follows."""
    earlier = campaign.refers_to
    for _step in range(COMPARED):
        if earlier is None:
            return
        yield earlier.pk
        earlier = earlier.refers_to


def in_the_hour(campaign: Campaign, at: datetime) -> int:
    """How many messages of the last hour are by the same author or about the same incident, whichever are more, if too many."""
    rows = sent_since(campaign, at - timedelta(hours=1))
    most = max(rows.filter(created_by=campaign.created_by).count(), rows.filter(incident=campaign.incident).count())
    return most if most >= AN_HOUR else 0


def usual_of(campaign: Campaign) -> float | None:
    """The middle of how many people this author's latest messages were for; None for an author who has sent nothing."""
    rows = Campaign.objects.filter(created_by=campaign.created_by, drill=campaign.drill, started_at__isnull=False)
    earlier = rows.exclude(pk=campaign.pk).order_by("-pk").values_list("reach", flat=True)[:USUAL_OF]
    sizes = [size_of(reach or {}).about for reach in earlier]
    return median(sizes) if sizes else None


def unusual(people: int, usual: float | None) -> bool:
    if usual is None:
        return people > FIRST_FROM
    return people > USUAL_FROM and people > usual * USUAL_TIMES
