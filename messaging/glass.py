"""What was sent by one person alone and waits for another's review: a red bar on every page. A context processor."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from crisis.models import User
from messaging.models import Campaign, GlassBreak


def glass(request: HttpRequest) -> dict[str, Any]:
    """`unreviewed`: one query over what is open, which is next to nothing, and only when a template shows it."""
    user = getattr(request, "user", None)
    return {"unreviewed": SimpleLazyObject(lambda: found(user)) if isinstance(user, User) else []}


def found(user: User) -> list[GlassBreak]:
    """Unreviewed ones of campaigns that this person sees, oldest first."""
    rows = GlassBreak.objects.filter(reviewed_at=None).select_related("by", "approval__campaign").order_by("at")
    return [*(rows if user.mission_id is None else rows.filter(approval__campaign__in=Campaign.objects.seen_by(user)))]
