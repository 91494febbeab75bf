"""The pump: hold a lane, claim batch after batch, send each outside any transaction, and record what is known.

Only a request runs in the event loop. All SQL is synchronous and stays outside it, where Django allows it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from time import monotonic

from audiences import presence
from crisis.repeating import plan_anew
from messaging.channels import Channel, ChannelError, Message, Outcome, Target
from messaging.delivery import breaker, orders, replies
from messaging.delivery.claiming import Claim, HeldLane, claim, has_work, release, take
from messaging.delivery.pacing import Pace
from messaging.delivery.recording import Close, change_addresses, record, served, weighed
from messaging.delivery.sending import Requests, judge, leaving
from messaging.delivery.starting import finish
from messaging.delivery.trouble import content_refused, pause_account
from messaging.delivery.turns import keep_turns
from messaging.models import Account

log = logging.getLogger(__name__)


def pump(lane: int, *, seconds: float = float("inf")) -> int:
    """Send everything that is due on a lane, for at most `seconds`. Returns batches handled; 0 when another pump holds it."""
    held = take(lane)
    if held is None:
        return 0
    keep_turns()
    account = Account.objects.get(pk=held.account)
    try:
        with asyncio.Runner() as runner:
            handled = _Pump(held, account, runner).run(monotonic() + seconds)
    finally:
        release(held)
    # Work that arrived between our last look and the release was told that the lane is held.
    if handled and seconds == float("inf") and not leaving.is_set() and has_work(held.account):
        return handled + pump(lane)
    return handled


class _Pump:
    """One holder of one lane: one event loop, one session to the platform, one pace."""

    def __init__(self, lane: HeldLane, account: Account, runner: asyncio.Runner) -> None:
        self.lane, self.account, self.runner = lane, account, runner
        self.pace = Pace(lane.permits, lane.wait)
        self.looked_at = 0.0
        self.campaign: int | None = None  # of the batch served last

    def run(self, until: float) -> int:
        try:
            channel = self.account.connect()
        except ChannelError as error:
            pause_account(self.account.pk, error.reason)
            return 0
        self.runner.run(channel.__aenter__())
        try:
            return sum(1 for _ in self._work(channel, until))
        finally:
            self.runner.run(channel.__aexit__(None, None, None))

    def _work(self, channel: Channel, until: float) -> Iterator[int]:
        while monotonic() < until and not leaving.is_set():
            self.looked_at = monotonic()  # before the claim: between its answer and our next step this process may sleep
            held = claim(self.lane)
            if held is not None:
                self._serve(channel, held)
            self._come_from(held.campaign if held else None)
            if held is not None:
                yield held.id
            elif self.account.addressed and (reply := self._reply(channel)):
                self._answer(channel, reply)
                yield reply.id
            else:
                return
        self._come_from(None)

    def _come_from(self, campaign: int | None) -> None:
        """Close the campaign before this one if it has nothing open left: asked once a campaign, and while nothing is held.

        The tables have grown with it, so plans are made anew.
        """
        if campaign == self.campaign:
            return
        if self.campaign is not None:
            finish(self.campaign)
        plan_anew()
        self.campaign = campaign

    def _serve(self, channel: Channel, held: Claim) -> None:
        if channel.kind == "delegated":
            orders.work(channel, held, self.runner)
            return
        known = served(held) if held.attempt > 1 else set()
        people = [contact for contact in held.people if contact not in known]
        addresses, missing = presence.addresses(people, self.account.address_kind or 0)
        outcomes = [Outcome(contact, "failed", reason) for contact, reason in missing.items()]
        targets = [Target(contact, address) for contact, address in addresses.items()]
        if held.in_doubt and held.age > channel.resendable_for:
            outcomes += [Outcome(t.contact, "uncertain", "no answer in time") for t in targets]
            close = Close(done=True)
        else:
            sent, close = self._send(channel, held, targets)
            outcomes += sent
        outcomes, close = weighed(held, outcomes, close, keyed=channel.resendable_for > 0)
        if record(held, outcomes, close, receipts=channel.has_receipts):
            change_addresses(self.account.address_kind or 0, addresses, outcomes)
        else:
            log.warning("Batch %s was taken over while we held it; nothing was written.", held.id)

    def _send(self, channel: Channel, held: Claim, targets: list[Target]) -> tuple[list[Outcome], Close]:
        requests = Requests(channel, self.lane, held, _message(held), self.pace, self.runner, self.looked_at)
        asked = requests.make(targets)
        self.looked_at = requests.looked_at
        for error in filter(None, (one.error for one in asked)):
            if error.scope == "pause":
                pause_account(self.account.pk, error.reason)
            elif error.scope == "content":
                content_refused(held.campaign, self.account, error.reason)
        breaker.note(self.account, held.failures, asked)
        return judge(channel, held, targets, asked)

    def _reply(self, channel: Channel) -> replies.Due | None:
        return replies.claim(self.lane, repeatable=channel.resendable_for > 0)

    def _answer(self, channel: Channel, reply: replies.Due) -> None:
        """Say it, and again later what was not sent; what may have been sent, only where the platform knows a repeat."""
        try:
            (outcome,) = self.runner.run(self._say(channel, reply))
            came: str = outcome.status
        except ChannelError as error:
            came = error.scope
            if came == "pause":
                pause_account(self.account.pk, error.reason)
        again = came == "retry" or (came == "uncertain" and channel.resendable_for > 0)
        replies.close(reply, answered=came == "accepted", again=again)

    async def _say(self, channel: Channel, reply: replies.Due) -> list[Outcome]:
        await self.pace.take()
        try:
            message, target = Message(reply.body, reply.language, reply.key), Target(reply.contact, reply.address)
            return await channel.send(message, [target])
        finally:
            self.pace.give()


def _message(held: Claim) -> Message:
    if held.body is None or held.language is None:
        raise LookupError(f"Batch {held.id} has no text that was approved for its account.")
    return Message(held.body, held.language, held.key)
