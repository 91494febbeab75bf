"""The people a delegated platform knows, and nobody else ever learns of: invented, seeded, and marked.

Every identifier begins with PREFIX, so that a scan of a database, a log or an answer finds one that got out.
With 80,000 people 20,013 were last seen in Egypt within the 14 days before `at` (about 6,500 of them follow the group), and 613
of those cannot be written to: an order matches 20,000 and sends 19,400. Another tenth was there and has left since. Other sizes
keep the shares. Nobody follows anybody where people are subscribers of an operator. The people of the sandbox are as many as
the contract says whatever the size, and were always seen so many hours ago.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from messaging.simulators import sandbox

PREFIX: Final = "zq7"
FULL: Final = 80_000  # the size for which the numbers below are meant

# Last seen there lately, by country; RU takes the rest. BT and PW are below the threshold of 100 people on purpose.
LATELY: Final = {"EG": 20_013, "TR": 9_120, "TH": 6_240, "AE": 5_310, "CY": 3_050, "IL": 2_410, "FR": 1_980, "VN": 1_470}
FEW: Final = {"BT": 61, "PW": 7}
LONG_AGO: Final = {"EG": 4_200, "TR": 3_100}  # seen there 15 to 80 days before
FOLLOWERS: Final = 0.3249  # 6,502 of Egypt's 20,013
CLOSED: Final = 0.03063  # 613 of them take no message
LEFT: Final = 1 / 9  # for each of them, so many were there too and have been seen elsewhere since
LANGUAGES: Final = ("ru", "ru", "ru", "ru", "ru", "ru", "ru", "ru", "en", "tt")
DAY: Final = 86_400


class Sighting(NamedTuple):
    """Where and when a person was seen, in seconds since 1970, in the sandbox since this hour; `latest`: nowhere else since."""

    person: int
    country: str
    at: float
    latest: bool


@dataclass(slots=True)
class Person:
    identifier: str
    language: str
    follows: bool = False
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """How many people an audience has, and how many of them can be written to. Counts only, already here."""

    people: int
    reachable: int


class Population:
    """`size` invented people whose sightings are laid out before `at`."""

    def __init__(self, size: int, at: datetime, seed: int = 2015, *, follow: bool = True, sandboxed: bool = False) -> None:
        self._follow, self._sandboxed = follow, sandboxed
        self._meant: dict[str, list[int]] = {}  # order → whom it can be sent to, in the order of sending
        self._gone: dict[str, int] = {}  # order → how many of them got it
        self._earlier: dict[str, str] = {}  # order → the one whose people mattered to it
        self._draw = random.Random(seed)  # noqa: S311 - the same people every time is the point
        self._at = at.timestamp()
        self._people: list[Person] = []
        self._sightings: list[Sighting] = []
        share = size / FULL
        for country, people in (LATELY | FEW).items():
            self._settle(country, round(people * share), newest=60, oldest=13 * DAY)
            self._settle(country, round(people * share * LEFT), newest=DAY, oldest=13 * DAY, left=True)
        for country, people in LONG_AGO.items():
            self._settle(country, round(people * share), newest=15 * DAY, oldest=80 * DAY)
        self._settle("RU", size - len(self._people), newest=60, oldest=60 * DAY)
        self._at = 0.0
        for group in sandbox.GROUPS if sandboxed else ():
            self._settle(group.country, group.people, newest=group.newest, oldest=group.oldest, left=group.left)

    def match(self, audience: Mapping[str, Any], *, everybody: bool) -> Match:
        """Count an audience. Both ends of the window are included; `everybody` counts those who do not follow, too."""
        return self._count(self._find(audience, everybody=everybody))

    def mean(self, order: Mapping[str, Any], narrowed: Sequence[str] = ()) -> Match:
        """Count whom an order is for, less what was narrowed, and remember them until it is forgotten."""
        audience, everybody = dict(order["audience"]), order["include_non_subscribers"]
        if "last_seen_only" in narrowed:
            audience["mode"] = "last_seen_there"
        if "shorter_window" in narrowed:
            audience["last_seen_within_hours"] = max(1, audience["last_seen_within_hours"] // 2)
        found = self._find(audience, everybody=everybody and "subscribers_only" not in narrowed)
        if earlier := order.get("recipients"):
            got = self._got(earlier["of"])
            found = {"also": found | got, "only": got, "except": found - got}[earlier["mode"]]
            self._earlier[order["order_id"]] = earlier["of"]
        if "one_language" in narrowed:
            found = {index for index in found if self._people[index].language == LANGUAGES[0]}
        kept = sorted(found)[: len(found) // 2] if "fewer_people" in narrowed else sorted(found)
        self._meant[order["order_id"]] = [index for index in kept if not self._people[index].closed]
        return self._count(kept)

    def reach(self, order_id: str, people: int) -> None:
        """Remember how many of an order's people got it."""
        self._gone[order_id] = people

    def forget(self, order_id: str) -> None:
        """Who got an order is not known any more."""
        self._meant.pop(order_id, None)
        self._gone.pop(order_id, None)

    def _got(self, order_id: str) -> set[int]:
        """Who got an order, or one that it named itself: newcomers had an order of their own."""
        earlier = self._earlier.get(order_id)
        before = self._got(earlier) if earlier else set()
        return before | {*self._meant.get(order_id, ())[: self._gone.get(order_id, 0)]}

    def _count(self, indices: Collection[int]) -> Match:
        return Match(len(indices), sum(not self._people[index].closed for index in indices))

    def _find(self, audience: Mapping[str, Any], *, everybody: bool) -> set[int]:
        country, until = audience["country"], datetime.fromisoformat(audience["until"]).timestamp()
        if self._sandboxed and country in sandbox.PEOPLED:
            country, until = sandbox.PEOPLED[country], until - sandbox.this_hour()
        since = until - audience["last_seen_within_hours"] * 3600
        wanted = {
            sighting.person
            for sighting in self._sightings
            if sighting.country == country
            and (sighting.latest or audience["mode"] == "was_there")
            and since <= sighting.at <= until
        }
        return {index for index in wanted if self._people[index].follows or everybody}

    def identifiers(self) -> Iterator[str]:
        """For a test's scan alone."""
        return (person.identifier for person in self._people)

    def _settle(self, country: str, count: int, *, newest: int, oldest: int, left: bool = False) -> None:
        """Invent the people of one country; exact shares follow and are closed, drawn at random."""
        first = len(self._people)
        for index in range(first, first + count):
            self._people.append(Person(f"{PREFIX}{self._draw.getrandbits(112):028x}", self._draw.choice(LANGUAGES)))
            self._see(index, country, self._draw.uniform(newest, oldest), left=left)
        for index in self._draw.sample(range(first, first + count), round(count * FOLLOWERS)):
            self._people[index].follows = self._follow
        for index in self._draw.sample(range(first, first + count), round(count * CLOSED)):
            self._people[index].closed = True

    def _see(self, index: int, country: str, ago: float, *, left: bool) -> None:
        self._sightings.append(Sighting(index, country, self._at - ago, not left))
        if left:
            self._sightings.append(Sighting(index, "RU", self._at - ago * self._draw.random(), True))
