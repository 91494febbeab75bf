"""One message after another: a correction, update or end never reaches a person before what it follows.

A claim keeps the order account by account (`claiming.IN_ORDER`). Where it matters who got the earlier message, the sending
itself begins only when that is known.
"""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.utils.translation import gettext_lazy as _

from crisis import audit, incidents
from crisis.clock import now
from crisis.models import User
from messaging.choosing import is_apart
from messaging.delivery.starting import cancel_placed, close_open, start
from messaging.models import STOPPABLE, Campaign, Kind, Status

ENDING = {Kind.CANCEL, Kind.ALL_CLEAR}
URGENT = "Immediate"
IN_DOUBT = """
    SELECT EXISTS (SELECT FROM messaging_batch x WHERE x.campaign_id IN (SELECT messaging_earlier(%s)) AND x.total > 0
                                                   AND (x.status IN ('queued', 'sending') OR x.in_doubt))
"""


def begin(campaign: Campaign, seen: dict[str, Any], *, by: User | None) -> bool:
    """Start an approved campaign whose row is locked and whose time has come. False = it waits for what it follows.

    Raises Held like `start`.
    """
    _supersede(campaign, by)
    if not _is_known_who_got_it(campaign):
        return False
    start(campaign, seen, by=by)
    return True


def supersedes(campaign: Campaign) -> bool:
    """Whether what is still waiting of the message it follows is not sent any more when this one begins."""
    earlier = campaign.refers_to
    return earlier is not None and earlier.status in STOPPABLE and _is_urgent(campaign)


def _is_urgent(campaign: Campaign) -> bool:
    return campaign.kind in ENDING or (campaign.kind == Kind.UPDATE and campaign.incident.urgency == URGENT)


def _supersede(campaign: Campaign, by: User | None) -> None:
    if not supersedes(campaign):
        if campaign.refers_to and _is_urgent(campaign) and (orders := cancel_placed(campaign.refers_to)):
            audit.record("campaign.supersede", by=by, about=campaign.refers_to, data={"by": campaign.pk, "orders": orders})
        return
    earlier = Campaign.objects.select_for_update(of=("self",)).select_related("incident").get(pk=campaign.refers_to_id or 0)
    if earlier.status not in STOPPABLE:
        return
    with incidents.our_language():
        reason = str(_("A later campaign took its place: %(headline)s")) % {"headline": campaign}
    Campaign.objects.filter(pk=earlier.pk).update(
        status=Status.STOPPED, ended_at=now(), updated_at=now(), status_reason=reason[:500]
    )
    numbers = close_open(earlier, Status.STOPPED)
    incidents.tell(earlier.incident_id, _("Stopped, a later campaign took its place: %(headline)s"), by=by, headline=earlier)
    audit.record("campaign.supersede", by=by, about=earlier, data={"by": campaign.pk, **numbers})


def _is_known_who_got_it(campaign: Campaign) -> bool:
    if not is_apart(campaign):
        return True
    with connection.cursor() as cursor:
        cursor.execute(IN_DOUBT, [campaign.pk])
        return bool(cursor.fetchone() == (False,))
