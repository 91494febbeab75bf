"""Break-glass where it is judged: at COMMIT. The one way that is open, and what only shows when everything is written."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.db import IntegrityError

from crisis.clock import now
from crisis.models import AuditEntry, Duty
from messaging import workflow
from messaging.models import Approval, Campaign, Status
from messaging.workflow.breaking_glass import faults
from messaging.workflow.preparing import retire
from tests.night import REASON, Night, alone, alone_by_sql
from tests.world import sql

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def night() -> Night:
    return Night()


def test_an_unchanged_playbook_is_sent_by_its_author_alone(night: Night) -> None:
    campaign = night.submitted()
    assert faults(campaign, night.boris) == []
    assert alone(campaign, night.boris).status == Status.SENDING
    assert sql("SELECT sum(total) FROM messaging_batch") == [(3,)]
    approval = Approval.objects.get()
    assert (approval.verdict, approval.glass.reason, approval.glass.reviewed_at) == ("break_glass", REASON, None)
    assert AuditEntry.objects.filter(action="campaign.break_glass", by=night.boris).count() == 1


def test_it_anchors_the_head_of_the_audit_in_the_log(night: Night, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "crisis.audit"):
        alone(night.submitted(), night.boris)
    head = AuditEntry.objects.get(action="campaign.break_glass").hash
    assert any(f"Audit head {head}" in line for line in caplog.messages)


def test_raw_sql_passes_only_where_the_verb_passes(night: Night) -> None:
    campaign = night.submitted()
    alone_by_sql(campaign, night.boris)
    assert Campaign.objects.get(pk=campaign.pk).status == Status.APPROVED


def test_what_was_paused_goes_on_though_the_shift_and_the_playbook_have_ended(night: Night) -> None:
    campaign = alone(night.submitted(), night.boris)
    workflow.pause(campaign, by=night.boris)
    Duty.objects.update(until_at=now() - timedelta(minutes=1))
    retire(night.book, by=night.vera)
    workflow.resume(campaign, by=night.vera)
    assert Campaign.objects.get(pk=campaign.pk).status == Status.SENDING


def test_not_by_a_verdict_without_its_row(night: Night) -> None:
    campaign = night.submitted()
    with pytest.raises(IntegrityError, match="approval of exactly this"):
        alone_by_sql(campaign, night.boris, reviewable=False)


def test_not_edited_in_the_same_statement(night: Night) -> None:
    campaign = night.submitted()
    with pytest.raises(IntegrityError), workflow.acting(night.boris):
        sql("WITH a AS (INSERT INTO messaging_approval (campaign_id, round, fingerprint, by_id, at, verdict, reach)"
            " VALUES (%s, 1, messaging_fingerprint(%s), %s, now(), 'break_glass', '{}') RETURNING id, by_id),"
            " g AS (INSERT INTO messaging_glassbreak (approval_id, by_id, at, reason, review, review_words)"
            " SELECT id, by_id, now(), 'Nobody else answers the phone.', '', '' FROM a RETURNING 1),"
            " t AS (UPDATE messaging_text SET body = 'Other words' WHERE campaign_id = %s RETURNING 1)"
            " UPDATE messaging_campaign SET status = 'approved' WHERE id = %s AND (SELECT count(*) FROM g) > 0",
            campaign.pk, campaign.pk, night.boris.pk, campaign.pk, campaign.pk)  # fmt: skip
    assert Campaign.objects.get(pk=campaign.pk).status == Status.SUBMITTED
