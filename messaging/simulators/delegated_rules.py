"""What a delegated platform accepts: signed requests, and bodies with exactly the contract's fields.

There is no field for a person, and an unknown field is refused, so that none can be smuggled in. Only nonces are kept here.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

SKEW: Final = 300  # seconds
MAX_TEXT: Final = 4096
MAX_HOURS: Final = 2160
ORDER: Final = (
    *("order_id", "issuer", "incident", "approval", "texts", "sender_name"),
    *("audience", "include_non_subscribers", "window"),
)
AUDIENCE: Final = ("country", "mode", "last_seen_within_hours", "until")


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
        if not re.fullmatch(r"[\w-]{8,128}", nonce):
            raise Refusal(401, "bad_nonce", "A nonce has 8 to 128 letters and digits.")
        signed = f"{at}.{nonce}.{method}.{path}.".encode() + body
        if not hmac.compare_digest(given.encode(), f"v1={hmac.new(self._secret, signed, hashlib.sha256).hexdigest()}".encode()):
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
    """Raises Refusal 422 for anything but one JSON object."""
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Refusal(422, "unreadable", "The body is not one JSON object.")
    return found


def check_estimate(body: Mapping[str, Any]) -> None:
    """Raises Refusal 422 unless an estimate may be made of this."""
    _fields("the estimate", body, ("issuer", "audience", "include_non_subscribers"), optional=("incident", "legal_basis"))
    _text(body, "issuer")
    _audience(body["audience"])
    _flag(body)


def check_order(body: Mapping[str, Any], key: str) -> None:
    """Raises Refusal 422 unless the order can be taken as it stands. `key` is the Idempotency-Key header."""
    _fields("the order", body, ORDER, optional=("legal_basis",))
    _uuid(body["order_id"])
    if key != body["order_id"]:
        raise Refusal(422, "wrong_idempotency_key", "The Idempotency-Key header is the order_id.")
    for name in ("issuer", "incident", "sender_name"):
        _text(body, name)
    _texts(body["texts"])
    _approval(body["approval"], body["texts"])
    _audience(body["audience"])
    if _flag(body) and not str(body.get("legal_basis", "")).strip():
        raise Refusal(422, "no_legal_basis", "Writing to people who do not follow needs a legal basis.")
    _window(body["window"])


def _fields(what: str, found: Any, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> None:
    if not isinstance(found, dict):
        raise Refusal(422, "invalid", f"{what} is not an object.")
    if unknown := sorted(found.keys() - {*required, *optional}):
        raise Refusal(422, "unknown_field", f"{what} has fields the contract does not know: {', '.join(unknown)[:200]}.")
    if missing := [name for name in required if name not in found]:
        raise Refusal(422, "missing_field", f"{what} lacks {', '.join(missing)}.")


def _texts(texts: Any) -> None:
    named = isinstance(texts, dict) and texts and all(re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", name) for name in texts)
    if not named or not all(isinstance(text, str) and text.strip() for text in texts.values()):
        raise Refusal(422, "invalid", "texts has a non-empty text for each language code, one at least.")
    if any(len(text) > MAX_TEXT for text in texts.values()):
        raise Refusal(422, "too_long", f"A text has at most {MAX_TEXT} characters.")


def _approval(approval: Any, texts: Any) -> None:
    _fields("approval", approval, ("role", "approved_at", "text_sha256"))
    _text(approval, "role")
    _moment(approval, "approved_at")
    if approval["text_sha256"] != hashlib.sha256(canonical(texts).encode()).hexdigest():
        raise Refusal(422, "text_not_approved", "The approval is for other texts.")


def _audience(audience: Any) -> None:
    _fields("audience", audience, AUDIENCE)
    if not re.fullmatch(r"[A-Z]{2}", str(audience["country"])):
        raise Refusal(422, "invalid", "audience.country is an ISO 3166-1 alpha-2 code.")
    if audience["mode"] not in {"was_there", "last_seen_there"}:
        raise Refusal(422, "invalid", "audience.mode is was_there or last_seen_there.")
    hours = audience["last_seen_within_hours"]
    if type(hours) is not int or not 1 <= hours <= MAX_HOURS:
        raise Refusal(422, "invalid", f"audience.last_seen_within_hours is a whole number from 1 to {MAX_HOURS}.")
    _moment(audience, "until")


def _window(window: Any) -> None:
    _fields("window", window, ("not_before", "not_after"))
    first, last = _moment(window, "not_before"), _moment(window, "not_after")
    if last <= first or last <= datetime.now(UTC):
        raise Refusal(422, "window_over", "window.not_after is over, or not after window.not_before.")


def _flag(body: Mapping[str, Any]) -> bool:
    if not isinstance(body["include_non_subscribers"], bool):
        raise Refusal(422, "invalid", "include_non_subscribers is true or false.")
    return body["include_non_subscribers"]


def _text(found: Mapping[str, Any], name: str) -> None:
    if not isinstance(found[name], str) or not 0 < len(found[name].strip()) <= 200:
        raise Refusal(422, "invalid", f"{name} is a text of 1 to 200 characters.")


def _uuid(value: Any) -> None:
    try:
        same = str(UUID(value)) == value
    except (ValueError, AttributeError, TypeError):
        same = False
    if not same:
        raise Refusal(422, "invalid", "order_id is a lower-case uuid.")


def _moment(found: Mapping[str, Any], name: str) -> datetime:
    try:
        at = datetime.fromisoformat(found[name])
    except (ValueError, TypeError):
        at = datetime.min
    if at.tzinfo is None:
        raise Refusal(422, "invalid", f"{name} is an instant after RFC 3339, with its zone.")
    return at
