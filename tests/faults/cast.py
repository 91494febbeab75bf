"""Who acts in a run: workers, a sweeper, people who approve, stop, pause, correct, and the platform that reports back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from django.conf import settings
from django.db import close_old_connections

from crisis.models import User
from crisis.refusal import Refused
from messaging import delivery, hooks, jobs, standing, workflow
from messaging.channels import Report
from messaging.models import Account, Campaign, Status
from messaging.wording import Words
from tests import world
from tests.correcting import RIGHT, written
from tests.faults.clockwork import NEVER, Clockwork, Process, current
from tests.faults.ground import EPOCH, Ground, Prepared
from tests.faults.hazards import PEOPLE, Hazards
from tests.faults.platforms import KEYED, Platforms

TRIES = 8
RECEIPTS = 12  # at most, in a run


class Cast:
    """Starts everybody. `stopped` says when the stop of a campaign was committed."""

    def __init__(self, ground: Ground, clockwork: Clockwork, hazards: Hazards, platforms: Platforms) -> None:
        self.ground, self.clockwork, self.hazards, self.platforms = ground, clockwork, hazards, platforms
        self.random = clockwork.random
        self.author, self.approver = (User.objects.get(pk=user.pk) for user in (ground.author, ground.approver))
        self.stopped: dict[int, float] = {}
        self.rings: dict[str, deque[int]] = {slug: deque() for slug in ground.accounts}
        self.listening: list[tuple[str, Process]] = []
        self.reports: list[tuple[float, str, Report]] = []
        self.platform: Process | None = None
        self.reported = 0
        platforms.heard, platforms.on_revoked = self._report, self._give_token

    # Machines

    def start_machines(self) -> None:
        slugs = [*self.rings]
        extra = [self.random.choice(slugs) for _ in range(self.random.randint(0, 3))]
        for number, slug in enumerate([*slugs, *extra], 1):
            self._machine(f"worker {number}", lambda slug=slug: self._work(slug))
        self._machine("sweeper", self._sweep)
        self.platform = self._machine("platform", self._tell_receipts)

    def _machine(self, name: str, act: Callable[[], None], after: float = 0.0) -> Process:
        """A process that is started again when it has died."""
        process = self.clockwork.start(name, act, after=after)
        process.respawn = lambda: self._again(name, act)
        return process

    def _again(self, name: str, act: Callable[[], None]) -> None:
        started = self._machine(name, act, after=self.random.uniform(0.5, 5.0))
        if name == "platform":
            self.platform = started

    def _work(self, slug: str) -> None:
        """What RQ does: one ring after another, whatever becomes of each."""
        me = self._me()
        while True:
            while not self.rings[slug]:
                self.listening.append((slug, me))
                me.sleep(NEVER)
            lane = self.rings[slug].popleft()
            try:
                jobs.pump(lane)
            except Exception as error:
                self.clockwork.note(me.name, f"failed: {type(error).__name__}")

    def ring(self, lanes: Any) -> bool:
        """Stands in for Redis: a ring may be lost, doubled or forged."""
        for lane in lanes:
            fault = self.hazards.of_the_bell()
            for heard in {"bell lost": [], "bell doubled": [lane.pk] * 2, "bell forged": [lane.pk, 999_999]}.get(
                fault, [lane.pk]
            ):
                self.rings[lane.account.slug].append(heard)
            self._wake(lane.account.slug)
        return True

    def _wake(self, slug: str) -> None:
        for waiting in [one for one in self.listening if one[0] == slug]:
            self.listening.remove(waiting)
            waiting[1].wake()

    def _sweep(self) -> None:
        """As `serve sweeper` does."""
        me = self._me()
        while True:
            close_old_connections()
            try:
                delivery.sweep_alone()
            except Exception as error:
                self.clockwork.note(me.name, f"failed: {type(error).__name__}")
            me.sleep(settings.SWEEP_SECONDS)

    # People

    def start_people(self, campaigns: list[Prepared]) -> None:
        draw = self.random
        for number, prepared in enumerate(campaigns):
            at = 0.5 if number == 0 else draw.uniform(0, 40)
            self._person(f"approval {prepared.pk}", partial(self._approve, prepared.pk), at)
            for verb, act, mean in (("stop", self._stop, 8), ("pause", self._pause, 8), ("correction", self._correct, 12)):
                if draw.random() < PEOPLE[verb]:
                    self._person(f"{verb} {prepared.pk}", partial(act, prepared.pk), at + draw.expovariate(1 / mean))
                    self.hazards.count(verb)
            if prepared.expires:
                self.hazards.count("expiry")

    def _person(self, name: str, act: Callable[[], Any], after: float) -> None:
        """Presses again when the page does not answer or the console dies."""
        process = self.clockwork.start(f"person {name}", lambda: self._insist(act), after=after)
        process.respawn = lambda: self._person(name, act, self.random.uniform(1, 4))

    def _insist(self, act: Callable[[], Any]) -> None:
        for _ in range(TRIES):
            close_old_connections()
            try:
                act()
                return
            except Refused as refused:
                self.clockwork.note(self._me().name, f"refused: {refused}"[:60])
                return
            except Exception as error:
                self.clockwork.note(self._me().name, f"failed: {type(error).__name__}")
                self._me().sleep(self.random.uniform(0.5, 3))

    def _approve(self, pk: int) -> None:
        world.approve(Campaign(pk=pk), self.approver)

    def _stop(self, pk: int) -> None:
        self._me().committed = partial(self._note_stop, pk)
        workflow.stop(Campaign(pk=pk), by=self.author)

    def _note_stop(self, pk: int) -> None:
        self.stopped.setdefault(pk, self.clockwork.now)

    def _pause(self, pk: int) -> None:
        workflow.pause(Campaign(pk=pk), by=self.author)
        self._me().sleep(self.random.expovariate(1 / 15))
        workflow.resume(Campaign.objects.get(pk=pk), by=self.approver)

    def _correct(self, pk: int) -> None:
        """Stop it, write what is right, have it approved; go on where an earlier try was interrupted."""
        self._me().committed = partial(self._note_stop, pk)
        begun = workflow.correct(Campaign.objects.get(pk=pk), by=self.author)
        self._me().committed = lambda: None
        if begun.status == Status.DRAFT:
            content = written(begun)
            content = replace(content, texts=_own(RIGHT, begun), corrected=_own(content.corrected, begun))
            edited = workflow.edit(begun, content, seen_at=begun.updated_at, by=self.author)
            begun = workflow.submit(edited, by=self.author)
        if begun.status == Status.SUBMITTED:
            world.approve(begun, self.approver)

    def _give_token(self, slug: str) -> None:
        """Somebody gets a new token, and lets the account speak again."""
        self._person(f"token of {slug}", partial(self._resume, slug), self.random.uniform(5, 40))

    def _resume(self, slug: str) -> None:
        self.platforms.revoked.discard(slug)
        standing.resume_account(self.ground.accounts[slug], by=self.approver)

    def mend(self) -> None:
        """What people do once everything works again: give accounts their token back, go on with what is paused."""
        self.platforms.revoked.clear()
        self.clockwork.start("mender", self._mend_on)

    def _mend_on(self) -> None:
        while True:
            self._insist(self._mend)
            self._me().sleep(10.0)

    def _mend(self) -> None:
        for account in Account.objects.exclude(paused_at=None):
            standing.resume_account(account, by=self.approver)
        for campaign in Campaign.objects.filter(status=Status.PAUSED):
            workflow.resume(campaign, by=self.approver)

    # What platforms report

    def _report(self, slug: str, peer: str, ref: int) -> None:
        """A person reads what they got, at once or much later; tells twice; or opts out. Or somebody makes that up."""
        draw = self.random
        if slug != KEYED or not self.hazards.on or self.reported >= RECEIPTS or draw.random() > PEOPLE["receipt"]:
            return
        self.reported += 1
        kind = draw.choice(["read", "read twice", "read early", "read unknown", "opt-out", "opt-out of somebody"])
        self.hazards.count(f"receipt: {kind}")
        if kind in ("opt-out of somebody", "read unknown"):
            peer = draw.choice([address for one, address in self.ground.peers if one == KEYED])
        after = 0.0 if kind == "read early" else draw.expovariate(1 / 20)
        event = f"event-{self.reported}"
        if kind.startswith("opt-out"):
            self.platforms.vk.people.allow(int(peer), False)
            report = Report(event, "denied", EPOCH, address=peer)
        else:
            report = Report(event, "read", EPOCH, address=peer, provider_ref=str(10**9 if kind == "read unknown" else ref))
        self.reports += [(self.clockwork.now + after, slug, report)] * (2 if kind == "read twice" else 1)
        if self.platform and self.platform.status == "ready" and self.platform.ready_at == NEVER:
            self.platform.wake()

    def _tell_receipts(self) -> None:
        me = self._me()
        while True:
            if not self.reports:
                me.sleep(NEVER)
            due = min(self.reports, key=lambda one: one[0])
            me.sleep(due[0] - self.clockwork.now)
            self._insist(partial(hooks.receive, self.ground.accounts[due[1]], [due[2]]))
            self.reports.remove(due)

    def _me(self) -> Process:
        process = current()
        assert process is not None
        return process


def _own(words: Mapping[str, Words], campaign: Campaign) -> dict[str, Words]:
    """Words by which the judge knows a campaign from every other one, also from another correction of the same."""
    return {language: said._replace(body=f"{said.body} No. {campaign.pk}.") for language, said in words.items()}
