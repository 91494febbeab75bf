"""A platform for tests that knows no key against repeats: push notifications, one device a request, and every repeat arrives.

`python -m tests.push --port 0 --log FILE` is the platform. Its journal has a line {"kind": "accepted", "to", "text", "call"}
for every effect, on the disk before the answer leaves, and a line {"kind": "call", "to", "result", "call"} for every request.
Orders over POST /control: hold, lose_after (the effect, and no answer), lose_before (neither), fail ({"calls", "status",
"after"}), garbage, release, reset, delay_ms, and dead (a list of devices that are gone from now on).

`PushTest` is its channel, "push-test". Tests alone register it: in their own process with `registered`, in processes that they
start with DJANGO_SETTINGS_MODULE=tests.push_settings and PUSH_TEST_URL.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from django.conf import settings

from messaging.channels import CHANNELS, ChannelError, Message, Outcome, Target
from messaging.channels.http import HttpChannel, read_object, take_text
from messaging.simulators import serving
from messaging.simulators.control import Control, Faults
from messaging.simulators.journal import Journal
from tests.wire import Simulator, running

SLUG, TOKEN = "push-test", "push-t0ken"


class PushTest(HttpChannel):
    """One device a request, twenty requests at once, no rate, and nothing by which the platform would know a repeat."""

    slug = SLUG
    label = "Push notifications of a test"
    kind = "addressed"
    address_kind = "push"
    concurrency = 20

    async def send(self, message: Message, targets: Sequence[Target]) -> list[Outcome]:
        if len(targets) > self.per_request:
            raise ValueError("One device goes into one request.")
        return [await self._to(target, message.body) for target in targets]

    async def probe(self) -> str:
        await self.call("GET", "/probe", headers=self._headers())
        return ""

    async def _to(self, target: Target, text: str) -> Outcome:
        body = json.dumps({"to": target.address, "text": text}).encode()
        answer = await self.call("POST", "/send", body, self._headers())
        if answer.status == 410:
            return Outcome(target.contact, "failed", "gone", dead=True)
        if answer.status == 401:
            raise ChannelError("pause", "token")
        if answer.status == 422:
            raise ChannelError("content", "words")
        try:
            return Outcome(target.contact, "accepted", provider_ref=take_text(read_object(answer.body), "id", most=80))
        except ValueError:
            raise ChannelError("uncertain", "unreadable") from None

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.setup.secret}", "Content-Type": "application/json"}


class Push:
    """The platform: whoever is sent to gets it, as often as it is sent."""

    def __init__(self, log: Path) -> None:
        self.faults, self.journal = Faults("send"), Journal(log)
        self.seen, self.gone = Counter[str](), set[str]()

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/probe", self.probe)
        app.router.add_post("/send", self.send)
        Control(self.faults, self.counters, {"dead": self._dead, "reset": self._reset}).mount(app)
        app.cleanup_ctx.append(self._live)
        return app

    async def probe(self, request: web.Request) -> web.Response:
        return web.json_response({}, status=200 if _known(request) else 401)

    async def send(self, request: web.Request) -> web.Response:
        asked = await request.json()
        await self.faults.pause()
        fault = self.faults.take("send")
        result = (fault.result if fault and fault.before else None) or self._judge(request, asked["to"])
        self.seen["calls"] += 1
        self._write(asked, result, fault.result if fault else None)
        return await self.faults.answer(request, fault, _answer(result, self.seen["calls"]))

    def _judge(self, request: web.Request, device: str) -> str:
        if not _known(request):
            return "token"
        return "gone" if device in self.gone else "accepted"

    def _write(self, asked: dict[str, Any], result: str, spoiled: str | None) -> None:
        call = self.seen["calls"]
        self.seen[result] += 1
        effect = [{"kind": "accepted", **asked, "call": call}] if result == "accepted" else []
        self.journal.write(*effect, {"kind": "call", "to": asked["to"], "result": spoiled or result, "call": call})

    def counters(self) -> dict[str, Any]:
        return {name: self.seen[name] for name in ("calls", "accepted", "gone", "token")}

    async def _dead(self, devices: Any) -> None:
        self.gone |= {*devices}

    async def _reset(self, _: Any) -> None:
        self.faults.reset()
        self.gone.clear()

    async def _live(self, _: web.Application) -> AsyncIterator[None]:
        yield
        self.journal.close()


def _known(request: web.Request) -> bool:
    return request.headers.get("Authorization") == f"Bearer {TOKEN}"


def _answer(result: str, call: int) -> web.Response:
    status = {"accepted": 200, "gone": 410, "token": 401}.get(result, 500)
    return web.json_response({"id": f"n{call}"} if status == 200 else {"error": result}, status=status)


@contextmanager
def simulator(log: Path) -> Iterator[Simulator]:
    """Run the platform until the block is left."""
    with running("tests.push", log, env={}) as found:
        yield found


@contextmanager
def registered(url: str) -> Iterator[None]:
    """The channel is known in this process and speaks to the platform at this address, until the block is left."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CHANNELS, SLUG, "tests.push.PushTest")
        patch.setenv("PUSH_TEST", TOKEN)
        patch.setattr(settings, "CHANNEL_URLS", {**settings.CHANNEL_URLS, SLUG: url})
        yield


def main() -> None:
    options = serving.arguments("A platform of push notifications on 127.0.0.1, for tests.").parse_args()
    serving.run(Push(options.log).app(), options.port)


if __name__ == "__main__":
    main()
