"""Stops at random moments of real sendings: eight workers, a platform in trouble, Redis away. A seed is a stop.

Judged by the simulated platform's journal: no request begins later than 2 s after the stop, and no more people get the message
after it than were in requests that were being made.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from random import Random
from typing import Any

from django.conf import settings

from crisis import embedded
from messaging import progress, workflow
from messaging.channels.vk import VKDirect
from messaging.models import Batch, Campaign
from tests import world
from tests.faults.layers import Options, Result
from tests.faults.oracle import LATE
from tests.faults.theatre import Theatre, redis_of

TROUBLE: dict[str, Any] = {
    "it refuses": {"fail": {"calls": 6, "status": 503}},
    "it is full": {"error": {"calls": 6, "code": 6}},
    "answers are lost": {"lose_after": 4},
    "it does not answer": {"hold": 4},
    "it is well": {},
}
SEEDS = 50
REDIS = ("is there", "is there", "stands still", "dies")


class Stops(Theatre):
    people, lanes, rate = 8_000, 8, 20  # sent in 4 s, were it not stopped


def layer(options: Options) -> Result:
    result = Result("stop")
    with embedded.servers(settings.DATA_DIR, durable=False):
        place = Stops(settings.DATA_DIR)
        try:
            place.open()
            for seed in range(options.seed, options.seed + (options.seeds or SEEDS)):
                result.add(_stopped(place, seed))
        finally:
            place.close()
    return result


def _stopped(place: Stops, seed: int) -> Result:
    """One sending, stopped at the moment and in the trouble that the seed draws, and what became of it."""
    dice = Random(seed)
    trouble, redis = dice.choice([*TROUBLE]), dice.choice(REDIS)
    _settle(place)
    place.vk.control(reset=True, **TROUBLE[trouble])
    before = len(place.vk.lines())
    place.campaign = world.approve(world.submitted(place.author, place.account), place.approver)
    moment = dice.uniform(0.0, 3.0)
    place.supervisor.run_until(lambda: False, moment)
    with _redis(place, redis):
        workflow.stop(place.campaign, by=place.approver)
        place.supervisor.run_until(lambda: False, LATE + 2.0)
    _settle(place)
    lines = place.vk.lines()[before:]
    wrongs, most = _judged(place, lines)
    told = f"--layer stop --seed {seed}: stopped after {moment:.2f} s, the platform: {trouble}, Redis {redis}: {{}}"
    return Result(
        "stop", 1, Counter({f"platform: {trouble}": 1, f"Redis {redis}": 1}),
        sum(line["kind"] == "accepted" for line in lines),
        Counter({name: len(found) for name, found in wrongs.items()}),
        [told.format(one) for found in wrongs.values() for one in found], most=most,
    )  # fmt: skip


def _settle(place: Stops) -> None:
    """Let the platform be well and every request end."""
    place.vk.control(reset=True, release=True)
    busy = Batch.objects.filter(status=Batch.Status.SENDING)
    assert place.until(lambda: not busy.exists()), "a batch is still being sent"


@contextmanager
def _redis(place: Stops, state: str) -> Iterator[None]:
    """Redis as it `state`s at the moment of the stop."""
    pid = int(redis_of(place).info()["process_id"])
    if state == "is there":
        yield
        return
    os.kill(pid, signal.SIGSTOP if state == "stands still" else signal.SIGKILL)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def _judged(place: Stops, lines: list[dict[str, Any]]) -> tuple[dict[str, list[str]], dict[str, float]]:
    """What was wrong, and how much happened after the stop."""
    campaign = Campaign.objects.get(pk=place.campaign.pk)
    assert campaign.ended_at
    accepted = Counter(line["peer_id"] for line in lines if line["kind"] == "accepted")
    after = [line for line in lines if _at(line) > campaign.ended_at]
    seconds = max([(_at(line) - campaign.ended_at).total_seconds() for line in after if line["kind"] == "call"], default=0.0)
    people = sum(line["kind"] == "accepted" for line in after)
    at_once = place.lanes * VKDirect.concurrency * VKDirect.per_request
    wrongs = {
        "sent_after_stop": [f"a request began {seconds:.2f} s after the stop"] if seconds > LATE else [],
        "unexpected": [f"{people} people got it after the stop, at most {at_once} were asked for"] if people > at_once else [],
        "duplicated": [f"{peer} got it {times} times" for peer, times in accepted.items() if times > 1],
        "wrong_counters": _miscounted(progress.gone_and_left(progress.ways(campaign)), len(accepted), place.people),
    }
    return wrongs, {"seconds from a stop to the last request": round(seconds, 3), "people reached after a stop": people}


def _miscounted(said: dict[str, int], got: int, people: int) -> list[str]:
    """The page counts as gone whoever was tried: at least whoever got it; and everybody is gone or left."""
    if said["gone"] < got or sum(said.values()) != people:
        return [f"the page says {said}, the platform has accepted {got} of {people}"]
    return []


def _at(line: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(line["at"])
