"""The people of the sandbox: of countries that do not exist, and as many as the contract publishes.

No one there is seen near the edge of a window that anybody would ask about, so that whole hours or seconds, and an hour that
begins in between, count the same people.
"""

from __future__ import annotations

import time
from typing import Final, NamedTuple

HOUR: Final = 3600


class Group(NamedTuple):
    """People of a country, when they were seen before this hour, and whether they have been seen elsewhere since."""

    country: str
    people: int
    newest: int
    oldest: int
    left: bool = False


GROUPS: Final = (
    Group("XA", 5_003, 2 * HOUR, 20 * HOUR),
    Group("XA", 15_010, 30 * HOUR, 300 * HOUR),
    Group("XA", 2_224, 30 * HOUR, 300 * HOUR, left=True),
    Group("XB", 61, 2 * HOUR, 20 * HOUR),
    Group("XB", 7, 30 * HOUR, 300 * HOUR, left=True),
)
PEOPLED: Final = {"XA": "XA", "XB": "XB", "XC": "XA", "XD": "XA", "XE": "XA"}  # country → whose people are seen there


def this_hour() -> float:
    """When the present hour began, in seconds since 1970."""
    return time.time() // HOUR * HOUR
