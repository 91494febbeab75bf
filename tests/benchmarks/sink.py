"""A platform that takes everything, as cheaply as Python can: what it costs is taken from whoever is measured beside it.

`python -m tests.benchmarks.sink` listens on 127.0.0.1. POST /method/… answers as VK does to messages.send, any other POST
as the platform of `tests.push`; GET tells what was counted since the last GET. It checks nothing and remembers nobody.
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from messaging.simulators.serving import announce

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
PERSON = b'{"peer_id":%b,"message_id":%d}'


class Counts:
    """Calls and people since it was last asked, and the seconds from the first call to the last one."""

    def __init__(self) -> None:
        self.last_id = 0
        self.begin()

    def begin(self) -> None:
        self.calls = self.people = 0
        self.first = self.last = monotonic()

    def answer(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"GET"):
            told = json.dumps({"calls": self.calls, "people": self.people, "seconds": self.last - self.first}).encode()
            self.begin()
            return told
        if not self.calls:
            self.first = monotonic()
        self.calls, self.last = self.calls + 1, monotonic()
        return self._to_vk(body) if head.startswith(b"POST /method/") else self._to_one()

    def _to_one(self) -> bytes:
        self.people += 1
        self.last_id += 1
        return b'{"id":"n%d"}' % self.last_id

    def _to_vk(self, body: bytes) -> bytes:
        peers = body[len(b"peer_ids=") : body.index(b"&")].split(b"%2C")
        first, self.last_id = self.last_id + 1, self.last_id + len(peers)
        self.people += len(peers)
        return b'{"response":[%b]}' % b",".join(map(PERSON.__mod__, zip(peers, range(first, first + len(peers)), strict=True)))


def serve(listening: socket.socket) -> None:
    counts, waiting, poll = Counts(), dict[int, bytes](), select.epoll()
    open_ones: dict[int, socket.socket] = {}
    poll.register(listening, select.EPOLLIN)
    while True:
        for number, _event in poll.poll():
            if number == listening.fileno():
                one, _address = listening.accept()
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                open_ones[one.fileno()], waiting[one.fileno()] = one, b""
                poll.register(one, select.EPOLLIN)
            elif rest := _hear(open_ones[number], waiting[number], counts):
                waiting[number] = rest[0]
            else:
                poll.unregister(number)
                open_ones.pop(number).close()


def _hear(one: socket.socket, begun: bytes, counts: Counts) -> tuple[bytes] | None:
    """Answer every whole request that has come. Returns what has come of the next one, or None after the last."""
    try:
        data = one.recv(1 << 17)
    except ConnectionError:
        return None
    if not data:
        return None
    data = begun + data
    while (head := data.find(b"\r\n\r\n")) >= 0:
        at = data.find(b"Content-Length: ", 0, head)
        length = int(data[at + 16 : data.index(b"\r\n", at)]) if at >= 0 else 0
        end = head + 4 + length
        if len(data) < end:
            break
        answer = counts.answer(data[:20], data[head + 4 : end])
        one.sendall(HEAD % len(answer) + answer)
        data = data[end:]
    return (data,)


class Sink:
    """A running one, seen from outside."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._line = HTTPConnection(urlsplit(url).netloc)

    def counted(self) -> dict[str, Any]:
        """What came since this was last asked."""
        self._line.request("GET", "/")
        told: dict[str, Any] = json.loads(self._line.getresponse().read())
        return told


@contextmanager
def sink() -> Iterator[Sink]:
    """Run one until the block is left."""
    command = [sys.executable, "-m", "tests.benchmarks.sink"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Sink(process.stdout.readline().strip().removeprefix("listening "))
        finally:
            process.kill()


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0), backlog=512) as found:
        announce("http", found.getsockname()[1])
        serve(found)
