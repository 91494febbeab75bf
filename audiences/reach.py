"""How many people an audience means and how many of them can be reached, and the query of exactly those who are written to.

One index-only scan of presence counts; the same WHERE text selects the recipients, so that what is shown is what is queued.

A way of reaching people may be down in a country. People are where they were last seen, by a source in use, whatever the
audience asks; those there whom that way would reach are not counted as reachable by it, and are written to all the same: their
message may arrive when the network is back. So the recipients are the reachable and those cut off, and no outage changes them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import add, itemgetter
from time import perf_counter
from typing import Any, NamedTuple, Self

from django.db import connection

from audiences import traits
from audiences.criteria import Criteria, Scan
from audiences.criteria.seen import ACTIVE, Seen
from audiences.models import AddressKind, Outage

STATUS_BITS = traits.SUBSCRIBED - 1  # how a person stands with each kind of address
FIRST_BITS = sum(1 << traits.shift(kind) for kind in AddressKind)
NARROWER = (72, 24)  # hours of the narrower choices offered beside every audience
WHERE_SHIFT = 32  # above the traits stands the number of the country, among those looked for, where the person was last seen

# People who were last seen in one of these countries, with it: a row a person.
LAST_SEEN = f"""SELECT l.contact_id, l.country FROM audiences_presence l
                 WHERE l.country = ANY (%(away)s) AND l.traits & {traits.LATEST} <> 0 AND {ACTIVE.format(t="l")}"""

# What `_scan` asks of one country, whoever was there; the two ends stand in the index, so each is a query of its own:
#   SELECT array_agg(traits), array_agg(people), coalesce(sum(people), 0)::bigint,
#          coalesce(sum(people) FILTER (WHERE traits & 33554432 <> 0), 0)::bigint,
#          (SELECT min(p.last_seen_at) FROM audiences_presence p WHERE …), (SELECT max(p.last_seen_at) …),
#          coalesce(sum(shorter_72), 0)::bigint, coalesce(sum(shorter_24), 0)::bigint
#     FROM (SELECT p.traits & ~2097152 AS traits, count(*) AS people,
#                  count(*) FILTER (WHERE p.last_seen_at >= %(since_72)s) AS shorter_72,
#                  count(*) FILTER (WHERE p.last_seen_at >= %(since_24)s) AS shorter_24
#             FROM audiences_presence p
#            WHERE (p.country = %(audience0_country)s AND p.last_seen_at >= … AND p.last_seen_at <= …) GROUP BY 1) counted

ByLanguage = Mapping[int, list[int]]  # bits of traits → people by the number of their language


@dataclass(frozen=True, slots=True)
class KindReach:
    """People of the audience by how they stand with one kind of address. `languages` counts the reachable ones.

    `cut_off` are those it would reach, were it not down where they are.
    """

    reachable: int
    excluded: Mapping[traits.Reason, int]
    languages: Mapping[str, int]
    cut_off: Mapping[Outage, int]

    @property
    def writable(self) -> int:
        """Who is written to: whoever can be reached, and those cut off."""
        return self.reachable + sum(self.cut_off.values())


@dataclass(frozen=True, slots=True)
class Reach:
    """All counts are of distinct people and exact at the instant asked for.

    * together: people by the set of kinds they can be reached by, the empty set for those who cannot
    * reachable_at_all: by at least one of the kinds; overlap: by two or more of them
    * was_there: in the place within the window whatever the mode; left: of these, seen elsewhere since
    * narrower: hours → people, the same audience in a shorter window
    * newest_at, oldest_at: the sightings counted, None without any

    An audience without a place has none of the three: nobody has left, nothing is narrower, no sighting is counted.
    """

    people: int
    by_kind: Mapping[int, KindReach]
    together: Mapping[frozenset[int], int]
    was_there: int
    left: int
    narrower: Mapping[int, int]
    newest_at: datetime | None
    oldest_at: datetime | None
    took_ms: float

    @property
    def reachable_at_all(self) -> int:
        return sum(people for kinds, people in self.together.items() if kinds)

    @property
    def overlap(self) -> int:
        return sum(people for kinds, people in self.together.items() if len(kinds) > 1)

    def added(self, order: Iterable[int]) -> list[tuple[int, int]]:
        """Kinds in this order, each with the people it reaches whom none before it does: together they are distinct people."""
        found, before = [], frozenset[int]()
        for kind in order:
            fresh = (people for kinds, people in self.together.items() if kind in kinds and not kinds & before)
            found.append((kind, sum(fresh)))
            before |= {kind}
        return found


# Mostly nothing is down and every source is in use: then no row has to be asked. PostgreSQL looks at this first, and when it is
# otherwise scans nothing.
AS_USUAL = """
    HAVING (SELECT NOT EXISTS (SELECT FROM audiences_source WHERE NOT active)
               AND NOT EXISTS (SELECT FROM audiences_outage
                                WHERE since_at <= %(at)s AND (until_at IS NULL OR until_at > %(at)s)))
"""


class _Counted(NamedTuple):
    """Those meant by their traits; `there` counts also people who have left, `stayed` those who have not."""

    meant: Mapping[int, int]
    there: int
    stayed: int
    oldest_at: datetime | None
    newest_at: datetime | None
    narrower: tuple[int, ...]

    @classmethod
    def of(
        cls, masks: list[int] | None, people: list[int] | None, there: int, stayed: int,
        oldest_at: datetime | None, newest_at: datetime | None, *narrower: int,
    ) -> Self:  # fmt: skip
        return cls(dict(zip(masks or (), people or (), strict=True)), there, stayed, oldest_at, newest_at, narrower)


def reach(criteria: Criteria, kinds: Sequence[int], *, at: datetime) -> Reach:
    """Count the audience as it stands at `at`, which is also the end of a window that ends "now"."""
    started = perf_counter()
    place = criteria.place
    if as_usual := _scan(criteria, at, as_usual=True):
        (found,) = as_usual
        cut_off: Mapping[Outage, int] = {}
    else:
        found, cut_off = _with_outages(criteria, kinds, at)
    meant = _by_status(found.meant)
    by_status, by_live = _summed(meant), _by_live(meant)
    return Reach(
        people=sum(by_status.values()),
        by_kind={kind: _kind_reach(by_status, by_live, kind, cut_off) for kind in kinds},
        together=_together(_summed(by_live), kinds),
        was_there=found.there,
        left=found.there - found.stayed if place else 0,
        narrower={h: n for h, n in zip(NARROWER, found.narrower, strict=False) if place and h < place.hours},
        newest_at=found.newest_at,
        oldest_at=found.oldest_at,
        took_ms=(perf_counter() - started) * 1000,
    )


def recipients_sql(criteria: Criteria, kind: int, at: datetime) -> tuple[str, dict[str, Any]]:
    """A query of (contact_id, language) with named parameters: exactly the people `reach` counts as writable by this kind.

    Its parameters are named audience…; in the text no other percent sign stands. `language` is a code, "unknown" or "other".
    """
    scan = criteria.scan(at)
    text = (
        f"SELECT p.contact_id, {traits.LANGUAGE_SQL} AS language FROM {scan.rows}"
        f" WHERE {scan.where} AND p.traits >> {traits.shift(kind)} & 7 = {traits.LIVE}"
    )
    return text if criteria.one_row_each else f"{text} GROUP BY 1, 2", dict(scan.params)


def writable_sql(contacts: str, kind: int) -> str:
    """A query of (contact_id, language): those of the contacts whose ids the inner query gives who can be written to by this
    kind, wherever they are now. It takes no parameters of its own."""
    return (
        f"SELECT p.contact_id, {traits.LANGUAGE_SQL} AS language FROM ({traits.traits_sql(contacts)}) p"
        f" WHERE p.traits >> {traits.shift(kind)} & 7 = {traits.LIVE}"
    )


def _with_outages(criteria: Criteria, kinds: Sequence[int], at: datetime) -> tuple[_Counted, Mapping[Outage, int]]:
    """The people with nothing LIVE that is down where they are, and whom each outage cuts off."""
    place, down = criteria.place, _down(kinds, at)
    here = place.countries[0] if place and criteria.one_row_each else ""
    away = sorted(down.keys() - {here})
    (found,) = _scan(criteria, at, away)
    meant, cut_off = _without(down, found.meant, [here, *away])
    return found._replace(meant=meant), cut_off


def _down(kinds: Sequence[int], at: datetime) -> dict[str, list[Outage]]:
    """What is down at this instant, by country."""
    found: dict[str, list[Outage]] = defaultdict(list)
    for outage in Outage.objects.at(at).filter(kind__in=kinds):
        found[outage.country].append(outage)
    return found


def _scan(criteria: Criteria, at: datetime, away: Sequence[str] = (), *, as_usual: bool = False) -> list[_Counted]:
    """One scan, grouped by traits and put into one row: thousands of rows would take longer to fetch than to count.

    With `as_usual`, no row unless AS_USUAL holds.

    With countries to look for, the traits carry above them which of these a person was last seen in, as WHERE_SHIFT says.
    """
    query, params = _counting(criteria, at, away, as_usual=as_usual)
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return [_Counted.of(*row) for row in cursor.fetchall()]


def _counting(criteria: Criteria, at: datetime, away: Sequence[str], *, as_usual: bool) -> tuple[str, dict[str, Any]]:
    """The query of `_scan`, as the comment above shows one, and its parameters."""
    scan, place = criteria.scan(at, any_mode=True, all_in_use=as_usual), criteria.place
    rows, where, params = scan.rows, f"WHERE {scan.where}", {**scan.params, "at": at}
    if not criteria.one_row_each:
        rows = f"""(SELECT p.contact_id, bit_or(p.traits) AS traits, max(p.last_seen_at) AS last_seen_at
                      FROM {rows} {where} GROUP BY p.contact_id) p"""
        where = ""
    if away:
        rows, params["away"] = f"{rows} LEFT JOIN ({LAST_SEEN}) l ON l.contact_id = p.contact_id", [*away]
    if place:
        until = place.window(at)[1]
        params |= {f"since_{h}": until - timedelta(hours=h) for h in NARROWER}
    latest = f"traits & {traits.LATEST} <> 0"
    only = f" FILTER (WHERE {latest})" if place and place.mode == "last_seen_there" else ""
    (recent, shorter), (ends, extent) = _shorter(place, only), _extent(criteria, scan, only)
    query = f"""
        SELECT array_agg(traits){only}, array_agg(people){only}, coalesce(sum(people), 0)::bigint,
               coalesce(sum(people) FILTER (WHERE {latest}), 0)::bigint, {", ".join([*extent, *shorter])}
          FROM (SELECT {", ".join([f"{_mask(away)} AS traits", "count(*) AS people", *recent, *ends])}
                  FROM {rows} {where} GROUP BY 1) counted {AS_USUAL if as_usual else ""}"""
    return query, params


def _mask(away: Sequence[str]) -> str:
    """What people are grouped by: their traits, and above them where those who are looked for elsewhere were last seen."""
    mask = f"p.traits & ~{traits.SUBSCRIBED}"
    if not away:
        return mask
    number = "coalesce(array_position(%(away)s::text[], l.country::text), 0)::bigint"
    return f"{mask} | ({number} << {WHERE_SHIFT})"


def _shorter(place: Seen | None, only: str) -> tuple[list[str], list[str]]:
    """How many there are in each narrower window: counted of each group, and summed over the groups."""
    if place is None:
        return [], ["0"] * len(NARROWER)
    inner = [f"count(*) FILTER (WHERE p.last_seen_at >= %(since_{h})s) AS shorter_{h}" for h in NARROWER]
    return inner, [f"coalesce(sum(shorter_{h}){only}, 0)::bigint" for h in NARROWER]


def _extent(criteria: Criteria, scan: Scan, only: str) -> tuple[list[str], list[str]]:
    """The oldest and the newest sighting: of each group, and of all groups."""
    if criteria.place is None:
        return [], ["NULL::timestamptz"] * 2
    if criteria.in_order_of_time:  # both ends of the index are at hand: no row is asked for them
        ours = f"FROM {scan.rows} WHERE {scan.where}{criteria.place.mode_text()}"
        return [], [f"(SELECT {end}(p.last_seen_at) {ours})" for end in ("min", "max")]
    inner = ["min(p.last_seen_at) AS oldest_at", "max(p.last_seen_at) AS newest_at"]
    return inner, [f"min(oldest_at){only}", f"max(newest_at){only}"]


def _by_status(people: Mapping[int, int]) -> ByLanguage:
    """The same people by how they stand with each kind of address."""
    found: dict[int, list[int]] = defaultdict(_nobody)
    for mask, number in people.items():
        found[mask & STATUS_BITS][mask >> traits.LANGUAGE_SHIFT & 7] += number
    return found


def _by_live(by_status: ByLanguage) -> ByLanguage:
    """People by the kinds they can be written to. A kind is live when of its three bits only the first is set: then exactly
    that bit is left."""
    found: dict[int, list[int]] = defaultdict(_nobody)
    for status, languages in by_status.items():
        live = status & ~(status >> 1) & ~(status >> 2) & FIRST_BITS
        found[live] = [*map(add, found[live], languages)]
    return found


def _nobody() -> list[int]:
    return [0] * len(traits.LANGUAGES)


def _without(
    down: Mapping[str, Sequence[Outage]], meant: Mapping[int, int], places: Sequence[str]
) -> tuple[Mapping[int, int], Mapping[Outage, int]]:
    """The same people with nothing LIVE that is down where they were last seen, and whom each outage cuts off.

    `places` are the country of every row scanned, empty where they have several or none, and those looked for.
    """
    if not down:
        return meant, {}
    found, cut_off = defaultdict[int, int](int), Counter[Outage]()
    for marked, people in meant.items():
        number, mask = divmod(marked, 1 << WHERE_SHIFT)
        for outage in down.get(places[number], ()) if number or mask & traits.LATEST else ():
            if traits.address_status(mask, outage.kind) == traits.LIVE:
                mask |= traits.CUT_OFF << traits.shift(outage.kind)
                cut_off[outage] += people
        found[mask] += people
    return found, cut_off


def _summed(people: ByLanguage) -> dict[int, int]:
    return {bits: sum(languages) for bits, languages in people.items()}


def _together(by_live: Mapping[int, int], kinds: Sequence[int]) -> Mapping[frozenset[int], int]:
    shifts = [(kind, traits.shift(kind)) for kind in kinds]
    found = defaultdict[frozenset[int], int](int)
    for live, people in by_live.items():
        found[frozenset(kind for kind, shift in shifts if live >> shift & 1)] += people
    return found


def _kind_reach(by_status: Mapping[int, int], by_live: ByLanguage, kind: int, cut_off: Mapping[Outage, int]) -> KindReach:
    shift, statuses = traits.shift(kind), [0] * 8  # as many as three bits can say
    for status, number in by_status.items():
        statuses[status >> shift & 7] += number
    excluded = {reason: statuses[status] for status, reason in traits.REASONS.items()}
    languages = map(sum, zip(*(of for live, of in by_live.items() if live >> shift & 1), strict=True))
    often = sorted(enumerate(languages), key=itemgetter(1), reverse=True)
    named = {traits.LANGUAGE_OF[language]: people for language, people in often if people}
    ours = {outage: people for outage, people in cut_off.items() if outage.kind == kind}
    return KindReach(statuses[traits.LIVE], excluded, named, ours)
