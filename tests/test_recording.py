"""Writing down outcomes: whatever a channel says, only the people of the batch count, once each, and only for its holder."""

from __future__ import annotations

import pytest

from messaging.channels import Outcome
from messaging.delivery import claiming, recording
from messaging.models import Batch, Delivery, DeliveryRef
from tests.stages import Cast, everything

pytestmark = pytest.mark.django_db
DONE = recording.Close(done=True)


@pytest.fixture
def held() -> claiming.Claim:
    """A batch of three people in the hands of a pump."""
    cast = Cast()
    cast.at("sending")
    lane = claiming.take(cast.account.lanes.get().pk)
    assert lane is not None
    claim = claiming.claim(lane)
    assert claim is not None
    return claim


def accepted(contact: int, ref: str = "") -> Outcome:
    return Outcome(contact, "accepted", provider_ref=ref)


def counters() -> tuple[int, int, int]:
    batch = Batch.objects.get()
    return batch.accepted, batch.failed, batch.uncertain


def test_a_strangers_id_changes_nothing(held: claiming.Claim) -> None:
    assert recording.record(held, [accepted(held.people[0]), accepted(10**9), accepted(0)], DONE, receipts=True)
    assert ([*Delivery.objects.values_list("contact", flat=True)], counters()) == ([held.people[0]], (1, 0, 0))


def test_a_doubled_id_counts_once(held: claiming.Claim) -> None:
    assert recording.record(held, [accepted(held.people[0])] * 3, DONE, receipts=True)
    assert (Delivery.objects.count(), counters()) == (1, (1, 0, 0))


def test_what_is_known_of_a_person_is_not_written_over(held: claiming.Claim) -> None:
    first, *_ = held.people
    recording.record(held, [accepted(first)], recording.Close(done=False), receipts=True)
    Batch.objects.update(status=Batch.Status.SENDING)
    assert recording.record(held, [Outcome(first, "failed", "901")], DONE, receipts=True)
    assert (Delivery.objects.get().status, counters()) == (Delivery.Status.ACCEPTED, (1, 0, 0))


def test_what_may_be_tried_again_is_not_written_down(held: claiming.Claim) -> None:
    recording.record(held, [Outcome(held.people[0], "retry", "9")], recording.Close(done=False), receipts=True)
    assert (Delivery.objects.count(), counters(), Batch.objects.get().status) == (0, (0, 0, 0), Batch.Status.QUEUED)


def test_references_are_kept_only_where_receipts_come_back_by_them(held: claiming.Claim) -> None:
    recording.record(held, [accepted(held.people[0], "77")], recording.Close(done=False), receipts=False)
    assert DeliveryRef.objects.count() == 0


def test_a_zombie_writes_nothing(held: claiming.Claim) -> None:
    Batch.objects.update(fence=held.fence + 1)
    before = everything()
    assert not recording.record(held, [accepted(held.people[0])], DONE, receipts=True)
    assert everything() == before


def test_a_platform_puts_us_off_for_two_minutes_at_most(held: claiming.Claim) -> None:
    recording.record(held, [], recording.Close(done=False, wait=10**6), receipts=True)
    assert Batch.objects.extra(where=["not_before <= crisis_now() + interval '2 minutes'"]).count() == 1
