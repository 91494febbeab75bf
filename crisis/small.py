"""Numbers of people as those see them who send nothing: so coarse that nobody can be picked out, not by subtraction either.

Below ten a number is "fewer than 10", nought included. Every other one is rounded down to tens, each by itself and always, also
where no small one stands beside it. Of a total of n parts each may then still be any of 11 − n numbers, whatever is told of the
others. (Rounded to the nearest ten, five parts of nine would give themselves away by their total of 50.)

Who reads is known for the time of a request, as their language is. So a page says `number`, and nothing of a number of people
can be forgotten: what is drawn, shared out or declined by such a number asks `told` first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.utils.translation import gettext as _

from crisis.models import User
from crisis.permissions import may

SMALL = 10
_exact = ContextVar("exact", default=True)


def sees_exact(person: Any) -> bool:
    """The sending team: operators and supervisors, of the incidents they see. Administrators and auditors send nothing."""
    return isinstance(person, User) and (may(person, "campaign.write") or may(person, "campaign.approve"))


@contextmanager
def telling(*, exact: bool) -> Iterator[None]:
    """What is written inside is for a reader who may, or may not, know numbers of people exactly."""
    before = _exact.set(exact)
    try:
        yield
    finally:
        _exact.reset(before)


def is_exact() -> bool:
    """Whether this reader may know numbers of people as they are."""
    return _exact.get()


def told(people: int) -> int:
    """What of a number of people this reader may know: the number itself, or rounded down to tens."""
    return people if _exact.get() else coarse(people) or 0


def told_up(people: int) -> int:
    """What this reader may know of a number that something is at most: where `told` rounds down, up, so that it stays true."""
    return people if _exact.get() else people // SMALL * SMALL + SMALL


def hidden(people: int) -> bool:
    """Whether this reader may only know that it is small."""
    return not _exact.get() and coarse(people) is None


def coarse(people: int) -> int | None:
    """Rounded down to tens; None when it is fewer than ten."""
    return None if people < SMALL else people // SMALL * SMALL


def plain(value: Any) -> Any:
    """A number for a program or a spreadsheet, anything nested alike; what is no whole number stays as it is."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    rounded = coarse(value)
    return _("fewer than 10") if rounded is None else rounded
