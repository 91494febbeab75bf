"""Orders rehearsed, under one approval: VK by country, an operator's subscribers roaming, and a duty desk by telephone, beside
our own messages. One platform stays silent, another one's words come twice and in the wrong order, and a second sending is
stopped midway. What counts is what the platforms' own journals say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from django.db.models import QuerySet

from crisis.models import User
from crisis.supervisor import Supervisor
from messaging import progress, workflow
from messaging.models import TOTALS, Card, Order, OrderWord, Receipt
from messaging.stage import Stage, StageError
from messaging.stories import acting, judging
from messaging.wording import Words
from messaging.workflow import by_hand
from messaging.workflow.by_hand import Heard

WAYS = ("vk-direct", "vk-geo", "operator-roaming", "manual")
SILENT = "operator-roaming"
FOUND, SENT = 20_000, 19_400  # what VK's order matches and sends, as its simulator is made
SHORT = {  # what an operator can send in ten parts, with what is said to everybody whom others find
    "ru": Words(
        "Полёты в Египет приостановлены",
        "Рейсы домой продолжаются: вас заберут в день обратного билета, в салон берут только ручную кладь. Если вы уже уехали, "
        "ничего делать не нужно.",
        "Держите связь с туроператором. Мы не просим денег и паролей. Чтобы не получать таких сообщений, запретите их.",
    ),
    "en": Words(
        "Flights to Egypt suspended",
        "Flights home go on: you are taken on the day of your return ticket, with hand baggage only. If you left, do nothing.",
        "Stay in contact with your tour operator. We do not ask for money or passwords. To get no more, turn them off.",
    ),
}
TOLD = {"matched": 1_200, "sent": 1_050, "delivered": 990, "failed": 40}  # by the desk, over the telephone
LETTER = "Письмо ассоциации отелей № 12"
PATIENCE = 60.0  # seconds
MIDWAY = 2_000  # people written to when the second sending is stopped


@dataclass(frozen=True, slots=True)
class Ordered:
    """What the rehearsal left: both performances, and what was seen on the way."""

    played: acting.Played
    stopped: acting.Played
    seen: Mapping[str, Any]


class Desk:
    """The operator at the telephone, and the levers behind the simulated platforms."""

    def __init__(self, stage: Stage, supervisor: Supervisor) -> None:
        self.stage, self.supervisor = stage, supervisor
        self.anna = User.objects.get(username="anna")

    def control(self, platform: str, **levers: Any) -> dict[str, Any]:
        """What the platform has seen so far, and what came of each lever."""
        headers = {"Content-Type": "application/json"}
        asked = Request(f"{self.stage.url_of(platform)}/control", json.dumps(levers).encode(), headers)  # noqa: S310 (of this machine)
        with urlopen(asked, timeout=10) as answer:  # noqa: S310
            told: dict[str, Any] = json.load(answer)
        return told

    def until(self, true: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        if not self.supervisor.run_until(true, seconds):
            raise StageError(f"Not within {seconds:.0f} s: {what}.")

    def work(self, order: Order) -> None:
        """The whole life of an order by telephone: asked, accepted in part, two times told, finished."""
        card = Card.objects.filter(account=order.batch.account, retired_at=None)[0]
        by_hand.ask(order, self._heard(order, card=card), by=self.anna)
        by_hand.answer(
            order, "partial", self._heard(order, card=card, text="Только отели ассоциации"), by=self.anna,
            narrowed=("fewer_people",), expects=(900, 1_300),
        )  # fmt: skip
        early = {name: TOLD[name] // 2 for name in ("matched", "sent")}
        by_hand.tell_totals(order, early, self._heard(order, card=card, source="Дежурный по телефону"), by=self.anna)
        letter = self._heard(order, way=OrderWord.Way.LETTER, source=LETTER)
        by_hand.tell_totals(order, TOLD, letter, by=self.anna, over=True)

    def _heard(self, order: Order, **noted: Any) -> Heard:
        last = order.words.last()
        return Heard(seen=last.pk if last else 0, **noted)


def rehearse(stage: Stage, supervisor: Supervisor, directory: Path) -> Ordered:
    """Raises StageError when something does not happen in time."""
    desk = Desk(stage, supervisor)
    desk.control("roaming", pace={"decision_delay": 3_600})
    desk.control("delegated", webhooks="reversed")
    played = acting.play(directory, ways=WAYS, words=SHORT)
    orders = {order.batch.account.slug: order for order in _orders(played)}
    desk.work(orders["manual"])
    supervisor.run_until(lambda: not _held(played), PATIENCE)
    held = _held(played)
    seen = _disordered(desk, orders["vk-geo"])
    workflow.go_on_without(orders[SILENT], by=desk.anna)
    desk.until(acting.ended(played.campaign), "the sending ends without the platform that is silent")
    desk.control("roaming", decide=True)
    silent = orders[SILENT].pk
    desk.until(lambda: Order.objects.filter(pk=silent, status=Order.Status.DONE).exists(), "a late yes counts", 150)
    stopped = _stopped(desk, directory)
    return Ordered(played, stopped, {"held_by_silence": held, **seen})


def _orders(played: acting.Played) -> list[Order]:
    return [*Order.objects.filter(batch__campaign=played.campaign).select_related("batch__account", "batch__campaign")]


def _held(played: acting.Played) -> int:
    """Ways besides the silent one of which something is still open."""
    batches = played.campaign.batches.exclude(account__slug=SILENT)
    return batches.filter(status__in=["queued", "sending"]).values("account").distinct().count()


def _disordered(desk: Desk, order: Order) -> dict[str, Any]:
    """How many words came after a later one, whether one came twice, and whether all of that changed nothing."""
    words = Receipt.objects.filter(account=order.batch.account, kind="order").order_by("id")
    desk.until(lambda: _late(words) > 0, "words come in the wrong order")
    before = _totals(order)
    told = desk.control("delegated", repeat_webhook=True)
    taken = told["webhooks"]["taken"]
    desk.until(lambda: desk.control("delegated")["webhooks"]["taken"] > taken, "a word comes twice")
    desk.until(lambda: not words.filter(applied_at=None).exists(), "every word is looked at")
    strange = order.words.filter(kind=OrderWord.Kind.STRANGE).exists()
    return {
        "came_late": _late(words),
        "came_twice": told["done"]["repeat_webhook"],
        "late_and_repeated_harmless": _totals(order) == before and not strange,
    }


def _late(words: QuerySet[Receipt]) -> int:
    """Words of the platform that came after one it had said later."""
    times = [*words.values_list("at", flat=True)]
    return sum(at < max(times[:n]) for n, at in enumerate(times) if n)


def _totals(order: Order) -> dict[str, Any]:
    return dict(Order.objects.values("status", "decision", *TOTALS).get(pk=order.pk))


def _stopped(desk: Desk, directory: Path) -> acting.Played:
    """A second sending by VK's order alone, stopped when some of its people have been written to."""
    desk.control("delegated", webhooks="normal", pace={"decision_delay": 0.2, "duration": 30})
    played = acting.play(directory, ways=("vk-geo",), words=SHORT)
    (order,) = _orders(played)
    desk.until(lambda: (_totals(order)["sent"] or 0) >= MIDWAY, "VK writes to somebody")
    workflow.stop(played.campaign, by=desk.anna)
    desk.until(lambda: Order.objects.filter(pk=order.pk, ended_at__isnull=False).exists(), "VK cancels its order")
    return played


def verdict(ordered: Ordered, stage: Stage) -> dict[str, Any]:
    """One flat object about the orders."""
    told = {slug: acting.order_of(ordered.played.campaign, slug) for slug in WAYS[1:]}
    geo, (stopped,) = told["vk-geo"], _orders(ordered.stopped)
    said = [line for line in judging.lines(stage.journal("delegated")) if line.get("order_id") == str(stopped.pk)]
    gone = max((line["sent"] or 0 for line in said if line["kind"] == "sent"), default=0)
    together = progress.joint(ordered.played.campaign, progress.ways(ordered.played.campaign))
    found = {
        "estimate": [geo["estimate_lower"], geo["estimate_upper"]],
        "matched": geo["matched"],
        "sent": geo["sent"],
        "roaming": told["operator-roaming"],
        "by_hand": told["manual"],
        **ordered.seen,
        "gone_at_stop": stopped.sent_when_cancelled,
        "gone_by_the_platform": gone,
        "at_least": together.least,
        "at_most": together.most,
    }
    return found | {"orders_as_expected": is_expected(found)}


def is_expected(found: Mapping[str, Any]) -> bool:
    lower, upper = found["estimate"]
    return bool(
        lower <= FOUND <= upper
        and (found["matched"], found["sent"]) == (FOUND, SENT)
        and {name: found["by_hand"].get(name) for name in ("matched", "sent", "failed")}
        == {name: TOLD[name] for name in ("matched", "sent", "failed")}
        and found["roaming"]["sent"]
        and found["held_by_silence"] == 0
        and found["came_late"]
        and found["came_twice"]
        and found["late_and_repeated_harmless"]
        and MIDWAY <= found["gone_at_stop"] == found["gone_by_the_platform"] < SENT
        and SENT - 9 <= found["at_least"] <= found["at_most"]  # what is told is rounded to tens
    )
