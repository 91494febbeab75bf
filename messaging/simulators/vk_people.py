"""Who may be written to in the simulated VK, and what each dialog remembers.

Outcomes follow the peer id, so that a test or a story chooses them by choosing addresses. Its last three digits mean:

* 000–799 allows the group's messages; 902–999 too, but for 918
* 800–899 never allowed it: 901
* 900 has blacklisted the group: 900
* 901 allowed it once and took it back: 901
* 918 is deleted: 18

A chat (peer ids from 2,000,000,000 on) is not ours to write to: 917. The control endpoint overrides single people.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

FIRST_CHAT: Final = 2_000_000_000
MEMORY_SECONDS: Final = 3600
MEMORY_MESSAGES: Final = 100


class Clock:
    """The platform's clock: real time plus what the control endpoint added, so that an hour can pass in a test."""

    def __init__(self) -> None:
        self.offset = 0.0

    def now(self) -> float:
        return time.time() + self.offset


class People:
    """Who allows messages: the rule of the id, unless a person was overridden (one switch for all groups)."""

    def __init__(self) -> None:
        self._allows: dict[int, bool] = {}

    def allow(self, peer_id: int, allowed: bool) -> None:
        self._allows[peer_id] = allowed

    def forget(self) -> None:
        self._allows.clear()

    def refusal(self, peer_id: int) -> int:
        """The error code for writing to this peer; 0 when the message is taken."""
        if peer_id in self._allows:
            return 0 if self._allows[peer_id] else 901
        return by_rule(peer_id)


def by_rule(peer_id: int) -> int:
    if peer_id >= FIRST_CHAT:
        return 917
    last = peer_id % 1000
    if last == 918:
        return 18
    return 900 if last == 900 else 901 if 800 <= last <= 901 else 0


class Sent(NamedTuple):
    """A message as its dialog remembers it. `at` is in seconds of the platform's clock."""

    random_id: int
    message_id: int
    number: int  # conversation_message_id
    at: float


@dataclass(slots=True)
class Dialog:
    """One person's conversation with one group."""

    count: int = 0
    recent: deque[Sent] = field(default_factory=lambda: deque(maxlen=MEMORY_MESSAGES))

    def find(self, random_id: int, now: float) -> Sent | None:
        """The message this random_id made within the last hour and the last 100 messages. 0 asks for no check."""
        if not random_id:
            return None
        return next((sent for sent in self.recent if sent.random_id == random_id and now - sent.at < MEMORY_SECONDS), None)

    def add(self, random_id: int, message_id: int, at: float) -> Sent:
        self.count += 1
        sent = Sent(random_id, message_id, self.count, at)
        self.recent.append(sent)
        return sent


class Dialogs:
    """Every dialog of every group, and the group-wide message numbers."""

    def __init__(self) -> None:
        self.by_peer: defaultdict[tuple[int, int], Dialog] = defaultdict(Dialog)
        self._last_id: defaultdict[int, int] = defaultdict(int)

    def take(self, group_id: int, peer_id: int, random_id: int, now: float) -> tuple[Sent, bool]:
        """Take a message, or recognise it as a repeat. Returns the message and whether it is a new one."""
        dialog = self.by_peer[group_id, peer_id]
        if known := dialog.find(random_id, now):
            return known, False
        return dialog.add(random_id, self._next_id(group_id), now), True

    def write_in(self, group_id: int, peer_id: int, now: float) -> Sent:
        """The person writes to the group: an ordinary message of the dialog, without a random_id."""
        return self.by_peer[group_id, peer_id].add(0, self._next_id(group_id), now)

    def restore(self, group_id: int, peer_id: int, random_id: int, message_id: int, at: float) -> None:
        """Learn a message from the journal again: a restarted simulator is still the same platform."""
        self.by_peer[group_id, peer_id].add(random_id, message_id, at)
        self._last_id[group_id] = max(self._last_id[group_id], message_id)

    def last(self, group_id: int, peer_id: int) -> Sent | None:
        dialog = self.by_peer.get((group_id, peer_id))
        return dialog.recent[-1] if dialog and dialog.recent else None

    def _next_id(self, group_id: int) -> int:
        self._last_id[group_id] += 1
        return self._last_id[group_id]


class Rate:
    """At most `limit` calls of one token in any sliding second. Refused calls do not count."""

    def __init__(self, limit: int) -> None:
        self.limit, self.on = limit, True
        self._calls: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=limit))

    def admit(self, token: str) -> bool:
        calls, now = self._calls[token], time.monotonic()
        if self.on and len(calls) == self.limit and now - calls[0] < 1:
            return False
        calls.append(now)
        return True
