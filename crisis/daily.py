"""What is done once for every day that has ended, also for days on which nothing ran: the sweeper calls `do_due`.

A duty may take many rounds. It is told the day and says whether it has finished; one that fails is tried again later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone

from crisis.clock import now
from crisis.models import DailyDuty

Duty = Callable[[date], bool]

CAUGHT_UP = 7  # days back that are still done after nothing ran
AGAIN = timedelta(minutes=10)
DUTIES: dict[str, Duty] = {}
log = logging.getLogger(__name__)


def register(name: str, duty: Duty) -> None:
    """Have this done for each day. It returns False while there is more to do."""
    DUTIES[name] = duty


def do_due() -> int:
    """Go on with what is due, the oldest day first; one step of each duty. Returns how many were finished."""
    today = timezone.localdate(now())
    days = [today - timedelta(days=back) for back in range(CAUGHT_UP, 0, -1)]
    ended = set(DailyDuty.objects.filter(day__in=days, ended_at__isnull=False).values_list("name", "day"))
    open_ones = {name: next((day for day in days if (name, day) not in ended), None) for name in DUTIES}
    return sum(_step(name, day) for name, day in open_ones.items() if day)


def _step(name: str, day: date) -> int:
    row, _created = DailyDuty.objects.get_or_create(name=name, day=day)
    if row.next_at > now():
        return 0
    try:
        with transaction.atomic():
            locked = DailyDuty.objects.select_for_update(skip_locked=True).filter(pk=row.pk, ended_at=None)
            if not locked or not DUTIES[name](day):
                return 0
            DailyDuty.objects.filter(pk=row.pk).update(ended_at=now())
            return 1
    except Exception:
        log.exception("The daily duty “%s” of %s failed and is tried again in %s minutes.", name, day, AGAIN.seconds // 60)
        DailyDuty.objects.filter(pk=row.pk).update(next_at=now() + AGAIN)
        return 0
