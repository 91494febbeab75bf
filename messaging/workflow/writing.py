"""Writing a campaign: begin a draft, edit it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from audiences.models import AudienceVersion
from crisis import audit
from crisis.clock import now
from crisis.models import Incident, User
from crisis.permissions import demand
from crisis.refusal import Refused
from messaging import amplifying, checking
from messaging.correction import fill
from messaging.fuses.spelling import unstorable
from messaging.models import Account, Campaign, Kind, Part, PlaybookVersion, Reached, Status, Text, WhenUncertain
from messaging.wording import Words
from messaging.workflow import excepting
from messaging.workflow.moving import acting, lock


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything a person writes into a campaign. `texts`: language → words; a language left empty is removed.

    * corrected: the same for those who got the wrong message, where this corrects one
    * to_reached: what those who got the message `refers_to` names mean for who gets this one
    * pace: people in ten minutes, None = as fast as the ways allow
    * when_uncertain: None = what is usual for how bad the incident is
    * values: language → blank of the playbook → what stands there instead
    * post_url: a post that says the same, which those ways spread that can
    """

    kind: Kind = Kind.ALERT
    texts: Mapping[str, Words] = field(default_factory=dict)
    corrected: Mapping[str, Words] = field(default_factory=dict)
    link: str = ""
    accounts: Sequence[Account] = ()
    audience_version: AudienceVersion | None = None
    refers_to: Campaign | None = None
    starts_at: datetime | None = None
    not_after: datetime | None = None
    exception_reason: str = ""
    exception_expires_at: datetime | None = None
    to_reached: Reached = Reached.AS_IS
    pace: int | None = None
    when_uncertain: WhenUncertain | None = None
    playbook_version: PlaybookVersion | None = None
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    post_url: str = ""

    def made(self, language: str) -> dict[str, Any]:
        """The playbook that the words of a language were made from, and what its blanks were filled with."""
        if self.playbook_version is None:
            return {}
        return {"playbook_version": self.playbook_version, "values": {**self.values.get(language, {})}}


def draft(incident: Incident, content: Draft, *, by: User) -> Campaign:
    """Begin a campaign about an open incident. A drill incident makes a drill."""
    demand(by, "campaign.write")
    checking.demand_open(incident)
    with acting(by):
        campaign = Campaign.objects.create(incident=incident, drill=incident.drill, kind=content.kind, created_by=by)
        _write(campaign, content)
        audit.record("campaign.draft", by=by, about=campaign, data={"incident": incident.pk})
    return Campaign.objects.get(pk=campaign.pk)


def edit(campaign: Campaign, content: Draft, *, seen_at: datetime, by: User) -> Campaign:
    """Replace a draft's content. `seen_at` is the updated_at the person began from: a colleague's change is not overwritten."""
    demand(by, "campaign.write")
    with acting(by):
        sentence = _(
            "A colleague has changed this draft since you opened it. Your words are kept below; compare and save again."
        )
        locked = _lock_as_seen(campaign, seen_at, sentence)
        _write(locked, content)
        audit.record("campaign.edit", by=by, about=locked, data={"languages": sorted(content.texts)})
    return Campaign.objects.get(pk=campaign.pk)


def reword(campaign: Campaign, texts: Mapping[str, Words], link: str, *, seen_at: datetime, by: User) -> Campaign:
    """Replace a draft's words and nothing else. A language that is not given is removed."""
    demand(by, "campaign.write")
    with acting(by):
        sentence = _("This draft was changed since you read it. Nothing was changed by you. Read it again, then write.")
        locked = _lock_as_seen(campaign, seen_at, sentence, field="seen_at")
        Text.objects.filter(campaign=locked, part=Part.MAIN).exclude(language__in=texts).delete()
        for language, words in texts.items():
            write_text(locked, Part.MAIN, language, words, link)
        Campaign.objects.filter(pk=locked.pk).update(updated_at=now())
        audit.record("campaign.edit", by=by, about=locked, data={"languages": sorted(texts)})
    return Campaign.objects.get(pk=campaign.pk)


def _lock_as_seen(campaign: Campaign, seen_at: datetime, sentence: str, *, field: str = "") -> Campaign:
    locked = lock(campaign.pk, Status.DRAFT)
    if locked.test:
        raise Refused(_("A TEST always says the same, to the same list. Discard it, or submit it as it is."))
    if locked.updated_at != seen_at:
        raise Refused(sentence, field=field)
    return locked


def _demand_storable(language: str, *written: str) -> None:
    """Raises Refused for signs that no database holds. Everything else that is odd may be saved, but not submitted."""
    if at := next(filter(None, map(unstorable, written)), 0):
        sentence = _("Character %(at)s of the text is broken and cannot be stored. Delete it, or type the words anew.")
        raise Refused(sentence % {"at": at}, field=f"text-{language}")


def _write(campaign: Campaign, content: Draft) -> None:
    if content.corrected and not campaign.corrects_id:
        raise Refused(_("This corrects nothing, so it has no text for those who got a wrong one."), field="texts")
    campaign.kind = content.kind
    campaign.refers_to = campaign.corrects or content.refers_to
    campaign.to_reached = content.to_reached if content.refers_to and not campaign.corrects_id else Reached.AS_IS
    campaign.audience_version = content.audience_version
    campaign.starts_at, campaign.not_after = content.starts_at, content.not_after
    campaign.exception = excepting.written(campaign, content.exception_reason.strip(), content.exception_expires_at)
    campaign.pace = content.pace
    campaign.post_url = amplifying.canonical(content.post_url, content.accounts)
    campaign.when_uncertain = content.when_uncertain or WhenUncertain.usual(campaign.incident.severity)
    campaign.updated_at = now()
    campaign.save()
    _write_ways(campaign, content.accounts)
    for language, words in content.texts.items():
        write_text(campaign, Part.MAIN, language, words, content.link, **content.made(language))
    for language, words in content.corrected.items():
        right = content.texts.get(language)
        write_text(campaign, Part.CORRECTED, language, fill(words, right) if right else words, content.link)


def write_text(campaign: Campaign, part: Part, language: str, words: Words, link: str, **made: Any) -> None:
    """Put these words in the place of what one part said in one language; without any it is removed.

    `made` names the playbook that they were made from. Words that stay as they were still come from where they came from.
    """
    _demand_storable(language, *words, link)
    said = words.stripped()._asdict()
    texts = Text.objects.filter(campaign=campaign, part=part, language=language)
    if not any(said.values()):
        texts.delete()
    elif made or not texts.filter(link=link, **said).exists():
        defaults = {**said, "link": link, "playbook_version": None, "values": None, **made}
        Text.objects.update_or_create(campaign=campaign, part=part, language=language, defaults=defaults)


def _write_ways(campaign: Campaign, accounts: Sequence[Account]) -> None:
    for account in accounts:
        if account.drill != campaign.drill:
            raise Refused(_("A drill uses drill accounts only, and drill accounts are for drills only."), field="accounts")
    campaign.accounts.set(accounts)
