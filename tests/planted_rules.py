"""More platforms that break the contract, one for a rule: so that no check of the suite is there for show."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import Any, Final

from aiohttp import web

from messaging.simulators.delegated_grammar import digest
from messaging.simulators.delegated_rules import Door, Refusal, canonical
from messaging.simulators.journal import Journal
from messaging.simulators.orders import Ruling
from messaging.simulators.protection import Protection
from messaging.simulators.webhooks import Event
from tests.ordering import NOW, SECRET
from tests.planted_platform import Clean, Telling, put_right

ANOTHER: Final = "whsec_" + base64.b64encode(b"signs for somebody else").decode()
Change = Callable[[dict[str, Any]], object]


def saying(change: Change) -> type[Clean]:
    """A platform that changes whatever it says of an order."""

    class Changed(Clean):
        def said(self, answer: dict[str, Any]) -> dict[str, Any]:
            if "order_id" in answer:
                change(answer)
            return answer

    return Changed


def reading(field: str, change: Change) -> type[Clean]:
    """A platform that changes an order before it looks whether it may be taken."""

    class Changed(Clean):
        def _order(self, request: web.Request, raw: bytes) -> dict[str, Any]:
            return super()._order(request, put_right(raw, field, change))

    return Changed


def doing(change: Change) -> type[Clean]:
    """A platform that carries out something else than the order it took."""

    class Changed(Clean):
        def _accept(self, body: Mapping[str, Any]) -> dict[str, Any]:
            other = dict(body)
            change(other)
            answer = super()._accept(other)
            self.placed[body["order_id"]] = replace(self.placed[body["order_id"]], body=canonical(body))
            return answer

    return Changed


def telling(change: Callable[[dict[str, Any], int], object]) -> type[Clean]:
    """A platform that changes its estimates, the first, the second and so on."""

    class Changed(Clean):
        asked = count(1)

        def _estimate(self, request: web.Request, raw: bytes) -> dict[str, Any]:
            said = super()._estimate(request, raw)
            if "estimate" not in said:
                return said
            bounds = dict(said["estimate"])
            change(bounds, next(self.asked))
            return said | {"estimate": bounds}

    return Changed


class Timeless(Door):
    def check(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        try:
            super().check(method, path, headers, body)
        except Refusal as refusal:
            if refusal.code != "stale_timestamp":
                raise


class Patient(Clean):
    def __init__(self, journal: Journal, webhook: str) -> None:
        super().__init__(journal, webhook)
        self.door = Timeless(SECRET)


class Anybodys(Clean):
    def __init__(self, journal: Journal, webhook: str) -> None:
        super().__init__(journal, webhook)
        self.issuer = ""


class Hasty(Clean):
    def __init__(self, journal: Journal, webhook: str) -> None:
        super().__init__(journal, webhook)
        self.protection = Protection(0)

    def _platform(self, request: web.Request, raw: bytes) -> dict[str, Any]:
        return super()._platform(request, raw) | {"min_interval_s": 1}


class TakesAnything(Clean):
    def _mine(self, body: Mapping[str, Any]) -> None:
        super()._mine({**body, "exercise": True})


class Decides(Clean):
    def _ruling(self, country: str) -> Ruling:
        return Ruling() if country == "XE" else super()._ruling(country)


class Forgets(Clean):
    def _find(self, request: web.Request) -> Any:
        try:
            return super()._find(request)
        except Refusal:
            raise Refusal(404, "nothing_here", "Nothing.") from None


class Reopens(Clean):
    def _cancel(self, request: web.Request, raw: bytes) -> dict[str, Any]:
        super()._cancel(request, raw)
        return self._find(request).shown() | {"status": "cancelled"}


class Agrees(Clean):
    def _check_post(self, request: web.Request, raw: bytes) -> dict[str, Any]:
        return super()._check_post(request, raw) | {"found": True, "same": True, "language": "en"}


class Silent(Clean):
    def __init__(self, journal: Journal, webhook: str) -> None:
        super().__init__(journal, webhook)
        self.webhooks.manner = "silent"


class Unsigned(Clean):
    def __init__(self, journal: Journal, webhook: str) -> None:
        super().__init__(journal, webhook)
        self.webhooks.secret = ANOTHER


class Once(Telling):
    async def _send(self, session: Any, event: Event) -> None:
        await self._post(session, event, forged=False)


class TellsOnce(Clean):
    def __init__(self, journal: Journal, webhook: str) -> None:
        super().__init__(journal, webhook)
        self.webhooks = Once(self, webhook)


def without(*names: str) -> Change:
    return lambda body: [body.pop(name, None) for name in names]


def only_known(body: dict[str, Any]) -> None:
    body.pop("note", None)
    body["audience"].pop("city", None)


def approve_anything(body: dict[str, Any]) -> None:
    body["approval"]["text_sha256"] = digest(body["texts"])


def cut(body: dict[str, Any]) -> None:
    body["texts"] = {language: text[:4096] for language, text in body["texts"].items()}
    if len(body["texts"]) == 1:
        approve_anything(body)


def begin_now(body: dict[str, Any]) -> None:
    body["window"] = {**body["window"], "not_before": NOW.isoformat()}


def decided(**changes: Any) -> Change:
    return lambda status: status["decision"] and status.update(decision=status["decision"] | changes)


def deliver_more(status: dict[str, Any]) -> None:
    if sent := status["counters"]["sent"]:
        status["counters"]["delivered"] = sent + 500


def lift(bounds: dict[str, Any], _: int) -> None:
    bounds.update(lower=bounds["lower"] + 5000, upper=bounds["upper"] + 5000)


def tremble(bounds: dict[str, Any], turn: int) -> None:
    bounds["upper"] += 100 * turn


# The rule that is broken → by which platform.
RULED: Final[dict[str, type[Clean]]] = {
    "signature_fresh": Patient,
    "issuer_bound": Anybodys,
    "exercise_apart": TakesAnything,
    "fields_known": reading("audience", only_known),
    "words_approved": reading("approval", approve_anything),
    "wording_kept": reading("wording", without("wording")),
    "length_kept": reading("texts", cut),
    "window_kept": doing(begin_now),
    "unknown_order_told": Forgets,
    "estimate_true": telling(lift),
    "equal_answers": telling(tremble),
    "time_between": Hasty,
    "recipients_served": doing(without("recipients")),
    "refusal_told": saying(decided(reason="")),
    "part_told": saying(decided(narrowed=[])),
    "silence_kept": Decides,
    "pace_kept": doing(without("pace")),
    "end_final": Reopens,
    "posts_compared": Agrees,
    "no_person": saying(decided(by="Ivanov, +7 916 123-45-67")),
    "answers_shaped": saying(without("reason")),
    "totals_agree": saying(deliver_more),
    "webhook_told": Silent,
    "webhook_signed": Unsigned,
    "webhook_again": TellsOnce,
}
