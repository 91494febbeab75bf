"""A new approver rests for a day: nobody approves through a second account made yesterday."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from crisis.clock import now
from crisis.models import AdminAction, User
from crisis.refusal import Refused
from crisis.templatetags.console import local_time

REST = timedelta(hours=24)  # since the role was granted, by the database's clock; the function crisis_rested says the same


def rests_until(person: User) -> datetime | None:
    """Until when a supervisor may not approve yet; None when they may, or never could."""
    since = person.approver_since
    if since is None or since + REST <= now():
        return None
    lifted = AdminAction.objects.filter(kind="approver.lift_rest", person=person, confirmed_at__gte=since).exists()
    return None if lifted else since + REST


def demand_rested(person: User) -> None:
    """Raises Refused for an approver whose role was granted less than a day ago, unless the rest was lifted."""
    until = rests_until(person)
    if until:
        sentence = _(
            "You are an approver only since today and may approve from %(time)s. Nothing was sent. "
            "Ask another supervisor, or ask an administrator and a supervisor to lift your rest together."
        )
        raise Refused(sentence % {"time": local_time(until)}, status=403)


def resting() -> QuerySet[User]:
    """Active approvers who rest now, the one who is free first on top."""
    lifted = AdminAction.objects.filter(
        kind="approver.lift_rest", person=OuterRef("pk"), confirmed_at__gte=OuterRef("approver_since")
    )
    rows = User.objects.filter(is_active=True, approver_since__gt=now() - REST)
    return rows.exclude(Exists(lifted)).order_by("approver_since")
