"""After something wrong went out: stop it at once, and begin its correction with everything filled in that is known."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crisis import audit
from crisis.clock import now
from crisis.models import User
from crisis.permissions import demand
from crisis.refusal import Refused
from messaging import checking, correction, delivery
from messaging.models import BEFORE_SENDING, NEVER_BEGUN, STOPPABLE, Campaign, Kind, Part
from messaging.wording import Words
from messaging.workflow.moving import acting, log
from messaging.workflow.running import stop_locked
from messaging.workflow.writing import write_text

VALID_FOR = timedelta(hours=12)  # where what is corrected is not valid any more


def correct(campaign: Campaign, *, by: User) -> Campaign:
    """Stop a campaign for good, by one person, and return the draft that corrects it: for two people at once the same one.

    The draft takes over its ways, audience, exception, pace, end and what is done about the uncertain; its text is to be put
    right, and those who got the wrong one get a correction made of that. Raises Refused where nothing had been sent, and where
    it was corrected before.
    """
    demand(by, "campaign.correct")
    with acting(by):
        locked = _lock(campaign.pk)
        if known := locked.corrections.exclude(NEVER_BEGUN).first():
            return _known(known)
        _demand_correctable(locked)
        numbers = stop_locked(locked, by=by) if locked.status in STOPPABLE else {}
        delivery.cancel_placed(locked)
        begun = _begin(locked, now(), by)
        log(locked, by, gettext_lazy("Found wrong, a correction was begun: %(headline)s"))
        audit.record("campaign.correct", by=by, about=locked, data={"correction": begun.pk, **numbers})
    delivery.ring(campaign)
    return Campaign.objects.get(pk=begun.pk)


def _lock(pk: int) -> Campaign:
    rows = Campaign.objects.select_for_update(of=("self",)).select_related("incident", "audience_version")
    return rows.get(pk=pk)


def _known(correction_of_it: Campaign) -> Campaign:
    if correction_of_it.status in BEFORE_SENDING:
        return correction_of_it
    raise Refused(_("This was corrected already. If the correction is wrong too, open it and correct that one."))


def _demand_correctable(campaign: Campaign) -> None:
    if campaign.test:
        raise Refused(_("This is a TEST to colleagues, so there is nothing to correct. Stop it, or begin another one."))
    if campaign.started_at is None:
        raise Refused(
            _("Nothing of this was sent, so there is nothing to correct: it is %(status)s. A draft can be edited.")
            % {"status": campaign.get_status_display()}
        )
    checking.demand_open(campaign.incident)


def _begin(wrong: Campaign, at: datetime, by: User) -> Campaign:
    """The draft. It is the person's who found the fault: they are its author, and another one approves it."""
    until = wrong.not_after if wrong.not_after and wrong.not_after > at else at + VALID_FOR
    begun = Campaign.objects.create(
        incident=wrong.incident, drill=wrong.drill, kind=Kind.UPDATE, corrects=wrong, refers_to=wrong, found_wrong_at=at,
        audience_version=wrong.audience_version, not_after=until, pace=wrong.pace, exception=wrong.exception,
        when_uncertain=wrong.when_uncertain, created_by=by,
    )  # fmt: skip
    begun.accounts.set(wrong.accounts.all())
    for text in wrong.texts.filter(part=Part.MAIN):
        write_text(begun, Part.MAIN, text.language, Words.of(text), text.link)
        said = correction.begun(text.language, wrong.started_at or at)
        write_text(begun, Part.CORRECTED, text.language, said, text.link)
    return begun
