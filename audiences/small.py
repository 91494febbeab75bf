"""Numbers of people as those see them who send nothing: so coarse that nobody can be picked out, not by subtraction either.

Below ten a number is "fewer than 10", nought included. Every other one is rounded down to tens, each by itself and always, also
where no small one stands beside it. Of a total of n parts each may then still be any of 11 − n numbers, whatever is told of the
others. (Rounded to the nearest ten, five parts of nine would give themselves away by their total of 50.)
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from crisis.models import User
from crisis.permissions import may
from crisis.templatetags.console import number

SMALL = 10


def sees_exact(person: User) -> bool:
    """The sending team: operators and supervisors, of the incidents they see. Administrators and auditors send nothing."""
    return may(person, "campaign.write") or may(person, "campaign.approve")


def coarse(people: int) -> int | None:
    """Rounded down to tens; None when it is fewer than ten."""
    return None if people < SMALL else people // SMALL * SMALL


def shown(people: int, exact: bool) -> str:
    """In the reader's language."""
    if exact:
        return number(people)
    rounded = coarse(people)
    return _("fewer than 10") if rounded is None else number(rounded)


def plain(value: Any) -> Any:
    """A number for a program or a spreadsheet, anything nested alike; what is no whole number stays as it is."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    rounded = coarse(value)
    return _("fewer than 10") if rounded is None else rounded
