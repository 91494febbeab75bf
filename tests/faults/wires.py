"""The wires of a host: TCP on loopback between its programs and the servers they use, through which for a while nothing passes.

A cut wire is not closed: who writes is not refused, who waits is not told. What was on its way arrives when it is mended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, Self

Server = Path | int  # a socket's path, or a port of 127.0.0.1
PIECE = 65_536


class Wires:
    """Inside the block each named server can be reached by its port of `ports`."""

    def __init__(self, servers: Mapping[str, Server]) -> None:
        self.servers, self.ports = servers, dict[str, int]()
        self.loop = asyncio.new_event_loop()
        self.thread = Thread(target=self.loop.run_forever, daemon=True)
        self.whole = asyncio.Event()
        self.ends = set[asyncio.StreamWriter]()
        self.trap, self.delay = "", 0.0  # seconds that each piece takes

    def __enter__(self) -> Self:
        self.thread.start()
        self._run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5.0)
        self.loop.close()

    @property
    def are_cut(self) -> bool:
        return not self.whole.is_set()

    def cut_at_an_answer_of(self, server: str) -> None:
        """Cut all of them at the moment this server answers next: its answer is the first that does not arrive."""
        self.trap = server

    def cut(self) -> None:
        self.loop.call_soon_threadsafe(self.whole.clear)

    def sever(self) -> None:
        """Close every connection at both ends, whatever is on its way."""
        self.loop.call_soon_threadsafe(self._sever)

    def _sever(self) -> None:
        for writer in self.ends:
            writer.transport.abort()
        self.ends.clear()

    def mend(self) -> None:
        self.trap, self.delay = "", 0.0
        self.loop.call_soon_threadsafe(self.whole.set)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self.loop).result(10.0)

    async def _open(self) -> None:
        self.whole.set()
        for name in self.servers:
            listening = await asyncio.start_server(partial(self._carry, name), "127.0.0.1", 0)
            self.ports[name] = listening.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self.whole.set()
        for writer in self.ends:
            writer.close()
        if carrying := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(carrying, timeout=5.0)

    async def _carry(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.whole.wait()
        with suppress(OSError):
            far_reader, far_writer = await _reached(self.servers[name])
            self.ends |= {writer, far_writer}
            await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer, partial(self._answers, name)))

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Callable[[], None] = lambda: None
    ) -> None:
        """Everything, in order, then the end."""
        with suppress(OSError):
            while piece := await reader.read(PIECE):
                heard()
                await asyncio.sleep(self.delay)
                await self.whole.wait()
                writer.write(piece)
                await writer.drain()
        await self.whole.wait()
        writer.close()

    def _answers(self, name: str) -> None:
        if name == self.trap:
            self.whole.clear()


async def _reached(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if isinstance(server, Path):
        return await asyncio.open_unix_connection(server)
    return await asyncio.open_connection("127.0.0.1", server)
