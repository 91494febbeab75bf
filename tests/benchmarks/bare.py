"""The floor of sending: the same requests by the same client library over as many connections, and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from urllib.parse import urlencode

import aiohttp

from tests.world import WORDS

FORM, JSON = "application/x-www-form-urlencoded; charset=utf-8", "application/json"


def to_one(url: str, people: int, connections: int) -> None:
    """One person a request, as the platform of `tests.push` is asked."""
    body = WORDS["ru"].body
    bodies = (json.dumps({"to": str(n), "text": body}).encode() for n in range(people))
    asyncio.run(_post(f"{url}/send", JSON, bodies, connections))


def to_hundred(url: str, people: int, connections: int) -> None:
    """A hundred people a request, as VK is asked."""
    fields = {"random_id": 1, "message": WORDS["ru"].body, "v": "5.199", "access_token": "t0ken"}
    groups = (",".join(map(str, range(first, min(first + 100, people)))) for first in range(0, people, 100))
    bodies = (urlencode({"peer_ids": group, **fields}).encode() for group in groups)
    asyncio.run(_post(f"{url}/method/messages.send", FORM, bodies, connections))


async def _post(url: str, kind: str, bodies: Iterator[bytes], connections: int) -> None:
    connector, headers = aiohttp.TCPConnector(limit=connections), {"Content-Type": kind}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def some() -> None:
            for body in bodies:
                async with session.post(url, data=body) as response:
                    await response.read()

        await asyncio.gather(*(some() for _ in range(connections)))
