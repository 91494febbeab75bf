"""What becomes of a drill afterwards: its words may begin a live draft. The drill itself stays a drill for ever."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from crisis import audit
from crisis.models import Incident, User
from crisis.permissions import demand
from crisis.refusal import Refused
from messaging.drilling import undrilled
from messaging.models import Campaign, Kind, Part
from messaging.wording import Words
from messaging.workflow.writing import Draft, draft


def copy_as_live(drill: Campaign, incident: Incident, *, by: User) -> Campaign:
    """Begin a live draft about an open live incident with a drill's words: without its mark, its ways, its audience, its times.

    Nothing of the drill's approval is taken over. Raises Refused for what is no drill and for an incident that is none.
    """
    demand(by, "campaign.write")
    if not drill.drill:
        raise Refused(_("This is no drill. Nothing was copied. Begin a new campaign about the incident."))
    if incident.drill:
        raise Refused(
            _("Choose an incident that is real: a copy for a drill is begun on the drill's own page."), field="incident"
        )
    texts = [text for text in drill.texts.all() if text.part == Part.MAIN]
    words = {t.language: Words(*map(undrilled, Words.of(t))) for t in texts}
    link = next((text.link for text in texts if text.link), "")
    with transaction.atomic():
        campaign = draft(incident, Draft(kind=Kind(drill.kind), texts=words, link=link), by=by)
        audit.record("campaign.copy_as_live", by=by, about=campaign, data={"drill": drill.pk, "incident": incident.pk})
    return campaign
