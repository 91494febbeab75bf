"""Two at the same moment: exactly one of them wins, the other is told so, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from crisis import audit
from crisis.models import AuditEntry, User
from crisis.refusal import Refused
from messaging import delivery, workflow
from messaging.delivery import claiming, recording, starting, sweeping
from messaging.models import Approval, Batch, Campaign, Status
from tests import world
from tests.engine import elsewhere, while_waiting
from tests.simulated import until
from tests.stages import Cast, ahead, person_named
from tests.world import sql

pytestmark = pytest.mark.usefixtures("committed")
TRIES = 5  # how often a free race is run; in a staged one the order is given


@pytest.fixture
def cast() -> Cast:
    return Cast()


def fresh(campaign: Campaign) -> Campaign:
    return Campaign.objects.get(pk=campaign.pk)


def race(*acts: Callable[[], object]) -> list[str]:
    """Let them run at the same moment, each on its own connection. What each came to: "done" or the refusal's first words."""
    start, came = Barrier(len(acts)), dict[int, str]()

    def run(number: int, act: Callable[[], object]) -> None:
        start.wait(timeout=10)
        try:
            act()
            came[number] = "done"
        except Refused as refused:
            came[number] = str(refused)[:15]
        except IntegrityError as error:
            came[number] = f"broken: {error}"

    with elsewhere(*(lambda n=n, act=act: run(n, act) for n, act in enumerate(acts))):
        pass
    return [came[number] for number in range(len(acts))]


def approving(campaign: Campaign, by: User) -> Callable[[], object]:
    fingerprint, reach, spite = campaign.fingerprint(), campaign.reach or {}, world.overrides(campaign)
    return lambda: workflow.approve(campaign, fingerprint=fingerprint, reach=reach, by=by, overrides=spite)


def deeds(action: str) -> int:
    return AuditEntry.objects.filter(action=action).count()


def test_of_two_approvals_one_counts_and_people_are_queued_once(cast: Cast) -> None:
    second = person_named("supervisor")
    for _ in range(TRIES):
        campaign = cast.submitted()
        came = race(approving(campaign, cast.approver), approving(campaign, second))
        assert sorted(came) == ["This is already", "done"]
        assert Approval.objects.filter(campaign=campaign).count() == 1
        assert sum(Batch.objects.filter(campaign=campaign).values_list("total", flat=True)) == 3


def test_of_an_approval_and_a_withdrawal_one_wins(cast: Cast) -> None:
    for _ in range(TRIES):
        campaign = cast.submitted()
        came = race(approving(campaign, cast.approver), lambda c=campaign: workflow.withdraw(c, by=cast.author))  # type: ignore[misc]
        assert sorted(came) == ["This is already", "done"]
        assert (fresh(campaign).status == Status.SENDING) == Approval.objects.filter(campaign=campaign).exists()


def test_a_withdrawal_that_came_first_voids_the_approval(cast: Cast) -> None:
    campaign = cast.submitted()
    approve = approving(campaign, cast.approver)
    while_waiting(lambda: race(approve), lambda: workflow.withdraw(campaign, by=cast.author))
    assert (fresh(campaign).status, Approval.objects.count(), Batch.objects.count()) == (Status.DRAFT, 0, 0)


def test_a_stop_that_waits_for_an_approval_stops_what_it_began(cast: Cast) -> None:
    campaign = cast.submitted()
    while_waiting(lambda: race(lambda: workflow.stop(campaign, by=cast.author)), approving(campaign, cast.approver))
    assert fresh(campaign).status == Status.STOPPED
    assert {*Batch.objects.values_list("status", flat=True)} == {Batch.Status.STOPPED}


def test_of_two_stops_one_is_written_down_and_both_tell_the_same(cast: Cast) -> None:
    campaign, told = cast.at("sending"), list[object]()
    stop = lambda: told.append(workflow.stop(campaign, by=cast.author))  # noqa: E731
    assert race(stop, stop) == ["done", "done"]
    assert (told, deeds("campaign.stop")) == ([{"gone": 0, "left": 3}] * 2, 1)


def test_two_sweepers_start_a_campaign_once(cast: Cast) -> None:
    campaign = cast.at("approved")
    ahead(hours=2)
    race(sweeping.start_due, sweeping.start_due)
    assert (fresh(campaign).status, deeds("campaign.start")) == (Status.SENDING, 1)
    assert sum(Batch.objects.values_list("total", flat=True)) == 3


def test_a_start_by_the_sweeper_and_a_withdrawal_do_not_pass_each_other(cast: Cast) -> None:
    campaign = cast.at("approved")
    ahead(hours=2)
    while_waiting(sweeping.start_due, lambda: workflow.withdraw(campaign, by=cast.author))
    assert (fresh(campaign).status, Batch.objects.count()) == (Status.DRAFT, 0)


def test_an_operator_cannot_discard_what_is_submitted_at_the_same_moment(cast: Cast) -> None:
    campaign, came = cast.draft(), list[str]()
    discard = lambda: workflow.reject(campaign, "written twice", by=cast.author)  # noqa: E731
    while_waiting(lambda: came.extend(race(discard)), lambda: workflow.submit(campaign, by=cast.author))
    assert (fresh(campaign).status, came) == (Status.SUBMITTED, ["This is already"])


def test_of_two_edits_of_the_same_page_one_is_kept(cast: Cast) -> None:
    campaign = cast.draft()
    content = world.content(cast.account, version=campaign.audience_version)
    edit = lambda: workflow.edit(campaign, content, seen_at=campaign.updated_at, by=cast.author)  # noqa: E731
    assert sorted(race(edit, edit)) == ["A colleague has", "done"]


def held_batch(cast: Cast) -> claiming.Claim:
    """A batch in the hands of a pump."""
    lane = claiming.take(cast.account.lanes.get().pk)
    assert lane is not None
    held = claiming.claim(lane)
    assert held is not None
    return held


def test_a_batch_given_back_while_its_campaign_is_being_stopped_is_stopped(cast: Cast) -> None:
    campaign = cast.at("sending")
    held = held_batch(cast)
    give_back = lambda: recording.record(held, [], recording.Close(done=False), receipts=False)  # noqa: E731
    while_waiting(give_back, lambda: workflow.stop(campaign, by=cast.author))
    assert Batch.objects.get().status == Batch.Status.STOPPED


def test_a_batch_claimed_while_its_campaign_is_being_stopped_is_left_to_its_pump(cast: Cast) -> None:
    campaign = cast.at("sending")
    lane = claiming.take(cast.account.lanes.get().pk)
    assert lane is not None
    with transaction.atomic():
        workflow.stop(campaign, by=cast.author)
        with elsewhere(lambda: claiming.claim(lane)):
            pass
    assert Batch.objects.get().status == Batch.Status.STOPPED


def test_two_lanes_never_hold_the_same_batch(cast: Cast) -> None:
    cast.account.lanes.create(number=2)
    world.contacts([*range(1001, 1400)])
    cast.at("sending")
    lanes, held = [claiming.take(pk) for pk in cast.account.lanes.values_list("pk", flat=True)], list[int]()

    def claim_all(lane: claiming.HeldLane) -> None:
        while (claim := claiming.claim(lane)) is not None:
            held.append(claim.id)

    race(*(lambda lane=lane: claim_all(lane) for lane in lanes if lane))
    assert sorted(held) == sorted(Batch.objects.values_list("pk", flat=True))


def test_of_two_pumps_of_one_lane_one_leaves(cast: Cast) -> None:
    took = list[object]()
    lane = cast.account.lanes.get().pk
    race(*([lambda: took.append(claiming.take(lane))] * 2))
    assert sum(one is not None for one in took) == 1


def test_a_campaign_is_finished_once(cast: Cast) -> None:
    cast.at("sending")
    sql("UPDATE messaging_batch SET status = 'done'")
    race(delivery.finish, delivery.finish)
    assert deeds("campaign.finish") == 1


def test_who_is_queued_again_at_the_last_moment_keeps_a_campaign_open(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is open is looked at, and the campaign locked, only after others have committed meanwhile."""
    campaign = cast.at("sending")
    sql("UPDATE messaging_batch SET status = 'done'")
    slow = starting.FINISHED.replace("SELECT c.id", "WITH slow AS MATERIALIZED (SELECT pg_sleep(1)) SELECT c.id", 1)
    monkeypatch.setattr(starting, "FINISHED", slow.replace("WHERE c.status", "CROSS JOIN slow WHERE c.status", 1))
    with elsewhere(delivery.finish):
        until(lambda: sql("SELECT 1 FROM pg_stat_activity WHERE query LIKE '%%pg_sleep(1)%%' AND wait_event = 'PgSleep'"))
        sql("UPDATE messaging_batch SET status = 'queued'")
    assert fresh(campaign).status == Status.SENDING


def fail_at_its_end(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """An approval whose last word cannot be written."""

    def broken(about: str) -> None:
        raise RuntimeError(about)

    campaign = cast.submitted()
    monkeypatch.setattr(audit, "anchor", broken)
    with pytest.raises(RuntimeError):
        world.approve(campaign, cast.approver)


def test_a_launch_that_fails_at_its_end_leaves_nothing_behind(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_at_its_end(cast, monkeypatch)
    assert Campaign.objects.get().status == Status.SUBMITTED
    assert not Batch.objects.exists()


def test_people_frozen_outside_its_transaction_are_left_behind(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug planted: else the test before this one would prove nothing."""
    freeze: Callable[..., Any] = starting._freeze

    def at_once(*args: Any, **values: Any) -> Any:
        counted = freeze(*args, **values)
        connection.connection.commit()
        return counted

    monkeypatch.setattr(starting, "_freeze", at_once)
    fail_at_its_end(cast, monkeypatch)
    assert Batch.objects.exists()
