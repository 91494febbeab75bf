"""What each way added to all the others, and how long it took to decide on it, a row a way: for the screen and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from messaging import progress
from messaging.joint import Added, Joint, percent_at_least, percent_at_most
from messaging.models import Campaign
from messaging.phrases import numbers_of
from messaging.progress import Way
from messaging.views.order_rows import ALWAYS, NUMBERS


def added_rows(campaign: Campaign, found: Sequence[Way], joint: Joint) -> Iterator[dict[str, Any]]:
    """Found, sent and delivered, with several orders one under the other; what the way added; when it was asked and decided."""
    for way, added in zip(found, joint.ways, strict=True):
        asked, answered = progress.decision_of(campaign, way)
        yield {
            "account": way.account,
            "numbers": [(NUMBERS[name], _told(way, name)) for name in ALWAYS],
            "added": numbers_of(added.least, added.most),
            "asked": asked,
            "answered": answered,
            "took": answered - asked if asked and answered else None,
            "per_minute": _per_minute(added),
            "here": not way.orders,
        }


def _told(way: Way, name: str) -> list[int | None]:
    if way.orders:
        return [getattr(order, name) for order in way.orders]
    ours = {"matched": way.total, "sent": way.accepted, "delivered": way.delivered or None}
    return [ours[name]]


def _per_minute(added: Added) -> int | None:
    return None if added.part.per_minute is None else int(added.part.per_minute)


def joint_json(campaign: Campaign, found: Sequence[Way], joint: Joint) -> dict[str, Any]:
    """The same for programs: bounds of people in numbers, null where nobody can say, shares of the nationals in hundredths."""
    incident = campaign.incident
    nationals = incident.estimate_people
    share_most = percent_at_most(joint.most, nationals) if nationals and joint.most is not None else None
    return {
        "least": joint.least,
        "most": joint.most,
        "most_by_ways_that_told": joint.most_told,
        "told_no_number": [*joint.untold],
        "share_least": percent_at_least(joint.least, nationals) if nationals else None,
        "share_most": share_most,
        "nationals": {
            "people": nationals,
            "source": incident.estimate_source,
            "date": incident.estimate_at and incident.estimate_at.isoformat(),
        },
        "ways": [_way(campaign, way, added) for way, added in zip(found, joint.ways, strict=True)],
    }


def _way(campaign: Campaign, way: Way, added: Added) -> dict[str, Any]:
    asked, answered = progress.decision_of(campaign, way)
    return {
        "account": way.account.pk,
        "least": added.part.least,
        "most": added.part.most,
        "added_least": added.least,
        "added_most": added.most,
        "decision_s": round((answered - asked).total_seconds()) if asked and answered else None,
        "per_minute": _per_minute(added),
    }
