"""What keeps a person's session open past its end: their own message is on its way."""

from __future__ import annotations

from django.db.models import Q

from crisis.models import User
from messaging.models import Author, Campaign, Status


def is_sending_for(user: User) -> bool:
    """Whether something that this person wrote or approved is being sent (settings.SESSION_HELD_BY)."""
    mine = Q(approvals__by=user) | Q(pk__in=Author.objects.filter(user=user).values("campaign"))
    return Campaign.objects.filter(mine, status=Status.SENDING).exists()
