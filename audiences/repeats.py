"""What this process stored lately, so that a feed which tells everything again every few minutes costs next to nothing.

Left out is only what can change nothing: a sighting no newer than the one stored of that address in that country. Instants that
are stored only grow, until something of it is destroyed: `audiences_destroyed` has then a row more, and all is forgotten here.
So it is with a new connection, behind which may stand a restored database, and after an hour in which nobody asked.

Only keyed fingerprints of addresses are held, and only in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from time import monotonic
from typing import Any, TypeVar

from django.db import connection
from django.db.backends.signals import connection_created
from django.db.backends.utils import CursorWrapper

MOST = 100_000  # addresses in a country; about 30 MB
IDLE = 3600.0  # seconds
NEVER = datetime.min.replace(tzinfo=UTC)

# Rows are added in one transaction with what was destroyed, and their numbers grow: no two states look the same.
STATE = "SELECT count(*), coalesce(sum(id), 0) FROM audiences_destroyed"

# The newest stays, so that the table never looks as it did before.
FORGET_STATES = """
    DELETE FROM audiences_destroyed
     WHERE at < crisis_now() - interval '1 day' AND id < (SELECT max(id) FROM audiences_destroyed)
"""

Told = TypeVar("Told", bound=tuple[int, bytes, str, int, datetime])  # presence.Sighting: kind, hmac, country, cell, instant
State = tuple[int, int]


class Repeats:
    """What one process knows to be stored. Threads share it: a state and what is known by it are put in place together, so what
    one thread adds to a state that another has left behind is seen by nobody."""

    def __init__(self) -> None:
        self._asked = monotonic()
        self._known: tuple[State | None, dict[tuple[int, bytes, str], datetime]] = (None, {})

    def news(self, cursor: CursorWrapper, rows: Iterable[Told]) -> tuple[State, list[Told]]:
        """The rows that may change something, and the state of the database by which that is known. Ask first of all."""
        cursor.execute(STATE)
        state: State = cursor.fetchone()
        before, instants = self._known
        if state != before or monotonic() - self._asked > IDLE:
            instants = {}
            self._known = state, instants
        self._asked, known = monotonic(), instants.get
        return state, [row for row in rows if row[4] > known(row[:3], NEVER)]

    def remember(self, state: State, rows: Sequence[Told]) -> None:
        """These rows, or newer ones of the same address and country, are stored and committed, in a transaction that began by
        asking for the news in this state."""
        current, instants = self._known
        if state != current:
            return
        for row in rows:
            key = row[:3]
            if row[4] > instants.get(key, NEVER):
                instants[key] = row[4]
        for key in [*islice(instants, max(len(instants) - MOST, 0))]:
            instants.pop(key, None)

    def forget(self, **_signal: Any) -> None:
        self._known = None, {}


def forget_states() -> None:
    with connection.cursor() as cursor:
        cursor.execute(FORGET_STATES)


repeats = Repeats()
connection_created.connect(repeats.forget)
