"""Hears the webhooks of a platform under trial, and refuses the first one, which has to come again then."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web

from messaging.channels.conformance.findings import dig

SKEW: Final = 300  # seconds


@dataclass(frozen=True, slots=True)
class Event:
    """A webhook as it came. `refused` says that we did not take it."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    refused: bool
    said: Any = field(repr=False)
    heard_at: float = field(default_factory=time.monotonic)

    @property
    def event_id(self) -> str:
        return self.headers.get("webhook-id", "")

    @property
    def order_id(self) -> str:
        return str(dig(self.said, "order", "order_id"))

    @property
    def wire(self) -> tuple[str, ...]:
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        return "\n".join(f"{name}: {self.headers.get(name, '')}" for name in names), self.body.decode(errors="replace")[:600]


class Listener:
    """Listens on a host and port while entered. `events` is what came, in the order it came."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.events: list[Event] = []

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=1_000_000)
        app.router.add_post("/{path:.*}", self._hear)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _hear(self, request: web.Request) -> web.Response:
        body = await request.read()
        refused = not self.events
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.events.append(Event(headers, body, refused, _json(body)))
        return web.Response(status=503 if refused else 204)


def truly_signed(event: Event, secret: str) -> bool:
    """Whether it is signed after Standard Webhooks with this secret (`whsec_…`), now, and under its own id."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        fresh = abs(time.time() - int(event.headers.get("webhook-timestamp", "0"))) <= SKEW
    except (ValueError, binascii.Error):
        return False
    signed = f"{event.event_id}.{event.headers.get('webhook-timestamp', '')}.".encode() + event.body
    true = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = event.headers.get("webhook-signature", "").split(" ")
    return fresh and any(hmac.compare_digest(true.encode(), one.encode()) for one in given)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
