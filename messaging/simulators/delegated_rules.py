"""Who may ask a delegated platform, and how a refusal looks: signed requests, each heard once. Only nonces are kept here."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping
from typing import Any, Final, NoReturn

SKEW: Final = 300  # seconds


class Refusal(Exception):
    """A request that is not granted, with its HTTP status and a stable word for the reason."""

    def __init__(self, status: int, code: str, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.retry_after = status, code, retry_after

    @property
    def body(self) -> dict[str, Any]:
        return {"error": {"code": self.code, "message": str(self)}}


class Door:
    """Lets in what is signed with the secret, no more than five minutes old and never seen before."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._nonces: dict[str, float] = {}

    def check(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Raises Refusal 401."""
        at, nonce, given = (headers.get(name, "") for name in ("X-Timestamp", "X-Nonce", "X-Signature"))
        if not (at and nonce and given):
            raise Refusal(401, "missing_signature", "The request carries no complete signature.")
        if not re.fullmatch(r"[0-9]{1,12}", at) or abs(time.time() - int(at)) > SKEW:
            raise Refusal(401, "stale_timestamp", "The timestamp is more than five minutes from ours.")
        if not re.fullmatch(r"[A-Za-z0-9_-]{8,128}", nonce):
            raise Refusal(401, "bad_nonce", "A nonce has 8 to 128 letters and digits.")
        signed = _bytes(f"{at}.{nonce}.{method}.{path}.") + body
        digest = hmac.new(self._secret, signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(_bytes(given), _bytes(f"v1={digest}")):
            raise Refusal(401, "wrong_signature", "The signature does not fit the request.")
        self._once(nonce)

    def _once(self, nonce: str) -> None:
        now = time.time()
        self._nonces = {seen: until for seen, until in self._nonces.items() if until > now}
        if nonce in self._nonces:
            raise Refusal(401, "repeated_nonce", "The nonce has been used.")
        self._nonces[nonce] = now + 2 * SKEW


def canonical(value: Any) -> str:
    """The one spelling of a JSON value, for hashes and comparisons."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def read_object(body: bytes) -> dict[str, Any]:
    """Raises Refusal 422 for anything but one JSON object in UTF-8: no NaN, no half of a surrogate pair, not too deep."""
    try:
        found = json.loads(body, parse_constant=_no_number)
        canonical(found).encode()
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refusal(422, "unreadable", "The body is not one JSON object.")
    return found


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _bytes(text: str) -> bytes:
    """What came over the wire: the server reads bytes that are no UTF-8 as halves of surrogate pairs."""
    return text.encode(errors="surrogateescape")
