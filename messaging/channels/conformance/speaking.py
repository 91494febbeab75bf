"""Raw requests to a platform under trial, signed here and not by our channel: what is judged is bytes on a wire."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from messaging.channels.conformance.findings import Said, dig
from messaging.channels.conformance.findings import marked as _

TIMEOUT: Final = aiohttp.ClientTimeout(total=10, connect=5)
MOST_BYTES: Final = 1_000_000
SHOWN: Final = 600  # characters of a body that the report shows


@dataclass(frozen=True, slots=True)
class Signing:
    """How a request is signed: truly, unless something is said here."""

    secret: str | None = None
    age: float = 0.0
    nonce: str = ""
    path: str = ""  # signed in place of the path asked
    body: bytes | None = None  # signed in place of the body sent
    leave_out: str = ""  # a header that is not sent


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer, with what was asked."""

    method: str
    path: str
    body: bytes = field(repr=False)
    status: int
    headers: Mapping[str, str]
    raw: bytes = field(repr=False)
    said: Any = field(repr=False)  # the JSON of it, or None

    @property
    def code(self) -> str:
        found = dig(self.said, "error", "code")
        return found if isinstance(found, str) else ""

    @property
    def answer(self) -> Said:
        if self.code:
            return Said(
                _("You answered with status %(status)s and the code %(code)s."), {"status": self.status, "code": self.code}
            )
        return Said(_("You answered with status %(status)s."), {"status": self.status})

    @property
    def wire(self) -> tuple[str, ...]:
        asked = f"{self.method} {self.path} {_short(self.body)}"
        return asked.rstrip(), f"{self.status} {_short(self.raw)}".rstrip()


class Speaker:
    """Speaks as the ministry, and keeps everything that was heard."""

    def __init__(self, url: str, secret: str, keep: Callable[[Heard], None]) -> None:
        self._url, self._secret, self._keep = url.rstrip("/"), secret, keep

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=TIMEOUT, trust_env=False, auto_decompress=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def ask(self, method: str, path: str, body: Any = None, *, key: str = "", signing: Signing) -> Heard:
        """`body` is JSON, or bytes sent as they are. Raises aiohttp.ClientError or TimeoutError."""
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", **self._signed(method, path, raw, signing)}
        if key:
            headers["Idempotency-Key"] = key
        request = self._session.request(method, self._url + path, data=raw, headers=headers, allow_redirects=False)
        async with request as response:
            came = await _whole(response.content)
            heard = Heard(method, path, raw, response.status, dict(response.headers), came, _json(came))
        self._keep(heard)
        return heard

    def _signed(self, method: str, path: str, body: bytes, how: Signing) -> dict[str, str]:
        at, nonce = str(int(time.time() - how.age)), how.nonce or secrets.token_hex(16)
        prefix = f"{at}.{nonce}.{method}.{how.path or path}.".encode()
        key = self._secret if how.secret is None else how.secret
        digest = hmac.new(key.encode(), prefix + (body if how.body is None else how.body), hashlib.sha256).hexdigest()
        headers = {"X-Timestamp": at, "X-Nonce": nonce, "X-Signature": f"v1={digest}"}
        return {name: value for name, value in headers.items() if name != how.leave_out}


async def _whole(content: aiohttp.StreamReader) -> bytes:
    """An answer comes in as many pieces as the network likes."""
    came = b""
    async for piece in content.iter_any():
        came += piece
        if len(came) >= MOST_BYTES:
            break
    return came[:MOST_BYTES]


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _short(raw: bytes) -> str:
    text = raw.decode(errors="replace")
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
