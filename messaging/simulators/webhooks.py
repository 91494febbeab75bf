"""How a delegated platform tells us of its orders: webhooks after Standard Webhooks, signed by hand on this side.

In order and one at a time, again until they are taken; a test may silence, reverse, repeat or forge them.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import aiohttp

from messaging.simulators.orders import ENDED

TRIES: Final = 6
WAITING: Final = 10_000  # events not yet taken; more are dropped, as a platform would
TIMEOUT: Final = aiohttp.ClientTimeout(total=5)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    event_id: str
    body: bytes


def signature(secret: str, event_id: str, at: str, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over id.timestamp.body, keyed with the bytes behind `whsec_`."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, f"{event_id}.{at}.".encode() + body, hashlib.sha256).digest()).decode()


class Webhooks:
    """The sender. `manner` is normal, silent (events are lost) or reversed (an order's events wait for its end; last first)."""

    def __init__(self, url: str, secret: str) -> None:
        self.url, self.secret = url, secret
        self.manner = "normal"
        self.forge = 0  # how many of the next are signed with another secret
        self.taken = self.refused = 0
        self.last: Event | None = None
        self._queue: asyncio.Queue[Event] = asyncio.Queue(WAITING)
        self._kept: dict[str, list[Event]] = {}

    def tell(self, order: Mapping[str, Any]) -> None:
        """Announce a status object."""
        if not self.url or self.manner == "silent":
            return
        event_id = f"evt_{uuid4().hex}"
        body = json.dumps({"type": "order.status", "event_id": event_id, "order": order}, ensure_ascii=False).encode()
        self.last = Event(event_id, body)
        if self.manner == "normal":
            self._put(self.last)
            return
        kept = self._kept.setdefault(order["order_id"], [])
        kept.append(self.last)
        if order["status"] in ENDED:
            for event in reversed(self._kept.pop(order["order_id"])):
                self._put(event)

    def repeat(self) -> bool:
        """Send the last event again, with its id. False when there was none."""
        if self.last is not None:
            self._put(self.last)
        return self.last is not None

    async def run(self) -> None:
        """Send until cancelled."""
        async with aiohttp.ClientSession(timeout=TIMEOUT, trust_env=False) as session:
            while True:
                await self._send(session, await self._queue.get())

    def _put(self, event: Event) -> None:
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            log.warning("%d events wait already; event %s is dropped.", WAITING, event.event_id)

    async def _send(self, session: aiohttp.ClientSession, event: Event) -> None:
        for attempt in range(TRIES if self.url else 0):
            forged, self.forge = self.forge > 0, max(0, self.forge - 1)
            if await self._post(session, event, forged=forged):
                self.taken += 1
                return
            self.refused += 1
            if forged:
                return
            await asyncio.sleep(min(2**attempt / 4, 4))
        log.warning("Nobody took event %s at %s.", event.event_id, self.url)

    async def _post(self, session: aiohttp.ClientSession, event: Event, *, forged: bool) -> bool:
        at = str(int(time.time()))
        secret = base64.b64encode(b"a stranger's secret").decode() if forged else self.secret
        headers = {"webhook-id": event.event_id, "webhook-timestamp": at, "Content-Type": "application/json"}
        headers["webhook-signature"] = signature(secret, event.event_id, at, event.body)
        try:
            async with session.post(self.url, data=event.body, headers=headers, allow_redirects=False) as response:
                return 200 <= response.status < 300
        except (aiohttp.ClientError, TimeoutError):
            return False
