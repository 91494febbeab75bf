"""A contract-true VK on loopback: `python -m messaging.simulators.vk --port 0 --log FILE`.

It judges what a group's server would meet: tokens, versions, 20 calls a second, 100 peers a call, random_id, refusals of
single people, callbacks. Who allows messages follows the peer id (see vk_people). Its journal has a line for every person and
every call, on the disk before the answer leaves; a restart on the same journal remembers the dialogs. It imitates no other
part of VK.

Environment, so that no secret stands in a process list: VK_SIM_TOKEN (the group of `--group`), VK_SIM_TOKENS (JSON, token →
group id), VK_SIM_CALLBACK_SECRET and VK_SIM_CONFIRMATION (for every group), VK_SIM_CALLBACK_SECRETS and VK_SIM_CONFIRMATIONS
(JSON, group id → value).

Orders over POST /control, one JSON object:

* hold, lose_after, lose_before, fail, error, omit, strangers, garbage: a number of calls, or an object with "calls" (-1 = on),
  "method" ("messages.send" if not said, "*" = any) and details: fail has "status", "after", "headers"; error "code"; omit and
  strangers have "peers"; garbage has "form" (html, truncated, empty, null, wrong-shape); with "of", a list of peer ids, a
  fault spoils only calls that name one of them
* release (hold accepts, and answers only now), reset, delay_ms, limit (true | false), string_errors (true | false), advance
  (seconds), allow, deny (lists of peer ids)
* callback: {"group", "url", "secret", "confirmation"}
* event: {"type": message_allow | message_deny | message_read | message_new | confirmation, "peer_id", "group", "text",
  "event_id", "times", "secret"}; it is sent at once, `times` times with one event_id, and the answers are returned
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from argparse import Namespace
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from messaging.simulators import journal, serving
from messaging.simulators.control import Action, Control, Fault, Faults, Refused
from messaging.simulators.vk_callbacks import (
    Callbacks,
    Endpoint,
    Lively,
    answers,
    event_id,
    message_allow,
    message_deny,
    message_new,
    message_read,
)
from messaging.simulators.vk_methods import Answer, Api

GROUP: Final = 220000001


class Vk:
    """The simulator: the API behind HTTP, its journal, its callbacks and its control endpoint."""

    def __init__(
        self, tokens: Mapping[str, int], endpoints: dict[int, Endpoint], log: Path, *, lively: bool = False, limit: bool = True
    ) -> None:
        self.confirmations = _by_group("VK_SIM_CONFIRMATION")
        self.api = Api(tokens, self._confirmation)
        self.limited = self.api.rate.on = limit
        self.callbacks = Callbacks(endpoints)
        for group_id, endpoint in endpoints.items():
            endpoint.confirmation = self._confirmation(group_id)
        self.lively = Lively(self.callbacks, self.api.dialogs, self.api.clock.now) if lively else None
        self.faults = Faults("messages.send", own=("error", "omit", "strangers"))
        self.seen: Counter[str] = Counter()
        self._restore(log)
        self.journal = journal.Journal(log)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=5_000_000)
        app.router.add_route("*", "/method/{method}", self.handle)
        Control(self.faults, self.counters, self._actions()).mount(app)
        app.cleanup_ctx.append(self._live)
        return app

    async def handle(self, request: web.Request) -> web.Response:
        """One call: judged, written down, synced, answered."""
        params = await _params(request)
        await self.faults.pause()
        method = request.match_info["method"]
        fault = self.faults.take(method, _named(params))
        answer = self._judge(method, params, fault)
        self._write(method, answer)
        return await self.faults.answer(request, fault, web.json_response(answer.body))

    def _judge(self, method: str, params: Mapping[str, str], fault: Fault | None) -> Answer:
        if fault is None:
            return self.api.call(method, params)
        if fault.before:
            return Answer(result=fault.result or "lost", peers=len(_named(params)))
        answer = self.api.call(method, params, forced=int(fault.detail["code"]) if fault.kind == "error" else 0)
        answer.result = fault.result or answer.result
        if fault.kind in {"omit", "strangers"}:
            _spoil(answer.body.get("response"), fault.kind, fault.detail.get("peers", []))
        return answer

    def _write(self, method: str, answer: Answer) -> None:
        self.seen["calls"] += 1
        number = self.seen["calls"]
        for line in answer.lines:
            self.seen[line["kind"]] += 1
            line["call"] = number
            if self.lively and line["kind"] == "accepted" and answers(line["peer_id"]):
                line["reply"] = True
        self.journal.write(
            *answer.lines, {"kind": "call", "call": number, "method": method, "peers": answer.peers, "result": answer.result}
        )
        for one in answer.accepted:
            if self.lively:
                self.lively.expect(*one)

    def counters(self) -> dict[str, Any]:
        callbacks = {"callbacks": self.callbacks.sent, "callbacks_ok": self.callbacks.answered}
        seen = {kind: self.seen[kind] for kind in ("calls", "accepted", "repeat", "refused")}
        return {**seen, **callbacks, "limit": self.api.rate.on, "offset": self.api.clock.offset}

    def _actions(self) -> dict[str, Action]:
        return {
            "limit": self._limit,
            "string_errors": self._string_errors,
            "advance": self._advance,
            "allow": self._allow,
            "deny": self._deny,
            "callback": self._callback,
            "event": self._event,
            "reset": self._reset,
        }

    async def _limit(self, on: Any) -> None:
        self.api.rate.on = bool(on)

    async def _string_errors(self, on: Any) -> None:
        self.api.string_errors = bool(on)

    async def _advance(self, seconds: Any) -> None:
        self.api.clock.offset += float(seconds)

    async def _allow(self, peers: Any) -> None:
        for peer_id in peers:
            self.api.people.allow(int(peer_id), True)

    async def _deny(self, peers: Any) -> None:
        for peer_id in peers:
            self.api.people.allow(int(peer_id), False)

    async def _reset(self, _: Any) -> None:
        """Back to the platform's ordinary behaviour. The dialogs and the clock stay: a platform forgets by time alone."""
        self.faults.reset()
        self.api.people.forget()
        self.api.string_errors = False
        self.api.rate.on = self.limited

    async def _callback(self, order: Any) -> None:
        group_id = int(order.get("group", self._first_group()))
        confirmation = order.get("confirmation", self._confirmation(group_id))
        self.confirmations[str(group_id)] = confirmation
        self.callbacks.endpoints[group_id] = Endpoint(order["url"], order.get("secret", ""), confirmation)

    async def _event(self, order: Any) -> list[str]:
        kind, peer_id, group_id = order["type"], int(order.get("peer_id", 0)), int(order.get("group", self._first_group()))
        if group_id not in self.callbacks.endpoints:
            raise Refused(f"Group {group_id} has no callback server. Order one with 'callback', or start with --callback.")
        event = {
            "type": kind,
            "event_id": order.get("event_id") or event_id(kind, peer_id, self.callbacks.sent, os.urandom(8).hex()),
        }
        if kind != "confirmation":
            event["object"] = self._object(kind, group_id, peer_id, order.get("text", ""))
        return [await self.callbacks.post(group_id, event, order.get("secret")) for _ in range(int(order.get("times", 1)))]

    def _object(self, kind: str, group_id: int, peer_id: int, text: str) -> dict[str, Any]:
        if kind in {"message_allow", "message_deny"}:
            self.api.people.allow(peer_id, kind == "message_allow")
            return message_allow(peer_id) if kind == "message_allow" else message_deny(peer_id)
        if kind == "message_new":  # whoever writes to a group may be answered by it
            self.api.people.allow(peer_id, True)
            return message_new(peer_id, self.api.dialogs.write_in(group_id, peer_id, self.api.clock.now()), text)
        last = self.api.dialogs.last(group_id, peer_id)
        if kind != "message_read" or last is None:
            raise Refused(f"{kind} is not an event this simulator sends, or {peer_id} has no message to read.")
        return message_read(peer_id, last)

    def _first_group(self) -> int:
        return next(iter(self.api.tokens.values()))

    def _confirmation(self, group_id: int) -> str:
        made_up = hashlib.sha256(f"confirmation/{group_id}".encode()).hexdigest()[:8]
        return self.confirmations.get(str(group_id)) or self.confirmations.get("") or made_up

    async def _live(self, _: web.Application) -> AsyncIterator[None]:
        async with self.callbacks:
            living = asyncio.create_task(self.lively.run()) if self.lively else None
            yield
            if living:
                living.cancel()
        self.journal.close()

    def _restore(self, log: Path) -> None:
        """Remember what the journal tells, as a platform would that was only out of reach for a while."""
        for line in journal.read(log):
            self.seen["calls"] = max(self.seen["calls"], line.get("call", 0))
            if line["kind"] == "accepted":
                said = line["group"], line["peer_id"], line["random_id"], line["message_id"]
                self.api.dialogs.restore(*said, datetime.fromisoformat(line["at"]).timestamp())


def _named(params: Mapping[str, str]) -> list[str]:
    """The people a call names, whoever they are."""
    named = params.get("peer_ids") or params.get("peer_id") or params.get("user_id")
    return named.split(",") if named else []


def _spoil(items: Any, kind: str, peers: list[int]) -> None:
    """Leave people out of an answer, or say one twice and add strangers to it."""
    if isinstance(items, list) and kind == "omit":
        items[:] = [item for item in items if item["peer_id"] not in peers]
    elif isinstance(items, list):
        items += [items[0], *({"peer_id": peer, "message_id": 1, "conversation_message_id": 1} for peer in peers)]


async def _params(request: web.Request) -> dict[str, str]:
    """The parameters of a call, from the query and the form; the token also from the Authorization header."""
    params = dict(request.query)
    if request.method == "POST":
        params |= {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        params.setdefault("access_token", token)
    return params


def _by_group(name: str) -> dict[str, str]:
    """NAME holds a value for every group (key ""), NAME + S holds JSON, group id → value."""
    several: dict[str, str] = json.loads(os.environ.get(f"{name}S", "{}"))
    return {"": os.environ.get(name, ""), **several}


def _tokens(options: Namespace) -> dict[str, int]:
    alone = options.token or os.environ.get("VK_SIM_TOKEN")
    tokens = {alone: options.group} if alone else {}
    tokens |= {token: int(group) for token, group in json.loads(os.environ.get("VK_SIM_TOKENS", "{}")).items()}
    if not tokens:
        raise SystemExit("No token: set VK_SIM_TOKEN or VK_SIM_TOKENS, or give --token in a test.")
    return tokens


def _endpoints(given: list[str], tokens: Mapping[str, int]) -> dict[int, Endpoint]:
    secrets = _by_group("VK_SIM_CALLBACK_SECRET")
    found = {}
    for one in given:
        named, _, rest = one.partition("=")
        group, url = (named, rest) if named.isdigit() else (str(next(iter(tokens.values()))), one)
        found[int(group)] = Endpoint(url, secrets.get(group, secrets[""]))
    return found


def main() -> None:
    parser = serving.arguments("A contract-true VK on 127.0.0.1.")
    parser.add_argument("--token", help="a group's token (tests only: it shows in the process list; else VK_SIM_TOKEN)")
    parser.add_argument("--group", type=int, default=GROUP, help="the group of that token")
    parser.add_argument("--no-limit", action="store_true", help="do not refuse more than 20 calls a second")
    parser.add_argument(
        "--callback", action="append", default=[], metavar="[GROUP=]URL", help="a group's server; may be repeated"
    )
    parser.add_argument("--lively", action="store_true", help="some people read what they get, and a few answer")
    options = parser.parse_args()
    tokens = _tokens(options)
    vk = Vk(tokens, _endpoints(options.callback, tokens), options.log, lively=options.lively, limit=not options.no_limit)
    serving.run(vk.app(), options.port)


if __name__ == "__main__":
    main()
