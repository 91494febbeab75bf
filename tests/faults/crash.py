"""The second layer: real processes struck at every public function of the engine and of the workflow, one at a time.

A story is played until the strike; whoever acted presses again or is started again, and a healthy worker and the sweeper take
up what is left. A seed is a point, one of three outcomes and one of two ways. The database's clock is a sequence, so that a
lease is over as soon as somebody has died.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

from tests.faults import apart
from tests.faults.layers import Options, Result
from tests.faults.points import OUTCOMES, Strike
from tests.faults.stage import SLUGS, Stage, stage
from tests.faults.stories import STORIES
from tests.faults.trial import ending, judge, judge_naive

NAIVE_CALLS = (1, 5)  # at which a function of what is put beside ours is struck
# Acts that are refused in a story without a fault, as they are meant to be.
REFUSED = {"approve_having_seen_fewer"}


@dataclass(frozen=True, slots=True)
class Reached:
    """A point that a story comes to by a way: how often, and what it asks the database within its first call."""

    story: str
    calls: int
    statements: int
    cost: int


@dataclass
class Catalogue:
    """Every point, and the shortest story that comes to it by each way."""

    points: list[str] = field(default_factory=list)
    reached: dict[tuple[str, str], Reached] = field(default_factory=dict)
    endings: dict[tuple[str, str], list[str]] = field(default_factory=dict)  # (story, way) → how its campaigns end

    def add(self, other: Catalogue) -> None:
        self.points = other.points or self.points
        self.endings |= other.endings
        for key, found in other.reached.items():
            self.note(key, found)

    def note(self, key: tuple[str, str], found: Reached) -> None:
        known = self.reached.get(key)
        if known is None or (found.cost, found.story) < (known.cost, known.story):
            self.reached[key] = found

    @property
    def unreached(self) -> list[str]:
        return [point for point in self.points if not any((point, slug) in self.reached for slug in SLUGS)]

    @property
    def lap(self) -> int:
        """Seeds after which every point was struck in every way."""
        return len(self.strikes())

    def strikes(self) -> list[tuple[str, str, Strike]]:
        """(way, story, strike) of a first lap: all points once, then all of them with another outcome or way, and so on."""
        variants = [(slug, outcome) for outcome in OUTCOMES for slug in SLUGS]
        found = []
        for turn in range(len(variants)):
            for number, point in enumerate(self.points):
                slug, outcome = variants[(number + turn) % len(variants)]
                if here := self.reached.get((point, slug)):
                    statement = max(1, here.statements)
                    found.append((slug, here.story, Strike(point, outcome, 1, statement)))
        return found

    def of(self, seed: int) -> tuple[str, str, Strike]:
        """Later laps strike at later calls and at other statements."""
        every = self.strikes()
        lap, number = divmod(seed - 1, len(every))
        slug, story, strike = every[number]
        here = self.reached[strike.point, slug]
        statement = 1 + (here.statements - 1 + lap) % max(1, here.statements)
        return slug, story, Strike(strike.point, strike.outcome, 1 + lap % here.calls, statement)


def layer(options: Options) -> Result:
    """Some seeds, or a whole lap; after a lap what is often built first is struck too, to be put beside it."""
    with apart.servers():
        catalogue = scouted(options.processes)
        last = options.seed + (options.seeds or catalogue.lap)
        total = Result("crash")
        parts = apart.spread(_strike_all, range(options.seed, last), options.processes, catalogue)
        if options.seeds is None:
            parts += apart.spread(_strike_naive, NAIVE_CALLS, min(options.processes, len(NAIVE_CALLS)))
        for part in parts:
            total.add(part)
    total.failures += [f"{point} is reached by no story" for point in catalogue.unreached]
    return total


def scouted(processes: int) -> Catalogue:
    total = Catalogue()
    plays = [(story, slug) for story in STORIES for slug in SLUGS]
    for part in apart.spread(_scout, plays, processes):
        total.add(part)
    return total


def _scout(plays: Sequence[tuple[str, str]]) -> Catalogue:
    with stage() as here:
        return scout(here, plays)


def scout(here: Stage, plays: Sequence[tuple[str, str]]) -> Catalogue:
    """Play stories with nothing amiss. Raises AssertionError where a story does not go as it is meant to."""
    found = Catalogue(here.points)
    for story, slug in plays:
        with here.play(story, slug, None) as play:
            odd = [(act, why) for act, why in play.told if act not in REFUSED]
            wrongs = {name: some for name, some in judge(play).items() if some}
            if odd or wrongs:
                raise AssertionError(story, slug, odd, wrongs)
            found.endings[story, slug] = ending()
            for point, calls in play.calls.items():
                found.note((point, slug), Reached(story, calls, play.statements[point], len(STORIES[story])))
    return found


def _strike_all(seeds: Sequence[int], catalogue: Catalogue) -> Result:
    total = Result("crash")
    with stage() as here:
        for seed in seeds:
            total.add(struck(here, catalogue, seed))
            if total.seeds % 50 == 0:
                sys.stderr.write(f"{total.seeds} of {len(seeds)}, {len(total.failures)} failed\n")
    return total


def struck(here: Stage, catalogue: Catalogue, seed: int) -> Result:
    slug, story, strike = catalogue.of(seed)
    with here.play(story, slug, strike) as play:
        wrongs = judge(play)
        if (ended := ending()) != (usual := catalogue.endings[story, slug]):
            wrongs["lost"].append(f"it ended {ended}, not {usual}")
        counted = Counter({name: len(some) for name, some in wrongs.items() if some})
        result = Result("crash", 1, Counter({strike.outcome: int(play.struck)}), play.promised(), counted)
    said = [f"{name}: {some[0]}" for name, some in wrongs.items() if some]
    said += [] if play.struck else ["nothing was struck"]
    if said:
        where = f"{strike.outcome} at call {strike.call} of {strike.point}, by {slug}, “{story}”"
        result.failures.append(f"python -m tests.faults --layer crash --seed {seed}  # {where}: {'; '.join(said)}")
    return result


def _strike_naive(calls: Sequence[int]) -> Result:
    total = Result("crash")
    with stage() as here:
        for call, point, outcome, slug in product(calls, here.beside, OUTCOMES, SLUGS):
            total.beside += struck_naive(here, slug, Strike(point, outcome, call))
    return total


def struck_naive(here: Stage, slug: str, strike: Strike) -> Counter[str]:
    """What one RQ job a person came to when it was struck there; nothing where it never came to it."""
    with here.play("naive", slug, strike, beside=True) as play:
        wrongs = {name: len(some) for name, some in judge_naive(play).items()}
        people = len([one for one, _ in here.peers if one == slug])
        return Counter({"faults": 1, "deliveries": people, **wrongs}) if play.struck else Counter()
