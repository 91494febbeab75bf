"""Top-up: what was approved and is still valid goes to people who came since it was sent, to each of them once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError

from crisis import incidents
from crisis.clock import now
from crisis.models import AuditEntry, Incident, LogEntry
from messaging import delivery, workflow
from messaging.models import Batch, Campaign, Kind, Order, Status
from tests import world
from tests.stages import Cast, ahead, expect_refusal
from tests.world import sql

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def cast() -> Cast:
    return Cast()


def sent(cast: Cast, **changes: object) -> Campaign:
    campaign = world.approve(cast.submitted(**changes), cast.approver)
    end(campaign)
    return campaign


def end(campaign: Campaign) -> None:
    sql("UPDATE messaging_batch SET status = 'done', asked_at = crisis_now() WHERE campaign_id = %s", campaign.pk)
    delivery.finish(campaign.pk)


def test_it_goes_to_those_who_came_since_and_to_nobody_else(cast: Cast) -> None:
    campaign = sent(cast)
    came = world.contacts([4, 5])
    assert workflow.newcomers(campaign) == 2
    assert workflow.top_up(campaign, by=cast.author) == 2
    batches = Batch.objects.filter(campaign=campaign).order_by("number")
    assert [(b.number, b.status, len(b.people)) for b in batches] == [(1, "done", 3), (2, "queued", 2)]
    assert {*batches[1].people} == {row.pk for row in came}
    assert Campaign.objects.get(pk=campaign.pk).status == Status.SENDING


def test_it_can_be_done_again_and_nobody_is_written_to_twice(cast: Cast) -> None:
    campaign = sent(cast)
    for peer in (4, 5):
        world.contacts([peer])
        workflow.top_up(campaign, by=cast.author)
        end(campaign)
    people = [person for batch in Batch.objects.filter(campaign=campaign) for person in batch.people]
    assert (len(people), len({*people})) == (5, 5)


def test_it_is_told_and_recorded(cast: Cast) -> None:
    campaign = sent(cast)
    world.contacts([4])
    workflow.top_up(campaign, by=cast.author)
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.data) == ("campaign.top_up", {"people": {str(cast.account.pk): 1}, "orders": 0})
    assert LogEntry.objects.filter(text__startswith="Sent also to people who came since (1)").exists()


def test_it_needs_somebody_who_came(cast: Cast) -> None:
    campaign = sent(cast)
    with expect_refusal("Nobody has come"):
        workflow.top_up(campaign, by=cast.author)


def test_it_is_not_what_the_approver_saw_when_too_many_came(cast: Cast) -> None:
    campaign = sent(cast)
    world.contacts([*range(10, 111)])
    with expect_refusal("would now reach 100 people; the approver saw fewer than 10"):
        workflow.top_up(campaign, by=cast.author)


@pytest.mark.parametrize("status", [Status.DRAFT, Status.SENDING, Status.STOPPED, Status.EXPIRED])
def test_only_what_was_sent_to_its_end_is_topped_up(cast: Cast, status: str) -> None:
    campaign = cast.at(status)
    with expect_refusal("This is already"):
        workflow.top_up(campaign, by=cast.author)


def test_what_is_not_valid_any_more_is_sent_to_nobody(cast: Cast) -> None:
    campaign = sent(cast, not_after=now() + timedelta(hours=1))
    world.contacts([4])
    ahead(hours=2)
    with expect_refusal("not valid any more"):
        workflow.top_up(campaign, by=cast.author)


def test_what_is_being_corrected_is_sent_to_nobody(cast: Cast) -> None:
    campaign = sent(cast)
    world.contacts([4])
    workflow.correct(campaign, by=cast.author)
    with expect_refusal("being corrected"):
        workflow.top_up(campaign, by=cast.author)
    with pytest.raises(IntegrityError, match="being corrected"), workflow.acting(cast.author):
        sql("UPDATE messaging_campaign SET status = 'sending' WHERE id = %s", campaign.pk)


@pytest.mark.parametrize("kind", [Kind.UPDATE, Kind.CANCEL, Kind.ALL_CLEAR])
def test_nobody_gets_an_older_message_after_the_one_that_followed_it(cast: Cast, kind: Kind) -> None:
    campaign = sent(cast)
    sent(cast, kind=kind, refers_to=campaign)
    world.contacts([4])
    with expect_refusal("A later campaign followed this one"):
        workflow.top_up(campaign, by=cast.author)


def test_a_closed_incident_sends_nothing(cast: Cast) -> None:
    campaign = sent(cast)
    world.contacts([4])
    incidents.move(campaign.incident, Incident.Status.CLOSED, by=cast.author)
    with expect_refusal("Declare a new one"):
        workflow.top_up(campaign, by=cast.author)


def test_an_approval_that_lost_what_it_rested_on_sends_nothing(cast: Cast) -> None:
    campaign = sent(cast)
    world.contacts([4])
    world.rename(cast.account, "100000009")
    with expect_refusal("was changed since this was approved"):
        workflow.top_up(campaign, by=cast.author)


def test_a_platform_that_finds_people_by_itself_is_not_asked_again(cast: Cast) -> None:
    campaign = sent(cast, accounts=[cast.account, world.account("vk-geo")])
    world.contacts([4])
    workflow.top_up(campaign, by=cast.author)
    assert Order.objects.filter(batch__campaign=campaign).count() == 1
