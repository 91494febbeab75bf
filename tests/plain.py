"""The rules of audiences as a person would read them, in plain Python: what the database is compared with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from math import cos, hypot, radians
from typing import Any, NamedTuple

from h3.api.basic_int import latlng_to_cell

from audiences import presence
from audiences.criteria import (
    AllOf,
    AnyOf,
    Circle,
    Except,
    Listed,
    Permitted,
    Polygon,
    Seen,
    Speaks,
    Subscribed,
    Travelling,
)
from audiences.models import Address, AddressKind, Contact, ContactList, ListMember, Source, Trip
from audiences.traits import LANGUAGES

AT = datetime(2015, 11, 8, 9, tzinfo=UTC)
VK, PHONE = AddressKind.VK, AddressKind.PHONE
KINDS = (VK, PHONE)
LIVE = {"permitted": True}
HERE = (36.2, 36.16)
HOUR = timedelta(hours=1)


class Sighting(NamedTuple):
    country: str
    at: datetime
    point: tuple[float, float] = HERE

    @property
    def cell(self) -> int:
        return int(latlng_to_cell(*self.point, 7))


class Row(NamedTuple):
    """What is kept of a person in a country; `source` is the number of the source, 0 is in use and 1 is switched off."""

    at: datetime
    point: tuple[float, float]
    source: int


@dataclass
class Person:
    """Who a person is and where they were seen, in plain words; `id` and `rows` are known once stored."""

    language: str = "ru"
    addresses: list[tuple[int, dict[str, bool]]] = field(default_factory=lambda: [(VK, LIVE)])
    sightings: dict[str, tuple[datetime, bool]] = field(default_factory=dict)  # country → instant, from the source in use
    later: list[tuple[int, list[Sighting]]] = field(default_factory=list)  # further deliveries, by their source
    trips: list[tuple[str, date, date]] = field(default_factory=list)
    dropped_trips: list[tuple[str, date, date]] = field(default_factory=list)  # by the source switched off
    lists: set[int] = field(default_factory=set)
    id: int = 0
    rows: dict[str, Row] = field(default_factory=dict)

    def deliveries(self) -> Iterable[tuple[int, list[Sighting]]]:
        for number in (0, 1):
            yield number, [Sighting(c, at) for c, (at, on) in self.sightings.items() if on == (number == 0)]
        yield from self.later

    def is_told_of_by(self, source: int) -> bool:
        return bool(source == 1 and self.dropped_trips) or any(number == source and told for number, told in self.deliveries())

    def take(self, source: int, sightings: Sequence[Sighting]) -> None:
        """A row moves by an hour's step, or at once when the row is not the newest or something newer of another country is in
        the delivery."""
        best: dict[str, Sighting] = {}
        for one in sightings:
            if one.country not in best or (one.at, -one.cell) > (best[one.country].at, -best[one.country].cell):
                best[one.country] = one
        newest_before = newest(self)
        news = [one for country, one in best.items() if country not in self.rows or one.at > self.rows[country].at]
        for country, one in best.items():
            kept = self.rows.get(country)
            step = HOUR if country == newest_before and len(news) == 1 else timedelta(0)
            if kept is None or (one.at > kept.at and one.at >= kept.at + step):
                self.rows[country] = Row(one.at, one.point, source)


@dataclass
class Stored:
    """The people, and ids of what was stored beside them: sources by number, lists by number. `dropped` are the numbers of
    lists by the second source, which is switched off if anything came of it: `off`."""

    people: Sequence[Person]
    sources: list[int]
    lists: dict[int, int]
    dropped: frozenset[int] = frozenset()
    off: bool = True


def seen(*, ago: timedelta = timedelta(hours=2), country: str = "EG", **changes: Any) -> Person:
    return replace(Person(sightings={country: (AT - ago, True)}), **changes)


def store(people: Sequence[Person], lists: Sequence[int] = (), *, dropped: Sequence[int] = ()) -> Stored:
    """Sightings come by an address of their own, so that people without any other can be seen too."""
    for person, row in zip(people, Contact.objects.bulk_create(Contact(language=p.language) for p in people), strict=True):
        person.id, person.rows = row.pk, {}
    anchors = [Address(contact_id=p.id, kind=AddressKind.MAX, value_hmac=b"%d" % p.id) for p in people]
    Address.objects.bulk_create([*anchors, *(address for person in people for address in addresses_of(person))])
    sources = [Source.objects.create(name=f"source {on}", owner="o", legal_basis="b") for on in (True, False)]
    _deliver(people, sources)
    off = bool(dropped) or any(person.is_told_of_by(1) for person in people)
    Source.objects.filter(pk=sources[1].pk).update(active=not off)
    Address.objects.filter(kind=AddressKind.MAX).delete()
    presence.refresh_traits([person.id for person in people])
    trips = [(p, sources[n], *trip) for p in people for n, of in enumerate((p.trips, p.dropped_trips)) for trip in of]
    Trip.objects.bulk_create(Trip(contact_id=p.id, source=s, country=c, starts_on=a, ends_on=b) for p, s, c, a, b in trips)
    owners = {**dict.fromkeys(lists, sources[0]), **dict.fromkeys(dropped, sources[1])}
    made = {number: ContactList.objects.create(name=f"list {number}", source=source).pk for number, source in owners.items()}
    ListMember.objects.bulk_create(ListMember(list_id=made[n], contact_id=p.id) for p in people for n in p.lists)
    return Stored(people, [source.pk for source in sources], made, frozenset(dropped), off)


def _deliver(people: Sequence[Person], sources: Sequence[Source]) -> None:
    """The n-th delivery of all people is one import for each source. At one instant the lower cell counts."""
    queues = {person.id: [*person.deliveries()] for person in people}
    for turn in range(max((len(queue) for queue in queues.values()), default=0)):
        for number, source in enumerate(sources):
            waiting = [(p, queues[p.id][turn]) for p in people if turn < len(queues[p.id])]
            chosen = [(p, sightings) for p, (of, sightings) in waiting if of == number]
            for person, sightings in chosen:
                person.take(number, sightings)
            rows = [(p.id, s) for p, sightings in chosen for s in sightings]
            presence.ingest([_row(who, sighting) for who, sighting in rows], source)


def _row(who: int, sighting: Sighting) -> presence.Sighting:
    return presence.Sighting(AddressKind.MAX, b"%d" % who, sighting.country, sighting.cell, sighting.at)


def addresses_of(person: Person) -> list[Address]:
    return [
        Address(contact_id=person.id, kind=kind, value_hmac=b"%d-%d" % (person.id, number), **flags)
        for number, (kind, flags) in enumerate(person.addresses)
    ]


def meets(person: Person, node: Any, stored: Stored | None = None) -> bool:
    """The rule as a person would read it."""
    match node:
        case AllOf():
            return all(meets(person, inner, stored) for inner in node.of)
        case AnyOf():
            return any(meets(person, inner, stored) for inner in node.of)
        case Except():
            return not any(is_silenced(inner, stored) or meets(person, inner, stored) for inner in node.of)
        case Seen():
            return any(country in node.countries and _counts(person, country, node, stored) for country in person.rows)
        case Subscribed():
            return node.yes == any(k == VK and flags.get("subscribed") for k, flags in person.addresses)
        case Permitted():
            return node.yes == (status(person, AddressKind.named(node.kind)) == "live")
        case Speaks():
            return language(person) in node.languages
        case Travelling():
            return any(_goes(trip, node) for trip in person.trips)
        case Listed():
            on = {stored.lists[number] for number in person.lists - stored.dropped} if stored else set()
            return bool(on & {*node.lists})
    raise AssertionError(node)


def is_silenced(node: Any, stored: Stored | None) -> bool:
    """Whether the source switched off says something by which the condition would be met: then it takes everybody away."""
    match node:
        case AllOf() | AnyOf() | Except():
            return any(is_silenced(inner, stored) for inner in node.of)
        case Seen(sources=()):
            return any(_counts(p, c, node, stored, by=1) for p in _all(stored) for c in p.rows if c in node.countries)
        case Seen():
            return stored is not None and stored.off and stored.sources[1] in node.sources
        case Travelling():
            return any(_goes(trip, node) for person in _all(stored) for trip in person.dropped_trips)
        case Listed():
            return stored is not None and any(stored.lists[number] in node.lists for number in stored.dropped)
    return False


def _all(stored: Stored | None) -> Sequence[Person]:
    return stored.people if stored else ()


def _goes(trip: tuple[str, date, date], node: Travelling) -> bool:
    country, first, last = trip
    return country in node.countries and first <= node.ends_on and last >= node.starts_on


def _counts(person: Person, country: str, node: Seen, stored: Stored | None, by: int = 0) -> bool:
    row, (since, until) = person.rows[country], node.window(AT)
    chosen = not node.sources or (stored is not None and stored.sources[row.source] in node.sources)
    last = node.mode == "was_there" or newest(person) == country
    return row.source == by and chosen and last and since <= row.at <= until and is_inside(row.point, node.area)


def is_inside(point: tuple[float, float], area: Circle | Polygon | None) -> bool:
    """On a flat map: the points drawn stay well away from every border."""
    if area is None:
        return True
    lat, lon = point
    if isinstance(area, Circle):
        return hypot((lat - area.lat) * 111.2, (lon - area.lon) * 111.2 * cos(radians(area.lat))) <= area.km
    inside = False
    for (lat_1, lon_1), (lat_2, lon_2) in zip(area.points, (*area.points[1:], area.points[0]), strict=True):
        if (lon_1 > lon) != (lon_2 > lon) and lat < (lat_2 - lat_1) * (lon - lon_1) / (lon_2 - lon_1) + lat_1:
            inside = not inside
    return inside


def status(person: Person, kind: int) -> str:
    """Of several addresses of a kind the best counts."""
    found = {word_of(flags) for k, flags in person.addresses if k == kind}
    return next((word for word in ("live", "not_permitted", "denied", "dead") if word in found), "no_address")


def reached(person: Person, kind: int, down: Collection[tuple[int, str]]) -> bool:
    """Can be written to, and the way is not down where the person is."""
    return status(person, kind) == "live" and (kind, whereabouts(person)) not in down


def whereabouts(person: Person) -> str:
    """The country they were last seen in; empty where that is said by a source that is switched off."""
    country = newest(person)
    return country if country and person.rows[country].source == 0 else ""


def word_of(flags: dict[str, bool]) -> str:
    return next((word for word in ("dead", "denied") if flags.get(word)), "live" if flags.get("permitted") else "not_permitted")


def newest(person: Person) -> str:
    return max(sorted(person.rows), key=lambda country: person.rows[country].at, default="")


def language(person: Person) -> str:
    return person.language if person.language in LANGUAGES else "other" if person.language else "unknown"
