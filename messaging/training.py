"""Who took part in which drill when: shown to whoever is about to approve, and on a page of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max, Q

from crisis.clock import now
from crisis.models import User
from crisis.permissions import RULES
from messaging.models import Approval, Author, Campaign

STALE = timedelta(days=90)  # after this long without a drill the Situation page says so


@dataclass(frozen=True, slots=True)
class Trained:
    """One person and when the last drills began of which they wrote a part, and which they approved."""

    person: User
    wrote_at: datetime | None
    approved_at: datetime | None

    @property
    def at(self) -> datetime | None:
        return max(filter(None, (self.wrote_at, self.approved_at)), default=None)

    @property
    def stale(self) -> bool:
        return self.at is None or now() - self.at > STALE


def trained(people: Iterable[User]) -> list[Trained]:
    """When each of these last took part in a drill that was played, in their order."""
    rows = [*people]
    played = Q(campaign__drill=True, campaign__started_at__isnull=False)
    wrote = Author.objects.filter(played, user__in=rows).values_list("user").annotate(at=Max("campaign__started_at"))
    approved = (
        Approval.objects.filter(played, by__in=rows).order_by().values_list("by").annotate(at=Max("campaign__started_at"))
    )
    written, decided = dict(wrote), dict(approved)
    return [Trained(row, written.get(row.pk), decided.get(row.pk)) for row in rows]


def everybody() -> list[Trained]:
    """Everybody who may write or approve, those who have waited longest for a drill first."""
    rows = (
        User.objects.filter(is_active=True, groups__name__in=RULES["campaign.write"].roles)
        .distinct()
        .order_by("last_name", "username")
    )
    return sorted(trained(rows), key=lambda row: (row.at is not None, row.at))


def nobody_lately() -> bool:
    """Whether no drill began here within the last 90 days."""
    return not Campaign.objects.filter(drill=True, started_at__gt=now() - STALE).exists()


def writers(campaign: Campaign) -> list[User]:
    """Everybody who wrote a part of a campaign."""
    return [*User.objects.filter(pk__in=campaign.author_ids()).order_by("last_name", "username")]
