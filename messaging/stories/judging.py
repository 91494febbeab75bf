"""The verdict on a rehearsal: what the platforms' own journals say, against what had to happen by construction.

Pure: rows in, numbers out. It asks neither our database nor our code what was sent: only whom the journals name counts.
"""

from __future__ import annotations

import csv
import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

Line = Mapping[str, Any]
QUEUED = ("accepted", "900", "901", "18")  # what is expected of a person who has to be queued


@dataclass(frozen=True, slots=True)
class Verdict:
    """All in people. `failed` counts by the platform's code.

    * lost: had to be asked for and was not
    * duplicated: accepted more than once
    * unexpected: asked for though they were not to get it, or answered otherwise than expected
    """

    accepted: int
    failed: Mapping[str, int]
    lost: int
    duplicated: int
    unexpected: int


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of messages.send; seconds are counted from the approval."""

    calls: int
    repeats: int
    rate_limited: int
    first_s: float
    last_s: float
    max_in_any_second: int

    @property
    def per_second(self) -> float:
        return round(self.calls / max(self.last_s - self.first_s, 0.001), 1)


def lines(journal: Path) -> list[Line]:
    """A simulator's journal; a line torn by a kill was never answered."""
    return [json.loads(line) for line in journal.read_text().splitlines() if line.endswith("}")]


def expectations(expected: Path) -> dict[int, str]:
    """Address → what is expected of it, from a story's expected.csv."""
    with expected.open(newline="") as rows:
        return {int(row["value"]): row["expect"] for row in csv.DictReader(rows)}


def due(expected: Mapping[int, str]) -> dict[int, str]:
    """Of these, the ones who have to be asked for."""
    return {peer: expect for peer, expect in expected.items() if expect in QUEUED}


def totals(expected: Mapping[int, str]) -> dict[str, int]:
    return dict(Counter(expected.values()))


def judge(journal: Iterable[Line], expected: Mapping[int, str]) -> Verdict:
    """Compare whom the platform accepted and refused with whom it had to."""
    accepted, refused = Counter[int](), dict[int, str]()
    for line in journal:
        if line["kind"] == "accepted":
            accepted[line["peer_id"]] += 1
        elif line["kind"] == "refused":
            refused[line["peer_id"]] = str(line["code"])
    happened = {**refused, **dict.fromkeys(accepted, "accepted")}
    wanted = due(expected)
    return Verdict(
        accepted=len(accepted),
        failed=dict(sorted(Counter(refused.values()).items())),
        lost=sum(peer not in happened for peer in wanted),
        duplicated=sum(times > 1 for times in accepted.values()),
        unexpected=sum(wanted.get(peer) != what for peer, what in happened.items()),
    )


def calls(journal: Iterable[Line], approved_at: datetime) -> Calls:
    """Count the calls that began to send, on the platform's clock."""
    found = list(journal)
    sends = [line for line in found if line["kind"] == "call" and line["method"] == "messages.send"]
    taken = sorted(_seconds(line, approved_at) for line in sends if line["result"] != "error:6")
    return Calls(
        calls=len(taken),
        repeats=sum(line["kind"] == "repeat" for line in found),
        rate_limited=len(sends) - len(taken),
        first_s=round(taken[0], 2) if taken else 0.0,
        last_s=round(taken[-1], 2) if taken else 0.0,
        max_in_any_second=_densest(taken),
    )


def _seconds(line: Line, since: datetime) -> float:
    return (datetime.fromisoformat(line["at"]) - since).total_seconds()


def _densest(times: Sequence[float]) -> int:
    """The most calls in any half-open second."""
    return max((bisect_left(times, at + 1) - n for n, at in enumerate(times)), default=0)
