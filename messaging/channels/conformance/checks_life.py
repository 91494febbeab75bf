"""The life of an order: somebody decides and says so, it is carried out as it was asked, and it stops when it is told to."""

from __future__ import annotations

import asyncio
import math
import time
from datetime import datetime

from messaging.channels.conformance.asking import TEXTS, digest
from messaging.channels.conformance.document import SANDBOX
from messaging.channels.conformance.findings import NotJudgedError, Said, Wrong, dig, number, rule
from messaging.channels.conformance.findings import marked as _
from messaging.channels.conformance.speaking import Heard
from messaging.channels.conformance.trial import ENDED, Trial

DECISION = "/components/schemas/Decision"
CANCEL = "/paths/~1v1~1orders~1{order_id}~1cancel/post"
AFTER = 2.5  # seconds after a cancel in which nothing may go
PACE = {"people": 2000, "seconds": 1}


def _status(heard: Heard) -> Said:
    values = {"status": dig(heard.said, "status"), "outcome": dig(heard.said, "decision", "outcome") or "—"}
    return Said(_("Its status is “%(status)s” and the decision “%(outcome)s”."), values) if heard.status < 300 else heard.answer


@rule(
    "carried_out",
    1,
    "/components/schemas/Status",
    _("An order is decided, carried out and counted"),
    _("It is what the contract is for."),
)
async def carried_out(trial: Trial) -> Wrong | None:
    heard = await trial.everybody()
    done = dig(heard.said, "status") == "done" and dig(heard.said, "decision", "outcome") == "accepted"
    sent = Said(_("We ordered for XA, where the sandbox accepts and carries out every order."))
    if not done or not number(heard.said, "counters", "sent"):
        return Wrong(sent, _status(heard), heard.wire)
    return None


@rule(
    "refusal_told",
    9,
    DECISION,
    _("A refusal says that it is one, and why"),
    _("The ministry has to know at once that it needs another way, and what to change."),
)
async def refusal_told(trial: Trial) -> Wrong | None:
    order = trial.asking.order("XC")
    heard = await trial.place(order)
    heard = await trial.decided(order["order_id"]) if heard.status == 200 else heard
    told = dig(heard.said, "status") == "refused" and dig(heard.said, "decision", "outcome") == "refused"
    if told and dig(heard.said, "decision", "reason") and dig(heard.said, "counters", "sent") is None:
        return None
    return Wrong(
        Said(_("We ordered for XC, where the officer of the sandbox refuses every order.")), _status(heard), heard.wire
    )


@rule(
    "part_told",
    9,
    f"{DECISION}/properties/narrowed",
    _("Who accepts in part says what part"),
    _("Those left out have to be reached in another way, by somebody who knows that they were left out."),
)
async def part_told(trial: Trial) -> Wrong | None:
    order = trial.asking.order("XD")
    heard = await trial.place(order)
    if heard.status == 200:
        heard = await trial.when(order["order_id"], _found_or_ended, 10)
    told = dig(heard.said, "decision", "outcome") == "partial" and bool(dig(heard.said, "decision", "narrowed"))
    people = SANDBOX["XD"]["people"]["last_seen_there"]
    if told and 0 < number(heard.said, "counters", "matched") <= people:
        return None
    return Wrong(Said(_("We ordered for XD, where the officer of the sandbox accepts in part.")), _status(heard), heard.wire)


@rule(
    "silence_kept",
    9,
    "/paths/~1v1~1orders~1{order_id}~1reminders/post",
    _("While nobody has decided nothing is sent, however often somebody reminds"),
    _("The decision is yours. An order that goes out because a clock ran down was decided by nobody."),
)
async def silence_kept(trial: Trial) -> Wrong | None:
    order = trial.asking.order("XE")
    heard = await trial.place(order)
    sent = Said(_("We ordered for XE, where nobody ever decides, and reminded you."))
    if heard.status != 200:
        return Wrong(sent, heard.answer, heard.wire)
    reminded = await trial.ask("POST", f"/v1/orders/{order['order_id']}/reminders")
    if reminded.status != 202:
        return Wrong(sent, reminded.answer, reminded.wire)
    await trial.everybody()
    heard = await trial.status(order["order_id"])
    waits = dig(heard.said, "status") == "accepted" and dig(heard.said, "decision") is None
    if not waits or dig(heard.said, "counters", "sent") is not None:
        return Wrong(sent, _status(heard), heard.wire)
    return await _withdrawn(trial, order["order_id"])


def _found_or_ended(said: object) -> bool:
    return bool(dig(said, "counters", "matched")) or dig(said, "status") in ENDED


def _gone_or_ended(said: object) -> bool:
    return bool(dig(said, "counters", "sent")) or dig(said, "status") in ENDED


async def _withdrawn(trial: Trial, order_id: str) -> Wrong | None:
    heard = await trial.cancel(order_id)
    if dig(heard.said, "status") == "cancelled" and dig(heard.said, "counters", "sent") is None:
        return None
    return Wrong(Said(_("We cancelled an order that nobody had decided.")), _status(heard), heard.wire)


async def _slow(trial: Trial) -> tuple[Heard, float, Heard]:
    """An order at a slow pace: the first look at which somebody got it, how long that took, and the answer to its cancel."""
    order, began = trial.asking.order("XA", pace=PACE), time.monotonic()
    trial.again.add(order["order_id"])
    heard = await trial.place(order)
    if heard.status == 200:
        heard = await trial.when(order["order_id"], _gone_or_ended, 20)
    took = time.monotonic() - began
    return heard, took, await trial.cancel(order["order_id"])


@rule(
    "pace_kept",
    1,
    "/components/schemas/OrderRequest/properties/pace",
    _("It is not faster than was asked"),
    _("Everybody who gets a warning may call. Where all get it at once nobody gets through."),
)
async def pace_kept(trial: Trial) -> Wrong | None:
    heard, took, _cancelled = await trial.scene("slow", lambda: _slow(trial))
    took = min(took, _since_decision(heard))
    gone = number(heard.said, "counters", "sent")
    if gone <= PACE["people"] * (math.floor(took / PACE["seconds"]) + 1):
        return None
    sent = Said(_("We ordered with a pace of %(people)s people in a second."), {"people": PACE["people"]})
    values = {"sent": gone, "seconds": f"{took:.1f}"}
    return Wrong(sent, Said(_("You had sent to %(sent)s people after %(seconds)s seconds."), values), heard.wire)


def _since_decision(heard: Heard) -> float:
    """Seconds, by the platform's own clock: our look may come late."""
    try:
        at, decided = (datetime.fromisoformat(str(dig(heard.said, *path))) for path in (("at",), ("decision", "at")))
        return max(0.0, (at - decided).total_seconds())
    except (ValueError, TypeError):
        return math.inf


@rule(
    "cancel_stops",
    9,
    CANCEL,
    _("Nothing is sent after a cancel, and it is said how many had gone"),
    _("Orders are cancelled when they are wrong. Everybody who still gets one is misled by a warning that was taken back."),
)
async def cancel_stops(trial: Trial) -> Wrong | None:
    before, _took, cancelled = await trial.scene("slow", lambda: _slow(trial))
    if dig(before.said, "status") in ENDED:
        raise NotJudgedError(Said(_("The order had ended before it could be cancelled.")))
    sent = Said(_("We cancelled an order that was being carried out."))
    if dig(cancelled.said, "status") != "cancelled" or not number(cancelled.said, "counters", "sent"):
        return Wrong(sent, _status(cancelled), cancelled.wire)
    await asyncio.sleep(AFTER)
    after = await trial.status(str(dig(cancelled.said, "order_id")))
    then, now = (dig(heard.said, "counters", "sent") for heard in (cancelled, after))
    if (then, "cancelled") == (now, dig(after.said, "status")):
        return None
    got = Said(_("You said that %(then)s people had got it, and a moment later that %(now)s had."), {"then": then, "now": now})
    return Wrong(sent, got, (*cancelled.wire, *after.wire))


@rule(
    "end_final",
    9,
    CANCEL,
    _("An order that has ended stays as it ended"),
    _("Reports are written from it, and they must not change afterwards."),
)
async def end_final(trial: Trial) -> Wrong | None:
    before = await trial.everybody()
    if dig(before.said, "status") not in ENDED:
        raise NotJudgedError(Said(_("The order before it was not carried out.")))
    heard = await trial.cancel(str(dig(before.said, "order_id")))
    same = all(dig(heard.said, name) == dig(before.said, name) for name in ("status", "counters", "decision"))
    return None if same else Wrong(Said(_("We cancelled an order that had ended.")), _status(heard), heard.wire)


@rule(
    "posts_compared",
    6,
    "/paths/~1v1~1posts/post",
    _("Of a post it is said truly whether it is there and says the same"),
    _("A post that says something else, or is gone, would be spread in the ministry's name."),
)
async def posts_compared(trial: Trial) -> Wrong | None:
    url = "https://conformance.invalid/no-such-post"
    heard = await trial.ask("POST", "/v1/posts", {"url": url, "text_sha256": {"en": digest({"en": TEXTS["en"]})}})
    ordered = await trial.place(trial.asking.order("XC", post={"url": url}))
    spreads = trial.facts.get("amplifies") is True
    absent = heard.status == 200 and (dig(heard.said, "found"), dig(heard.said, "same")) == (False, False)
    if not (absent if spreads else (heard.status, heard.code) == (422, "posts_not_supported")):
        return Wrong(Said(_("We asked about a post that is not there.")), heard.answer, heard.wire)
    if (ordered.status, ordered.code) == (422, "post_not_found" if spreads else "posts_not_supported"):
        return None
    return Wrong(Said(_("We ordered to spread a post that is not there.")), ordered.answer, ordered.wire)
