"""The first layer: virtual workers, a sweeper and people on a real PostgreSQL, in an order that one number decides."""

from __future__ import annotations

import faulthandler
import logging
import random
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from django.db import connections

from crisis import daily
from messaging import bell
from messaging.delivery import turns
from tests.faults import apart
from tests.faults.cast import Cast
from tests.faults.clockwork import Clockwork
from tests.faults.ground import EPOCH, Ground, Prepared, ground
from tests.faults.hazards import Hazards
from tests.faults.layers import Options, Result
from tests.faults.oracle import Verdict, judge
from tests.faults.platforms import Keyed, Plain, Platforms
from tests.faults.virtual_time import share_no_locks, virtual_time

SEEDS = 100
FAULTS = 14  # at most, in one run
LONGEST = 300.0  # real seconds of one run
ROUND = 5.0  # seconds between two looks whether all is quiet
HEALED = 300.0  # seconds after which nothing may be open any more
QUIET = """
SELECT NOT EXISTS (SELECT FROM messaging_batch WHERE status IN ('queued', 'sending') OR in_doubt)
   AND NOT EXISTS (SELECT FROM messaging_campaign WHERE status IN ('approved', 'sending', 'paused'))
   AND NOT EXISTS (SELECT FROM messaging_receipt WHERE applied_at IS NULL)
"""


def layer(options: Options) -> Result:
    """Many seeds on servers of its own, in several processes with a database each."""
    seeds = range(options.seed, options.seed + (options.seeds or SEEDS))
    faults = FAULTS if options.faults is None else options.faults
    total = Result("sim")
    with apart.servers():
        for part in apart.spread(_runs, seeds, options.processes, faults):
            total.add(part)
    return total


def _runs(seeds: list[int], faults: int) -> Result:
    total = Result("sim")
    with ground(connections["owner"].settings_dict["NAME"]) as there:
        for seed in seeds:
            faulthandler.dump_traceback_later(LONGEST, exit=True)  # a run that hangs says where
            total.add(result_of(run(there, seed, faults), faults))
            if total.seeds % 100 == 0:
                sys.stderr.write(f"{total.seeds} seeds of {len(seeds)}, {len(total.failures)} failed\n")
    faulthandler.cancel_dump_traceback_later()
    return total


def result_of(verdict: Verdict, faults: int) -> Result:
    wrongs = Counter({name: len(found) for name, found in verdict.wrongs.items() if found})
    result = Result("sim", 1, verdict.faults, verdict.judged, wrongs)
    if wrongs:
        replay = f"python -m tests.faults --layer sim --seed {verdict.seed} --faults {faults}"
        said = [f"{name}: {found[0]}" for name, found in verdict.wrongs.items() if found]
        result.failures.append(f"{replay}  # {'; '.join(said)}")
    return result


def run(there: Ground, seed: int, faults: int = FAULTS) -> Verdict:
    """One run from the same ground, judged."""
    there.reset()
    share_no_locks()
    clockwork = Clockwork(seed, there.admin, EPOCH.timestamp())
    hazards = Hazards(clockwork.random, faults)
    here = Platforms(clockwork, hazards)
    cast = Cast(there, clockwork, hazards, here)
    clockwork.hazard = hazards.at_point
    with _scenery(clockwork, cast):
        cast.start_machines()
        cast.start_people(_chosen(clockwork.random, there.campaigns))
        try:
            _pass(clockwork, cast, clockwork.random.uniform(60, 150))
            hazards.on = False  # healed
            cast.mend()
            _pass(clockwork, cast, clockwork.now + HEALED)
        finally:
            clockwork.end()
        return judge(there, clockwork, hazards, here, cast)


def _pass(clockwork: Clockwork, cast: Cast, until: float) -> None:
    """Let time pass, until this instant or until nothing is left to be done."""
    while clockwork.now < until and not _is_quiet(clockwork, cast):
        clockwork.run_until(clockwork.now + ROUND)


def _is_quiet(clockwork: Clockwork, cast: Cast) -> bool:
    living = [process for process in clockwork.processes if process.status != "ended"]
    asleep = any(process.stalled_until > clockwork.now for process in living)
    at_work = any(process.name.startswith("person") for process in living)
    if asleep or at_work or cast.platforms.under_way or cast.reports:
        return False
    return bool(clockwork.admin.execute(QUIET).fetchone() == (True,))


def _chosen(draw: random.Random, campaigns: list[Prepared]) -> list[Prepared]:
    """One to three campaigns of 50 to 200 people together."""
    while True:
        some = draw.sample(campaigns, draw.randint(1, 3))
        if 50 <= sum(one.people for one in some) <= 200:
            return some


@contextmanager
def _scenery(clockwork: Clockwork, cast: Cast) -> Iterator[None]:
    """What the product meets instead of time, Redis and platforms; and small batches, so that there are many."""
    draw = clockwork.random
    random.seed(draw.random())
    values: list[tuple[Any, str, Any]] = [
        (bell, "ring", cast.ring),
        (daily, "DUTIES", {}),
        (turns, "MOST", draw.randint(6, 25)),
        (Keyed, "per_request", draw.randint(2, 10)),
        (Keyed, "concurrency", draw.randint(1, 3)),
        (Plain, "concurrency", draw.randint(1, 3)),
    ]
    patches = [patch.object(where, name, value) for where, name, value in values]
    logging.disable(logging.CRITICAL)
    try:
        for one in patches:
            one.start()
        with virtual_time():
            yield
    finally:
        for one in patches:
            one.stop()
        logging.disable(logging.NOTSET)
