"""Platforms that break the contract of orders, each in one way, so that the suite can be seen to notice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from types import MethodType
from typing import Any, Final

from aiohttp import web

from messaging.simulators.delegated import KINDS, Platform
from messaging.simulators.delegated_rules import Door, Refusal, canonical
from messaging.simulators.journal import Journal
from messaging.simulators.orders import Order, Pace
from messaging.simulators.population import Population
from messaging.simulators.protection import Protection
from messaging.simulators.webhooks import Webhooks
from tests.ordering import NOW, SECRET, WEBHOOK_SECRET

PEOPLE: Final = Population(0, NOW, sandboxed=True)


class Clean(Platform):
    """The reference platform, in a hurry. Whatever leaves it goes through `said`."""

    channel = "vk-geo"

    def __init__(self, journal: Journal, webhook: str) -> None:
        facts = {"name": "Planted", "channel": self.channel, "exercise": True, "sandbox": True, **KINDS[self.channel]}
        super().__init__(facts, PEOPLE, journal, Telling(self, webhook), SECRET)
        self.pace, self.issuer, self.protection = Pace(0.1, 0.3), "conformance", Protection(1.0)

    def _answer(self, name: str, act: Any, request: web.Request, body: bytes, status: int) -> web.Response:
        return super()._answer(name, lambda one, raw: self.said(deepcopy(act(one, raw))), request, body, status)

    def said(self, answer: dict[str, Any]) -> dict[str, Any]:
        return answer


class Telling(Webhooks):
    def __init__(self, platform: Clean, url: str) -> None:
        super().__init__(url, WEBHOOK_SECRET)
        self._platform = platform

    def tell(self, order: Mapping[str, Any]) -> None:
        super().tell(self._platform.said(deepcopy(dict(order))))


class LeaksId(Clean):
    def said(self, answer: dict[str, Any]) -> dict[str, Any]:
        return answer | ({"last_recipient": "zq7000000000000000000000000042"} if "order_id" in answer else {})


class Unrounded(Clean):
    def said(self, answer: dict[str, Any]) -> dict[str, Any]:
        if sent := answer.get("counters", {}).get("sent"):
            answer["counters"]["sent"] = sent + 3
        return answer


class Replay(Clean):
    def __init__(self, journal: Journal, webhook: str) -> None:
        super().__init__(journal, webhook)
        self.door = Forgetful(SECRET)


class Forgetful(Door):
    def _once(self, nonce: str) -> None:
        pass


class WrongSignature(Clean):
    def __init__(self, journal: Journal, webhook: str) -> None:
        super().__init__(journal, webhook)
        self.door = Blind(SECRET)


class Blind(Door):
    def check(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        try:
            super().check(method, path, headers, body)
        except Refusal as refusal:
            if refusal.code != "wrong_signature":
                raise
            self._once(headers["X-Nonce"])


class NoIdempotency(Clean):
    def _order(self, request: web.Request, raw: bytes) -> dict[str, Any]:
        with suppress(ValueError, KeyError, TypeError):
            self.placed.pop(json.loads(raw)["order_id"], None)
        return super()._order(request, raw)


class NoThreshold(Clean):
    def _estimate(self, request: web.Request, raw: bytes) -> dict[str, Any]:
        said = super()._estimate(request, raw)
        return {"estimate": {"lower": 0, "upper": 100}, "at": said["at"]} if "withheld" in said else said

    def _accept(self, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = super()._accept(body)
        if body["audience"]["country"] == "XB":
            order = self.placed[body["order_id"]].order
            order._decide = MethodType(_say_yes, order)  # type: ignore[method-assign]
        return answer


def _say_yes(order: Order) -> None:
    order.become("sending")
    order.decision = {"outcome": "accepted", "at": order.at.isoformat(), "by": "duty officer", "reason": "", "narrowed": []}


class NoApproval(Clean):
    def _order(self, request: web.Request, raw: bytes) -> dict[str, Any]:
        return super()._order(request, put_right(raw, "approval", approved))


def approved(body: dict[str, Any]) -> None:
    if all(one["role"] == "author" for one in body["approval"]["by"]):
        body["approval"]["by"].append({"role": "supervisor", "at": NOW.isoformat()})


class NoBasis(Clean):
    def _order(self, request: web.Request, raw: bytes) -> dict[str, Any]:
        return super()._order(request, put_right(raw, "window", based))


def based(body: dict[str, Any]) -> None:
    if body["include_non_subscribers"] and "basis" not in body:
        body["basis"] = {"law": "None", "reason": "None", "ends_at": body["window"]["not_after"]}


def put_right(raw: bytes, field: str, change: Any) -> bytes:
    """An order that is put right before it is looked at."""
    try:
        body = json.loads(raw)
    except ValueError:
        return raw
    if not isinstance(body, dict) or field not in body:
        return raw
    change(body)
    return json.dumps(body).encode()


class SendsAfterCancel(Clean):
    def __init__(self, journal: Journal, webhook: str) -> None:
        self.stopped: set[str] = set()
        super().__init__(journal, webhook)

    def _cancel(self, request: web.Request, raw: bytes) -> dict[str, Any]:
        order = self._find(request)
        if not order.ended:
            self.stopped.add(order.order_id)
        return order.shown()

    def said(self, answer: dict[str, Any]) -> dict[str, Any]:
        return answer | ({"status": "cancelled"} if answer.get("order_id") in self.stopped else {})


class WiderArea(Clean):
    def _accept(self, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = super()._accept({**body, "audience": body["audience"] | {"last_seen_within_hours": 336}})
        self.placed[body["order_id"]] = replace(self.placed[body["order_id"]], body=canonical(body))
        return answer


class Operator(Clean):
    channel = "operator-roaming"


# Violation → the platform, the rule it breaks, and words of the sentence by which an engineer understands what to mend.
PLANTED: Final[dict[str, tuple[type[Clean], str, str]]] = {
    "leaks an id": (LeaksId, "no_person", "You told a field that the contract does not know"),
    "unrounded counter": (Unrounded, "totals_rounded", "is not a multiple of 10"),
    "accepts a replay": (Replay, "nonce_once", "We sent the same signed request a second time. You answered with status 200."),
    "ignores idempotency": (NoIdempotency, "one_order", "you began again"),
    "no threshold": (NoThreshold, "few_withheld", "where there are 61 people"),
    "accepts a wrong signature": (WrongSignature, "signature_true", "made with another key. You answered with status 200"),
    "an order without approval": (
        NoApproval,
        "approval_needed",
        "that its author alone answers for. You answered with status 200",
    ),
    "sends after cancel": (SendsAfterCancel, "cancel_stops", "people had got it, and a moment later that"),
    "wider area than asked": (WiderArea, "area_kept", "within 24 hours, 5003 people. You found 20000 people."),
    "non-subscribers without basis": (NoBasis, "basis_needed", "without a legal basis. You answered with status 200"),
}
