"""Handing a shift over: what is open and in whose hands, the line to copy, and the signature of the one who takes it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from crisis.clock import now
from crisis.models import AuditEntry, Duty, Incident, LogEntry, User
from crisis.refusal import Refused
from messaging import handover, workflow
from messaging.models import Campaign, Receipt, Reply
from tests import visits, world
from tests.desk import Desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return Desk()


def holders(user: User) -> dict[str, str]:
    """Status → in whose hands."""
    return {row.campaign.status: row.holder for row in handover.shift_of(user, now()).held}


def line(user: User) -> str:
    return handover.line(handover.shift_of(user, now()))


def reply(campaign: Campaign, desk: Desk, *, minutes: int) -> None:
    at = now() - timedelta(minutes=minutes)
    receipt = Receipt.objects.create(account=desk.account, event_id=f"{minutes}", kind="reply", at=at)
    Reply.objects.create(account=desk.account, receipt=receipt, campaign=campaign, text="help", key=1, received_at=at)


def test_it_says_in_whose_hands_everything_is(desk: Desk) -> None:
    desk.draft()
    waiting = desk.submitted()
    desk.sending()
    assert holders(desk.author) == {
        "draft": "Anna is writing it",
        "submitted": "nobody has answered yet; told: Boris",
        "sending": "the console sends it",
    }
    workflow.take(waiting, by=desk.chief)
    assert holders(desk.author)["submitted"] == "Boris has it"


def test_what_is_over_is_not_handed_over(desk: Desk) -> None:
    workflow.stop(desk.sending(), by=desk.author)
    workflow.reject(desk.draft(), "not needed", by=desk.author)
    assert holders(desk.author) == {}


def test_the_line_names_incidents_decisions_sendings_replies_and_silence(desk: Desk) -> None:
    Incident.objects.update(next_update_at=now() - timedelta(minutes=2))
    desk.submitted()
    sending = desk.sending()
    reply(sending, desk, minutes=7)
    reply(sending, desk, minutes=3)
    found = line(desk.author)
    parts = (
        "Flights suspended (update overdue since",
        "1 campaign waits for approval, 0 s",
        "vk-direct: accepted for fewer than 10 of fewer than 10 people",
        "fewer than 10 unread replies, the oldest 7 min",
    )
    for part in parts:
        assert part in found
    assert "\n" not in found


def test_a_quiet_shift_says_so(client_of: Callable[[User], Client]) -> None:
    assert "no incident is open" in line(world.person("anna", "operator"))


def test_a_drill_stands_on_the_page_and_not_in_the_line(desk: Desk) -> None:
    world.incident(desk.author, drill=True)
    world.submitted(desk.author, world.account(drill=True), drill=True)
    assert line(desk.author).count("Flights suspended") == 1
    assert "approval" not in line(desk.author)
    assert "DRILL" in visits.page(desk.author, "shift_handover")


def test_replies_are_counted_only_for_those_who_may_read_them(desk: Desk) -> None:
    reply(desk.sending(), desk, minutes=7)
    assert "unread" not in line(world.person("dina", "auditor"))


def test_whoever_takes_over_signs_in_the_log_of_every_open_incident(desk: Desk) -> None:
    closed = world.incident(desk.author)
    Incident.objects.filter(pk=closed.pk).update(status="closed")
    visits.post(desk.chief, "shift_take")
    entry = AuditEntry.objects.get(action="shift.take")
    assert (entry.by, "Flights suspended" in entry.data["report"]) == (desk.chief, True)
    signed = LogEntry.objects.filter(text="Boris has taken over the shift.")
    assert [row.incident for row in signed] == [desk.incident]
    assert "Taken over last by Boris" in visits.page(desk.author, "shift_handover")


def test_whoever_is_on_no_shift_signs_for_none(desk: Desk) -> None:
    with pytest.raises(Refused, match="role"):
        workflow.take_over(by=world.person("dina", "auditor"))


def test_the_page_names_who_is_on_duty_and_who_comes_next(desk: Desk) -> None:
    at = now()
    for row, begin in ((desk.author, -1), (desk.chief, 5)):
        Duty.objects.create(person=row, from_at=at + timedelta(hours=begin), until_at=at + timedelta(hours=begin + 6))
    shown = visits.page(desk.author, "shift_handover")
    assert ("on duty: Anna" in shown, "next: Boris" in shown) == (True, True)


def test_the_line_can_be_copied_without_a_script(desk: Desk) -> None:
    assert '<textarea id="id_line" rows="3" readonly>' in visits.page(desk.author, "shift_handover")


def test_an_exception_in_force_is_handed_over_with_its_end_and_one_that_was_only_asked_for_is_not(desk: Desk) -> None:
    geo, until = world.account("vk-geo"), now() + timedelta(hours=5)
    asked = {"exception_reason": "Flights are cut and nobody knows how to get home.", "exception_expires_at": until}
    campaign = desk.draft(accounts=[geo], **asked)
    campaign = workflow.submit(campaign, by=desk.author)
    assert "No exception is in force" in visits.page(desk.author, "shift_handover")
    world.approve(campaign, desk.chief)
    assert [row.incident for row in handover.shift_of(desk.author, now()).exceptions] == [desk.incident]
    assert "No exception is in force" not in visits.page(desk.author, "shift_handover")
