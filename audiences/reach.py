"""How many people an audience means and how many of them can be written to, and the query of exactly those people.

One index-only scan of presence counts; the same WHERE text selects the recipients, so that what is shown is what is queued.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any, NamedTuple

from django.db import connection

from audiences import traits
from audiences.criteria import Criteria

NARROWER = (72, 24)  # hours of the narrower choices offered beside every audience


@dataclass(frozen=True, slots=True)
class KindReach:
    """People of the audience by how they stand with one kind of address. `languages` counts the reachable ones."""

    reachable: int
    excluded: Mapping[traits.Reason, int]
    languages: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Reach:
    """All counts are of distinct people and exact at the instant asked for.

    * together: people by the set of kinds they can be written to, the empty set for those who cannot
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


class _Row(NamedTuple):
    """People who share all traits."""

    traits: int
    people: int
    oldest_at: datetime | None
    newest_at: datetime | None
    narrower: tuple[int, ...]


def reach(criteria: Criteria, kinds: Sequence[int], *, at: datetime) -> Reach:
    """Count the audience as it stands at `at`, which is also the end of a window that ends "now"."""
    started = perf_counter()
    place, there = criteria.place, _scan(criteria, at)
    latest = [row for row in there if row.traits & traits.LATEST] if place else there
    meant = latest if place and place.mode == "last_seen_there" else there
    together = Counter[frozenset[int]]()
    for row in meant:
        together[frozenset(kind for kind in kinds if traits.address_status(row.traits, kind) == traits.LIVE)] += row.people
    return Reach(
        people=_people(meant),
        by_kind={kind: _kind_reach(meant, kind) for kind in kinds},
        together=together,
        was_there=_people(there),
        left=_people(there) - _people(latest),
        narrower={h: sum(row.narrower[n] for row in meant) for n, h in enumerate(NARROWER) if place and h < place.hours},
        newest_at=max((row.newest_at for row in meant if row.newest_at), default=None),
        oldest_at=min((row.oldest_at for row in meant if row.oldest_at), default=None),
        took_ms=(perf_counter() - started) * 1000,
    )


def recipients_sql(criteria: Criteria, kind: int, at: datetime) -> tuple[str, dict[str, Any]]:
    """A query of (contact_id, language) with named parameters: exactly the people `reach` counts as reachable by this kind.

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


def _scan(criteria: Criteria, at: datetime) -> list[_Row]:
    scan = criteria.scan(at, any_mode=True)
    rows, params = f"{scan.rows} WHERE {scan.where}", dict(scan.params)
    if not criteria.one_row_each:
        rows = f"""(SELECT bit_or(p.traits) AS traits, max(p.last_seen_at) AS last_seen_at
                      FROM {rows} GROUP BY p.contact_id) p"""
    columns = "p.traits, count(*), NULL, NULL"
    if criteria.place:
        until = criteria.place.window(at)[1]
        params |= {f"since_{h}": until - timedelta(hours=h) for h in NARROWER}
        counts = ", ".join(f"count(*) FILTER (WHERE p.last_seen_at >= %(since_{h})s)" for h in NARROWER)
        columns = f"p.traits, count(*), min(p.last_seen_at), max(p.last_seen_at), {counts}"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {rows} GROUP BY p.traits", params)
        return [_Row(mask, people, oldest, newest, tuple(rest)) for mask, people, oldest, newest, *rest in cursor.fetchall()]


def _kind_reach(rows: Iterable[_Row], kind: int) -> KindReach:
    statuses, languages = Counter[int](), Counter[str]()
    for row in rows:
        status = traits.address_status(row.traits, kind)
        statuses[status] += row.people
        if status == traits.LIVE:
            languages[traits.language(row.traits)] += row.people
    excluded = {reason: statuses[status] for status, reason in traits.REASONS.items()}
    return KindReach(statuses[traits.LIVE], excluded, dict(languages.most_common()))


def _people(rows: Iterable[_Row]) -> int:
    return sum(row.people for row in rows)
