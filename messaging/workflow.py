"""Every verb of a person on a campaign: draft, edit, submit, withdraw, approve, send_back, reject, pause, resume, stop.

Each is atomic, takes the row's lock first, speaks to the database in the person's name, and writes its audit row last. The
triggers of migration `0002_rules` hold the same rules at every other door; here they have sentences.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audiences.models import AudienceVersion
from crisis import audit, incidents
from crisis.clock import now
from crisis.models import Incident, User
from crisis.permissions import demand
from crisis.refusal import Refused
from messaging import checking, delivery
from messaging.models import STOPPABLE, TRANSITIONS, Account, Approval, Campaign, Kind, Part, Rendering, Status, Text
from messaging.reaching import Estimates, reach_of
from messaging.wording import Words

# What the situation log says of a verb that only moves the status.
DONE = {
    "campaign.withdraw": gettext_lazy("Withdrawn to be edited: %(headline)s"),
    "campaign.send_back": gettext_lazy("Returned for editing: %(headline)s. Reason: %(reason)s"),
    "campaign.reject": gettext_lazy("Rejected: %(headline)s. Reason: %(reason)s"),
    "campaign.pause": gettext_lazy("Sending paused: %(headline)s"),
    "campaign.resume": gettext_lazy("Sending resumed: %(headline)s"),
}


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything a person writes into a campaign. `texts`: language → words; a language left empty is removed."""

    kind: Kind = Kind.ALERT
    texts: Mapping[str, Words] = field(default_factory=dict)
    link: str = ""
    accounts: Sequence[Account] = ()
    audience_version: AudienceVersion | None = None
    refers_to: Campaign | None = None
    starts_at: datetime | None = None
    not_after: datetime | None = None
    exception_reason: str = ""
    exception_expires_at: datetime | None = None


@contextmanager
def acting(by: User) -> Iterator[None]:
    """A transaction in a person's name, which the content triggers demand. The name is taken off again at its end."""
    with transaction.atomic():
        _name(str(by.pk))
        yield
        _name("")


def _name(value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('crisis.by', %s, true)", [value])


def draft(incident: Incident, content: Draft, *, by: User) -> Campaign:
    """Begin a campaign about an open incident. A drill incident makes a drill."""
    demand(by, "campaign.write")
    if incident.status == Incident.Status.CLOSED:
        raise Refused(_("The incident is closed. Declare a new one to send about it."), field="incident")
    with acting(by):
        campaign = Campaign.objects.create(incident=incident, drill=incident.drill, kind=content.kind, created_by=by)
        _write(campaign, content)
        audit.record("campaign.draft", by=by, about=campaign, data={"incident": incident.pk})
    return Campaign.objects.get(pk=campaign.pk)


def edit(campaign: Campaign, content: Draft, *, seen_at: datetime, by: User) -> Campaign:
    """Replace a draft's content. `seen_at` is the updated_at the person began from: a colleague's change is not overwritten."""
    demand(by, "campaign.write")
    with acting(by):
        locked = _lock(campaign.pk, Status.DRAFT)
        if locked.updated_at != seen_at:
            raise Refused(
                _("A colleague has changed this draft since you opened it. Your words are kept below; compare and save again.")
            )
        _write(locked, content)
        audit.record("campaign.edit", by=by, about=locked, data={"languages": sorted(content.texts)})
    return Campaign.objects.get(pk=campaign.pk)


def _write(campaign: Campaign, content: Draft) -> None:
    campaign.kind, campaign.refers_to = content.kind, content.refers_to
    campaign.audience_version = content.audience_version
    campaign.starts_at, campaign.not_after = content.starts_at, content.not_after
    campaign.exception_reason = content.exception_reason.strip()
    if campaign.exception_reason and content.exception_expires_at is None:
        raise Refused(_("Say when the exception ends: at most 72 hours from now."), field="exception_expires_at")
    campaign.exception_expires_at = content.exception_expires_at if campaign.exception_reason else None
    campaign.updated_at = now()
    campaign.save()
    _write_ways(campaign, content.accounts)
    for language, words in content.texts.items():
        values = {
            "headline": words.headline.strip(),
            "body": words.body.strip(),
            "instruction": words.instruction.strip(),
            "link": content.link,
        }
        if any(values[name] for name in ("headline", "body", "instruction")):
            Text.objects.update_or_create(campaign=campaign, part=Part.MAIN, language=language, defaults=values)
        else:
            Text.objects.filter(campaign=campaign, part=Part.MAIN, language=language).delete()


def _write_ways(campaign: Campaign, accounts: Sequence[Account]) -> None:
    for account in accounts:
        if account.drill != campaign.drill:
            raise Refused(_("A drill uses drill accounts only, and drill accounts are for drills only."), field="accounts")
    campaign.accounts.set(accounts)


def submit(campaign: Campaign, *, by: User, estimates: Estimates | None = None) -> Campaign:
    """Ask for approval of exactly what was shown: stores every message word for word, and the reach. Submitting is writing.

    Raises Refused with every problem of the draft, naming its section.
    """
    demand(by, "campaign.submit")
    with acting(by):
        locked = _lock(campaign.pk, Status.DRAFT)
        at = now()
        reach = reach_of(locked, at, estimates or {})
        if found := checking.problems(locked, reach, at):
            raise Refused(problems=found)
        _render(locked)
        _move(locked, Status.SUBMITTED, reach=reach, submitted_at=at, status_reason="")
        _log(locked, by, gettext_lazy("Submitted for approval: %(headline)s"))
        audit.record("campaign.submit", by=by, about=locked, data={"fingerprint": locked.fingerprint(), "reach": reach})
    return Campaign.objects.get(pk=campaign.pk)


def _render(campaign: Campaign) -> None:
    Rendering.objects.filter(campaign=campaign).delete()
    for account in campaign.accounts.order_by("pk"):
        for text in campaign.texts.filter(part=Part.MAIN):
            body = checking.render(text, account, drill=campaign.drill)
            Rendering.objects.create(campaign=campaign, account=account, text=text, body=body)


def withdraw(campaign: Campaign, *, by: User) -> None:
    """Take a submitted or approved campaign back to draft, to edit it."""
    demand(by, "campaign.submit")
    _simple(campaign, Status.DRAFT, "campaign.withdraw", by=by)


def send_back(campaign: Campaign, reason: str, *, by: User) -> None:
    """Return a submitted campaign for edit, saying what to change."""
    demand(by, "campaign.approve")
    _simple(campaign, Status.DRAFT, "campaign.send_back", by=by, reason=_demand_reason(reason), only=Status.SUBMITTED)


def reject(campaign: Campaign, reason: str, *, by: User) -> None:
    """Refuse a submitted campaign for good, or discard a draft, saying why."""
    status = Campaign.objects.values_list("status", flat=True).get(pk=campaign.pk)
    only = Status.DRAFT if status == Status.DRAFT else Status.SUBMITTED
    demand(by, "campaign.write" if only == Status.DRAFT else "campaign.approve")
    _simple(campaign, Status.REJECTED, "campaign.reject", by=by, reason=_demand_reason(reason), only=only, ended_at=now())


def _demand_reason(reason: str) -> str:
    if not reason.strip():
        raise Refused(_("Say why; the author needs the reason. Nothing was changed."), field="reason")
    return reason.strip()[:500]


def approve(campaign: Campaign, *, fingerprint: str, reach: Mapping[str, Any], by: User) -> Campaign:
    """A second person's word on exactly what they saw; starts the sending now, or leaves it waiting for its time.

    `fingerprint` and `reach` are what the approver's page showed. Raises Refused when anything has changed since, when they
    wrote any part of it, or when reach has grown beyond the rule: then the campaign stays submitted with the reason.
    """
    demand(by, "campaign.approve")
    try:
        with acting(by):
            locked = _lock(campaign.pk, Status.SUBMITTED)
            _demand_second_person(locked, fingerprint, by)
            at = now()
            if found := checking.problems(locked, dict(reach), at):
                raise Refused(problems=found)
            Approval.objects.create(campaign=locked, fingerprint=fingerprint, by=by, reach=dict(reach))
            _move(locked, Status.APPROVED, approved_at=at, status_reason="")
            _log(locked, by, gettext_lazy("Approved: %(headline)s"))
            if locked.starts_at is None or locked.starts_at <= at:
                delivery.start(locked, dict(reach), by=by)
            audit.record("campaign.approve", by=by, about=locked, data={"fingerprint": fingerprint, "round": locked.round})
    except delivery.Held as held:
        _note_held(campaign, held, by=by)
        raise Refused(str(held)) from held
    return Campaign.objects.get(pk=campaign.pk)


def _demand_second_person(campaign: Campaign, fingerprint: str, by: User) -> None:
    if by.pk in campaign.author_ids():
        raise Refused(_("You wrote part of this, so another person has to approve it."), status=403)
    if fingerprint != campaign.fingerprint():
        raise Refused(_("This was changed after you opened it. Nothing was sent. Read it again, then decide."))


def _note_held(campaign: Campaign, held: delivery.Held, *, by: User) -> None:
    with incidents.our_language():
        reason = str(held)
    with transaction.atomic():
        Campaign.objects.filter(pk=campaign.pk, status=Status.SUBMITTED).update(status_reason=reason[:500])
        audit.record("campaign.hold", by=by, about=campaign, data={"reason": reason})


def pause(campaign: Campaign, *, by: User) -> None:
    """Make no new request until somebody resumes it."""
    demand(by, "campaign.pause")
    _simple(campaign, Status.PAUSED, "campaign.pause", by=by)


def resume(campaign: Campaign, *, by: User) -> None:
    """Go on with a paused campaign. Raises Refused when its approval has meanwhile lost what it rested on."""
    demand(by, "campaign.resume")
    try:
        _simple(campaign, Status.SENDING, "campaign.resume", by=by, only=Status.PAUSED)
    except IntegrityError as error:
        sentence = _(
            "An account or the approver's role was changed since this was approved. "
            "Nothing is sent. Stop it and write a new one."
        )
        raise Refused(sentence) from error
    delivery.ring(campaign)


def stop(campaign: Campaign, *, by: User) -> dict[str, int]:
    """Stop for good, by one person, at once. Returns how many had gone and how many will not go. Stopping twice is harmless."""
    demand(by, "campaign.stop")
    with acting(by):
        locked = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
        if locked.status not in STOPPABLE | {Status.STOPPED}:
            raise Refused(_("There is nothing to stop: this is %(status)s.") % {"status": locked.get_status_display()})
        if locked.status == Status.STOPPED:
            return delivery.close_open(locked, Status.STOPPED)
        _move(locked, Status.STOPPED, ended_at=now())
        numbers = delivery.close_open(locked, Status.STOPPED)
        _log(locked, by, gettext_lazy("Stopped: %(headline)s"))
        audit.record("campaign.stop", by=by, about=locked, data=numbers)
    delivery.ring(campaign)
    return numbers


def _simple(
    campaign: Campaign, status: Status, action: str, *, by: User, reason: str = "", only: Status | None = None, **values: Any
) -> None:
    """A verb that only moves the status."""
    with acting(by):
        sources = [only] if only else [old for old, new in TRANSITIONS.items() if status in new]
        locked = _lock(campaign.pk, *sources)
        _move(locked, status, status_reason=reason, **values)
        _log(locked, by, DONE[action], reason=reason)
        audit.record(action, by=by, about=locked, data={"reason": reason} if reason else {})


def _lock(pk: int, *statuses: Status) -> Campaign:
    """The row, locked before its status is read. Raises Refused, saying what it is now, unless it has one of these."""
    rows = Campaign.objects.select_for_update(of=("self",)).select_related("incident", "audience_version", "refers_to")
    campaign = rows.get(pk=pk)
    if campaign.status not in statuses:
        raise Refused(
            _("This is already %(status)s; nothing was done twice and nothing was changed.")
            % {"status": campaign.get_status_display()}
        )
    return campaign


def _move(campaign: Campaign, status: Status, **values: Any) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(status=status, updated_at=now(), **values)
    campaign.refresh_from_db()


def _log(campaign: Campaign, by: User, sentence: Any, **values: Any) -> None:
    incidents.tell(campaign.incident_id, sentence, by=by, headline=campaign, **values)
