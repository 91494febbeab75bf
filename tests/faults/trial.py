"""The judge of a play: the journals of the platforms, compared with what the console says happened."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping

from audiences.keys import fingerprint
from messaging.models.accounts import address_kind_of
from tests.faults.oracle import Ledger, broken, ledger_of, lost, needless_doubt, twice
from tests.faults.platforms import Effect
from tests.faults.stage import GEO, PUSH, SLUGS, VK, Play
from tests.faults.stories import ARRIVED, LOST, STORIES
from tests.world import sql

UNDER_WAY = 4  # people of the one batch that a lane has under way
WHOSE = "SELECT contact_id FROM audiences_address WHERE kind = %s AND value_hmac = %s"
PURGED = """
SELECT c.id, coalesce(sum(b.accepted), 0) FROM messaging_campaign c JOIN messaging_batch b ON b.campaign_id = c.id
 WHERE c.incident_id IN (SELECT incident_id FROM crisis_destruction WHERE ended_at IS NOT NULL) GROUP BY 1
"""


def judge(play: Play) -> dict[str, list[str]]:
    """Every list holds a sentence for each wrong; all are empty when the promises were kept."""
    peers = {**play.stage.peers, **_arrived()}
    effects = [*_effects(play)]
    words = {body for (body,) in sql("SELECT body FROM messaging_rendering")}
    answers = Counter((one.slug, one.peer) for one in effects if one.body not in words and _wrote_back(peers, one))
    messages = [one for one in effects if (one.slug, one.peer) not in answers or one.body in words]
    ledger = ledger_of(peers, messages)
    purged = [*_purged(ledger)]
    wrongs = {**broken(ledger, messages, keyed=VK, plain=PUSH), "sent_after_stop": [*_after_stop(play, ledger, messages)]}
    wrongs["lost"] += [*purged, *_orders_unheard_of(play)]
    wrongs["duplicated"] += [f"{peer} was answered {n} times" for (_, peer), n in answers.items() if n > 1]
    if play.story != "restored":  # which doubts on purpose
        doubts = (play.strike is not None) + STORIES[play.story].count(LOST)
        wrongs["needless_doubt"] = needless_doubt(doubts, UNDER_WAY)
    wrongs["open_rows"] += play.given_up
    wrongs["open_rows"] += [f"destruction {row[0]}" for row in sql("SELECT id FROM crisis_destruction WHERE ended_at IS NULL")]
    return wrongs


def judge_naive(play: Play) -> dict[str, list[str]]:
    """The same of what is put beside ours."""
    return judged_naive(play.stage.peers, Counter((0, one.slug, one.peer) for one in _effects(play)))


def judged_naive(peers: Mapping[tuple[str, str], int], heard: Mapping[tuple[int, str, str], int]) -> dict[str, list[str]]:
    """`heard`: how often a message of a campaign came to an address. Its rows say "created" as long as nothing is known."""
    rows = {(pk, slug, peers[slug, address]): status for pk, slug, address, status in sql("SELECT * FROM naive_delivery")}
    said = {key: {status} - {"created"} for key, status in rows.items()}
    got = Counter({(pk, slug, peers[slug, address]): times for (pk, slug, address), times in heard.items()})
    ledger = Ledger(dict.fromkeys(rows, 0), said, got, [], {})
    return {
        "lost": lost(ledger, {0: "done"}),
        "duplicated": twice(ledger, {VK}, set()),
        "duplicated_unflagged": twice(ledger, {PUSH}, set()),
    }


def ending() -> list[str]:
    """How the campaigns ended."""
    return [row[0] for row in sql("SELECT status FROM messaging_campaign ORDER BY id")]


def _effects(play: Play) -> Iterator[Effect]:
    """What each platform took during this play, in its order."""
    said = {hashlib.sha256(body.encode()).hexdigest(): body for (body,) in sql("SELECT body FROM messaging_rendering")}
    for slug in SLUGS:
        for at, line in enumerate(play.stage.platforms[slug].lines("accepted")):
            if at >= play.read_from[slug]:
                body = line["text"] if slug == PUSH else said.get(line["text_sha256"], line["text_sha256"])
                yield Effect(at, at, slug, str(line["to"] if slug == PUSH else line["peer_id"]), body)


def _arrived() -> dict[tuple[str, str], int]:
    found = {}
    for slug in SLUGS:
        kind = address_kind_of(slug) or 0
        for peer in map(str, ARRIVED):
            for (contact,) in sql(WHOSE, kind, fingerprint(kind, peer)):
                found[slug, peer] = contact
    return found


def _wrote_back(peers: dict[tuple[str, str], int], effect: Effect) -> bool:
    return bool(sql("SELECT 1 FROM messaging_reply WHERE contact = %s", peers.get((effect.slug, effect.peer), 0)))


def _purged(ledger: Ledger) -> Iterator[str]:
    """Of what was destroyed only totals are left: they are compared, and nothing else is."""
    for campaign, accepted in sql(PURGED):
        got = {key: n for key, n in ledger.got.items() if key[0] == campaign}
        if sum(got.values()) != accepted:
            yield f"campaign {campaign}: {accepted} are said to have got it, {sum(got.values())} have"
        for key in got:
            del ledger.got[key]


def _after_stop(play: Play, ledger: Ledger, effects: list[Effect]) -> Iterator[str]:
    stopped = {pk for (pk,) in sql("SELECT id FROM messaging_campaign WHERE status = 'stopped'")}
    for effect in effects:
        if effect.at >= play.stopped_at.get(effect.slug, effect.at + 1) and ledger.campaigns.get(effect.body, set()) & stopped:
            yield f"{effect.slug} {effect.peer} after the stop"


def _orders_unheard_of(play: Play) -> Iterator[str]:
    heard = {line.get("order_id") for line in play.stage.platforms[GEO].lines("order")}
    for (order,) in sql("SELECT id::text FROM messaging_order WHERE status NOT IN ('queued', 'asked', 'cancelled', 'refused')"):
        if order not in heard:
            yield f"order {order} is said to be {GEO}'s"
