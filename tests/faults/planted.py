"""Bugs planted one at a time, from outside, to see the simulation find them: a name, what is changed, what it must notice.

Each changes the product in this process only, while it is planted. One that no longer finds what it changes says so.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch
from zlib import crc32

from django.conf import settings
from django.db import connection

from messaging import delivery
from messaging.channels import Outcome, vk
from messaging.delivery import claiming, pumping, recording, sending, settling, sweeping
from messaging.simulators import vk_people
from tests.faults.hazards import ANSWERS, AT, PEOPLE, WIRE, WIRE_CHANCE
from tests.faults.platforms import Keyed, Plain

Change = tuple[Any, str, Any]
LEASE = "SET status = 'sending', lease_until = crisis_now() + %(lease)s * interval '1 second'"
FRESH_LEASE = "(b.status = 'queued' OR b.lease_until < crisis_now())"
IN_TIME = "AND (c.not_after IS NULL OR c.not_after > crisis_now())"
BELIEVED = """
INSERT INTO messaging_delivery (campaign_id, account_id, batch_id, contact, status, reason, people, at)
SELECT %s, %s, %s, unnest(%s::bigint[]), 'accepted', '', 1, crisis_now() ON CONFLICT DO NOTHING
"""
TOO_LATE = frozenset({"sent_after_stop", "sent_after_expiry"})


@dataclass(frozen=True)
class Plant:
    """`notices` are promises, one of which must be seen broken within `seeds` runs of at most `faults` faults.

    `first` is the seed to begin with: the one that found it when it was last looked for.
    """

    changes: Callable[[], list[Change]]
    notices: frozenset[str]
    seeds: int = 40
    first: int = 1
    faults: int = 14


def without(module: Any, name: str, words: str, instead: str = "") -> Change:
    """A statement of the product without some of its words."""
    statement = getattr(module, name)
    if words not in statement:
        raise LookupError(f"{module.__name__}.{name} does not say {words!r} any more: plant the bug anew.")
    return module, name, statement.replace(words, instead)


def wrapped(owner: Any, name: str, around: Callable[..., Any]) -> Change:
    """A function that is called by another one, which gets the original first."""
    original = getattr(owner, name)
    return owner, name, lambda *args, **values: around(original, *args, **values)


def asking(change: Callable[[dict[str, str]], None]) -> list[Change]:
    """Whatever is sent to VK, with this done to its fields."""

    async def around(ask: Any, channel: Any, method: str, fields: Any) -> Any:
        fields = dict(fields)
        change(fields)
        return await ask(channel, method, fields)

    return [wrapped(vk.VKDirect, "_ask", around)]


async def _by_position(ask: Any, channel: Any, method: str, fields: Any) -> Any:
    found = await ask(channel, method, fields)
    peers = [int(peer) for peer in fields.get("peer_ids", "").split(",") if peer]
    if isinstance(found, list):
        found = [{**item, "peer_id": peer} for item, peer in zip(found, peers, strict=False)]
    return found


def _uncommitted(claim: Any, lane: Any) -> Any:
    """A claim that is only committed together with what became of it."""
    if connection.get_autocommit():
        connection.set_autocommit(False)
    held = claim(lane)
    if held is None:
        _commit()
    return held


def _commit() -> None:
    connection.commit()
    connection.set_autocommit(True)


def _and_commit(record: Any, *args: Any, **values: Any) -> Any:
    written = record(*args, **values)
    _commit()
    return written


def _formed_anew(claim: Any, lane: Any) -> Any:
    """A batch of whoever is still to be served, with the key of these people."""
    held = claim(lane)
    if held is None:
        return None
    left = [contact for contact in held.people if contact not in recording.served(held)]
    return replace(held, key=1 + crc32(repr(left).encode()) % (2**31 - 2))


def _believed(claim: Any, lane: Any) -> Any:
    """A claim whose people are said to have got it before anybody is asked for."""
    held = claim(lane)
    if held is not None:
        with connection.cursor() as cursor:
            cursor.execute(BELIEVED, [held.campaign, held.account, held.id, held.people])
    return held


async def _swallowed(ask: Any, requests: Any, people: Any) -> Any:
    asked = await ask(requests, people)
    if asked.error is None:
        return asked
    return sending.Asked(people, [Outcome(target.contact, "failed", "error") for target in people])


# What makes the moments of a bug frequent, so that few runs are needed to see it.
MANY_STALLS: list[Change] = [(AT["effect"], "stall", 0.1), (AT["answer"], "stall", 0.1)]
MANY_UNANSWERED: list[Change] = [(WIRE, "timeout after", 30)]
MANY_ODD_ANSWERS: list[Change] = [(ANSWERS, "unordered", 30), (ANSWERS, "strangers", 30)]
MANY_STOPS: list[Change] = [(PEOPLE, "stop", 1.0)]
MANY_RECEIPTS: list[Change] = [(PEOPLE, "receipt", 0.7)]
MANY_CRASHES: list[Change] = [(AT["request"], "crash", 0.1), (AT["committed"], "crash", 0.1)]
RARE_SWEEPS: list[Change] = [(settings, "SWEEP_SECONDS", 60.0)]
MUCH_TROUBLE: list[Change] = [(WIRE_CHANCE, "sim-plain", 0.6), (WIRE_CHANCE, "sim-keyed", 0.6)]

PLANTS: dict[str, Plant] = {
    "no fence check when outcomes are recorded": Plant(
        lambda: [without(recording, "CLOSE", " AND b.fence = %(fence)s AND b.status = 'sending'"), *MANY_STALLS],
        frozenset({"lost", "duplicated_unflagged", "wrong_counters", "open_rows"}), first=10,
    ),
    "no random_id": Plant(lambda: asking(lambda fields: fields.update(random_id="0")), frozenset({"duplicated"}), first=6),
    "a new random_id for every attempt": Plant(
        lambda: asking(lambda fields: fields.update(random_id=str(random.randrange(1, 2**31)))),
        frozenset({"duplicated"}), first=6,
    ),
    "a claim that ignores leases": Plant(
        lambda: [without(claiming, name, FRESH_LEASE, "true") for name in ("CLAIM", "OPEN")],
        frozenset({"needless_doubt"}), first=2, faults=0,
    ),
    "no look at a stop before a request": Plant(
        lambda: [(claiming, "GOES_ON", "SELECT %(batch)s > 0 OR %(fence)s > 0"), *MANY_STOPS], TOO_LATE, first=2
    ),
    "a look at a stop that stays good for a minute": Plant(
        lambda: [(sending, "FRESH", 60.0), *MANY_STOPS], TOO_LATE, first=10
    ),
    "an answer read by its order": Plant(
        lambda: [wrapped(vk.VKDirect, "_ask", _by_position), *MANY_ODD_ANSWERS], frozenset({"lost"}), first=7
    ),
    "a final refusal tried again": Plant(lambda: [(vk, "LATER", vk.LATER | {18, 900, 901})], frozenset({"open_rows"}), first=3),
    "a receipt that opens what is final": Plant(
        lambda: [without(settling, "READ", "AND d.status IN ('accepted', 'delivered')"), *MANY_RECEIPTS],
        frozenset({"wrong_counters"}), first=4,
    ),
    "a claim that is not committed before the request": Plant(
        lambda: [wrapped(pumping, "claim", _uncommitted), wrapped(pumping, "record", _and_commit)],
        frozenset({"duplicated_unflagged", "lost"}), first=6,
    ),
    "batches formed when they are sent": Plant(
        lambda: [wrapped(pumping, "claim", _formed_anew), (ANSWERS, "absent", 30)], frozenset({"duplicated"}), first=9
    ),
    "a channel that claims a memory it has not": Plant(
        lambda: [(Plain, "resendable_for", 3000)], frozenset({"duplicated_unflagged"}), first=13
    ),
    "a repeat after the platform has forgotten": Plant(
        lambda: [(Keyed, "resendable_for", 10**9), (AT["statement"], "standstill", 0.01), *MANY_UNANSWERED],
        frozenset({"duplicated"}), first=64,
    ),
    "a refusal believed after an unanswered request": Plant(
        lambda: [
            (pumping, "weighed", lambda held, outcomes, close, *, keyed: (outcomes, close)), *MANY_UNANSWERED, *MANY_RECEIPTS
        ],
        frozenset({"lost"}), first=7,
    ),
    "leases by clocks of which some are an hour behind": Plant(
        lambda: [without(claiming, "CLAIM", LEASE, f"{LEASE} - (b.id %% 2) * interval '1 hour'")],
        frozenset({"needless_doubt"}), first=2, faults=0,
    ),
    "people marked before they are asked for": Plant(
        lambda: [wrapped(pumping, "claim", _believed), *MANY_CRASHES], frozenset({"lost"}), first=2
    ),
    "every error of a request taken for a refusal": Plant(
        lambda: [wrapped(sending.Requests, "_ask", _swallowed), *MANY_UNANSWERED], frozenset({"lost"}), first=2
    ),
    "no look at the end of a message but by the sweep": Plant(
        lambda: [*(without(claiming, name, IN_TIME) for name in ("CLAIM", "OPEN", "GOES_ON")), *RARE_SWEEPS, *MUCH_TROUBLE],
        TOO_LATE, first=9, faults=60,
    ),
    "a stop that leaves what is queued": Plant(
        lambda: [(delivery, "close_open", lambda campaign, status: {"gone": 0, "left": 0}), *MANY_STOPS],
        frozenset({"open_rows"}), first=2,
    ),
    "nobody pumps when the bell is lost": Plant(
        lambda: [(sweeping, "pump_due", lambda seconds: 0)], frozenset({"open_rows"}), first=4
    ),
}  # fmt: skip

FORGETFUL: list[Change] = [(vk_people, "MEMORY_SECONDS", 10**9)]  # a platform that never forgets hides what is wrong


@contextmanager
def planted(changes: list[Change]) -> Iterator[None]:
    with ExitStack() as stack:
        for owner, name, value in changes:
            changed = patch.dict(owner, {name: value}) if isinstance(owner, dict) else patch.object(owner, name, value)
            stack.enter_context(changed)
        yield
