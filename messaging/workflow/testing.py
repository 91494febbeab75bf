"""Beginning a live TEST to the closed list of colleagues."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from crisis import audit
from crisis.clock import now
from crisis.models import Incident, User
from crisis.permissions import demand
from crisis.refusal import Refused
from messaging import checking
from messaging.live_tests import VALID_FOR, WORDS
from messaging.models import Account, Campaign, Part, WhenUncertain
from messaging.workflow.deciding import submit
from messaging.workflow.moving import acting
from messaging.workflow.writing import write_text


def send_test(incident: Incident, accounts: Sequence[Account], *, by: User) -> Campaign:
    """Write a TEST and ask a second person for approval, at once. Its words and its recipients are not chosen by anybody.

    Raises Refused for a drill or a closed incident, for a way that does not write to each person, and when nobody would get it.
    """
    demand(by, "campaign.write")
    if incident.drill:
        raise Refused(_("A TEST goes by the real ways, so it is not a part of a drill. Begin it at a real incident."))
    checking.demand_open(incident)
    if any(account.drill or not account.addressed for account in accounts):
        raise Refused(_("A TEST is sent only by ways that write to each person. Leave the others out."), field="accounts")
    usual = WhenUncertain.usual(incident.severity)
    with acting(by):
        campaign = Campaign.objects.create(
            incident=incident, test=True, created_by=by, not_after=now() + VALID_FOR, when_uncertain=usual
        )
        campaign.accounts.set(accounts)
        for language, words in WORDS.items():
            write_text(campaign, Part.MAIN, language, words, "")
        audit.record("campaign.test", by=by, about=campaign, data={"incident": incident.pk})
        return submit(campaign, by=by)
