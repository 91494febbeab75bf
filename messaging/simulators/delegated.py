"""A platform that sends by itself, on loopback: `python -m messaging.simulators.delegated --port 0 --log FILE`.

It keeps the contract of orders, `messaging/channels/contract/orders-v1.json`, as a social network or as a mobile operator
(`--channel`), for real orders or for exercises (`--exercise`), and tells of every change by signed webhooks. The people it
knows are invented and never leave it: no answer, webhook or journal line has a field that could hold one. It says nothing about
how a real platform sends.

Environment: PLATFORM_SIM_SECRET (signs requests), PLATFORM_SIM_WEBHOOK_SECRET (whsec_…, signs webhooks).

Orders over POST /control, one JSON object:

* hold, lose_after, lose_before, fail, garbage: a number of calls, or an object with "calls" (-1 = on), "method" ("orders" if
  not said, "estimates", "status", "cancel", "*") and details: fail has "status", "after", "headers"; garbage has "form"
* release, reset, delay_ms, refuse ({"reason"}: the officer refuses the next order), narrow ({"reason", "narrowed"}: accepts it
  in part), decide (all waiting orders, now), pace ({"decision_delay", "duration"} in seconds), min_interval (seconds between an
  issuer's estimates), post ({"url", "text"}: a post stands there; no text = it is gone)
* webhook ({"url", "secret"}), webhooks (normal | silent | reversed), repeat_webhook, forge_webhooks (how many)

GET /control/identifiers reveals the people to a test that scans for them.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web

from messaging.simulators import serving
from messaging.simulators.control import Action, Control, Faults, Refused, only_from_here
from messaging.simulators.delegated_grammar import MAX_TEXT, check_estimate, check_order, check_post, digest, normal
from messaging.simulators.delegated_rules import Door, Refusal, canonical, read_object
from messaging.simulators.journal import Journal
from messaging.simulators.orders import MATCHED_STEP, STEP, THRESHOLD, Order, Pace, Ruling, estimate, stamp
from messaging.simulators.population import PREFIX, Population
from messaging.simulators.webhooks import Webhooks

Act = Callable[[web.Request, bytes], dict[str, Any]]
KEPT: Final = timedelta(hours=72)  # for so long after its window it is known who got an order
KINDS: Final[dict[str, dict[str, Any]]] = {
    "vk-geo": {"knows_by": "online_activity", "follows": True, "amplifies": True, "counts": "accounts", "max_text": MAX_TEXT},
    "operator-roaming": {
        "knows_by": "network_registration",
        "follows": False,
        "amplifies": False,
        "counts": "subscribers",
        "max_text": 670,
    },
}


@dataclass(frozen=True, slots=True)
class Placed:
    """An order with the body it came by and the answer it got: a replay gets the same."""

    order: Order
    body: str
    answer: dict[str, Any]


class Platform:
    """The platform behind its HTTP interface."""

    def __init__(
        self, facts: Mapping[str, Any], population: Population, journal: Journal, webhooks: Webhooks, secret: str
    ) -> None:
        self.facts, self.population, self.journal, self.webhooks = facts, population, journal, webhooks
        self.door, self.faults, self.pace = Door(secret), Faults("orders"), Pace()
        self.min_interval = 1.0
        self.rulings: list[Ruling] = []  # what the officer says of the next orders
        self.posts: dict[str, str] = {}  # canonical address → text
        self.placed: dict[str, Placed] = {}
        self.seen: Counter[str] = Counter()
        self._asked: dict[str, tuple[str, float]] = {}  # issuer → last audience, monotonic time
        self._lives: set[asyncio.Task[None]] = set()

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1_000_000)
        app.router.add_get("/v1/platform", self._route("platform", self._platform))
        app.router.add_post("/v1/estimates", self._route("estimates", self._estimate))
        app.router.add_post("/v1/posts", self._route("posts", self._check_post))
        app.router.add_post("/v1/orders", self._route("orders", self._order))
        app.router.add_get("/v1/orders/{order_id}", self._route("status", self._status))
        app.router.add_post("/v1/orders/{order_id}/cancel", self._route("cancel", self._cancel))
        app.router.add_post("/v1/orders/{order_id}/reminders", self._route("reminders", self._remind, status=202))
        app.router.add_get("/control/identifiers", self._identifiers)
        Control(self.faults, self.counters, self._actions()).mount(app)
        app.cleanup_ctx.append(self._live)
        return app

    def _route(self, name: str, act: Act, *, status: int = 200) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.Response:
            body = await request.read()
            await self.faults.pause()
            fault = self.faults.take(name)
            true = web.json_response({}) if fault and fault.before else self._answer(name, act, request, body, status)
            return await self.faults.answer(request, fault, true)

        return handle

    def _answer(self, name: str, act: Act, request: web.Request, body: bytes, status: int) -> web.Response:
        try:
            self.door.check(request.method, request.raw_path, request.headers, body)
            return web.json_response(act(request, body), status=status)
        except Refusal as refusal:
            self._note("refused", call=name, status=refusal.status, code=refusal.code)
            wait = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after else None
            return web.json_response(refusal.body, status=refusal.status, headers=wait)

    def _platform(self, _: web.Request, raw: bytes) -> dict[str, Any]:
        rounding = {"matched": MATCHED_STEP, "counters": STEP}
        limits = {"rounding": rounding, "threshold": THRESHOLD, "min_interval_s": math.ceil(self.min_interval)}
        return {**self.facts, **limits, "languages": [], "recipients": True, "sandbox": False}

    def _estimate(self, _: web.Request, raw: bytes) -> dict[str, Any]:
        body = read_object(raw)
        check_estimate(body)
        self._not_too_often(body["issuer"], canonical([body["audience"], body["include_non_subscribers"]]))
        match = self.population.match(body["audience"], everybody=body["include_non_subscribers"])
        said = estimate(match)
        self._note("estimate", **body["audience"], include_non_subscribers=body["include_non_subscribers"], **said)
        return {**said, "at": stamp(datetime.now(UTC))}

    def _not_too_often(self, issuer: str, audience: str) -> None:
        """Two audiences that differ by little would tell about the few in between: an issuer has to wait between them."""
        before, at = self._asked.get(issuer, (audience, -math.inf))
        wait = at + self.min_interval - time.monotonic()
        if before != audience and wait > 0:
            raise Refusal(
                429, "too_soon", "Estimates of different audiences need some time between them.", retry_after=math.ceil(wait)
            )
        self._asked[issuer] = audience, time.monotonic()

    def _order(self, request: web.Request, raw: bytes) -> dict[str, Any]:
        body = read_object(raw)
        known = self.placed.get(str(body.get("order_id")))
        if known is None:
            check_order(body, request.headers.get("Idempotency-Key", ""), max_text=self.facts["max_text"])
            self._mine(body)
            return self._accept(body)
        if known.body != canonical(body):
            raise Refusal(409, "other_order", "This order_id belongs to an order with another body.")
        self._note("repeat", order_id=body["order_id"])
        return known.answer

    def _mine(self, body: Mapping[str, Any]) -> None:
        """Raises Refusal for an order that is sound, but not for this platform."""
        if body["exercise"] != self.facts["exercise"]:
            raise Refusal(403, "exercise_mismatch", "An exercise is for a platform of exercises, and nothing else is.")
        if "recipients" in body:
            self._demand_known(body["recipients"]["of"])
        if "post" in body:
            self._demand_post(body)

    def _demand_known(self, order_id: str) -> None:
        placed = self.placed.get(order_id)
        if placed and placed.order.not_after + KEPT < datetime.now(UTC):
            self.population.forget(order_id)
            placed = None
        if placed is None:
            raise Refusal(422, "earlier_order_unknown", "Who got that order is not known here, or not any more.")

    def _demand_post(self, body: Mapping[str, Any]) -> None:
        text = self.posts.get(plain(body["post"]["url"]))
        if not self.facts["amplifies"]:
            raise Refusal(422, "posts_not_supported", "This platform does not spread posts.")
        if text is None:
            raise Refusal(422, "post_not_found", "There is no such post.")
        if normal(text) not in map(normal, body["texts"].values()):
            raise Refusal(422, "post_differs", "The post does not say what was approved.")

    def _check_post(self, _: web.Request, raw: bytes) -> dict[str, Any]:
        body = read_object(raw)
        check_post(body)
        if not self.facts["amplifies"]:
            raise Refusal(422, "posts_not_supported", "This platform does not spread posts.")
        url = plain(body["url"])
        text = self.posts.get(url)
        told = [lang for lang, wanted in body["text_sha256"].items() if text is not None and digest({lang: text}) == wanted]
        said = {"found": text is not None, "same": bool(told), "language": told[0] if told else None, "canonical_url": url}
        self._note("post", found=said["found"], same=said["same"])
        return {**said, "at": stamp(datetime.now(UTC))}

    def _accept(self, body: Mapping[str, Any]) -> dict[str, Any]:
        match, ruling = self.population.mean(body), self.rulings.pop(0) if self.rulings else Ruling()
        if ruling.narrowed:
            ruling = replace(ruling, match=self.population.mean(body, ruling.narrowed))
        first, last = (datetime.fromisoformat(body["window"][name]) for name in ("not_before", "not_after"))
        pace = body["pace"]["people"] / body["pace"]["seconds"] if "pace" in body else math.inf
        order = Order(body["order_id"], match, first, last, ruling, pace)
        answer = order.shown()
        self.placed[order.order_id] = Placed(order, canonical(body), answer)
        self._note("order", **_told(body), estimate=answer["estimate"])
        self.webhooks.tell(answer)
        life = asyncio.create_task(order.live(self.pace, self._changed))
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)
        return answer

    def _status(self, request: web.Request, _: bytes) -> dict[str, Any]:
        return self._find(request).shown()

    def _remind(self, request: web.Request, _: bytes) -> dict[str, Any]:
        order = self._find(request)
        self._note("reminder", order_id=order.order_id, status=order.status)
        return order.shown()

    def _cancel(self, request: web.Request, _: bytes) -> dict[str, Any]:
        order = self._find(request)
        ended = order.ended
        order.cancel()
        self._note("cancel", order_id=order.order_id, status=order.status, **order.shown()["counters"])
        if not ended:
            self.webhooks.tell(order.shown())
        return order.shown()

    def _find(self, request: web.Request) -> Order:
        placed = self.placed.get(request.match_info["order_id"])
        if placed is None:
            raise Refusal(404, "unknown_order", "There is no such order.")
        return placed.order

    def _changed(self, order: Order) -> None:
        shown = order.shown()
        self.population.reach(order.order_id, order.sent)
        if order.status == "refused":
            self._note("refused", order_id=order.order_id, reason=shown["decision"]["reason"])
        else:
            self._note("sent", order_id=order.order_id, status=order.status, **shown["counters"])
        self.webhooks.tell(shown)

    def _note(self, kind: str, **fields: Any) -> None:
        self.seen[kind] += 1
        self.journal.write({"kind": kind, **fields})

    def counters(self) -> dict[str, Any]:
        webhooks = {"taken": self.webhooks.taken, "refused": self.webhooks.refused, "manner": self.webhooks.manner}
        seen = {
            kind: self.seen[kind] for kind in ("estimate", "order", "repeat", "cancel", "refused", "sent", "reminder", "post")
        }
        return {**seen, "webhooks": webhooks, "orders": {key: placed.order.status for key, placed in self.placed.items()}}

    async def _identifiers(self, request: web.Request) -> web.Response:
        only_from_here(request)
        return web.json_response({"prefix": PREFIX, "identifiers": list(self.population.identifiers())})

    def _actions(self) -> dict[str, Action]:
        return {
            "refuse": self._refuse,
            "narrow": self._narrow,
            "post": self._put_post,
            "decide": self._decide,
            "pace": self._set_pace,
            "min_interval": self._set_interval,
            "webhook": self._set_webhook,
            "webhooks": self._set_manner,
            "repeat_webhook": self._repeat,
            "forge_webhooks": self._forge,
            "reset": self._reset,
        }

    async def _refuse(self, order: Any) -> None:
        self.rulings.append(Ruling("refused", order["reason"]))

    async def _narrow(self, order: Any) -> None:
        self.rulings.append(Ruling("partial", order.get("reason", ""), tuple(order["narrowed"])))

    async def _put_post(self, order: Any) -> None:
        if "text" in order:
            self.posts[plain(order["url"])] = order["text"]
        else:
            self.posts.pop(plain(order["url"]), None)

    async def _decide(self, _: Any) -> int:
        waiting = [placed.order for placed in self.placed.values() if placed.order.status == "accepted"]
        for order in waiting:
            order.decided.set()
        return len(waiting)

    async def _set_pace(self, order: Any) -> None:
        self.pace.decision = float(order.get("decision_delay", self.pace.decision))
        self.pace.duration = float(order.get("duration", self.pace.duration))

    async def _set_interval(self, seconds: Any) -> None:
        self.min_interval = float(seconds)

    async def _set_webhook(self, order: Any) -> None:
        self.webhooks.url, self.webhooks.secret = order["url"], order["secret"]

    async def _set_manner(self, manner: Any) -> None:
        if manner not in {"normal", "silent", "reversed"}:
            raise Refused("webhooks is normal, silent or reversed.")
        self.webhooks.manner = manner

    async def _repeat(self, _: Any) -> bool:
        return self.webhooks.repeat()

    async def _forge(self, count: Any) -> None:
        self.webhooks.forge = int(count)

    async def _reset(self, _: Any) -> None:
        """Back to ordinary behaviour; orders go on."""
        self.faults.reset()
        self.rulings.clear()
        self.posts.clear()
        self.webhooks.manner, self.webhooks.forge = "normal", 0

    async def _live(self, _: web.Application) -> AsyncIterator[None]:
        telling = asyncio.create_task(self.webhooks.run())
        yield
        for task in (telling, *self._lives):
            task.cancel()
        await asyncio.gather(telling, *self._lives, return_exceptions=True)
        self.journal.close()


def _told(body: Mapping[str, Any]) -> dict[str, Any]:
    """What the journal keeps of an order: everything but its words."""
    told: dict[str, Any] = {
        name: body.get(name) for name in ("order_id", "issuer", "exercise", "include_non_subscribers", "basis", "post")
    }
    told |= {name: body.get(name) for name in ("pace", "recipients", "follows")}
    told |= {"incident": body["incident"]["title"], "text_sha256": body["approval"]["text_sha256"]}
    return {**told, **body["audience"], "approved_by": [one["role"] for one in body["approval"]["by"]]}


def plain(url: str) -> str:
    """The one address a post has here: without the host's www. or m., without query and fragment."""
    parts = urlsplit(url)
    host = parts.netloc.lower().removeprefix("www.").removeprefix("m.")
    return f"https://{host}{parts.path.rstrip('/')}"


def _secret(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise SystemExit(f"No secret: set {name} in the environment.")
    return value


def main() -> None:
    parser = serving.arguments("A platform on 127.0.0.1 that finds and writes to people by itself.")
    parser.add_argument("--channel", choices=sorted(KINDS), default="vk-geo", help="what kind of platform it is")
    parser.add_argument("--exercise", action="store_true", help="for drills: it takes exercises, and nothing else")
    parser.add_argument("--population", type=int, default=80_000, help="how many people it knows")
    parser.add_argument(
        "--at", type=datetime.fromisoformat, default=datetime.now(UTC), help="when they were last seen, at most"
    )
    parser.add_argument("--decision-delay", type=float, default=6.0, help="seconds until its officer decides")
    parser.add_argument("--duration", type=float, default=10.0, help="seconds from the first message to the last")
    parser.add_argument("--min-interval", type=float, default=1.0, help="seconds between different estimates of one issuer")
    parser.add_argument("--webhook", default="", metavar="URL", help="where it tells of its orders")
    options = parser.parse_args()
    secret, webhook_secret = _secret("PLATFORM_SIM_SECRET"), _secret("PLATFORM_SIM_WEBHOOK_SECRET")
    facts = {"name": "A simulated platform", "channel": options.channel, "exercise": options.exercise, **KINDS[options.channel]}
    population = Population(options.population, options.at.astimezone(UTC), follow=facts["follows"])
    platform = Platform(facts, population, Journal(options.log), Webhooks(options.webhook, webhook_secret), secret)
    platform.pace = Pace(options.decision_delay, options.duration)
    platform.min_interval = options.min_interval
    serving.run(platform.app(), options.port)


if __name__ == "__main__":
    main()
