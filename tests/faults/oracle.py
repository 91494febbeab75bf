"""The judge: what platforms wrote down, compared with what the console says happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db import connection

from crisis import audit
from messaging.delivery import turns
from tests.faults.cast import Cast
from tests.faults.clockwork import NEVER, Clockwork
from tests.faults.ground import Ground
from tests.faults.hazards import DOUBTFUL, Hazards
from tests.faults.platforms import KEYED, PLAIN, Effect, Platforms
from tests.world import sql

LANES = 4
LATE = 2.0  # seconds after a stop, or the end of a message, in which a request may still begin
GOT = {"accepted", "delivered", "read"}
FLAGGED = {"uncertain", "resent"}


@dataclass
class Verdict:
    """What one run came to. Every list holds a sentence for each wrong; all are empty when the promises were kept."""

    seed: int
    digest: str
    faults: Counter[str]
    judged: int
    steps: int
    seconds: float
    wrongs: dict[str, list[str]] = field(default_factory=dict)
    trace: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        return not any(self.wrongs.values())


Key = tuple[int, str, int]  # campaign, slug, contact


@dataclass
class Ledger:
    """What the console says, and what the journals say, about each person of each campaign on each platform."""

    promised: dict[Key, int]  # → batch
    said: dict[Key, set[str]]
    got: Counter[Key]
    strangers: list[str]
    campaigns: dict[str, set[int]]  # words → campaigns


def judge(ground: Ground, clockwork: Clockwork, hazards: Hazards, here: Platforms, cast: Cast) -> Verdict:
    ledger = ledger_of(ground.peers, here.effects)
    wrongs = {
        **broken(ledger, here.effects, keyed=KEYED, plain=PLAIN),
        "sent_after_stop": _late(here, ledger, cast.stopped),
        "sent_after_expiry": _late(here, ledger, _ends(clockwork)),
        "needless_doubt": needless_doubt(sum(hazards.counts[kind] for kind in DOUBTFUL), LANES * turns.MOST),
    }
    connection.close()
    return Verdict(
        clockwork.seed, clockwork.digest.hexdigest(), hazards.counts, len(ledger.promised), clockwork.steps,
        clockwork.now, wrongs, [*clockwork.last],
    )  # fmt: skip


def broken(ledger: Ledger, effects: Sequence[Effect], *, keyed: str, plain: str) -> dict[str, list[str]]:
    """What is wrong by the journals alone: `keyed` knows a repeat, `plain` does not."""
    return {
        "lost": lost(ledger, dict(sql("SELECT id, status FROM messaging_batch"))),
        "duplicated": twice(ledger, {keyed}, {"resent"}),
        "duplicated_unflagged": twice(ledger, {plain}, FLAGGED),
        "unexpected": [*ledger.strangers, *(f"{key} was never promised" for key in ledger.got if key not in ledger.promised)],
        "overtaken": _overtaken(effects, ledger),
        "open_rows": _open(),
        "wrong_counters": _counters(),
        "unapproved": [f"campaign {row[0]}" for row in sql(UNAPPROVED)],
        "broken_chain": audit.verify()[2],
    }


PROMISED = """
SELECT b.campaign_id, a.slug, p.contact, b.id, b.status
  FROM messaging_batch b JOIN messaging_account a ON a.id = b.account_id, unnest(b.people) AS p (contact)
 ORDER BY b.id
"""
SAID = """
SELECT d.campaign_id, a.slug, d.contact, d.status FROM messaging_delivery d JOIN messaging_account a ON a.id = d.account_id
"""


def ledger_of(peers: Mapping[tuple[str, str], int], effects: Sequence[Effect]) -> Ledger:
    """`peers` says whose contact an address on a platform is."""
    words: dict[str, set[int]] = {}
    for body, campaign in sql("SELECT body, campaign_id FROM messaging_rendering"):
        words.setdefault(body, set()).add(campaign)
    said: dict[Key, set[str]] = {}
    for campaign, slug, contact, status in sql(SAID):
        said.setdefault((campaign, slug, contact), set()).add(status)
    ledger = Ledger({row[:3]: row[3] for row in sql(PROMISED)}, said, Counter(), [], words)
    for effect in effects:
        contact, campaigns = peers.get((effect.slug, effect.peer)), words.get(effect.body, set())
        if contact is None or len(campaigns) != 1:
            ledger.strangers.append(f"{effect.slug} {effect.peer}: {effect.body[:40]}")
        else:
            ledger.got[min(campaigns), effect.slug, contact] += 1
    return ledger


def lost(ledger: Ledger, status: Mapping[int, str]) -> list[str]:
    """People of whom something untrue is said, or nothing although their batch is done. `status` is that of batches."""
    found = []
    for key, batch in ledger.promised.items():
        said, got = ledger.said.get(key, set()), ledger.got[key]
        if status[batch] in ("queued", "sending"):
            continue  # an open row of which nothing is said yet
        if said & GOT and not got:
            found.append(f"{key} is said to have got it")
        if got and not said & (GOT | FLAGGED):
            found.append(f"{key} has got it, and {said or 'nothing'} is said")
        if not said and status[batch] == "done":
            found.append(f"{key} was forgotten")
    return found


def twice(ledger: Ledger, slugs: set[str], flags: set[str]) -> list[str]:
    """Who got it more than once by these channels, and is not said to be one who may have."""
    times = [(key, n) for key, n in ledger.got.items() if n > 1 and key[1] in slugs]
    return [f"{key} {n} times" for key, n in times if not ledger.said.get(key, set()) & flags]


def _overtaken(effects: Sequence[Effect], ledger: Ledger) -> list[str]:
    """Who got a message that was meant to be sent after the one that follows it had reached them."""
    found = []
    for later, earlier in sql("SELECT id, refers_to_id FROM messaging_campaign WHERE refers_to_id IS NOT NULL"):
        first: dict[tuple[str, str], float] = {}
        for effect in effects:
            if later in ledger.campaigns.get(effect.body, ()):
                first.setdefault((effect.slug, effect.peer), effect.at)
        found += [
            f"{effect.slug} {effect.peer}: message {earlier} after {later}"
            for effect in effects
            if earlier in ledger.campaigns.get(effect.body, ())
            and effect.meant_at > first.get((effect.slug, effect.peer), NEVER)
        ]
    return found


def _ends(clockwork: Clockwork) -> dict[int, float]:
    """When the clock came to the last instant of each campaign."""
    rows = sql("SELECT id, extract(epoch FROM not_after)::float8 FROM messaging_campaign")
    return {pk: clockwork.reached_at(until) for pk, until in rows}


def _late(here: Platforms, ledger: Ledger, ends: dict[int, float]) -> list[str]:
    return [
        f"campaign {campaign}: a request {request.meant_at - ends[campaign]:.1f} s after its end"
        for request in here.requests
        for campaign in ledger.campaigns.get(request.body, ())
        if campaign in ends and request.meant_at > ends[campaign] + LATE
    ]


def needless_doubt(faults: int, under_way: int) -> list[str]:
    """More people in doubt than were in the batches under way when something went wrong that leaves a doubt."""
    uncertain = sql("SELECT coalesce(sum(uncertain), 0) FROM messaging_batch")[0][0]
    return [f"{uncertain} people after {faults} faults"] if uncertain > under_way * faults else []


def _open() -> list[str]:
    rows = sql("SELECT id, status, attempt, reason FROM messaging_batch WHERE status IN ('queued', 'sending') OR in_doubt")
    campaigns = sql(
        "SELECT id, status, status_reason FROM messaging_campaign WHERE status IN ('approved', 'sending', 'paused')"
    )
    return [*(f"batch {row}" for row in rows), *(f"campaign {row}" for row in campaigns)]


COUNTED = """
SELECT b.id, b.accepted, b.failed, b.uncertain, n.accepted, n.failed, n.uncertain, b.read, n.read, b.total
  FROM messaging_batch b CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE status IN ('accepted', 'delivered', 'read')) AS accepted,
              count(*) FILTER (WHERE status = 'failed') AS failed, count(*) FILTER (WHERE status = 'uncertain') AS uncertain,
              count(*) FILTER (WHERE status = 'read') AS read
         FROM messaging_delivery d WHERE d.batch_id = b.id) n
 WHERE b.people <> '{}'
"""
UNAPPROVED = """
SELECT c.id FROM messaging_campaign c
 WHERE (c.started_at IS NOT NULL OR EXISTS (SELECT FROM messaging_batch b WHERE b.campaign_id = c.id))
   AND NOT EXISTS (SELECT FROM messaging_approval a WHERE a.campaign_id = c.id AND (a.verdict = 'break_glass'
                       OR NOT EXISTS (SELECT FROM messaging_author w WHERE w.campaign_id = c.id AND w.user_id = a.by_id)))
"""


def _counters() -> list[str]:
    return [
        f"batch {row[0]} says {row[1:4]}, has {row[4:7]}, read {row[7]} / {row[8]}"
        for row in sql(COUNTED)
        if row[1:4] != row[4:7] or row[7] != row[8] or sum(row[1:4]) > row[9]
    ]
