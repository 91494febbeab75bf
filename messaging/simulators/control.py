"""Faults on demand: what a test or a rehearsal orders over `/control`, and how it spoils the next answers.

Shared by all simulators. A fault never changes what a platform would accept, only what the caller gets to hear, and when.
It is reached from this machine only, and only under a loopback name, so that no web page can order faults through a browser.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web

WIRE: Final = frozenset({"hold", "lose_after", "lose_before", "fail", "garbage"})  # faults every platform can have
GARBAGE: Final = {
    "html": "<!DOCTYPE html><html><body>Technical works / Технические работы</body></html>",
    "truncated": '{"response": [{"peer_id": 1, "mess',
    "empty": "",
    "null": "null",
    "wrong-shape": '{"response": {"unexpected": [1, 2, 3]}}',
}
Action = Callable[[Any], Awaitable[Any]]


class Refused(Exception):
    """What was ordered over /control cannot be done; the text says why."""


@dataclass
class Fault:
    """One armed fault: it spoils the next `calls` calls (-1 = until reset or release) of `method` ("*" = any)."""

    kind: str
    method: str
    calls: int = 1
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def before(self) -> bool:
        """True when the platform does not even look at the call, so that nothing is accepted."""
        return self.kind == "lose_before" or (self.kind == "fail" and not self.detail.get("after"))

    def concerns(self, people: Collection[str]) -> bool:
        return "of" not in self.detail or any(str(one) in people for one in self.detail["of"])

    @property
    def result(self) -> str | None:
        """What the journal says of a call spoiled by this fault; None leaves the call's own result."""
        if self.kind in {"lose_after", "lose_before"}:
            return "lost"
        return f"http:{self.status}" if self.kind == "fail" else None

    @property
    def status(self) -> int:
        return int(self.detail.get("status", 503))


class Faults:
    """The armed faults, first in first out, and the requests held back.

    `default` is the method meant when none is named; `own` are kinds of fault that the simulator itself brings about.
    """

    def __init__(self, default: str, own: Collection[str] = ()) -> None:
        self.default, self.kinds = default, WIRE | {*own}
        self.delay = 0.0  # seconds before a call is looked at
        self.held = 0
        self._armed: list[Fault] = []
        self._released = asyncio.Event()

    def arm(self, kind: str, order: Any) -> None:
        """Arm a fault from its control value: a number of calls, or an object with `calls`, `method` and details."""
        detail: dict[str, Any] = {"calls": order} if isinstance(order, int) else dict(order)
        self._armed.append(Fault(kind, detail.pop("method", self.default), int(detail.pop("calls", 1)), detail))

    def take(self, method: str, people: Collection[str] = ()) -> Fault | None:
        """The fault meant for this call of these people, used up by one; at most one fault spoils a call."""
        for fault in self._armed:
            if fault.method in {method, "*"} and fault.calls and fault.concerns(people):
                fault.calls -= 1 if fault.calls > 0 else 0
                return fault
        return None

    def reset(self) -> None:
        """Disarm everything and answer whatever was held."""
        self._armed.clear()
        self.delay = 0.0
        self.release()

    def release(self) -> None:
        self._armed = [fault for fault in self._armed if fault.kind != "hold"]
        self._released.set()
        self._released = asyncio.Event()

    async def pause(self) -> None:
        if self.delay:
            await asyncio.sleep(self.delay)

    async def answer(self, request: web.Request, fault: Fault | None, true: web.Response) -> web.Response:
        """Give the true answer, or what the fault leaves of it."""
        if fault is None or fault.kind not in WIRE:
            return true
        if fault.kind in {"lose_after", "lose_before"}:
            return drop(request)
        if fault.kind == "fail":
            return web.Response(status=fault.status, text="Service unavailable", headers=fault.detail.get("headers"))
        if fault.kind == "garbage":
            return web.Response(
                text=GARBAGE[fault.detail.get("form", "html")], content_type=fault.detail.get("type", "text/html")
            )
        await self._hold()
        return true

    async def _hold(self) -> None:
        self.held += 1
        try:
            await self._released.wait()
        finally:
            self.held -= 1

    def counters(self) -> dict[str, Any]:
        armed = [{"kind": fault.kind, "method": fault.method, "calls": fault.calls} for fault in self._armed if fault.calls]
        return {"held": self.held, "armed": armed, "delay_ms": round(self.delay * 1000)}


def drop(request: web.Request) -> web.Response:
    """Cut the connection without a word of an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


class Control:
    """The `/control` endpoint: GET shows the counters, POST takes a JSON object of orders and obeys them in their order."""

    def __init__(self, faults: Faults, counters: Callable[[], dict[str, Any]], actions: Mapping[str, Action]) -> None:
        self.faults, self.counters = faults, counters
        self.actions: dict[str, Action] = {"release": self._release, "reset": self._reset, "delay_ms": self._delay, **actions}

    def mount(self, app: web.Application) -> None:
        app.router.add_get("/control", self.show)
        app.router.add_post("/control", self.obey)

    async def show(self, request: web.Request) -> web.Response:
        only_from_here(request)
        return web.json_response(self._seen())

    async def obey(self, request: web.Request) -> web.Response:
        only_from_here(request)
        try:
            orders = json.loads(await request.read())
            done = {word: await self._do(word, value) for word, value in orders.items()}
        except Refused as refusal:
            return web.json_response({"error": str(refusal)}, status=400)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return web.json_response({"error": f"That order cannot be read: {error!r}."}, status=400)
        return web.json_response({**self._seen(), "done": done})

    async def _do(self, word: str, value: Any) -> Any:
        if word in self.actions:
            return await self.actions[word](value)
        if word not in self.faults.kinds:
            raise Refused(f"Unknown order {word!r}. Known: {', '.join(sorted({*self.actions, *self.faults.kinds}))}.")
        self.faults.arm(word, value)
        return None

    async def _release(self, _: Any) -> None:
        self.faults.release()

    async def _reset(self, _: Any) -> None:
        self.faults.reset()

    async def _delay(self, milliseconds: Any) -> None:
        self.faults.delay = float(milliseconds) / 1000

    def _seen(self) -> dict[str, Any]:
        return {**self.counters(), **self.faults.counters()}


def only_from_here(request: web.Request) -> None:
    """Raises 403 for a caller from elsewhere, or one who came under another name (DNS rebinding) or from a web page."""
    named = urlsplit(f"//{request.host}").hostname
    if request.remote != "127.0.0.1" or named not in {"127.0.0.1", "localhost"} or "Origin" in request.headers:
        raise web.HTTPForbidden(text="The control endpoint obeys this machine only.")
