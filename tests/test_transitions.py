"""Every pair of statuses, tried in SQL by the application's own role in a person's name: what the triggers let pass."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from crisis.clock import now
from messaging import workflow
from messaging.models import BEFORE_SENDING, CUT_SHORT, OVER, RUNNING, STOPPABLE, TRANSITIONS, Campaign
from tests import world
from tests.stages import Cast
from tests.world import sql

pytestmark = pytest.mark.django_db

STATUSES = ("draft", "submitted", "approved", "sending", "paused", "sent", "rejected", "stopped", "expired")
LEGAL = {
    ("draft", "submitted"), ("draft", "rejected"),
    ("submitted", "draft"), ("submitted", "approved"), ("submitted", "rejected"), ("submitted", "expired"),
    ("approved", "sending"), ("approved", "submitted"), ("approved", "draft"), ("approved", "stopped"), ("approved", "expired"),
    ("sending", "paused"), ("sending", "sent"), ("sending", "stopped"), ("sending", "expired"),
    ("paused", "sending"), ("paused", "stopped"), ("paused", "expired"),
    ("sent", "sending"),
}  # fmt: skip
TOGETHER = (BEFORE_SENDING, RUNNING, OVER)
UNAPPROVED = {("submitted", "approved")}  # legal as a move, and refused at COMMIT without an approval


def test_every_status_is_before_the_sending_or_of_it_or_after_it() -> None:
    assert sorted(status for statuses in TOGETHER for status in statuses) == sorted(STATUSES)
    assert {old for old in STATUSES if (old, "sent") in LEGAL} < RUNNING
    assert sorted(OVER - {"sent"}) == sorted(old for old in STATUSES if old not in {a for a, _b in LEGAL})
    assert sorted(CUT_SHORT) == sorted(new for new in OVER if ("sending", new) in LEGAL and new != "sent")


@pytest.fixture(scope="module")
def made(once: Callable[[type[Cast]], Cast]) -> Cast:
    return once(Cast)


@pytest.fixture
def cast(made: Cast) -> Cast:
    return deepcopy(made)


def outcome(campaign: Campaign, cast: Cast, new: str) -> str:
    """What becomes of a move: "moves", or which trigger refused it. Rolled back in any case."""
    with transaction.atomic():
        said = _try(campaign, cast, new)
        transaction.set_rollback(True)
    return said


def _try(campaign: Campaign, cast: Cast, new: str) -> str:
    try:
        with workflow.acting(cast.approver):
            sql("UPDATE messaging_campaign SET status = %s WHERE id = %s", new, campaign.pk)
            connection.check_constraints()
    except IntegrityError as error:
        return (
            "no such move" if "cannot become" in str(error) else "not approved" if "approval of exactly" in str(error) else "?"
        )
    return "moves"


def expected(old: str, new: str) -> str:
    if old != new and (old, new) not in LEGAL:
        return "no such move"
    return "not approved" if (old, new) in UNAPPROVED else "moves"


@pytest.mark.parametrize("old", STATUSES)
def test_the_database_lets_a_campaign_move_only_as_the_matrix_says(cast: Cast, old: str) -> None:
    campaign = cast.at(old)
    assert campaign.status == old
    found = {new: outcome(campaign, cast, new) for new in STATUSES}
    assert found == {new: expected(old, new) for new in STATUSES}


def test_the_matrix_of_the_code_is_the_one_written_here() -> None:
    assert {(str(old), str(new)) for old, news in TRANSITIONS.items() for new in news} == LEGAL
    assert {str(status) for status in TRANSITIONS} == set(STATUSES)


def test_what_can_be_stopped_is_what_could_still_send() -> None:
    assert {str(status) for status in STOPPABLE} == {"approved", "sending", "paused"}


def test_a_status_nobody_knows_is_refused(cast: Cast) -> None:
    assert outcome(cast.at("sending"), cast, "done") == "no such move"


def test_a_draft_is_not_submitted_without_a_name(cast: Cast) -> None:
    draft = cast.draft()
    with pytest.raises(IntegrityError, match="named person"):
        sql("UPDATE messaging_campaign SET status = 'submitted' WHERE id = %s", draft.pk)


def test_whoever_submits_by_sql_is_an_author(cast: Cast) -> None:
    draft = cast.draft()
    with workflow.acting(cast.approver):
        sql("UPDATE messaging_campaign SET status = 'submitted' WHERE id = %s", draft.pk)
    assert draft.author_ids() == {cast.author.pk, cast.approver.pk}


@pytest.mark.parametrize("new", ["draft", "rejected", "approved", "submitted"])
def test_only_becoming_submitted_begins_a_round(cast: Cast, new: str) -> None:
    campaign = cast.at("approved")
    try:
        with workflow.acting(cast.author):
            sql("UPDATE messaging_campaign SET status = %s WHERE id = %s", new, campaign.pk)
    except IntegrityError:
        pass
    assert Campaign.objects.get(pk=campaign.pk).round == (2 if new == "submitted" else 1)


def test_people_are_queued_only_while_their_campaign_is_being_sent(cast: Cast) -> None:
    campaign = cast.at("paused")
    with pytest.raises(IntegrityError, match="only while their campaign is being sent"):
        sql(
            'INSERT INTO messaging_batch SELECT (jsonb_populate_record(b, \'{"id": 1000000, "number": 9}\')).*'
            " FROM messaging_batch b WHERE campaign_id = %s",
            campaign.pk,
        )


def test_an_instant_of_a_campaign_on_its_way_cannot_be_moved(cast: Cast) -> None:
    campaign = cast.at("sending")
    with pytest.raises(IntegrityError, match="Only a draft"), workflow.acting(cast.author):
        Campaign.objects.filter(pk=campaign.pk).update(not_after=now() + timedelta(days=1))


def test_a_campaign_cannot_be_hung_under_another_incident(cast: Cast) -> None:
    campaign, other = cast.at("submitted"), world.incident(cast.author)
    with pytest.raises(IntegrityError, match="Only a draft"), workflow.acting(cast.author):
        Campaign.objects.filter(pk=campaign.pk).update(incident=other)
