"""The one verb of a person on a reply: note that it was read."""

from __future__ import annotations

from django.db import transaction

from crisis import audit
from crisis.clock import now
from crisis.models import User
from crisis.permissions import demand
from messaging.models import Reply


@transaction.atomic
def mark_read(reply: Reply, *, by: User) -> bool:
    """Note who read a reply first. Returns False when somebody had. The audit names the reply, never its words."""
    demand(by, "replies.read")
    locked = Reply.objects.select_for_update(of=("self",)).get(pk=reply.pk)
    if locked.read_at is not None:
        return False
    Reply.objects.filter(pk=locked.pk).update(read_at=now(), read_by=by)
    audit.record("reply.read", by=by, about=locked, data={"campaign": locked.campaign_id})
    return True
