"""One trial of a platform: what is known of it, whom we ask, and everything that was heard."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import aiohttp

from messaging.channels.conformance.asking import Asking
from messaging.channels.conformance.findings import NotJudgedError, Said, Wrong, dig
from messaging.channels.conformance.findings import marked as _
from messaging.channels.conformance.hearing import Listener
from messaging.channels.conformance.speaking import Heard, Signing, Speaker

ENDED: Final = frozenset({"done", "cancelled", "refused"})
LONGEST_INTERVAL: Final = 2  # seconds between estimates, in the sandbox
EVERY: Final = 0.2  # seconds between two looks at an order
DECIDED: Final = 6.0  # seconds: three that the contract gives, and three for the way
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Target:
    """A platform to be judged. `listen` is where we hear its webhooks, or None."""

    url: str
    secret: str
    webhook_secret: str = ""
    listen: tuple[str, int] | None = None
    issuer: str = "conformance"


class Trial:
    """What every check is given."""

    def __init__(self, target: Target, listener: Listener | None) -> None:
        self.target, self.listener = target, listener
        self.asking = Asking(target.issuer)
        self.speaker = Speaker(target.url, target.secret, self._keep)
        self.heard: list[Heard] = []
        self.facts: Mapping[str, Any] = {}
        self.again: set[str] = set()  # orders that were placed more than once, or cancelled: judged by rules of their own
        self._placed: list[str] = []
        self._estimating = asyncio.Lock()
        self._asked_at = self._counted_at = 0.0
        self._scenes: dict[str, asyncio.Future[Any]] = {}

    def _keep(self, heard: Heard) -> None:
        self.heard.append(heard)

    async def ask(self, method: str, path: str, body: Any = None, *, key: str = "", signing: Signing | None = None) -> Heard:
        return await self.speaker.ask(method, path, body, key=key, signing=signing or Signing())

    async def place(self, order: Mapping[str, Any], *, key: str = "") -> Heard:
        heard = await self.ask("POST", "/v1/orders", order, key=key or str(order["order_id"]))
        if heard.status == 200 and order["order_id"] not in self._placed:
            self._placed.append(str(order["order_id"]))
        return heard

    async def status(self, order_id: str) -> Heard:
        return await self.ask("GET", f"/v1/orders/{order_id}")

    async def cancel(self, order_id: str) -> Heard:
        return await self.ask("POST", f"/v1/orders/{order_id}/cancel")

    async def when(self, order_id: str, true: Callable[[Any], bool], within: float) -> Heard:
        """The status once something is true of it, else the last one. Who does not say how it stands is not asked again."""
        until = time.monotonic() + within
        while (heard := await self.status(order_id)).status == 200 and not true(heard.said) and time.monotonic() < until:
            await asyncio.sleep(EVERY)
        return heard

    async def ended(self, order_id: str) -> Heard:
        return await self.when(order_id, lambda said: dig(said, "status") in ENDED, 30)

    async def decided(self, order_id: str) -> Heard:
        return await self.when(order_id, lambda said: dig(said, "decision") is not None, DECIDED)

    def scene(self, name: str, play: Callable[[], Coroutine[Any, Any, Found]]) -> Awaitable[Found]:
        """What several checks look at is played once."""
        if name not in self._scenes:
            self._scenes[name] = asyncio.ensure_future(play())
        return asyncio.shield(self._scenes[name])

    async def carried(self, **changes: Any) -> Heard:
        """An order for the existing people of XA, carried out."""
        order = self.asking.order("XA", **changes)
        heard = await self.place(order)
        return heard if heard.status != 200 else await self.ended(str(order["order_id"]))

    def everybody(self) -> Awaitable[Heard]:
        return self.scene("everybody", self.carried)

    def lately(self) -> Awaitable[Heard]:
        """Carried out for those seen within the last day."""
        return self.scene("lately", lambda: self.carried(audience=self.asking.audience(hours=24)))

    async def estimate(self, audience: Mapping[str, Any], *, everybody: bool = True) -> Heard:
        """Ask with the patience the platform wants. Raises NotJudgedError when it has heard enough for an hour."""
        async with self._estimating:
            return await self.estimate_now(audience, everybody=everybody)

    async def estimate_now(self, audience: Mapping[str, Any], *, everybody: bool = True) -> Heard:
        for _attempt in range(3):
            await self._patience()
            self._asked_at = time.monotonic()
            heard = await self.ask("POST", "/v1/estimates", self.asking.estimate(audience, everybody=everybody))
            self._counted_at = time.monotonic()
            if heard.code != "too_soon":
                break
        if heard.code == "too_many":
            why = _(
                "You were asked about many audiences in the last hour and want a rest, as the contract allows. Try again later."
            )
            raise NotJudgedError(Said(why))
        return heard

    async def twice(self, first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[Heard, Heard, float]:
        """Two estimates with nothing and no pause between them, and how many seconds apart they were looked at, at most."""
        async with self._estimating:
            one = await self.estimate_now(first)
            two = await self.ask("POST", "/v1/estimates", self.asking.estimate(second))
            self._counted_at = time.monotonic()
            return one, two, self._counted_at - self._asked_at

    async def _patience(self) -> None:
        wanted = min(LONGEST_INTERVAL, dig(self.facts, "min_interval_s") or 0) + 0.05
        await asyncio.sleep(max(0.0, self._counted_at + wanted - time.monotonic()))

    async def close(self) -> None:
        """Leave nothing running behind us."""
        for scene in self._scenes.values():
            scene.cancel()
        for order_id in self._placed:
            try:
                await self.cancel(order_id)
            except (aiohttp.ClientError, TimeoutError):
                return


def must_refuse(heard: Heard, sent: Said, status: int, *codes: str) -> Wrong | None:
    """None for a refusal with this status and one of these codes."""
    if heard.status == status and heard.code in codes:
        return None
    return Wrong(sent, heard.answer, heard.wire)
