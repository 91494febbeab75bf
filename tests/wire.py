"""A platform on loopback that answers byte by byte what a test tells it to, also what no HTTP server would.

Not a simulator: it knows no platform. One scripted answer is given to each request, the last one for ever. The simulators are
met here too, as processes over the wire.
"""

from __future__ import annotations

import asyncio
import json
import os
import selectors
import socket
import struct
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import parse_qs
from urllib.request import Request as Post
from urllib.request import urlopen

import pytest

from messaging.channels import Channel, ChannelError, Setup, channel_class

Found = TypeVar("Found")
RESET, SILENCE = "reset", "silence"
PATIENT = {"connect_timeout": 5.0, "total_timeout": 10.0}  # a busy machine is no fault of the wire
HASTY = {"connect_timeout": 0.15, "total_timeout": 0.3}  # for what never answers


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return {key: values[0] for key, values in parse_qs(self.body.decode(), keep_blank_values=True).items()}


def answer(body: Any = b"{}", status: int = 200, **headers: str) -> bytes:
    """A whole HTTP answer. Underscores in header names become dashes."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    said = {
        "Content-Length": str(len(raw)),
        "Connection": "close",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in said.items()), "", ""]
    return "\r\n".join(lines).encode() + raw


class Peer:
    """Listens while entered; `requests` is what arrived."""

    def __init__(self, *script: bytes | str) -> None:
        self.script, self.requests, self.url = list(script), list[Request](), ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.requests.append(await _receive(reader))
            step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            if step == SILENCE:
                await reader.read()
            elif step == RESET:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            elif isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the channel hung up, as some tests want
        finally:
            writer.close()


async def _receive(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    return Request(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))


def build(slug: str, base_url: str, **values: Any) -> Channel:
    """The channel of a slug with throwaway secrets."""
    usual = {
        "sender": "77",
        "secret": "t0ken-of-ours",
        "webhook_secret": "whsec_c2VjcmV0LW9mLW91cnM=",
        "confirmation": "c0nfirm",
    }
    return channel_class(slug)(Setup(base_url, **{**usual, **PATIENT, **values}))


def talk(slug: str, act: Callable[[Any], Awaitable[Found]], *script: bytes | str, **values: Any) -> tuple[Found, list[Request]]:
    """Let an open channel act against a peer with this script; what it returned, and what the peer received."""

    async def scene() -> tuple[Found, list[Request]]:
        async with Peer(*script) as peer, build(slug, peer.url, **values) as channel:
            return await act(channel), peer.requests

    return asyncio.run(scene())


def fault(
    slug: str, act: Callable[[Any], Awaitable[Any]], *script: bytes | str, **values: Any
) -> tuple[ChannelError, list[Request]]:
    """The error a channel raises for this script, and what the peer received."""

    async def caught(channel: Any) -> ChannelError:
        with pytest.raises(ChannelError) as raised:
            await act(channel)
        return raised.value

    return talk(slug, caught, *script, **values)


class Simulator:
    """A simulator's process: where it listens, what it wrote down, and the faults it is told to make."""

    def __init__(self, url: str, log: Path) -> None:
        self.url, self.log = url, log

    def lines(self, kind: str = "") -> list[dict[str, Any]]:
        """Its journal, or the lines of one kind."""
        found = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in found if kind in {"", line["kind"]}]

    def control(self, **orders: Any) -> dict[str, Any]:
        post = Post(f"{self.url}/control", json.dumps(orders).encode(), {"Content-Type": "application/json"})
        with urlopen(post, timeout=10) as answered:
            told: dict[str, Any] = json.load(answered)
        return told


@contextmanager
def simulator(name: str, log: Path, *arguments: str, env: Mapping[str, str]) -> Iterator[Simulator]:
    """Run `messaging.simulators.<name>` until the block is left."""
    with running(f"messaging.simulators.{name}", log, *arguments, env=env) as found:
        yield found


@contextmanager
def running(module: str, log: Path, *arguments: str, env: Mapping[str, str]) -> Iterator[Simulator]:
    """Run a module that serves like a simulator until the block is left."""
    command = [sys.executable, "-m", module, "--port", "0", "--log", str(log), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **env}) as process:
        try:
            yield Simulator(_first_line(process).removeprefix("listening "), log)
        finally:
            process.kill()


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    with selectors.DefaultSelector() as ready:
        ready.register(process.stdout, selectors.EVENT_READ)
        assert ready.select(timeout=20), "the simulator did not start within 20 s"
    return process.stdout.readline().strip()
