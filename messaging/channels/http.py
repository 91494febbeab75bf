"""The one way a channel speaks HTTP, and the strict reading of what a platform writes back.

It decides what a failure proves: that nothing was sent, or that nobody knows. It never retries, paces or logs: the engine does.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

import aiohttp
from yarl import URL

from messaging.channels import LOOPBACK, Channel, ChannelError

MAX_BYTES = 5 * 1024 * 1024  # of an answer or a webhook, after decompression
LONGEST_WAIT = 86_400.0  # seconds; a platform that asks for more is not believed
CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no fault of the wire: any 2xx, or a 4xx other than 429."""

    status: int
    body: bytes = field(repr=False)


class HttpChannel(Channel):
    """A channel whose platform speaks HTTP. `async with` opens its one session."""

    _session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        total = self.setup.total_timeout
        connect = min(self.setup.connect_timeout, total / 2)  # must end first, or "nothing was sent" could not be told
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self.concurrency),
            timeout=aiohttp.ClientTimeout(connect=connect, total=total),
            headers={"User-Agent": "crisis-console", "Accept": "application/json", "Accept-Encoding": "gzip"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
        self._session = None

    def url(self, path: str) -> URL:
        """Where a request goes. Raises ChannelError("pause") for an address at which the secret would not be safe."""
        try:
            url = URL(self.setup.base_url.rstrip("/") + path, encoded=True)
            host, scheme, _ = url.host, url.scheme, url.port
        except ValueError:
            raise ChannelError("pause", "bad_address") from None
        # The host is judged as the client that will connect reads it; plain HTTP would show the token to the network.
        if not host or scheme not in {"http", "https"} or (host not in LOOPBACK and (self.setup.drill or scheme == "http")):
            raise ChannelError("pause", "bad_address")
        return url

    async def call(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """Make one request. Raises ChannelError for every failure of the wire and for 3xx, 429 and 5xx."""
        if self._session is None:
            raise RuntimeError("Open the channel with `async with` before it speaks.")
        url = self.url(path)
        try:
            async with self._session.request(
                method, url, data=body or None, headers=headers, allow_redirects=False
            ) as response:
                _refuse_by_status(response.status, response.headers.get("Retry-After"))
                return Answer(response.status, await _read(response))
        except (aiohttp.InvalidURL, UnicodeError):
            raise ChannelError("pause", "bad_address") from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise ChannelError("retry", "unreachable") from None  # refused, unknown name, bad certificate: nothing has left
        except TimeoutError:
            raise ChannelError("uncertain", "timeout") from None
        except (aiohttp.ClientError, OSError, zlib.error):
            raise ChannelError("uncertain", "connection_lost") from None


def _refuse_by_status(status: int, wait: str | None) -> None:
    if status == 429:
        raise ChannelError("retry", "http_429", retry_after=retry_after(wait))
    if status >= 500:
        raise ChannelError("uncertain", f"http_{status}", retry_after=retry_after(wait))
    if 300 <= status < 400:
        raise ChannelError("pause", "redirected")


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The whole body, decompressed here so that the cap holds for what it unpacks to."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip"}:
        raise ChannelError("uncertain", "unreadable")
    unpack = None if encoding == "identity" else zlib.decompressobj(wbits=31)
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        body += unpack.decompress(chunk, MAX_BYTES + 1) if unpack else chunk
        if len(body) > MAX_BYTES:
            response.close()
            raise ChannelError("uncertain", "too_large")
    if unpack and not unpack.eof:
        raise ChannelError("uncertain", "unreadable")
    return bytes(body)


def retry_after(value: str | None) -> float | None:
    """Seconds a Retry-After header asks for; None when it is absent, absurd, past or unreadable."""
    value = (value or "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        seconds = float(value)
    else:
        try:
            at = parsedate_to_datetime(value)
        except (ValueError, TypeError, OverflowError, IndexError):
            return None
        seconds = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()
    return seconds if 0 <= seconds <= LONGEST_WAIT else None


def read_object(raw: bytes) -> dict[str, Any]:
    """One JSON object, read strictly: UTF-8, no key twice, no NaN, at most MAX_BYTES. Raises ValueError and nothing else."""
    if len(raw) > MAX_BYTES:
        raise ValueError("longer than 5 MB")
    try:
        found = json.loads(raw.decode(), object_pairs_hook=_unique, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def take_object(found: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The object under a key. Raises ValueError when there is none."""
    value = found.get(key)
    if not isinstance(value, dict):
        raise ValueError(f"{key} is not an object")
    return value


def take_int(found: Mapping[str, Any], key: str, *, low: int = 1, high: int = 2**63 - 1) -> int:
    """The whole number under a key, within both bounds. Raises ValueError otherwise; true is no number."""
    value = found.get(key)
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{key} is not a number from {low} to {high}")
    return value


def take_text(found: Mapping[str, Any], key: str, *, least: int = 1, most: int = 200) -> str:
    """The text under a key, one that a database can keep: no NUL, no half of a surrogate pair. Raises ValueError otherwise."""
    value = found.get(key)
    if not isinstance(value, str) or not least <= len(value) <= most or "\0" in value:
        raise ValueError(f"{key} is not a text of {least} to {most} characters")
    value.encode()
    return value


def take_moment(found: Mapping[str, Any], key: str) -> datetime:
    """The instant under a key, RFC 3339 with its zone, as UTC. Raises ValueError otherwise."""
    at = datetime.fromisoformat(take_text(found, key, most=40))
    if at.tzinfo is None:
        raise ValueError(f"{key} has no time zone")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{key} is out of range") from None
