"""A mail server on loopback that delivers nothing: every mail it takes is a line of its journal, for people and tests to read.

It speaks as much of SMTP (RFC 5321) as a client needs that logs in to nothing: HELO, EHLO, MAIL, RCPT, DATA, RSET, NOOP, QUIT.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from email import message_from_bytes
from email.policy import default as modern
from functools import partial
from typing import Any

from messaging.simulators.journal import Journal
from messaging.simulators.serving import announce, arguments, until_told

LARGEST = 1_000_000  # bytes of one mail
ADDRESS = re.compile(rb"(?:FROM|TO):\s*<([^<>\s]*)>", re.IGNORECASE)
HELLO, DONE, GO_ON, BYE = b"220 mail.simulator", b"250 OK", b"354 End with a dot", b"221 Bye"
UNKNOWN, DISORDER, TOO_LARGE = b"502 Not known here", b"503 Not now", b"552 Too large"


def parsed(content: bytes) -> dict[str, Any]:
    """What a journal keeps of a mail: its subject and its plain text."""
    message = message_from_bytes(content, policy=modern)
    body = message.get_body(("plain",))
    return {"subject": str(message["subject"] or "").strip(), "text": body.get_content() if body else ""}


class Talk:
    """One connection."""

    def __init__(self, journal: Journal, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.journal, self.reader, self.writer = journal, reader, writer
        self.sender, self.to = b"", list[bytes]()

    async def run(self) -> None:
        """Answer until the client leaves."""
        try:
            self._say(HELLO)
            while line := await self.reader.readline():
                verb = line[:4].strip().upper()
                answer = await self._data() if verb == b"DATA" and self.to else self._answer(verb, line)
                self._say(answer)
                await self.writer.drain()
                if answer == BYE:
                    break
        except (ConnectionError, ValueError, asyncio.IncompleteReadError):
            pass  # whoever breaks off in the middle has sent nothing
        finally:
            self.writer.close()

    def _say(self, line: bytes) -> None:
        self.writer.write(line + b"\r\n")

    def _answer(self, verb: bytes, line: bytes) -> bytes:
        found = ADDRESS.search(line)
        if verb == b"MAIL" and found:
            self.sender, self.to = found[1], []
        elif verb == b"RCPT" and found and self.sender:
            self.to.append(found[1])
        elif verb == b"RSET":
            self.sender, self.to = b"", []
        elif verb == b"QUIT":
            return BYE
        elif verb in (b"MAIL", b"RCPT", b"DATA"):
            return DISORDER
        elif verb not in (b"HELO", b"EHLO", b"NOOP"):
            return UNKNOWN
        return DONE

    async def _data(self) -> bytes:
        self._say(GO_ON)
        await self.writer.drain()
        content = bytearray()
        while (line := await self.reader.readuntil(b"\n")).rstrip(b"\r\n") != b".":
            content += line.removeprefix(b".") if line.startswith(b"..") else line
            if len(content) > LARGEST:
                return TOO_LARGE
        to = [address.decode("utf-8", "replace") for address in self.to]
        self.journal.write({"kind": "mail", "from": self.sender.decode("utf-8", "replace"), "to": to, **parsed(bytes(content))})
        self.sender, self.to = b"", []
        return DONE


async def serve(port: int, journal: Journal) -> None:
    stop = until_told()
    server = await asyncio.start_server(partial(_talk, journal), "127.0.0.1", port)
    announce("smtp", server.sockets[0].getsockname()[1])
    async with server:
        await stop.wait()


async def _talk(journal: Journal, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await Talk(journal, reader, writer).run()


def main(options: Mapping[str, Any]) -> None:
    """Serve until SIGTERM. Raises SystemExit with a sentence when the port is taken."""
    try:
        asyncio.run(serve(options["port"], Journal(options["log"])))
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise SystemExit(f"Port {options['port']} on 127.0.0.1 cannot be used ({why}). Choose another with --port.") from error


if __name__ == "__main__":
    main(vars(arguments(__doc__ or "").parse_args()))
