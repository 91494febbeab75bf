"""How the judge of platforms hears them: an answer in pieces is one answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from messaging.channels.conformance.speaking import Heard, Signing, Speaker


@asynccontextmanager
async def platform_in_pieces() -> AsyncIterator[str]:
    """A platform whose answer takes two segments."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (b'{"name":', b'"A platform"}'):
            await response.write(piece)
            await asyncio.sleep(0.05)
        return response

    app = web.Application()
    app.router.add_get("/v1/platform", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def test_an_answer_in_pieces_is_heard_whole() -> None:
    async def ask() -> Heard:
        async with platform_in_pieces() as url, Speaker(url, "secret", lambda _heard: None) as speaker:
            return await speaker.ask("GET", "/v1/platform", signing=Signing())

    assert asyncio.run(ask()).said == {"name": "A platform"}
