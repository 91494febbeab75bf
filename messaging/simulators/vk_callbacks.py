"""VK's side of the Callback API: it calls the group's server and expects exactly `ok`.

With `Lively` a small, deterministic share of the people written to reads the message after a while, and a few answer.
Nothing here decides what is accepted.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import logging
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from messaging.simulators.vk_people import Dialogs, Sent

VERSION: Final = "5.199"
TRIES: Final = 3
TIMEOUT: Final = aiohttp.ClientTimeout(total=5)
READERS_IN_100: Final = 12
ONE_ANSWER_IN: Final = 1500
ANSWERS: Final = (
    "Мы в Хургаде, нужна помощь",
    "We are fine, thank you",
    "Спасибо, у нас всё спокойно. Когда вылет?",
    "Нас двое и ребёнок, Шарм-эш-Шейх, рейс отменили. Что делать?",
    "Where can we get a new passport? We are in Cairo",
)
log = logging.getLogger(__name__)


@dataclass
class Endpoint:
    """A group's server. `confirmation` is the string it must answer to the `confirmation` event."""

    url: str
    secret: str
    confirmation: str = ""
    confirmed: bool = False


class Callbacks:
    """Calls the servers of the groups. Used as `async with`, which holds the HTTP session."""

    def __init__(self, endpoints: dict[int, Endpoint]) -> None:
        self.endpoints = endpoints
        self.sent = self.answered = 0
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Callbacks:
        self._session = aiohttp.ClientSession(timeout=TIMEOUT, trust_env=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(self, group_id: int, event: Mapping[str, Any], secret: str | None = None) -> str:
        """Send one event. Returns what the server answered, or a word for why nothing was understood."""
        endpoint = self.endpoints[group_id]
        body = {**event, "group_id": group_id, "v": VERSION, "secret": endpoint.secret if secret is None else secret}
        self.sent += 1
        answer = await self._call(endpoint.url, {key: value for key, value in body.items() if key != "secret" or value})
        self.answered += answer == "ok"
        if event["type"] == "confirmation" and answer == endpoint.confirmation:
            endpoint.confirmed = True
        return answer

    async def deliver(self, group_id: int, event: Mapping[str, Any]) -> bool:
        """Send an event as VK does: only to a confirmed server, and again, with the same id, when it does not say `ok`."""
        for attempt in range(TRIES):
            if await self._confirmed(group_id) and await self.post(group_id, event) == "ok":
                return True
            await asyncio.sleep(2**attempt)
        return False

    async def _confirmed(self, group_id: int) -> bool:
        if not self.endpoints[group_id].confirmed:
            await self.post(group_id, {"type": "confirmation", "event_id": event_id("confirmation", group_id)})
        return self.endpoints[group_id].confirmed

    async def _call(self, url: str, body: Mapping[str, Any]) -> str:
        if self._session is None:
            raise RuntimeError("Callbacks are used as `async with`.")
        try:
            async with self._session.post(url, json=body, allow_redirects=False) as response:
                text = (await response.content.read(4096)).decode("utf-8", "replace")
                return text if response.status == 200 else f"http:{response.status}"
        except (aiohttp.ClientError, TimeoutError) as error:
            return f"unreachable:{type(error).__name__}"


def event_id(*parts: object) -> str:
    """VK's event ids are 40 hex digits; the same parts make the same id."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:40]


def message_allow(user_id: int) -> dict[str, Any]:
    return {"user_id": user_id, "key": "notify"}


def message_deny(user_id: int) -> dict[str, Any]:
    return {"user_id": user_id}


def message_read(user_id: int, sent: Sent) -> dict[str, Any]:
    read = {"from_id": user_id, "peer_id": user_id}
    return {**read, "read_message_id": sent.message_id, "conversation_message_id": sent.number}


def message_new(user_id: int, written: Sent, text: str) -> dict[str, Any]:
    """A person wrote to the group; nothing is attached."""
    message = {
        "id": written.message_id,
        "conversation_message_id": written.number,
        "date": int(written.at),
        "from_id": user_id,
        "peer_id": user_id,
        "out": 0,
        "version": 10000000 + written.message_id,
        "text": text,
        "attachments": [],
        "fwd_messages": [],
        "important": False,
        "is_hidden": False,
        "random_id": 0,
    }
    client = {
        "button_actions": ["text", "open_link"],
        "keyboard": True,
        "inline_keyboard": True,
        "carousel": True,
        "lang_id": 0,
    }
    return {"message": message, "client_info": client}


def reads(peer_id: int) -> bool:
    return _draw(peer_id) % 100 < READERS_IN_100


def answers(peer_id: int) -> bool:
    return _draw(peer_id) % ONE_ANSWER_IN == 7


def _draw(peer_id: int) -> int:
    return zlib.crc32(str(peer_id).encode())


class Lively:
    """People who read and answer, each at a moment drawn from the peer id: one worker, one callback at a time."""

    def __init__(self, callbacks: Callbacks, dialogs: Dialogs, now: Callable[[], float]) -> None:
        self.callbacks, self.dialogs, self.now = callbacks, dialogs, now
        self._due: list[tuple[float, int, int, Sent]] = []
        self._more = asyncio.Event()

    def expect(self, group_id: int, peer_id: int, sent: Sent) -> None:
        """Take note of an accepted message; whoever neither reads nor answers is forgotten at once."""
        if group_id in self.callbacks.endpoints and (reads(peer_id) or answers(peer_id)):
            heapq.heappush(self._due, (self.now() + 2 + _draw(peer_id) % 300 / 10, group_id, peer_id, sent))
            self._more.set()

    async def run(self) -> None:
        """Live until cancelled."""
        while True:
            if not self._due:
                self._more.clear()
                await self._more.wait()
            elif (wait := self._due[0][0] - self.now()) > 0:
                await asyncio.sleep(min(wait, 0.1))
            else:
                _, group_id, peer_id, sent = heapq.heappop(self._due)
                await self._happen(group_id, peer_id, sent)

    async def _happen(self, group_id: int, peer_id: int, sent: Sent) -> None:
        read = {"type": "message_read", "event_id": event_id("read", group_id, sent.message_id)}
        if not await self.callbacks.deliver(group_id, {**read, "object": message_read(peer_id, sent)}):
            log.warning("The group's server did not take event %s.", read["event_id"])
            return
        if answers(peer_id):
            text = ANSWERS[_draw(peer_id) // ONE_ANSWER_IN % len(ANSWERS)]
            written = self.dialogs.write_in(group_id, peer_id, self.now())
            new = {"type": "message_new", "event_id": event_id("new", group_id, written.message_id)}
            await self.callbacks.deliver(group_id, {**new, "object": message_new(peer_id, written, text)})
