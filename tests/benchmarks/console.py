"""How long the pages that are watched take while a campaign goes out, beside the same pages when nothing does.

Answered by the application in this process, without a server before it; two workers send, one person a request.
"""

from __future__ import annotations

import time
from datetime import timedelta
from statistics import median
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.urls import reverse

from crisis import embedded
from crisis.clock import now
from messaging import delivery
from messaging.models import Campaign, Lane
from tests import visits
from tests.benchmarks.ground import PUSH, Ground, platforms, workers
from tests.benchmarks.rounds import Measured, honesty, memory_mb, ratio, rounds
from tests.benchmarks.sink import sink

OPENED = 10  # times that each page is opened in a round while nothing is sent
PAGES = ("the situation", "the live page")
SENDS = "SELECT status = 'sending' FROM messaging_campaign WHERE id = %s"


def measure(people: int, wanted: int, servers: embedded.Servers) -> dict[str, Any]:
    """95th percentiles of both pages, idle and while sending."""
    with sink() as platform, platforms(platform.url):
        screen = Screen(Ground(people))
        with workers(platform.url, {PUSH: 2}):
            measured = rounds({"begin": screen.begin, "idle": screen.idle, "sending": screen.sending}, wanted)
    times = screen.measured(measured)
    return {
        "bench": "console",
        **honesty(measured),
        "ratios": {
            f"{name}, 95th percentile, while sending / idle": ratio(times, f"{name} while sending", name) for name in PAGES
        },
        "absolute": {
            name: {"median": round(1000 * median(each[name] for each in times.rounds), 1), "unit": "ms, 95th percentile"}
            for name in times.rounds[0]
        },
        "memory_mb": memory_mb(),
    }


class Screen:
    """An operator's browser, and what each page took when, round after round."""

    def __init__(self, ground: Ground) -> None:
        self.ground, self.browser = ground, visits.screen_of(ground.author)
        ground.lanes(PUSH, 2)
        self.watched = Campaign()
        self.found: list[dict[str, float]] = []

    def begin(self) -> None:
        """Launch a campaign whose lanes are all held by nobody who pumps."""
        ready = self.ground.ready(PUSH)
        while self.lanes().exclude(lease_until=None).exists():  # the workers let go of them a moment after the last batch
            time.sleep(0.05)
        self.lanes().update(lease_until=now() + timedelta(hours=1))
        self.ground.launch(ready)
        self.watched = ready.campaign

    def idle(self) -> None:
        """Look at it before it goes out."""
        took = _nothing()
        for _time in range(OPENED):
            self._look(took)
        self.found.append({name: _percentile(seconds) for name, seconds in took.items()})

    def sending(self) -> None:
        """Let it go, and look as long as it goes out."""
        took = _nothing()
        self.lanes().update(lease_until=None)
        delivery.ring(self.watched)
        while self._look(took) and self._sends():
            pass
        while self._sends():
            time.sleep(0.05)
        self.found[-1] |= {f"{name} while sending": _percentile(seconds) for name, seconds in took.items()}

    def lanes(self) -> QuerySet[Lane]:
        return Lane.objects.filter(account=self.ground.accounts[PUSH])

    def _look(self, took: dict[str, list[float]]) -> bool:
        """Open both pages. False when it has been sent meanwhile: then the second one leads to the report."""
        paths = reverse("situation"), reverse("campaign_live", args=[self.watched.pk])
        for name, path in zip(PAGES, paths, strict=True):
            began = time.perf_counter()
            answer = self.browser.get(path)
            if answer.status_code == 302 and took[name]:
                return False
            took[name].append(time.perf_counter() - began)
        return True

    def _sends(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(SENDS, [self.watched.pk])
            return bool(cursor.fetchone()[0])

    def measured(self, like: Measured) -> Measured:
        """The percentiles of the last rounds, in place of the time of whole steps."""
        return like._replace(rounds=self.found[-len(like.rounds) :])


def _nothing() -> dict[str, list[float]]:
    return {name: [] for name in PAGES}


def _percentile(seconds: list[float]) -> float:
    return sorted(seconds)[int(0.95 * (len(seconds) - 1) + 0.5)]
