"""The decision rehearsed: the approver is told at once, the next one after a step without an answer, nobody after the decision.

What counts is the mail server's own journal and what a browser is shown; seconds are counted from the author's click.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from django.conf import settings
from django.test import Client
from django.urls import reverse

from crisis.models import User
from crisis.supervisor import Supervisor
from messaging.models import Campaign
from messaging.stage import Stage, StageError
from messaging.stories import acting, alone, judging

AT_ONCE, LATE = 5.0, 5.0  # seconds: until the first is told; of grace for the next one
FIRST, NEXT = "boris", "vera"
STEP = "6"  # seconds without an answer, in place of three minutes


class Vigil:
    """One campaign under watch: what was told of it, by which journal, how long after the click."""

    def __init__(self, stage: Stage, supervisor: Supervisor) -> None:
        self.stage, self.supervisor = stage, supervisor
        self.since, self.read = datetime.now(UTC), len(self._mails())

    def _mails(self) -> list[judging.Line]:
        path = self.stage.journal("mail")
        return judging.lines(path) if path.exists() else []

    def told(self) -> list[tuple[str, float]]:
        """(person, seconds) of every mail since the vigil began, in their order."""
        rows = self._mails()[self.read :]
        return [(_name(row), (datetime.fromisoformat(row["at"]) - self.since).total_seconds()) for row in rows]

    def until(self, true: Callable[[], bool], seconds: float) -> float:
        """How long it took to become true. Raises StageError when it did not within this many seconds."""
        if not self.supervisor.run_until(true, seconds):
            raise StageError(f"Not seen within {seconds:.0f} s.")
        return (datetime.now(UTC) - self.since).total_seconds()

    def until_told(self, person: str, seconds: float) -> float:
        self.until(lambda: person in dict(self.told()), seconds)
        return dict(self.told())[person]

    def stay(self, seconds: float) -> None:
        """Watch for so long."""
        self.supervisor.run_until(lambda: False, seconds)


def _name(mail: judging.Line) -> str:
    return str(mail["to"][0]).partition("@")[0]


def rehearse(stage: Stage, supervisor: Supervisor, directory: Path) -> dict[str, Any]:
    """Submit, wait for the next one to be told, approve; submit another, approve at once. Returns the verdict."""
    step = settings.ESCALATE_SECONDS
    screen = _screen_of(stage, FIRST)
    vigil = Vigil(stage, supervisor)
    campaign = acting.submit(directory)
    shown = reverse("campaign_decision", args=[campaign.pk])
    on_screen = vigil.until(lambda: shown in screen(reverse("waiting_line")), 30)
    first, following = vigil.until_told(FIRST, 30), vigil.until_told(NEXT, step + 30)
    mail = vigil._mails()[vigil.read]
    acting.approve(campaign)
    second = Vigil(stage, supervisor)
    quick = acting.submit(directory)
    quick_first = second.until_told(FIRST, 30)
    acting.approve(quick)
    second.stay(step + LATE)
    after = [person for person, _seconds in second.told()][1:]
    return _verdict(
        step,
        {
            "told_by_mail_s": round(max(first, quick_first), 2),
            "told_on_screen_s": round(on_screen, 2),
            "next_told_s": round(following, 2),
            "told_after_decision": len(after),
            **_alone(campaign, screen),
            "says_draft": str(mail["subject"]).startswith(_marks()) and str(mail["text"]).startswith(_marks()),
            "holds_the_whole_text": _holds(campaign, str(mail["text"])),
        },
    )


def _alone(campaign: Campaign, screen: Callable[[str], str]) -> dict[str, int]:
    """Pages with the bar of a message that one person sent alone: before another has reviewed it, and after."""
    sent = alone.send(campaign.incident)
    until = alone.barred(sent, screen)
    alone.reviewed(sent)
    return {"bar_until_reviewed": until, "bar_after_review": alone.barred(sent, screen)}


def _verdict(step: float, found: Mapping[str, Any]) -> dict[str, Any]:
    as_expected = (
        found["told_by_mail_s"] <= AT_ONCE
        and found["told_on_screen_s"] <= AT_ONCE
        and step <= found["next_told_s"] <= step + LATE
        and not found["told_after_decision"]
        and (found["bar_until_reviewed"], found["bar_after_review"]) == (len(alone.PAGES), 0)
        and found["says_draft"]
        and found["holds_the_whole_text"]
    )
    return {**found, "step_s": step, "as_expected": as_expected}


def _marks() -> tuple[str, ...]:
    return ("DRAFT – NOT RELEASED", "ЧЕРНОВИК – НЕ ВЫПУЩЕНО")


def _holds(campaign: Campaign, text: str) -> bool:
    said = " ".join(text.split())
    return all(" ".join(row.body.split()) in said for row in campaign.renderings.all())


def _screen_of(stage: Stage, username: str) -> Callable[[str], str]:
    """What the running console shows a person at a path, asked as a browser asks."""
    client = Client()
    client.force_login(User.objects.get(username=username))
    headers = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}", "X-Poll": "1"}

    def shown(path: str) -> str:
        with urlopen(Request(stage.url + path, headers=headers), timeout=5) as answer:  # noqa: S310 (of this machine)
            return str(answer.read().decode())

    return shown
