"""What we ask a platform that keeps the contract, and how we sign it."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from messaging.channels import ChannelError, OrderRequest

AUDIENCE = {"country", "mode", "last_seen_within_hours", "until"}


def canonical(value: Mapping[str, Any]) -> bytes:
    """The same bytes for the same order, so that a repeat is a replay and not a conflict."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def signature(secret: str, method: str, path: str, body: bytes) -> dict[str, str]:
    """The headers by which a platform knows us."""
    at, nonce = str(int(time.time())), secrets.token_hex(16)
    signed = f"{at}.{nonce}.{method}.{path}.".encode() + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return {"X-Timestamp": at, "X-Nonce": nonce, "X-Signature": f"v1={digest}"}


def audience(rule: Mapping[str, Any]) -> dict[str, Any]:
    """The audience if the contract can say it. Dropping what it cannot say would reach other people than were approved."""
    if set(rule) != AUDIENCE:
        raise ChannelError("content", "audience_not_supported")
    return dict(rule)


def estimate(issuer: str, rule: Mapping[str, Any], *, include_non_subscribers: bool) -> dict[str, Any]:
    return {"issuer": issuer, "audience": audience(rule), "include_non_subscribers": include_non_subscribers}


def order(issuer: str, request: OrderRequest) -> dict[str, Any]:
    """The order, with nothing in it that was not said: an optional part is there or is not."""
    approved = [{"role": role, "at": _rfc3339(at)} for role, at in request.approved_by]
    asked = {
        "order_id": request.order_id,
        "issuer": issuer,
        "exercise": request.exercise,
        "incident": {"reference": request.incident_reference, "title": request.incident},
        "audience": audience(request.audience),
        "include_non_subscribers": request.include_non_subscribers,
        "basis": _basis(request),
        "approval": {"text_sha256": request.text_sha256, "by": approved},
        "sender_name": request.sender_name,
        "window": {"not_before": _rfc3339(request.not_before), "not_after": _rfc3339(request.not_after)},
        "pace": request.pace and {"people": request.pace[0], "seconds": request.pace[1]},
        "recipients": request.recipients and {"of": request.recipients[0], "mode": request.recipients[1]},
        "follows": request.follows and {"order_id": request.follows[0], "kind": request.follows[1]},
        "texts": dict(request.texts),
        "wording": {language: dict(parts) for language, parts in request.wording.items()} or None,
        "post": {"url": request.post_url} if request.post_url else None,
    }
    return {name: value for name, value in asked.items() if value is not None}


def _basis(request: OrderRequest) -> dict[str, str] | None:
    if not request.include_non_subscribers or request.basis_ends_at is None:
        return None
    return {"law": request.basis_law, "reason": request.basis_reason, "ends_at": _rfc3339(request.basis_ends_at)}


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
