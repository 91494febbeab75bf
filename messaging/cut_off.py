"""Whom a campaign writes to though the way is down where they are: queued like everybody, and those who decide know it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audiences.criteria import Criteria
from audiences.models import AddressKind, Outage
from audiences.outages import described, words
from crisis.clock import now
from crisis.small import told
from crisis.templatetags.console import number
from messaging.models import Account, Campaign


def rows(account: Account, entry: Mapping[str, Any]) -> list[tuple[str, int]]:
    """What cut people off when this reach of an account was counted, in words, and how many."""
    kind = AddressKind(account.address_kind or AddressKind.VK)
    return [
        (words(kind, row["country"], datetime.fromisoformat(row["since_at"])), row["people"])
        for row in entry.get("cut_off", [])
    ]


def warnings(campaign: Campaign, reach: Mapping[str, Any]) -> list[str]:
    """What is down now for people of this campaign, a sentence each, with those of `reach` whom it cuts off.

    What is down in a place of the audience is said also where we cannot count: a platform writes to people there by itself.
    """
    if campaign.test or campaign.audience_version is None:
        return []
    places = {*Criteria.from_json(campaign.audience_version.criteria).countries}
    people = _people(campaign, reach)
    outages = [o for o in Outage.objects.at(now()) if o.country in places or (o.kind, o.country) in people]
    found = [_sentence(outage, people.get((outage.kind, outage.country), 0)) for outage in outages]
    if found and not all(account.addressed for account in campaign.accounts.all()):
        found.append(_("How many it cuts off of those whom a platform finds by itself, nobody can say."))
    return found


def _people(campaign: Campaign, reach: Mapping[str, Any]) -> dict[tuple[int | None, str], int]:
    entries = reach.get("accounts", {})
    return {
        (account.address_kind, row["country"]): row["people"]
        for account in campaign.accounts.all()
        for row in entries.get(str(account.pk), {}).get("cut_off", [])
    }


def _sentence(outage: Outage, people: int) -> str:
    if not people:
        return _("%(outage)s. Whoever is written to that way will probably not see it in time.") % {"outage": described(outage)}
    sentence = ngettext(
        "%(outage)s: %(people)s person is written to that way, but will probably not see it in time.",
        "%(outage)s: %(people)s people are written to that way, but will probably not see it in time.",
        told(people),
    )
    return sentence % {"outage": described(outage), "people": number(people)}
