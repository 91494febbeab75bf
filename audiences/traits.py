"""The layout of `Presence.traits`: what reach needs to know of a person in one int4. The only place that knows it, also in SQL.

Kind k uses bits 3(k-1) to 3(k-1)+2, bit 21 is "follows us in VK", bits 22-24 the language, bit 25 "the person's newest row".
Several addresses of a kind count as their best one.
"""

from __future__ import annotations

from typing import Literal

from audiences.models import AddressKind

NONE, LIVE, NOT_PERMITTED, DENIED, DEAD = range(5)
CUT_OFF = LIVE | 4  # LIVE, by a way that is down where the person is: found while counting, never stored
Reason = Literal["no_address", "not_permitted", "denied", "dead"]
REASONS: dict[int, Reason] = {NONE: "no_address", NOT_PERMITTED: "not_permitted", DENIED: "denied", DEAD: "dead"}

SUBSCRIBED = 1 << 21
LANGUAGE_SHIFT = 22
LATEST = 1 << 25

UNKNOWN, OTHER = "unknown", "other"
LANGUAGES = {UNKNOWN: 0, "ru": 1, "en": 2, "ar": 3, "tr": 4, "es": 5, "fr": 6, OTHER: 7}
LANGUAGE_OF = {number: code for code, number in LANGUAGES.items()}


def shift(kind: int) -> int:
    return 3 * (AddressKind(kind) - 1)


def address_status(traits: int, kind: int) -> int:
    """NONE, LIVE, NOT_PERMITTED, DENIED or DEAD: how this person stands with addresses of this kind."""
    return traits >> shift(kind) & 7


def language(traits: int) -> str:
    """A language code, "unknown" or "other"."""
    return LANGUAGE_OF[traits >> LANGUAGE_SHIFT & 7]


# One address, one contact and one presence row as numbers. `a`, `c` and `p` are the tables' names in the query around them.
ADDRESS_STATUS_SQL = (
    f"CASE WHEN a.dead THEN {DEAD} WHEN a.denied THEN {DENIED} WHEN a.permitted THEN {LIVE} ELSE {NOT_PERMITTED} END"
)
FOLLOWS_SQL = f"CASE WHEN a.subscribed AND a.kind = {AddressKind.VK:d} THEN {SUBSCRIBED} ELSE 0 END"
_KNOWN = " ".join(f"WHEN '{code}' THEN {number}" for code, number in LANGUAGES.items() if code not in (UNKNOWN, OTHER))
CONTACT_LANGUAGE_SQL = f"CASE c.language WHEN '' THEN 0 {_KNOWN} ELSE {LANGUAGES[OTHER]} END"
_CODES = ", ".join(f"'{LANGUAGE_OF[number]}'" for number in range(8))
LANGUAGE_SQL = f"(ARRAY[{_CODES}])[(p.traits >> {LANGUAGE_SHIFT} & 7) + 1]"


def traits_sql(contacts: str) -> str:
    """A query of (contact_id, traits without LATEST) for the contacts whose ids the inner query gives, or that are listed."""
    return f"""
        SELECT c.id AS contact_id, coalesce(a.bits, 0) | (({CONTACT_LANGUAGE_SQL}) << {LANGUAGE_SHIFT}) AS traits
          FROM audiences_contact c
          LEFT JOIN LATERAL (SELECT bit_or(status << 3 * (kind - 1)) | max(follows) AS bits
                               FROM (SELECT a.kind::int, min({ADDRESS_STATUS_SQL}) AS status, max({FOLLOWS_SQL}) AS follows
                                       FROM audiences_address a WHERE a.contact_id = c.id GROUP BY a.kind) kinds) a ON true
         WHERE c.id IN ({contacts})"""
