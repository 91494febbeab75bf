"""Judges any platform against the contract of orders, over the wire and in its sandbox: which rules it keeps, and which not.

Orders nothing from a platform that is not of exercises. Every question is written here anew, not asked by our channel, so that
the suite, the channel and the simulator agree by the document alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

from messaging.channels.conformance import checks_all, checks_audience, checks_door, checks_life, checks_order
from messaging.channels.conformance.findings import RULES, CannotJudgeError, Finding, NotJudgedError, Rule, Said, Wrong, dig
from messaging.channels.conformance.findings import marked as _
from messaging.channels.conformance.hearing import Listener
from messaging.channels.conformance.speaking import Heard
from messaging.channels.conformance.trial import LONGEST_INTERVAL, Target, Trial

CHECKS: Final = (checks_door, checks_order, checks_audience, checks_life, checks_all)
ORDERED: Final = tuple(one for module in CHECKS for one in RULES if one.check.__module__ == module.__name__)
CODES: Final = tuple(one.code for one in ORDERED)
LONGEST: Final = 48.0  # seconds for everything
__all__ = ["CHECKS", "CODES", "CannotJudgeError", "Finding", "Said", "Target", "run"]


def run(target: Target, only: Collection[str] = ()) -> list[Finding]:
    """Judge the platform by all rules, or by some. Raises CannotJudgeError."""
    return asyncio.run(judge(target, only))


async def judge(target: Target, only: Collection[str] = ()) -> list[Finding]:
    """The same inside a running loop."""
    chosen = [one for one in ORDERED if not only or one.code in only]
    heard_by_others = any(one.last for one in chosen)
    async with _trial(target) as trial:
        until = time.monotonic() + LONGEST
        first = [one for one in (ORDERED if heard_by_others else chosen) if not one.last]
        found = dict(
            zip((one.code for one in first), await asyncio.gather(*(_judged(one, trial, until) for one in first)), strict=True)
        )
        last = [one for one in chosen if one.last]
        found |= {one.code: await _judged(one, trial, until) for one in last}
    return [found[one.code] for one in chosen]


@asynccontextmanager
async def _trial(target: Target) -> AsyncIterator[Trial]:
    listener = Listener(*target.listen) if target.listen else None
    trial = Trial(target, listener)
    async with trial.speaker:
        try:
            trial.facts = await _facts(trial)
            if listener is None:
                yield trial
            else:
                async with listener:
                    yield trial
        finally:
            await trial.close()


async def _facts(trial: Trial) -> dict[str, object]:
    """What the platform says of itself. Raises CannotJudgeError for one from which nothing may be ordered."""
    try:
        heard = await trial.ask("GET", "/v1/platform")
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise CannotJudgeError(Said(_("Nobody answers at this address: %(error)s"), {"error": error})) from error
    if heard.status != 200 or not isinstance(heard.said, dict):
        raise CannotJudgeError(Said(_("The platform does not say what it is. %(answer)s"), {"answer": heard.answer}))
    _demand_sandbox(heard)
    return heard.said


def _demand_sandbox(heard: Heard) -> None:
    if dig(heard.said, "exercise") is not True:
        raise CannotJudgeError(
            Said(_("The platform is not one of exercises: it would write to real people. Nothing was ordered."))
        )
    if dig(heard.said, "sandbox") is not True:
        raise CannotJudgeError(
            Said(_("The platform has no sandbox: it does not know the countries XA to XE. Nothing was ordered."))
        )
    interval = dig(heard.said, "min_interval_s")
    if not isinstance(interval, int) or interval > LONGEST_INTERVAL:
        said = _("In its sandbox a platform wants at most %(seconds)s seconds between estimates, or nobody could judge it.")
        raise CannotJudgeError(Said(said, {"seconds": LONGEST_INTERVAL}))


async def _judged(one: Rule, trial: Trial, until: float) -> Finding:
    try:
        wrong = await asyncio.wait_for(one.check(trial), max(0.1, until - time.monotonic()))
    except NotJudgedError as reason:
        return Finding(one, None, got=reason.why)
    except TimeoutError:
        wrong = Wrong(Said(_("We waited for an answer.")), Said(_("None came in time.")))
    except aiohttp.ClientError as error:
        wrong = Wrong(Said(_("We asked, and the connection broke.")), Said("%(error)s", {"error": error}))
    if wrong is None:
        return Finding(one, passed=True)
    return Finding(one, False, wrong.sent, wrong.got, wrong.wire)
