"""The third layer: real workers, PostgreSQL, Redis and platforms, while one thing after another breaks; judged afterwards.

A seed is a round: a campaign by both platforms, troubles at moments that the seed draws, perhaps a stop. Then everything is
healed, and it has to come to its end by itself. Rounds follow one another on the same servers.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial
from random import Random

import psycopg
import redis
from django.conf import settings
from django.db import Error, connections

from crisis import embedded
from messaging import workflow
from messaging.models import Account, Campaign, Status, WhenUncertain
from messaging.wording import Words
from tests import world
from tests.faults import naive
from tests.faults.layers import Options, Result
from tests.faults.oracle import broken, ledger_of, needless_doubt
from tests.faults.platforms import Effect
from tests.faults.stage import PUSH, SLUGS, VK
from tests.faults.trial import judged_naive
from tests.faults.troubled import TURN, Troubled
from tests.faults.troubles import FROZEN, TROUBLES
from tests.world import sql

ROUNDS = 20
FAULTS = 12  # in one round
HEALED = 120.0  # seconds after which a campaign has ended
LATE = 2.0 + FROZEN + 2.5  # seconds after a stop in which a request may still arrive: it froze, or lay in a wire
STOPS = 0.25  # chance that somebody stops a campaign
LANES = 4
SYLLABLES = ["баве", "гидо", "жуза", "кило", "мену", "пора", "соту", "фиха", "цеша", "элюн", "рыма", "тисю"]


def layer(options: Options) -> Result:
    with embedded.servers(settings.DATA_DIR):
        place = Troubled(settings.DATA_DIR)
        try:
            place.open()
            return endure(place, options)
        finally:
            place.close()


def endure(place: Troubled, options: Options) -> Result:
    result = Result("chaos")
    stopped: dict[int, float] = {}
    for seed in range(options.seed, options.seed + (options.seeds or ROUNDS)):
        one = _Round(place, seed, FAULTS if options.faults is None else options.faults)
        one.play()
        stopped |= one.stopped
        result.seeds += 1
        result.faults += one.faults
        result.most["healed_in_s"] = max(result.most.get("healed_in_s", 0.0), round(one.healed_in, 1))
        sys.stderr.write(f"round {seed}: {one.faults.total()} faults, healed in {one.healed_in:.1f} s\n")
    wrongs = judge(place, stopped, result.faults.total())
    result.wrongs = Counter({name: len(some) for name, some in wrongs.items() if some})
    result.deliveries = sql("SELECT coalesce(sum(total), 0) FROM messaging_batch WHERE resend_of_id IS NULL")[0][0]
    result.beside = beside(place, result.faults.total())
    if result.wrongs:
        replay = f"python -m tests.faults --layer chaos --seed {options.seed} --seeds {result.seeds}"
        result.failures.append(f"{replay}  # {'; '.join(f'{name}: {some[0]}' for name, some in wrongs.items() if some)}")
    return result


class _Round:
    def __init__(self, place: Troubled, seed: int, faults: int) -> None:
        self.place, self.seed, self.left = place, seed, faults
        self.draw = Random(seed)
        self.faults: Counter[str] = Counter()
        self.stopped: dict[int, float] = {}
        self.healed_in = 0.0

    def play(self) -> None:
        campaign = self.place.insist(self._submitted)
        self.place.insist(lambda: self._approved(campaign))
        self._launch_naive()
        stop_at = self.draw.randrange(self.left) if self.left and self.draw.random() < STOPS else None
        for number in range(self.left):
            self.place.pass_time(self.draw.uniform(0.4, 1.6))
            self._strike()
            if number == stop_at:
                self.place.insist(lambda: self._stop(campaign))
        self.place.pass_time(1.0)
        self.place.heal()
        self._await_the_end(campaign)

    def _strike(self) -> None:
        """One that finds nothing to strike, because what it is about is down already, is no fault."""
        name = self.draw.choice([*TROUBLES])
        with suppress(OSError, KeyError, IndexError, ValueError, psycopg.Error, redis.RedisError):
            TROUBLES[name](self.place, self.draw)
            self.faults[name] += 1

    def _submitted(self) -> Campaign:
        place = self.place
        known = Campaign.objects.filter(texts__body__endswith=f" {self.seed}.").first()
        if known is None:
            words = {lang: Words(self._said(3), f"{self._said(12)} {self.seed}.", "") for lang in ("ru", "en")}
            policy = self.draw.choice([WhenUncertain.RESEND, WhenUncertain.HOLD])
            ways = [*Account.objects.order_by("pk")]
            content = world.content(*ways, version=world.audience(place.author), texts=words, when_uncertain=policy)
            known = workflow.draft(world.incident(place.author), content, by=place.author)
        return known if known.status != Status.DRAFT else workflow.submit(known, by=place.author)

    def _said(self, words: int) -> str:
        return " ".join("".join(self.draw.choices(SYLLABLES, k=2)) for _ in range(words)).capitalize()

    def _approved(self, campaign: Campaign) -> Campaign:
        if Campaign.objects.get(pk=campaign.pk).status == Status.SUBMITTED:
            world.approve(campaign, self.place.approver)
        return campaign

    def _launch_naive(self) -> None:
        for slug in SLUGS:
            addresses = [address for one, address in self.place.peers if one == slug]
            with suppress(redis.RedisError):  # pressed again it is said to be launched
                self.place.insist(partial(naive.launch, self.seed, slug, addresses))

    def _stop(self, campaign: Campaign) -> Campaign:
        if Campaign.objects.get(pk=campaign.pk).status == Status.SENDING:
            workflow.stop(campaign, by=self.place.author)
            self.stopped[campaign.pk] = time.time()
        return campaign

    def _await_the_end(self, campaign: Campaign) -> None:
        began = time.monotonic()
        while not self._has_ended(campaign) and time.monotonic() < began + HEALED:
            self.place.pass_time(0.5)
        self.healed_in = time.monotonic() - began

    def _has_ended(self, campaign: Campaign) -> bool:
        try:
            return not sql(OPEN, campaign.pk, campaign.pk)
        except Error:
            connections.close_all()
            return False


OPEN = """
SELECT 1 FROM messaging_batch WHERE campaign_id = %s AND (status IN ('queued', 'sending') OR in_doubt)
 UNION ALL SELECT 1 FROM messaging_campaign WHERE id = %s AND status IN ('approved', 'sending', 'paused')
"""


def judge(place: Troubled, stopped: dict[int, float], faults: int) -> dict[str, list[str]]:
    effects = [*_effects(place)]
    ledger = ledger_of(place.peers, effects)
    late = [
        f"{effect.slug} {effect.peer} {effect.at - stopped[campaign]:.1f} s after the stop"
        for effect in effects
        for campaign in ledger.campaigns.get(effect.body, ())
        if effect.at > stopped.get(campaign, effect.at) + LATE
    ]
    wrongs = {**broken(ledger, effects, keyed=VK, plain=PUSH), "sent_after_stop": late}
    wrongs["needless_doubt"] = needless_doubt(faults, LANES * TURN)
    return wrongs


def beside(place: Troubled, faults: int) -> Counter[str]:
    """What one RQ job a person came to in the same troubles."""
    place.recover_naive()
    heard: Counter[tuple[int, str, str]] = Counter()
    campaigns = [row[0] for row in sql("SELECT DISTINCT campaign FROM naive_delivery")]
    words = {naive.WORDS.format(pk): pk for pk in campaigns}
    hashes = {hashlib.sha256(text.encode()).hexdigest(): pk for text, pk in words.items()}
    heard.update((hashes[line["text_sha256"]], VK, str(line["peer_id"])) for line in place.others[VK].lines("accepted"))
    heard.update((words[line["text"]], PUSH, str(line["to"])) for line in place.others[PUSH].lines("accepted"))
    people = sql("SELECT count(*) FROM naive_delivery")[0][0]
    wrongs = {name: len(some) for name, some in judged_naive(place.peers, heard).items()}
    return Counter({"faults": faults, "deliveries": people, **wrongs})


def _effects(place: Troubled) -> Iterator[Effect]:
    said = {hashlib.sha256(body.encode()).hexdigest(): body for (body,) in sql("SELECT body FROM messaging_rendering")}
    for slug in SLUGS:
        for line in place.platforms[slug].lines("accepted"):
            at = datetime.fromisoformat(line["at"]).timestamp()
            body = line["text"] if slug == PUSH else said.get(line["text_sha256"], line["text_sha256"])
            yield Effect(at, at, slug, str(line["to"] if slug == PUSH else line["peer_id"]), body)
