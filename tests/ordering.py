"""How a test speaks to the simulated platform that sends by itself: raw requests, signed here, and orders as JSON."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import requests

from messaging.channels import text_sha256
from tests.simulated import http, until
from tests.wire import Simulator

SECRET = "shared between the ministry and the platform"
WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"signs what the platform tells us").decode()
ENV = {"PLATFORM_SIM_SECRET": SECRET, "PLATFORM_SIM_WEBHOOK_SECRET": WEBHOOK_SECRET}
NOW = datetime.now(UTC)
EGYPT = {"country": "EG", "mode": "last_seen_there", "last_seen_within_hours": 336, "until": NOW.isoformat()}
TEXTS = {"ru": "Уезжайте", "en": "Leave"}
heard: list[str] = []  # every body that came out of it


def signed(method: str, path: str, body: bytes, *, secret: str = SECRET, age: float = 0, nonce: str = "") -> dict[str, str]:
    at, nonce = str(int(time.time() - age)), nonce or uuid4().hex
    digest = hmac.new(secret.encode(), f"{at}.{nonce}.{method}.{path}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Timestamp": at, "X-Nonce": nonce, "X-Signature": f"v1={digest}"}


def ask(platform: Simulator, method: str, path: str, body: Any = None, key: str = "", **signing: Any) -> requests.Response:
    raw = b"" if body is None else json.dumps(body).encode()
    headers = signed(method, path, raw, **signing) | ({"Idempotency-Key": key} if key else {})
    found = http.request(method, platform.url + path, data=raw, headers=headers, timeout=10)
    heard.append(found.text)
    return found


def estimate(platform: Simulator, everybody: bool = True, issuer: str = "center", **audience: Any) -> requests.Response:
    asked = {"issuer": issuer, "audience": EGYPT | audience, "include_non_subscribers": everybody}
    return ask(platform, "POST", "/v1/estimates", asked)


def an_order(texts: Mapping[str, str] = TEXTS, **changes: Any) -> dict[str, Any]:
    """An order that may go out now; approved are the texts it is made with."""
    return {
        "order_id": str(uuid4()),
        "issuer": "center",
        "exercise": False,
        "incident": {"reference": "EG-2015-11", "title": "Flights suspended"},
        "approval": {"text_sha256": text_sha256(texts), "by": [{"role": "supervisor", "at": NOW.isoformat()}]},
        "texts": texts,
        "sender_name": "Crisis Center",
        "audience": EGYPT,
        "include_non_subscribers": True,
        "basis": {"law": "Federal law, article 6", "reason": "No flights.", "ends_at": (NOW + timedelta(hours=12)).isoformat()},
        "window": {"not_before": NOW.isoformat(), "not_after": (NOW + timedelta(hours=12)).isoformat()},
        **changes,
    }


def place(platform: Simulator, order: dict[str, Any] | None = None) -> requests.Response:
    order = order or an_order()
    return ask(platform, "POST", "/v1/orders", order, key=order["order_id"])


def status(platform: Simulator, order_id: str) -> dict[str, Any]:
    found: dict[str, Any] = ask(platform, "GET", f"/v1/orders/{order_id}").json()
    return found


def end(platform: Simulator, order_id: str) -> dict[str, Any]:
    """The status of an order when it has ended."""
    found: dict[str, Any] = until(
        lambda: said if (said := status(platform, order_id))["status"] in {"done", "refused", "cancelled"} else None
    )
    return found
