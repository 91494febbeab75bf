"""What is wrong with a draft, in sentences that name the section and the remedy. Asked while drafting and again at submit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from unicodedata import category

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audiences.criteria import Criteria
from audiences.criteria.leaves import Subscribed
from audiences.criteria.words import language_name
from audiences.models import AddressKind
from audiences.sources import silenced
from crisis.models import Incident, Severity
from crisis.refusal import Problem, Refused
from crisis.templatetags.console import duration, number, things
from messaging import correction, drilling, live_tests
from messaging.earlier_messages import forgotten
from messaging.explaining import explained
from messaging.filling import filled
from messaging.fuses import faults
from messaging.limits import EXCEPTION_HOURS, LEAST_REASON, LONGEST
from messaging.models import Account, Campaign, Kind, Part, Text
from messaging.standing import in_words
from messaging.wording import blanks

EXERCISE = {"ru": "УЧЕНИЕ", "en": "EXERCISE"}
TEST = {"ru": "ПРОВЕРКА", "en": "TEST"}


def render(text: Text, account: Account, *, drill: bool, test: bool = False) -> str:
    """The text exactly as this account sends it. A drill and a TEST carry their word in front; nobody can take it away.

    Where others find the people, it says behind why they got it, who writes, until when it holds and how to verify it.
    """
    whole = explained(filled(text), text, account)
    if not (drill or test):
        return whole
    words = EXERCISE if drill else TEST
    word = words.get(text.language, words["en"])
    return whole if re.match(rf"{word}\b", whole) else f"{word}. {whole}"


def problems(campaign: Campaign, reach: dict[str, Any], at: datetime) -> list[Problem]:
    """Everything that keeps a draft from being submitted, worst first. Empty = it can be submitted."""
    accounts = [*campaign.accounts.order_by("pk")]
    found = [*_incident(campaign.incident), *_texts(campaign, accounts), *_ways(campaign, accounts, reach)]
    return [
        *found,
        *_audience(campaign, accounts, at),
        *_times(campaign, at),
        *_exception(campaign, accounts, at),
        *_kind(campaign),
        *_pace(campaign, reach, at),
        *correction.problems(campaign, accounts),
        *drilling.problems(campaign),
    ]


def demand_open(incident: Incident) -> None:
    """Raises Refused for an incident that is closed: nothing more is sent about it."""
    if problems := [*_incident(incident)]:
        raise Refused(problems=problems)


def _incident(incident: Incident) -> Iterator[Problem]:
    if incident.status == Incident.Status.CLOSED:
        yield Problem("incident", _("The incident is closed. Declare a new one to send about it."))


def readable(text: str) -> bool:
    """Whether there is anything to be seen: spaces and signs without a width are nothing."""
    return any(not sign.isspace() and category(sign) != "Cf" for sign in text)


def _texts(campaign: Campaign, accounts: list[Account]) -> Iterator[Problem]:
    for part in campaign.parts:
        texts = [t for t in campaign.texts.all() if t.part == part and readable(t.whole)]
        found = [problem for text in texts for problem in _text(text, accounts, campaign)]
        if not texts:
            found = [Problem("texts", _("There is no text yet. Write it in at least one language."))]
        for problem in found:
            yield Problem(problem.field, _to(part, str(problem.sentence))) if campaign.corrects_id else problem


def _to(part: str, sentence: str) -> str:
    return _("%(to_whom)s: %(sentence)s") % {"to_whom": correction.TO_WHOM[part], "sentence": sentence}


def _text(text: Text, accounts: list[Account], campaign: Campaign) -> Iterator[Problem]:
    where = f"text-{text.language}" if text.part == Part.MAIN else f"corrected-{text.language}"
    language = language_name(text.language)
    if not readable(text.body):
        yield Problem(
            where,
            _("The text in %(language)s has no body. Write it, or empty the other fields of that language.")
            % {"language": language},
        )
    if left := blanks(filled(text)):
        yield Problem(
            where,
            _("The text in %(language)s still has blanks to fill: %(blanks)s")
            % {"language": language, "blanks": ", ".join(left)},
        )
    yield from faults(text)
    for account in accounts:
        for code, numbers in account.channel.problems(render(text, account, drill=campaign.drill, test=campaign.test)):
            if code == "too_long":
                yield Problem(where, _too_long(account, language, numbers))


def _too_long(account: Account, language: str, numbers: dict[str, int]) -> str:
    sentence = ngettext(
        "%(account)s: the text in %(language)s is %(over)s character over %(limit)s. Shorten it.",
        "%(account)s: the text in %(language)s is %(over)s characters over %(limit)s. Shorten it.",
        numbers["over"],
    )
    shown = {name: things(value) for name, value in numbers.items()}
    return sentence % {"account": account.label, "language": language, **shown}


def _ways(campaign: Campaign, accounts: list[Account], reach: dict[str, Any]) -> Iterator[Problem]:
    if not accounts:
        yield Problem("accounts", _("No way of sending is chosen. Choose at least one."))
    for account in accounts:
        if account.paused_at:
            sentence = _("%(account)s is paused (%(reason)s). Resume it on its page, or leave it out.")
            yield Problem("accounts", sentence % {"account": account.label, "reason": in_words(account.paused_reason)})
    counted = [reach.get("accounts", {}).get(str(a.pk), {}).get("people", 0) for a in accounts if a.addressed]
    if campaign.test:
        yield from live_tests.problems(accounts, sum(counted))
    elif counted and len(counted) == len(accounts) and not sum(counted):
        yield Problem("audience", _("These ways reach nobody of this audience. Widen the audience or add another way."))


def _audience(campaign: Campaign, accounts: list[Account], at: datetime) -> Iterator[Problem]:
    if campaign.test:
        return
    if campaign.audience_version is None:
        yield Problem("audience", _("Nobody is chosen. Say who is to get it: an empty choice never means everybody."))
        return
    criteria = Criteria.from_json(campaign.audience_version.criteria)
    for message in forgotten(criteria):
        sentence = _("Who got campaign No. %(n)d is not known any more: data about people of its incident are destroyed.")
        yield Problem("audience", sentence % {"n": message})
    yield from (Problem("audience", sentence) for sentence in silenced(criteria, at))
    for account in accounts:
        if account.channel.kind == "delegated":
            yield from _delegated(account, criteria, campaign)
    if campaign.include_non_subscribers and Subscribed(AddressKind.VK.slug, True) in criteria.of:
        sentence = _("The audience is those who follow us, and the exception is for those who do not. Take out one of the two.")
        yield Problem("exception", sentence)


def _delegated(account: Account, criteria: Criteria, campaign: Campaign) -> Iterator[Problem]:
    try:
        criteria.platform(campaign.created_at)
    except Refused as refused:
        yield from refused.problems
    if criteria.unknown_to_platform:
        sentence = _(
            "%(account)s can only be told a country and a time. Take the other conditions out of the audience, or leave it out."
        )
        yield Problem("audience", sentence % {"account": account.label})
    if Subscribed(AddressKind.VK.slug, False) in criteria.of:
        sentence = _("%(account)s cannot be told to leave out those who follow us. Change the audience, or leave it out.")
        yield Problem("audience", sentence % {"account": account.label})


def _writes_to_strangers(account: Account) -> bool:
    """Whether the people of a way that sends by itself do not follow us: it can be asked only under an exception."""
    by_hand = account.channel.kind == "manual"
    return not account.addressed and not (account.follows if by_hand else account.channel.follows)


def _times(campaign: Campaign, at: datetime) -> Iterator[Problem]:
    if campaign.not_after is None:
        yield Problem("not_after", _("Say until when the campaign is valid: nothing is sent after that."))
        return
    if campaign.not_after <= at:
        yield Problem("not_after", _("The campaign would be valid until a time that has passed. Choose a later one."))
    if campaign.not_after > (campaign.starts_at or at) + LONGEST:
        yield Problem("not_after", _("A campaign is valid for at most 7 days. Choose an earlier time."))
    if campaign.starts_at and campaign.starts_at >= campaign.not_after:
        yield Problem(
            "starts_at", _("The campaign would start after it has expired. Start earlier, or let it be valid longer.")
        )


def _exception(campaign: Campaign, accounts: list[Account], at: datetime) -> Iterator[Problem]:
    if not campaign.include_non_subscribers:
        for account in filter(_writes_to_strangers, accounts):
            sentence = _("%(account)s writes to people who do not follow us. State the danger for it, or leave it out.")
            yield Problem("exception", sentence % {"account": account.label})
        return
    if not settings.ORDER_LAW:
        yield Problem("exception", _("No law is named for it. An administrator has to set CRISIS_ORDER_LAW."))
    if not any(a.channel.kind == "delegated" or _writes_to_strangers(a) for a in accounts):
        yield Problem(
            "exception",
            _(
                "Only a platform that sends by itself can reach people who did not subscribe. "
                "Add such a way, or drop the exception."
            ),
        )
    if campaign.incident.severity not in (Severity.EXTREME, Severity.SEVERE):
        yield Problem(
            "exception",
            _("People who did not subscribe are written to only when serious harm is likely. The incident is rated lower."),
        )
    if campaign.exception and campaign.exception.revoked_at:
        yield Problem("exception", _("The exception was revoked. Write another one, or drop it."))
    ends = campaign.exception_expires_at
    if ends is None or ends <= at or ends > at + timedelta(hours=EXCEPTION_HOURS):
        sentence = _("The exception has to end within %(hours)d hours from now. Choose when.")
        yield Problem("exception", sentence % {"hours": EXCEPTION_HOURS})
    elif campaign.starts_at and campaign.starts_at >= ends:
        yield Problem(
            "exception", _("The campaign would start after the exception has ended. Start earlier, or let it end later.")
        )
    if len(campaign.exception_reason.strip()) < LEAST_REASON:
        yield Problem("exception", _("Say in a sentence what danger justifies the exception; it will be published."))


def _kind(campaign: Campaign) -> Iterator[Problem]:
    if campaign.kind != Kind.ALERT and campaign.refers_to is None:
        yield Problem("refers_to", _("Choose which earlier campaign this one updates, cancels or ends."))
    if campaign.refers_to and campaign.refers_to.test:
        yield Problem("refers_to", _("That was a TEST to colleagues, so nothing follows it. Choose a campaign."))


def _pace(campaign: Campaign, reach: dict[str, Any], at: datetime) -> Iterator[Problem]:
    people = sum(entry.get("people", 0) for entry in reach.get("accounts", {}).values())
    if campaign.pace is None or campaign.not_after is None:
        return
    needed = timedelta(minutes=10) * (people / campaign.pace)
    if max(campaign.starts_at or at, at) + needed > campaign.not_after:
        sentence = _(
            "At %(pace)s people in ten minutes it takes %(time)s to write to %(people)s people, and then the campaign is not "
            "valid any more. Raise the pace, or let it be valid longer."
        )
        shown = {"pace": things(campaign.pace), "time": duration(needed), "people": number(people)}
        yield Problem("pace", sentence % shown)
