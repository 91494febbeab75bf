"""Platforms that find and write to people by themselves: criteria out, rounded totals back, over a contract of ours.

No such contract is published by any platform yet. It is built so that no person's identifier can come in by any answer.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar, cast, get_args
from urllib.parse import quote, urlsplit
from uuid import UUID

from standardwebhooks import Webhook, WebhookVerificationError
from standardwebhooks.webhooks import EmptyWebhookSecretError

from messaging.channels import (
    ChannelError,
    DelegatedChannel,
    Estimate,
    OrderReport,
    OrderRequest,
    OrderStatus,
    PlatformFacts,
    PostCheck,
    Report,
    text_sha256,
)
from messaging.channels.http import Answer, HttpChannel, read_object, take_int, take_moment, take_object, take_text

AUDIENCE = {"country", "mode", "last_seen_within_hours", "until"}
COUNTERS = ("matched", "sent", "delivered", "read", "failed")
MOST_PEOPLE = 10**9  # a larger number is no count of people but perhaps somebody's telephone
# In a text: mail, a link, five digits however they are spaced, letters and digits in one word ("id7").
IDENTIFYING = re.compile(r"@|/|\d(?:[\W_]*\d){4}|[^\W\d]\d|\d[^\W\d]")
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,8})?")
Read = TypeVar("Read", Estimate, OrderReport, PlatformFacts, PostCheck)
NO_ORDER = "00000000-0000-0000-0000-000000000000"


class OrderChannel(HttpChannel, DelegatedChannel):
    """A platform that keeps the contract. `setup.sender` is our name there, `setup.secret` signs what we ask."""

    kind = "delegated"
    resendable_for = 86_400  # an order's uuid is its key for as long as the order is known

    async def estimate(self, audience: Mapping[str, Any], *, include_non_subscribers: bool) -> Estimate:
        asked = {
            "issuer": self.setup.sender,
            "audience": _audience(audience),
            "include_non_subscribers": include_non_subscribers,
        }
        return _read(_estimate, await self._ask("POST", "/v1/estimates", asked))

    async def facts(self) -> PlatformFacts:
        return _read(_facts, await self._ask("GET", "/v1/platform"))

    async def order(self, request: OrderRequest) -> OrderReport:
        if request.exercise != self.setup.drill:
            raise ValueError("An exercise is ordered by a drill's account, and nothing else is.")
        if request.include_non_subscribers and not (request.basis_law or request.basis_reason):
            raise ChannelError("content", "no_legal_basis")
        if request.text_sha256 != text_sha256(request.texts):
            raise ChannelError("content", "text_not_approved")
        answer = await self._ask(
            "POST", "/v1/orders", _order(self.setup.sender, request), {"Idempotency-Key": request.order_id}
        )
        return _same(request.order_id, answer)

    async def status(self, order_id: str) -> OrderReport:
        return _same(order_id, await self._ask("GET", f"/v1/orders/{quote(order_id, safe='')}"))

    async def cancel(self, order_id: str) -> OrderReport:
        return _same(order_id, await self._ask("POST", f"/v1/orders/{quote(order_id, safe='')}/cancel"))

    async def remind(self, order_id: str) -> None:
        await self._ask("POST", f"/v1/orders/{quote(order_id, safe='')}/reminders")

    async def check_post(self, url: str, hashes: Mapping[str, str]) -> PostCheck:
        found = await self._ask("POST", "/v1/posts", {"url": url, "text_sha256": dict(hashes)})
        return _read(partial(_post_check, url, hashes), found)

    async def probe(self) -> str:
        """Ask for an order that cannot exist: the platform looks for it only when it accepts our signature."""
        try:
            await self._ask("GET", f"/v1/orders/{NO_ORDER}")
        except ChannelError as error:
            if error.reason != "unknown_order":
                raise
        return ""

    def reports(self, body: bytes, headers: Mapping[str, str]) -> list[Report]:
        self._authenticate(body, headers)
        try:
            return [_report(read_object(body))]
        except ValueError:
            raise ChannelError("content", "unreadable") from None

    def _authenticate(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Raises ChannelError("forged") unless the body is signed with our webhook secret and not older than five minutes."""
        try:
            Webhook(self.setup.webhook_secret).verify(body, dict(headers), json_parse=False)
        except (WebhookVerificationError, EmptyWebhookSecretError, ValueError, IndexError):
            raise ChannelError("forged", "wrong_signature") from None

    async def _ask(
        self, method: str, path: str, asked: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The object of a 2xx answer. Raises ChannelError for everything else."""
        body = b"" if asked is None else _canonical(asked)
        signed = {
            "Content-Type": "application/json",
            **self._signature(method, self.url(path).raw_path, body),
            **(headers or {}),
        }
        answer = await self.call(method, path, body, signed)
        if answer.status >= 400:
            raise _refusal(answer, path)
        try:
            return read_object(answer.body)
        except ValueError:
            raise ChannelError("uncertain", "unreadable") from None

    def _signature(self, method: str, path: str, body: bytes) -> dict[str, str]:
        at, nonce = str(int(time.time())), secrets.token_hex(16)
        signed = f"{at}.{nonce}.{method}.{path}.".encode() + body
        digest = hmac.new(self.setup.secret.encode(), signed, hashlib.sha256).hexdigest()
        return {"X-Timestamp": at, "X-Nonce": nonce, "X-Signature": f"v1={digest}"}


class VKGeo(OrderChannel):
    """VK writes to everybody it saw in a country."""

    slug = "vk-geo"
    label = "VK: sends by itself by country"
    amplifies = True


class OperatorRoaming(OrderChannel):
    """A mobile operator writes to its subscribers registered in a country's networks. They follow nobody: they are its own."""

    slug = "operator-roaming"
    label = "Mobile operator: writes to its subscribers abroad"
    follows = False
    max_length = 670  # ten parts of 67 characters


def _canonical(value: Mapping[str, Any]) -> bytes:
    """The same bytes for the same order, so that a repeat is a replay and not a conflict."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _audience(audience: Mapping[str, Any]) -> dict[str, Any]:
    """The audience if the contract can say it. Dropping what it cannot say would reach other people than were approved."""
    if set(audience) != AUDIENCE:
        raise ChannelError("content", "audience_not_supported")
    return dict(audience)


def _order(issuer: str, request: OrderRequest) -> dict[str, Any]:
    return {
        "order_id": request.order_id,
        "issuer": issuer,
        "incident": request.incident,
        "approval": {
            "role": request.approved_by[-1][0],
            "approved_at": _rfc3339(request.approved_by[-1][1]),
            "text_sha256": request.text_sha256,
        },
        "texts": dict(request.texts),
        "sender_name": request.sender_name,
        "audience": _audience(request.audience),
        "include_non_subscribers": request.include_non_subscribers,
        "legal_basis": request.basis_reason,
        "window": {"not_before": _rfc3339(request.not_before), "not_after": _rfc3339(request.not_after)},
    }


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _refusal(answer: Answer, path: str) -> ChannelError:
    match answer.status:
        case 404 if path.startswith("/v1/orders/"):
            return ChannelError("content", "unknown_order")
        case 409:
            return ChannelError("pause", "idempotency_conflict")
        case 400 | 413 | 422:
            return ChannelError("content", _error_code(answer))
    return ChannelError("pause", f"http_{answer.status}")


def _error_code(answer: Answer) -> str:
    """The platform's word for what it refuses, if it is a word and nothing else."""
    try:
        code = take_text(take_object(read_object(answer.body), "error"), "code", most=40)
    except ValueError:
        code = ""
    return code if re.fullmatch(r"[a-z]+(_[a-z]+)*", code) else f"http_{answer.status}"


def _same(order_id: str, answer: Mapping[str, Any]) -> OrderReport:
    """The report of the order we asked about; any other answer leaves open what happened."""
    report = _read(_status, answer)
    if report.order_id != order_id:
        raise ChannelError("uncertain", "another_order")
    return report


def _read(parse: Callable[[Mapping[str, Any]], Read], answer: Mapping[str, Any]) -> Read:
    try:
        return parse(answer)
    except ValueError:
        raise ChannelError("uncertain", "unreadable") from None


def _estimate(found: Mapping[str, Any]) -> Estimate:
    at = take_moment(found, "at")
    if found.get("withheld") is True:
        return Estimate(None, None, at, withheld=_words(found, "reason") or "withheld")
    bounds = take_object(found, "estimate")
    lower = take_int(bounds, "lower", low=0, high=MOST_PEOPLE)
    return Estimate(lower, take_int(bounds, "upper", low=lower, high=MOST_PEOPLE), at)


def _facts(found: Mapping[str, Any]) -> PlatformFacts:
    rounding = take_object(found, "rounding")
    languages = found.get("languages")
    return PlatformFacts(
        name=_words(found, "name"),
        channel=take_text(found, "channel", most=30),
        knows_by=take_text(found, "knows_by", most=30),
        counts=take_text(found, "counts", most=30),
        languages=tuple(one for one in languages if _is_language(one)) if isinstance(languages, list) else (),
        matched_step=take_int(rounding, "matched", low=1, high=MOST_PEOPLE),
        step=take_int(rounding, "counters", low=1, high=MOST_PEOPLE),
        threshold=take_int(found, "threshold", low=0, high=MOST_PEOPLE),
        min_interval=take_int(found, "min_interval_s", low=0, high=86_400),
        max_text=take_int(found, "max_text", low=1, high=1_000_000),
        **{name: found.get(name) is True for name in ("exercise", "follows", "amplifies", "recipients", "sandbox")},
    )


def _is_language(value: object) -> bool:
    return isinstance(value, str) and LANGUAGE.fullmatch(value) is not None


def _post_check(asked: str, hashes: Mapping[str, str], found: Mapping[str, Any]) -> PostCheck:
    there, language = found.get("found") is True, found.get("language")
    return PostCheck(
        found=there,
        same=there and found.get("same") is True,
        language=language if isinstance(language, str) and language in hashes else "",
        canonical_url=_address(found, asked),
        at=take_moment(found, "at"),
    )


def _address(found: Mapping[str, Any], asked: str) -> str:
    """Where a post really is, or "" for an address at another site than the one we asked about: it could name anybody."""
    try:
        url = take_text(found, "canonical_url", most=500)
        there, here = urlsplit(url), urlsplit(asked)
        hosts = {(one.hostname or "").removeprefix("www.").removeprefix("m.") for one in (there, here)}
    except ValueError:
        return ""
    return url if there.scheme == "https" and len(hosts) == 1 and url.isascii() and url.isprintable() else ""


def _status(found: Mapping[str, Any]) -> OrderReport:
    """Field by field: what the contract does not name is not read, and what is not of its kind counts as not said."""
    order_id, status = str(UUID(take_text(found, "order_id"))), take_text(found, "status")
    if status not in get_args(OrderStatus):
        raise ValueError("status is none of the contract's")
    bounds, counters = _part(found, "estimate"), _part(found, "counters")
    totals: dict[str, Any] = {name: _people(counters, name) for name in COUNTERS}
    return OrderReport(
        order_id,
        cast(OrderStatus, status),
        take_moment(found, "at"),
        reason=_words(found, "reason"),
        answered_by=_words(found, "answered_by"),
        lower=_people(bounds, "lower"),
        upper=_people(bounds, "upper"),
        **totals,
    )


def _report(event: Mapping[str, Any]) -> Report:
    event_id = take_text(event, "event_id")
    if take_text(event, "type") != "order.status":
        return Report(event_id, "ignored", datetime.now(UTC))
    order = _status(take_object(event, "order"))
    return Report(event_id, "order", order.at, order=order)


def _part(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = found.get(key)
    return part if isinstance(part, dict) else {}


def _people(found: Mapping[str, Any], key: str) -> int | None:
    try:
        return take_int(found, key, low=0, high=MOST_PEOPLE)
    except ValueError:
        return None


def _words(found: Mapping[str, Any], key: str) -> str:
    """A short plain text, or "" for one that could hold a telephone, an id, an address or a link."""
    try:
        text = take_text(found, key, most=120)
    except ValueError:
        return ""
    return text if text.isprintable() and not IDENTIFYING.search(text) else ""
