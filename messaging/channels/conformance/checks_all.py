"""What holds for everything a platform said in the whole trial: its answers to every question, and its webhooks."""

from __future__ import annotations

import asyncio
import re
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

from messaging.channels.conformance.document import Kind, Problem, problems
from messaging.channels.conformance.findings import NotJudgedError, Said, Wrong, dig, number, rule, totals
from messaging.channels.conformance.findings import marked as _
from messaging.channels.conformance.hearing import Event, Listener, truly_signed
from messaging.channels.conformance.speaking import Heard
from messaging.channels.conformance.trial import ENDED, Trial

TOLD: Final = 20.0  # seconds in which the last webhook comes
AGAIN: Final = 15.0  # seconds in which one comes again that we refused
IDENTIFYING: Final = re.compile(r"@|https?://|(?:\d[\s().-]*){5}")
WORDS: Final = (("reason",), ("decision", "reason"), ("decision", "by"))
SCHEMAS: Final = {"/v1/platform": "Platform", "/v1/estimates": "Estimate", "/v1/posts": "PostCheck"}
EVERYTHING: Final = _("We read every answer and every webhook of this trial.")
Said_ = tuple[str, Any, tuple[str, ...]]  # schema, value, as it went over the wire


def _values(trial: Trial) -> Iterator[Said_]:
    for heard in trial.heard:
        yield _schema(heard), heard.said, heard.wire
    for event in trial.listener.events if trial.listener else ():
        yield "Event", event.said, event.wire


def _schema(heard: Heard) -> str:
    return "Error" if heard.status >= 400 else SCHEMAS.get(heard.path, "Status")


def _statuses(trial: Trial) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    for schema, value, wire in _values(trial):
        status = dig(value, "order") if schema == "Event" else value if schema == "Status" else None
        if isinstance(status, dict):
            yield status, wire


async def _first(trial: Trial, kind: Kind, sentence: str) -> Wrong | None:
    """The first answer in which something of this kind is not as the document says."""
    for problem, wire in await trial.scene("problems", lambda: _problems(trial)):
        if problem.kind == kind:
            return Wrong(Said(EVERYTHING), Said(sentence, {"where": problem.where, "what": problem.what}), wire)
    return None


async def _problems(trial: Trial) -> list[tuple[Problem, tuple[str, ...]]]:
    """Everything that is not as the document says; of equal answers the first stands for all."""
    different = {(schema, repr(value)): (schema, value, wire) for schema, value, wire in reversed([*_values(trial)])}
    return [(problem, wire) for schema, value, wire in reversed(different.values()) for problem in problems(schema, value)]


@rule(
    "no_person",
    2,
    "/components/schemas/Status/additionalProperties",
    _("No person crosses: no answer has a field that could hold one"),
    _("The ministry must never be able to learn who was found, not even by mistake. That is why the answers are closed."),
    last=True,
)
async def no_person(trial: Trial) -> Wrong | None:
    if wrong := await _first(trial, "field", _("You told a field that the contract does not know, at %(where)s: %(what)s")):
        return wrong
    for status, wire in _statuses(trial):
        for path in WORDS:
            words = dig(status, *path)
            if isinstance(words, str) and IDENTIFYING.search(words):
                got = Said(_("You told words in which a number, an address or a link stands: “%(words)s”."), {"words": words})
                return Wrong(Said(EVERYTHING), got, wire)
    return None


@rule(
    "totals_rounded",
    3,
    "/components/schemas/Counters",
    _("Totals are rounded"),
    _("A number this exact can pick out one person: ask before and after somebody left, and take the one from the other."),
    last=True,
)
async def totals_rounded(trial: Trial) -> Wrong | None:
    exact = _("You told a total that is not rounded as the contract says, at %(where)s: %(what)s")
    if wrong := await _first(trial, "rounding", exact):
        return wrong
    for status, wire in _statuses(trial):
        for name, total in totals(status).items():
            step = number(status, "rounding", "matched" if name == "matched" else "counters")
            if isinstance(total, int) and step and total % step:
                got = Said(
                    _("You told %(total)s %(name)s, and that you round to %(step)s."),
                    {"total": total, "name": name, "step": step},
                )
                return Wrong(Said(EVERYTHING), got, wire)
    return None


@rule(
    "answers_shaped",
    2,
    "/components/schemas",
    _("Every answer is what the document says"),
    _("What the ministry cannot read it has to take for unknown, and it may order the same a second time elsewhere."),
    last=True,
)
async def answers_shaped(trial: Trial) -> Wrong | None:
    return await _first(trial, "shape", _("You answered what the document does not allow, at %(where)s: %(what)s"))


@rule(
    "totals_agree",
    3,
    "/components/schemas/Counters",
    _("Totals agree with each other and do not shrink"),
    _("Totals that contradict each other are not believed, and then nobody knows who was reached."),
    last=True,
)
async def totals_agree(trial: Trial) -> Wrong | None:
    told: dict[str, list[tuple[dict[str, Any], tuple[str, ...]]]] = defaultdict(list)
    for status, wire in _statuses(trial):
        if wrong := _contradiction(status, wire):
            return wrong
        told[str(status.get("order_id"))].append((status, wire))
    for order_id, statuses in told.items():
        if order_id not in trial.again and (wrong := _shrinking(sorted(statuses, key=lambda one: str(one[0].get("at"))))):
            return wrong
    return None


def _contradiction(status: dict[str, Any], wire: tuple[str, ...]) -> Wrong | None:
    step, wide = number(status, "rounding", "counters"), number(status, "rounding", "matched")
    for less, more, near in (
        ("sent", "matched", wide),
        ("failed", "matched", wide),
        ("delivered", "sent", step),
        ("read", "delivered", step),
    ):
        few, many = (dig(status, "counters", name) for name in (less, more))
        if isinstance(few, int) and isinstance(many, int) and few > many + near:
            got = Said(
                _("You told %(few)s %(less)s of %(many)s %(more)s."), {"few": few, "less": less, "many": many, "more": more}
            )
            return Wrong(Said(EVERYTHING), got, wire)
    return None


def _shrinking(statuses: list[tuple[dict[str, Any], tuple[str, ...]]]) -> Wrong | None:
    sent = 0
    for status, wire in statuses:
        if dig(status, "status") == "accepted":
            continue  # the first answer, told again to who repeats the question
        now = number(status, "counters", "sent")
        if now < sent:
            got = Said(_("You told that %(then)s people had got it, and later that %(now)s had."), {"then": sent, "now": now})
            return Wrong(Said(EVERYTHING), got, wire)
        sent = now
    return None


# Webhooks


def _listening(trial: Trial) -> Listener:
    if trial.listener is None or not trial.target.webhook_secret:
        raise NotJudgedError(Said(_("We did not listen: say --listen, and the secret that signs the webhooks.")))
    return trial.listener


async def _until(true: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not true() and time.monotonic() < until:
        await asyncio.sleep(0.05)
    return true()


def _of(listener: Listener, order_id: object) -> list[Event]:
    return [event for event in listener.events if event.order_id == order_id]


@rule(
    "webhook_told",
    9,
    "/webhooks/order.status",
    _("Every change is told by a webhook"),
    _("The ministry looks at an order now and then. What it is told it knows at once."),
)
async def webhook_told(trial: Trial) -> Wrong | None:
    listener = _listening(trial)
    order: Awaitable[Heard] = trial.everybody()
    last = await order
    order_id = dig(last.said, "order_id")

    def told() -> bool:
        return any(dig(event.said, "order", "status") in ENDED for event in _of(listener, order_id))

    if await _until(told, TOLD):
        return None
    values = {"events": len(_of(listener, order_id))}
    got = Said(_("%(events)s webhooks told of it, and none of them that it had ended."), values)
    return Wrong(Said(_("We ordered for XA and listened until the order had ended.")), got, last.wire)


@rule(
    "webhook_signed",
    10,
    "/webhooks/order.status/post/parameters",
    _("Every webhook is signed after Standard Webhooks"),
    _("Anybody could tell the ministry that everybody was reached."),
    last=True,
)
async def webhook_signed(trial: Trial) -> Wrong | None:
    listener = _listening(trial)
    if not listener.events:
        raise NotJudgedError(Said(_("No webhook came.")))
    for event in listener.events:
        if truly_signed(event, trial.target.webhook_secret) and dig(event.said, "event_id") == event.event_id:
            continue
        got = Said(_("You told of an order with a signature that does not fit, or under another id than its event_id."))
        return Wrong(Said(_("We listened for webhooks.")), got, event.wire)
    return None


@rule(
    "webhook_again",
    9,
    "/webhooks/order.status",
    _("A webhook that was not taken comes again"),
    _("The ministry's door may be shut for a moment, and the one word it misses may be that you refused."),
    last=True,
)
async def webhook_again(trial: Trial) -> Wrong | None:
    listener = _listening(trial)
    if not listener.events:
        raise NotJudgedError(Said(_("No webhook came.")))
    first = listener.events[0]
    left = first.heard_at + AGAIN - time.monotonic()
    if await _until(lambda: any(event.event_id == first.event_id for event in listener.events[1:]), left):
        return None
    values = {"seconds": f"{AGAIN:.0f}"}
    got = Said(_("It did not come again within %(seconds)s seconds, or came under another webhook-id."), values)
    return Wrong(Said(_("We answered your first webhook with status 503.")), got, first.wire)
