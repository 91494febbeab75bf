"""Two platforms in the same process: one knows a repeat as VK does, one knows none. Their journals are the only oracle.

The first is the product's own VK channel and the simulated VK behind it, without a wire between them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qsl

from messaging.channels import Channel, ChannelError, Message, Outcome, Target
from messaging.channels.http import Answer
from messaging.channels.vk import VKDirect
from messaging.simulators.vk_methods import Api
from tests.faults.clockwork import Clockwork, current
from tests.faults.hazards import Hazards

KEYED, PLAIN = "sim-keyed", "sim-plain"
CHANNELS = {KEYED: "tests.faults.platforms.Keyed", PLAIN: "tests.faults.platforms.Plain"}
GROUP, TOKEN = 100000001, "t0ken"
STRANGER = 1_999_999_999
TIMEOUT = 10.0  # seconds after which a request is given up
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Effect:
    """A message that a person has got. `meant_at` is when the process that sent it meant to: it may have been frozen since."""

    at: float
    meant_at: float
    slug: str
    peer: str
    body: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request that has begun. `meant_at` is when its process meant to begin: it may have been frozen since."""

    meant_at: float
    slug: str
    body: str


@dataclass
class Platforms:
    """Both platforms of one run, and what they wrote down."""

    clockwork: Clockwork
    hazards: Hazards
    effects: list[Effect] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    under_way: int = 0
    meant_at: float = 0.0
    revoked: set[str] = field(default_factory=set)
    heard: Callable[[str, str, int], None] = lambda slug, peer, ref: None  # a person got a message: (slug, peer, its number)
    on_revoked: Callable[[str], None] = lambda slug: None

    def __post_init__(self) -> None:
        self.clockwork.platforms = self
        self.vk = Api({TOKEN: GROUP}, lambda group: "")
        self.vk.clock = _PlatformClock(self.clockwork)
        self.vk.rate.on = False
        self.refusing: set[str] = set()  # phones that take no message

    async def serve(self, slug: str, body: str, act: Callable[[], T], spoil: Callable[[T, str], T]) -> T:
        """One request: what it meets on its way, what the platform does, what comes back."""
        process = current()
        assert process is not None
        meant_at = self.clockwork.now
        process.point(f"{slug} request")
        self.requests.append(Request(meant_at, slug, body))
        fault, delay = self.hazards.on_the_wire(slug)
        self.under_way += 1
        try:
            await asyncio.sleep(delay)
            _before(fault)
            if fault == "token revoked":
                self.revoke(slug)
            if slug in self.revoked:
                raise ChannelError("pause", "5")
            if process.dead:
                raise ChannelError("uncertain", "dead")
            self.meant_at = meant_at
            found = act()
            process.point(f"{slug} effect")
            if fault in ("timeout after", "slow"):
                await asyncio.sleep(TIMEOUT)
            if fault in ("timeout after", "503 after", "slow"):
                raise ChannelError("uncertain", "timeout" if fault != "503 after" else "http_503")
            await asyncio.sleep(delay)
        finally:
            self.under_way -= 1
        process.point(f"{slug} answer")
        return spoil(found, fault)

    def revoke(self, slug: str) -> None:
        self.revoked.add(slug)
        self.on_revoked(slug)

    def accept(self, slug: str, peer: str, body: str, ref: int) -> None:
        self.effects.append(Effect(self.clockwork.now, self.meant_at, slug, peer, body))
        self.clockwork.note(slug, f"{peer} has got a message")
        self.heard(slug, peer, ref)


def here() -> Platforms:
    """The platforms of the run that this virtual process belongs to."""
    process = current()
    assert process is not None
    found: Platforms = process.clockwork.platforms
    return found


class _PlatformClock:
    def __init__(self, clockwork: Clockwork) -> None:
        self.clockwork, self.offset = clockwork, 0.0

    def now(self) -> float:
        return self.clockwork.now + self.offset


def _before(fault: str) -> None:
    """What happens to a request that has no effect."""
    match fault:
        case "refused":
            raise ChannelError("retry", "unreachable")
        case "timeout before":
            raise ChannelError("uncertain", "timeout")
        case "503 before":
            raise ChannelError("uncertain", "http_503")
        case "429 sane":
            raise ChannelError("retry", "http_429", retry_after=2.0)
        case "429 absurd":
            raise ChannelError("retry", "http_429", retry_after=1e9)
        case "429 past":
            raise ChannelError("retry", "http_429", retry_after=-5.0)


class Keyed(VKDirect):
    """VK without the wire, a few people in one request."""

    slug = KEYED
    label = "VK in the same process"
    per_request: ClassVar[int] = 5
    per_second = None

    async def __aenter__(self) -> Keyed:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def call(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        params = dict(parse_qsl(body.decode()))
        return await here().serve(KEYED, params["message"], lambda: self._judge(path, params), self._spoil)

    def _judge(self, path: str, params: dict[str, str]) -> Answer:
        answer = here().vk.call(path.removeprefix("/method/"), params)
        for line in answer.lines:
            if line["kind"] == "accepted":
                here().accept(KEYED, str(line["peer_id"]), params["message"], line["message_id"])
        return Answer(200, json.dumps(answer.body).encode())

    def _spoil(self, answer: Answer, fault: str) -> Answer:
        """What is wrong with an answer although the platform did all it was asked."""
        if fault in ("html", "truncated"):
            return Answer(200, b"<html>Bad gateway</html>" if fault == "html" else answer.body[:-9])
        said = json.loads(answer.body)
        items = said.get("response")
        if isinstance(items, list):
            _spoil_items(items, fault)
        return Answer(200, json.dumps(said).encode())


def _spoil_items(items: list[Any], fault: str) -> None:
    if fault == "absent":
        del items[len(items) // 2 :]
    elif fault == "strangers":
        items.insert(0, {"peer_id": STRANGER, "message_id": 7, "conversation_message_id": 7})
    elif fault == "doubled":
        items[1:1] = [{**items[0], "error": {"code": 902, "description": "said twice"}}]
    elif fault == "unordered":
        items.reverse()


class Plain(Channel):
    """A platform that takes one message a request and never knows a repeat."""

    slug = PLAIN
    label = "Without a key"
    kind = "addressed"
    address_kind = "phone"

    async def send(self, message: Message, targets: Sequence[Target]) -> list[Outcome]:
        (target,) = targets
        taken = await here().serve(PLAIN, message.body, lambda: self._judge(target.address, message.body), lambda one, _: one)
        return [Outcome(target.contact, "accepted") if taken else Outcome(target.contact, "failed", "unknown_number")]

    def _judge(self, phone: str, body: str) -> bool:
        if phone in here().refusing:
            return False
        here().accept(PLAIN, phone, body, 0)
        return True
