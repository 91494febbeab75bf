"""A platform that sends by itself, on loopback: `python -m messaging.simulators.delegated --port 0 --log FILE`.

It keeps the contract of orders, `messaging/channels/contract/orders-v1.json`, as a social network or as a mobile operator
(`--channel`), for real orders or for exercises (`--exercise`), and tells of every change by signed webhooks. The people it
knows are invented and never leave it: no answer, webhook or journal line has a field that could hold one. With `--sandbox` it
knows the countries of the contract by which any platform can be judged. It says nothing about how a real platform sends.

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
from argparse import Namespace
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiohttp import web

from messaging.simulators import serving
from messaging.simulators.control import Action, Control, Faults, Refused, only_from_here
from messaging.simulators.delegated_grammar import MAX_TEXT, check_estimate, check_order, check_post
from messaging.simulators.delegated_rules import Door, Refusal, canonical, read_object
from messaging.simulators.journal import Journal
from messaging.simulators.orders import (
    MATCHED_STEP,
    SANDBOX,
    SANDBOX_PACE,
    STEP,
    THRESHOLD,
    Order,
    Pace,
    Ruling,
    estimate,
    stamp,
)
from messaging.simulators.population import PREFIX, Population
from messaging.simulators.posts import Posts
from messaging.simulators.protection import MOST, Protection, whole_hours
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
        self.protection, self.issuer = Protection(), ""  # no issuer: whoever has the key, under any name
        self.rulings: list[Ruling] = []  # what the officer says of the next orders
        self.posts = Posts(spread=facts.get("amplifies", False))
        self.placed: dict[str, Placed] = {}
        self.seen: Counter[str] = Counter()
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
        limits = {"rounding": rounding, "threshold": THRESHOLD, "min_interval_s": math.ceil(self.protection.interval)}
        return {**self.facts, **limits, "languages": [], "recipients": True}

    def _estimate(self, _: web.Request, raw: bytes) -> dict[str, Any]:
        body = read_object(raw)
        check_estimate(body)
        self._demand_issuer(body)
        audience, everybody = whole_hours(body["audience"]), body["include_non_subscribers"]

        def count() -> dict[str, Any]:
            return {**estimate(self.population.match(audience, everybody=everybody)), "at": stamp(datetime.now(UTC))}

        said = self.protection.answer(body["issuer"], canonical([audience, everybody]), count)
        self._note("estimate", **body["audience"], include_non_subscribers=everybody, counted_at=said["at"], **_bounds(said))
        return said

    def _demand_issuer(self, body: Mapping[str, Any]) -> None:
        if self.issuer not in {"", body["issuer"]}:
            raise Refusal(403, "wrong_issuer", "This key belongs to another issuer.")

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
        self._demand_issuer(body)
        if body["exercise"] != self.facts["exercise"]:
            raise Refusal(403, "exercise_mismatch", "An exercise is for a platform of exercises, and nothing else is.")
        if "recipients" in body:
            self._demand_known(body["recipients"]["of"])
        if "post" in body:
            self.posts.demand(body)

    def _demand_known(self, order_id: str) -> None:
        placed = self.placed.get(order_id)
        if placed and placed.order.not_after + KEPT < datetime.now(UTC):
            self.population.forget(order_id)
            placed = None
        if placed is None:
            raise Refusal(422, "earlier_order_unknown", "Who got that order is not known here, or not any more.")

    def _check_post(self, _: web.Request, raw: bytes) -> dict[str, Any]:
        body = read_object(raw)
        check_post(body)
        said = self.posts.compare(body)
        self._note("post", found=said["found"], same=said["same"])
        return {**said, "at": stamp(datetime.now(UTC))}

    def _accept(self, body: Mapping[str, Any]) -> dict[str, Any]:
        order = {**body, "audience": whole_hours(body["audience"])}
        match, ruling = self.population.mean(order), self._ruling(body["audience"]["country"])
        if ruling.narrowed:
            ruling = replace(ruling, match=self.population.mean(order, ruling.narrowed))
        first, last = (datetime.fromisoformat(body["window"][name]) for name in ("not_before", "not_after"))
        pace = body["pace"]["people"] / body["pace"]["seconds"] if "pace" in body else math.inf
        placed = Order(body["order_id"], match, first, last, ruling, pace)
        answer = placed.shown()
        self.placed[placed.order_id] = Placed(placed, canonical(body), answer)
        self._note("order", **_told(body), estimate=answer["estimate"])
        self.webhooks.tell(answer)
        life = asyncio.create_task(placed.live(self.pace, self._changed))
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)
        return answer

    def _ruling(self, country: str) -> Ruling:
        """What the officer was told to say, else what the country says in the sandbox, else yes."""
        if self.rulings:
            return self.rulings.pop(0)
        return SANDBOX.get(country, Ruling()) if self.facts["sandbox"] else Ruling()

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
        self.posts.put(order["url"], order.get("text"))

    async def _decide(self, _: Any) -> int:
        waiting = [placed.order for placed in self.placed.values() if placed.order.status == "accepted"]
        for order in waiting:
            order.decided.set()
        return len(waiting)

    async def _set_pace(self, order: Any) -> None:
        self.pace.decision = float(order.get("decision_delay", self.pace.decision))
        self.pace.duration = float(order.get("duration", self.pace.duration))

    async def _set_interval(self, seconds: Any) -> None:
        self.protection.interval = float(seconds)

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


def _bounds(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name != "at"}


def _secret(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise SystemExit(f"No secret: set {name} in the environment.")
    return value


def main() -> None:
    parser = serving.arguments("A platform on 127.0.0.1 that finds and writes to people by itself.")
    parser.add_argument("--channel", choices=sorted(KINDS), default="vk-geo", help="what kind of platform it is")
    parser.add_argument("--exercise", action="store_true", help="for drills: it takes exercises, and nothing else")
    parser.add_argument("--sandbox", action="store_true", help="it knows the countries by which any platform can be judged")
    parser.add_argument("--issuer", default="", help="whose key it is; not said: whoever has it, under any name")
    parser.add_argument("--population", type=int, default=80_000, help="how many people it knows besides")
    parser.add_argument(
        "--at", type=datetime.fromisoformat, default=datetime.now(UTC), help="when they were last seen, at most"
    )
    parser.add_argument("--decision-delay", type=float, help="seconds until its officer decides: 6, in the sandbox 1")
    parser.add_argument("--duration", type=float, help="seconds from the first message to the last: 10, in the sandbox 3")
    parser.add_argument("--min-interval", type=float, default=1.0, help="seconds between different estimates of one issuer")
    parser.add_argument("--audiences", type=int, default=MOST, help="how many different ones in an hour")
    parser.add_argument("--webhook", default="", metavar="URL", help="where it tells of its orders")
    options = parser.parse_args()
    if options.sandbox and not options.exercise:
        parser.error("--sandbox is for exercises: say --exercise, too")
    serving.run(_built(options).app(), options.port)


def _built(options: Namespace) -> Platform:
    secret, webhook_secret = _secret("PLATFORM_SIM_SECRET"), _secret("PLATFORM_SIM_WEBHOOK_SECRET")
    facts = {"name": "A simulated platform", **{name: getattr(options, name) for name in ("channel", "exercise", "sandbox")}}
    facts |= KINDS[options.channel]
    at, follow = options.at.astimezone(UTC), facts["follows"]
    population = Population(options.population, at, follow=follow, sandboxed=options.sandbox)
    platform = Platform(facts, population, Journal(options.log), Webhooks(options.webhook, webhook_secret), secret)
    usual = SANDBOX_PACE if options.sandbox else Pace()
    decision, duration = options.decision_delay, options.duration
    platform.pace = Pace(usual.decision if decision is None else decision, usual.duration if duration is None else duration)
    platform.protection = Protection(options.min_interval, options.audiences)
    platform.issuer = options.issuer
    return platform


if __name__ == "__main__":
    main()
