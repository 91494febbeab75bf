"""Who gets which part of a campaign by one account: one query, counted for those who decide and frozen when it begins."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from audiences.criteria import Criteria
from audiences.reach import LAST_SEEN, recipients_sql, writable_sql
from audiences.staff import ONLY_STAFF
from messaging.models import Account, Campaign, Part, Reached

ALREADY = """
    SELECT q.* FROM ({chosen}) q WHERE NOT EXISTS (
        SELECT FROM (SELECT unnest(people) AS contact FROM messaging_batch
                      WHERE campaign_id = %(campaign)s AND account_id = %(account)s) a WHERE a.contact = q.contact_id)
"""
PLAIN = "SELECT r.contact_id, r.language, 'main' AS part, false AS got FROM ({there}) r"

# Those of the audience who got the earlier message and those who did not; then whoever got it and is not in the audience now.
APART = """
    WITH got AS MATERIALIZED (SELECT g.contact FROM messaging_got(%(earlier)s) AS g (contact)),
         there AS MATERIALIZED ({there})
    SELECT t.contact_id, t.language, CASE WHEN g.contact IS NULL THEN 'main' ELSE %(part)s END AS part,
           g.contact IS NOT NULL AS got
      FROM there t LEFT JOIN got g ON g.contact = t.contact_id WHERE g.contact IS NOT NULL OR NOT %(only)s
    UNION ALL
    SELECT w.contact_id, w.language, %(part)s, true FROM ({elsewhere}) w
     WHERE NOT EXISTS (SELECT FROM there t WHERE t.contact_id = w.contact_id)
"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """People of one account: those who got the earlier message, and those who did not."""

    got: int
    others: int

    @property
    def people(self) -> int:
        return self.got + self.others


def is_apart(campaign: Campaign) -> bool:
    """Whether it matters to this campaign who got an earlier one."""
    return bool(campaign.corrects_id or (campaign.to_reached and campaign.refers_to_id))


def chosen_sql(campaign: Campaign, account: Account, at: datetime, *, newcomers: bool = False) -> tuple[str, dict[str, Any]]:
    """A query of (contact_id, language, part, got), a row a person, with named parameters.

    `newcomers`: only people whom no batch of this campaign holds yet.
    """
    if campaign.test and account.address_kind is not None:
        return PLAIN.format(there=writable_sql(ONLY_STAFF, account.address_kind)), {
            "campaign": campaign.pk,
            "account": account.pk,
        }
    if campaign.audience_version is None or account.address_kind is None:
        raise ValueError(f"campaign {campaign.pk} by account {account.pk} chooses nobody")  # submit refuses that
    there, parameters = recipients_sql(Criteria.from_json(campaign.audience_version.criteria), account.address_kind, at)
    values = {**parameters, "campaign": campaign.pk, "account": account.pk}
    chosen = PLAIN.format(there=there)
    if is_apart(campaign):
        elsewhere = writable_sql("SELECT contact FROM got", account.address_kind)
        chosen = APART.format(there=there, elsewhere=elsewhere)
        values |= {
            "earlier": campaign.corrects_id or campaign.refers_to_id,
            "part": Part.CORRECTED.value if campaign.corrects_id else Part.MAIN.value,
            "only": campaign.to_reached == Reached.ONLY and not campaign.corrects_id,
        }
    return (ALREADY.format(chosen=chosen) if newcomers else chosen), values


def count(campaign: Campaign, account: Account, at: datetime, *, newcomers: bool = False) -> Chosen:
    """How many people the same query would freeze now."""
    chosen, values = chosen_sql(campaign, account, at, newcomers=newcomers)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FILTER (WHERE got), count(*) FILTER (WHERE NOT got) FROM ({chosen}) q", values)
        got, others = cursor.fetchone()
    return Chosen(got, others)


def last_seen_in(countries: Collection[str], campaign: Campaign, account: Account, at: datetime) -> dict[str, int]:
    """How many of the same people were last seen in each of these countries; without those of nobody."""
    if not countries:
        return {}
    chosen, values = chosen_sql(campaign, account, at)
    query = f"SELECT l.country, count(*) FROM ({chosen}) q JOIN ({LAST_SEEN}) l ON l.contact_id = q.contact_id GROUP BY 1"
    with connection.cursor() as cursor:
        cursor.execute(query, {**values, "away": [*countries]})
        return dict(cursor.fetchall())
