"""What goes over a network goes encrypted, by no old protocol and no weak cipher, and the console itself insists on it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from messaging.channels import CHANNELS, ChannelError, Setup, channel_class
from messaging.channels.http import HttpChannel
from tests.test_channel_contract import speak
from tests.wire import build

OVER_HTTP = [slug for slug in sorted(CHANNELS) if issubclass(channel_class(slug), HttpChannel)]
RENEGOTIATION = 0x00FF  # no cipher, a sign that stands among them
SUPPORTED_VERSIONS = 43


@dataclass
class Hello:
    """The first words of a TLS client: what it is ready to speak."""

    ciphers: list[int]
    versions: set[int]


@pytest.fixture(scope="module", params=OVER_HTTP)
def hello(request: pytest.FixtureRequest) -> Hello:
    return read(asyncio.run(first_bytes(request.param)))


async def first_bytes(slug: str) -> bytes:
    """What a channel says first to a platform that hangs up on it."""
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(8192))
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with build(slug, f"https://127.0.0.1:{port}") as channel:
            with pytest.raises(ChannelError):
                await speak(channel)
    return heard[0]


def read(record: bytes) -> Hello:
    """RFC 8446, 4.1.2: behind the record, the version and 32 random bytes stand session, ciphers, compressions, extensions."""
    at = 5 + 4 + 2 + 32
    at += 1 + record[at]
    end = at + 2 + int.from_bytes(record[at : at + 2])
    ciphers = pairs(record[at + 2 : end])
    return Hello(ciphers, {version for kind, body in extensions(record, end) if kind == SUPPORTED_VERSIONS
                           for version in pairs(body[1:])})  # fmt: skip


def extensions(record: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    at += 1 + record[at] + 2
    while at < len(record):
        kind, size = pairs(record[at : at + 4])
        yield kind, record[at + 4 : at + 4 + size]
        at += 4 + size


def pairs(found: bytes) -> list[int]:
    return [int.from_bytes(found[at : at + 2]) for at in range(0, len(found), 2)]


def test_a_channel_speaks_no_older_tls_than_1_2(hello: Hello) -> None:
    assert hello.versions == {0x0303, 0x0304}


def test_a_channel_offers_no_cipher_that_is_weak_or_gives_up_old_talks_with_its_key(hello: Hello) -> None:
    context = ssl.create_default_context()
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    known: dict[int, Any] = {one["id"] & 0xFFFF: one for one in context.get_ciphers()}
    offered = [known[number] for number in hello.ciphers if number != RENEGOTIATION]
    assert {one["kea"] for one in offered} <= {"kx-any", "kx-ecdhe", "kx-dhe"}
    assert (min(one["strength_bits"] for one in offered) >= 128, {"auth-null"} & {one["auth"] for one in offered}) == (
        True,
        set(),
    )


@pytest.mark.parametrize("address", ["/", "/login/", "/campaigns/1/stop/", "/api/v1/campaigns", "/hooks/1/"])
def test_whoever_comes_in_the_clear_is_led_to_tls_and_told_nothing(settings: Any, address: str) -> None:
    settings.SECURE_SSL_REDIRECT = True
    for answer in (Client().get(address), Client().post(address)):
        found = (answer.status_code, answer.headers["Location"], answer.content)
        assert found == (301, f"https://testserver{address}", b"")


@pytest.mark.parametrize("slug", OVER_HTTP)
def test_a_channel_speaks_only_to_the_host_that_the_installation_set_up(slug: str) -> None:
    channel = channel_class(slug)(Setup("https://platform.example/base", "77", "s"))
    for path in ("/x", "//evil.example/x", "/@evil.example/", "/../../x", "/x?to=https://evil.example", "/\\evil.example"):
        assert channel.url(path).host == "platform.example"
