"""The requests of one claim: several at once where the channel can, in the account's pace, and what they mean for the batch.

Only a request runs in the event loop. All SQL is synchronous and stays outside it, where Django allows it.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import Event
from time import monotonic

from messaging.channels import Channel, ChannelError, Message, Outcome, Target
from messaging.delivery.breaker import OPENS
from messaging.delivery.claiming import Claim, HeldLane, goes_on
from messaging.delivery.pacing import Pace
from messaging.delivery.recording import FINAL, Close

FRESH = 1.0  # seconds a look at "not stopped" stays good
PATIENCE = 3  # requests of one claim that may go unanswered before the rest waits for the next
SUSPECT = 2  # attempts after which the people of a request are suspected, and no longer chance
LAST = 10  # attempts after which a single person whose request alone keeps failing is given up
leaving = Event()  # set when this process is asked to stop: what is under way is finished, nothing else begins
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that was made: an outcome for each of its people, or the error it failed with as a whole."""

    people: Sequence[Target]
    outcomes: Sequence[Outcome] = ()
    error: ChannelError | None = None


@dataclass(slots=True)
class Requests:
    """The people of a claim who are still to be asked for, cut into requests. `looked_at`: when it was last seen to go on."""

    channel: Channel
    lane: HeldLane
    held: Claim
    message: Message
    pace: Pace
    runner: asyncio.Runner
    looked_at: float
    waiting: deque[Sequence[Target]] = field(default_factory=deque)
    asked: list[Asked] = field(default_factory=list)

    def make(self, targets: Sequence[Target]) -> list[Asked]:
        """Make the requests of these people, in their order, until all are made, the claim must not go on, or enough failed."""
        width = min(self.channel.per_request, self.held.width or self.channel.per_request)
        self.waiting.extend(targets[start : start + width] for start in range(0, len(targets), width))
        while self.waiting and not self._in_trouble() and self._may_go_on():
            self.runner.run(self._make_some())
        return self.asked

    async def _make_some(self) -> None:
        at_once = min(self.channel.concurrency, self.pace.permits or self.channel.concurrency, len(self.waiting))
        if at_once == 1:
            await self._one_after_another()
        else:
            await asyncio.gather(*(self._one_after_another() for _ in range(at_once)))

    async def _one_after_another(self) -> None:
        while self._may_begin():
            await self.pace.take()
            begins = self._may_begin()  # while it waited for its turn, others made requests and the look grew old
            try:
                if begins:
                    self.asked.append(await self._ask(self.waiting.popleft()))
            finally:
                self.pace.give(used=begins)

    def _may_begin(self) -> bool:
        return bool(self.waiting) and self._is_fresh() and not self._in_trouble()

    def _may_go_on(self) -> bool:
        if self._is_fresh():
            return True
        self.looked_at = monotonic()
        return goes_on(self.lane, self.held)

    def _is_fresh(self) -> bool:
        return monotonic() - self.looked_at < FRESH

    def _in_trouble(self) -> bool:
        """Whether no other request should begin: we are to leave, one was refused as a whole, or several went unanswered."""
        errors = [asked.error for asked in self.asked if asked.error]
        return leaving.is_set() or len(errors) >= PATIENCE or any(error.scope != "uncertain" for error in errors)

    async def _ask(self, people: Sequence[Target]) -> Asked:
        try:
            return Asked(people, await self.channel.send(self.message, people))
        except ChannelError as error:
            return Asked(people, error=error)
        except Exception:  # a fault of ours: nobody knows how far it came
            log.exception("A request of batch %s broke.", self.held.id)
            return Asked(people, error=ChannelError("uncertain", "broken"))


def judge(channel: Channel, held: Claim, targets: Sequence[Target], asked: Sequence[Asked]) -> tuple[list[Outcome], Close]:
    """What is known after the requests of a claim: outcomes of single people, and how the batch goes on without them.

    Where the platform knows a repeat, one is tried before anybody is called uncertain.
    """
    repeatable = bool(channel.resendable_for) and held.attempt < LAST
    failed = [one for one in asked if one.error]
    unanswered = [one for one in failed if one.error and one.error.scope == "uncertain"]
    given_up = [one for one in unanswered if not channel.resendable_for or _is_hopeless(held, one, asked)]
    told = [outcome for one in asked for outcome in one.outcomes]
    doubted = [outcome for outcome in told if outcome.status == "uncertain" and repeatable]
    outcomes = [replace(outcome, status="retry") if outcome in doubted else outcome for outcome in told]
    outcomes += [Outcome(t.contact, "uncertain", _reason([one])) for one in given_up for t in one.people]
    if {t.contact for t in targets} <= {o.contact for o in outcomes if o.status in FINAL}:
        return outcomes, Close(done=True, reason=_reason(failed))
    in_doubt = held.in_doubt or bool(doubted) or len(unanswered) > len(given_up)
    wait, width = _wait(held, outcomes, failed), _width(held, unanswered)
    return outcomes, Close(done=False, wait=wait, in_doubt=in_doubt, reason=_reason(failed), width=width)


def _is_hopeless(held: Claim, one: Asked, asked: Sequence[Asked]) -> bool:
    """Whether one person's request keeps failing while the platform answers those of others."""
    others_work = any(not other.error for other in asked) or not held.failures
    return len(one.people) == 1 and held.attempt >= LAST and others_work


def _wait(held: Claim, outcomes: Sequence[Outcome], failed: Sequence[Asked]) -> float:
    """Seconds before the next attempt. Nobody waits who was merely not asked for yet."""
    told = [one.error.retry_after for one in failed if one.error and one.error.retry_after is not None]
    if told:
        return max(told)
    if any(outcome.status in FINAL for outcome in outcomes) and failed:
        return backoff(1)  # the platform answers: only some of the people are the trouble
    return backoff(held.attempt) if failed or any(outcome.status == "retry" for outcome in outcomes) else 0.0


def _width(held: Claim, unanswered: Sequence[Asked]) -> int | None:
    """People in one request of the next attempt: halved after a second one that went unanswered, so that a single person whose
    data breaks every request does not keep back the others. While the account answers nobody it is no person's fault."""
    if not unanswered or held.attempt < SUSPECT or held.failures >= OPENS:
        return held.width
    return max(1, len(unanswered[0].people) // 2)


def _reason(failed: Sequence[Asked]) -> str:
    return failed[0].error.reason if failed and failed[0].error else ""


def backoff(attempt: int) -> float:
    """Seconds before the next attempt: doubling from 1 to 60, with jitter so that lanes do not come back together."""
    return float(min(60, 2 ** min(attempt - 1, 6))) * random.uniform(0.75, 1.25)  # noqa: S311 (spreads load, guards nothing)
