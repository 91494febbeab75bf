"""Whom a campaign will reach, account by account: counted by us or estimated by a platform, not added up as distinct people."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache

from audiences.criteria import Criteria, Node
from audiences.models import AudienceVersion, Outage
from audiences.reach import Reach, reach
from crisis.refusal import Refused
from messaging.channels import ChannelError, Estimate
from messaging.choosing import count, is_apart, last_seen_in
from messaging.models import Account, Campaign

Estimates = Mapping[int, Estimate | str]  # account → the platform's word, or a sentence why there is none
FRESH = timedelta(seconds=60)  # an estimate is not asked for again; platforms limit how often they may be asked
REMEMBERED = timedelta(minutes=15)  # it is quoted, with its time, where the platform does not answer
PATIENCE = 6.0  # seconds; a person waits for the page


def reach_of(campaign: Campaign, at: datetime, estimates: Estimates) -> dict[str, Any]:
    """The reach of a campaign as plain JSON, to be shown, stored at submit and approved.

    {"at", "people" in scope, "left", "was_there", "newest_at", "took_ms", "narrower": {hours: people},
     "smaller": {country: people} where there are several,
     "addressed": people by our own accounts,
     "accounts": {id: {"basis": "counted", "people" who are written to, "excluded", "languages" of those who can be reached,
                     "got", "others" where it matters who got the earlier message,
                     "cut_off": [{"country", "since_at", "people"}] of those written to where the way is down}
                   or {"basis": "estimated" by a platform or "told" by a desk, "lower", "upper", "at", "withheld", "source"}
                   or {"basis": "unknown", "why"}},
     "overlap": [{"accounts", "people" whom just these write to}] where several of them count the same people}
    """
    accounts = [*campaign.accounts.order_by("pk")]
    if campaign.test:
        return _of_staff(campaign, accounts, at)
    if campaign.audience_version is None:
        return {"at": at.isoformat(), "people": 0, "left": 0, "was_there": 0, "addressed": 0, "narrower": {}, "accounts": {}}
    criteria = Criteria.from_json(campaign.audience_version.criteria)
    kinds = sorted({a.address_kind for a in accounts if a.address_kind is not None})
    found = reach(criteria, kinds, at=at)
    shown: dict[str, Any] = {}
    for account in accounts:
        if account.address_kind is not None:
            kind = found.by_kind[account.address_kind]
            shown[str(account.pk)] = {
                "basis": "counted",
                "people": kind.writable,
                "excluded": dict(kind.excluded),
                "languages": dict(kind.languages),
                **_apart(campaign, account, at),
                **_cut_off(campaign, account, at, kind.cut_off),
            }
        else:
            shown[str(account.pk)] = _estimated(account, estimates.get(account.pk, ""))
    return {
        "at": at.isoformat(),
        "people": found.people,
        "left": found.left,
        "was_there": found.was_there,
        "narrower": {str(hours): people for hours, people in found.narrower.items()},
        "smaller": _smaller(criteria, at),
        "newest_at": found.newest_at.isoformat() if found.newest_at else None,
        "took_ms": round(found.took_ms, 1),
        "addressed": sum(entry.get("people", 0) for entry in shown.values()),
        "accounts": shown,
        **_overlap(accounts, found, shown),
    }


def _smaller(criteria: Criteria, at: datetime) -> dict[str, int]:
    """People of each country alone, where the audience means several."""
    place = criteria.place
    if place is None or len(place.countries) < 2:
        return {}
    return {
        code: _people(at, *(replace(place, countries=(code,)) if n is place else n for n in criteria.of))
        for code in place.countries
    }


def _people(at: datetime, *nodes: Node) -> int:
    try:
        return reach(Criteria(*nodes), [], at=at).people
    except Refused:  # in this country alone nobody can meet the other conditions
        return 0


def _of_staff(campaign: Campaign, accounts: list[Account], at: datetime) -> dict[str, Any]:
    """The reach of a TEST: colleagues on the closed list whom each account can write to."""
    people = {a.pk: count(campaign, a, at).people if a.addressed else 0 for a in accounts}
    shown = {str(pk): {"basis": "counted", "people": n, "excluded": {}, "languages": {}} for pk, n in people.items()}
    found: dict[str, Any] = {"at": at.isoformat(), "people": max(people.values(), default=0), "left": 0, "was_there": 0}
    return {**found, "narrower": {}, "addressed": sum(people.values()), "accounts": shown}


def _apart(campaign: Campaign, account: Account, at: datetime) -> dict[str, int]:
    """People who got the earlier message and people who did not, where that matters; then the number of people is theirs."""
    if not is_apart(campaign):
        return {}
    found = count(campaign, account, at)
    return {"people": found.people, "got": found.got, "others": found.others}


def _cut_off(campaign: Campaign, account: Account, at: datetime, people: Mapping[Outage, int]) -> dict[str, Any]:
    """Of the people whom this account writes to, those who probably see nothing in time: `people`, of the whole audience."""
    if account.address_kind is not None and is_apart(campaign):
        down = {outage.country: outage for outage in Outage.objects.at(at).filter(kind=account.address_kind)}
        people = {down[code]: number for code, number in last_seen_in(down, campaign, account, at).items()}
    rows = [{"country": o.country, "since_at": o.since_at.isoformat(), "people": number} for o, number in people.items()]
    return {"cut_off": rows} if rows else {}


def _estimated(account: Account, word: Estimate | str) -> dict[str, Any]:
    if isinstance(word, str):
        return {"basis": "unknown", "why": word}
    return {
        "basis": "told" if account.channel.kind == "manual" else "estimated",
        "lower": word.lower,
        "upper": word.upper,
        "at": word.at.isoformat(),
        "withheld": word.withheld,
        "source": word.source,
    }


def _overlap(accounts: list[Account], found: Reach, shown: Mapping[str, Any]) -> dict[str, Any]:
    """People by the set of our own accounts that write to them, where there are several and these are just those counted."""
    ours = {a.address_kind: a.pk for a in accounts if a.address_kind is not None}
    rows = [({ours[kind] for kind in kinds}, people) for kinds, people in found.together.items() if kinds]
    counted = all(sum(n for pks, n in rows if pk in pks) == shown[str(pk)]["people"] for pk in ours.values())
    if len(ours) < 2 or not counted:  # some are cut off, or it matters who got an earlier message
        return {}
    return {"overlap": [{"accounts": sorted(pks), "people": people} for pks, people in rows]}


def estimates_of(campaign: Campaign, at: datetime) -> dict[int, Estimate | str]:
    """How many people those would reach who send by themselves: platforms are asked, all at once, and desks have told a person.

    Never in a transaction; asking sends nothing. A platform that does not answer now is quoted as it last did.
    """
    version = campaign.audience_version
    if version is None:
        return {}
    accounts = [*campaign.accounts.order_by("pk")]
    desks = {account.pk: _told(campaign, account) for account in accounts if account.channel.kind == "manual"}
    return {**desks, **_asked([a for a in accounts if a.channel.kind == "delegated"], campaign, version, at)}


def _told(campaign: Campaign, account: Account) -> Estimate | str:
    told = campaign.told.filter(account=account).last()
    return Estimate(told.lower, told.upper, told.said_at, source=told.source) if told else "untold"


def _asked(accounts: list[Account], campaign: Campaign, version: AudienceVersion, at: datetime) -> dict[int, Estimate | str]:
    """Each platform's word: a fresh one from memory, else asked for, else the last one."""
    try:
        audience = Criteria.from_json(version.criteria).platform(at)
    except Refused as refused:
        return {account.pk: str(refused) for account in accounts}
    keys = {a.pk: f"estimate:{a.pk}:{version.pk}:{campaign.include_non_subscribers}" for a in accounts}
    known: dict[str, tuple[Estimate, datetime]] = cache.get_many(keys.values())
    fresh = {key for key, (_word, asked_at) in known.items() if at - asked_at < FRESH}
    due = [account for account in accounts if keys[account.pk] not in fresh]
    found: dict[int, Estimate | str] = {pk: known[key][0] for pk, key in keys.items() if key in known}
    for account, word in zip(
        due, asyncio.run(_ask(due, audience, campaign.include_non_subscribers)) if due else [], strict=True
    ):
        if isinstance(word, Estimate):
            cache.set(keys[account.pk], (word, at), REMEMBERED.total_seconds())
        found[account.pk] = word if isinstance(word, Estimate) else found.get(account.pk, word)
    return found


async def _ask(accounts: list[Account], audience: Mapping[str, Any], everybody: bool) -> list[Estimate | str]:
    return await asyncio.gather(*(_estimate(account, audience, everybody) for account in accounts))


async def _estimate(account: Account, audience: Mapping[str, Any], everybody: bool) -> Estimate | str:
    try:
        async with asyncio.timeout(PATIENCE), account.connect_delegated() as channel:
            return await channel.estimate(audience, include_non_subscribers=everybody)
    except ChannelError as error:
        return error.reason
    except TimeoutError:
        return "timeout"
