"""The second person, at every door: verbs, shell, bulk updates, the application role's SQL, one statement that does it all."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, ProgrammingError, connection

from crisis.models import User
from crisis.refusal import Refused
from messaging import workflow
from messaging.models import Approval, Campaign, Status, Text
from tests import world
from tests.world import sql

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def author() -> User:
    return world.person("anna", "operator")


@pytest.fixture
def approver() -> User:
    return world.person("boris", "supervisor")


@pytest.fixture
def campaign(author: User) -> Campaign:
    world.contacts([1000, 2000, 3000])
    return world.submitted(author, world.account())


def test_it_starts_after_a_second_person_approved(campaign: Campaign, approver: User) -> None:
    assert world.approve(campaign, approver).status == Status.SENDING
    assert sql("SELECT sum(total) FROM messaging_batch")[0][0] == 3


def test_it_refuses_approval_by_the_person_who_submitted(approver: User) -> None:
    world.contacts([1000])
    campaign = world.submitted(approver, world.account())
    with pytest.raises(Refused, match="another person"):
        world.approve(campaign, approver)


def test_it_refuses_approval_by_anyone_who_wrote_part_of_it(campaign: Campaign, author: User, approver: User) -> None:
    workflow.withdraw(campaign, by=author)
    draft = Campaign.objects.get(pk=campaign.pk)
    content = world.content(*draft.accounts.all(), version=draft.audience_version)
    workflow.edit(draft, content, seen_at=draft.updated_at, by=approver)
    workflow.submit(draft, by=author)
    with pytest.raises(Refused, match="another person"):
        world.approve(campaign, approver)


def test_it_refuses_approval_by_the_writer_of_the_audience(author: User, approver: User) -> None:
    world.contacts([1000])
    campaign = world.submitted(author, world.account(), version=world.audience(approver))
    with pytest.raises(Refused, match="another person"):
        world.approve(campaign, approver)


def test_it_refuses_approval_of_what_was_changed_since_the_page_was_opened(
    campaign: Campaign, author: User, approver: User
) -> None:
    seen = campaign.fingerprint()
    workflow.withdraw(campaign, by=author)
    workflow.submit(campaign, by=author)
    with pytest.raises(Refused, match="changed after you opened it"):
        workflow.approve(campaign, fingerprint=seen, reach=campaign.reach or {}, by=approver)
    assert Campaign.objects.get(pk=campaign.pk).status == Status.SUBMITTED


def test_a_superuser_who_wrote_it_cannot_approve_it_either(campaign: Campaign, author: User) -> None:
    User.objects.filter(pk=author.pk).update(is_superuser=True)
    world.grant(author, "operator", "supervisor")
    with pytest.raises(Refused, match="another person"):
        world.approve(campaign, User.objects.get(pk=author.pk))


def test_a_bulk_update_cannot_approve(campaign: Campaign) -> None:
    with pytest.raises(IntegrityError, match="approval of exactly this"):
        Campaign.objects.filter(pk=campaign.pk).update(status=Status.APPROVED)


def test_saving_a_row_in_the_shell_cannot_approve(campaign: Campaign) -> None:
    row = Campaign.objects.get(pk=campaign.pk)
    row.status = Status.APPROVED
    with pytest.raises(IntegrityError):
        row.save()


def test_an_approval_row_in_another_name_is_refused(campaign: Campaign, author: User, approver: User) -> None:
    with pytest.raises(IntegrityError, match="another person's name"), workflow.acting(author):
        Approval.objects.create(campaign=campaign, fingerprint=campaign.fingerprint(), by=approver, reach={})


def test_an_approval_without_a_name_is_refused(campaign: Campaign, approver: User) -> None:
    with pytest.raises(IntegrityError, match="named person"):
        Approval.objects.create(campaign=campaign, fingerprint=campaign.fingerprint(), by=approver, reach={})


# The approval is there before the status moves, and what stands in the braces happens last: only a look at COMMIT sees it all.
APPROVE_FIRST = """
    WITH approved AS (INSERT INTO messaging_approval (campaign_id, round, fingerprint, by_id, at, verdict, reach)
                      SELECT %(campaign)s, 1, messaging_fingerprint(%(campaign)s), %(person)s, now(), 'approved', '{{}}'::jsonb
                      RETURNING 1),
         last AS ({})
    UPDATE messaging_campaign SET status = 'approved' WHERE id = %(campaign)s AND (SELECT count(*) FROM approved) > 0
"""
EDIT = "UPDATE messaging_text SET body = 'Other words' WHERE campaign_id = %(campaign)s RETURNING 1"


def test_one_statement_that_edits_and_approves_is_refused(campaign: Campaign, approver: User) -> None:
    with pytest.raises(IntegrityError), workflow.acting(approver), connection.cursor() as cursor:
        cursor.execute(APPROVE_FIRST.format(EDIT), {"campaign": campaign.pk, "person": approver.pk})
    assert Campaign.objects.get(pk=campaign.pk).status == Status.SUBMITTED
    assert not Text.objects.filter(body="Other words").exists()


def test_one_statement_that_becomes_author_and_approves_fails_at_commit(campaign: Campaign, approver: User) -> None:
    statement = APPROVE_FIRST.format(
        "INSERT INTO messaging_author (campaign_id, user_id) VALUES (%(campaign)s, %(person)s) RETURNING 1"
    )
    with pytest.raises(IntegrityError, match="wrote no part of it"), workflow.acting(approver), connection.cursor() as cursor:
        cursor.execute(statement, {"campaign": campaign.pk, "person": approver.pk})


def test_a_temporary_table_of_the_same_name_is_not_believed(campaign: Campaign, approver: User) -> None:
    sql("CREATE TEMP TABLE messaging_approval AS SELECT * FROM messaging_approval")
    sql("INSERT INTO pg_temp.messaging_approval (campaign_id, round, fingerprint, by_id, at, verdict, reach)"
        " SELECT %s, 1, messaging_fingerprint(%s), %s, now(), 'approved', '{}'::jsonb",
        campaign.pk, campaign.pk, approver.pk)  # fmt: skip
    with pytest.raises(IntegrityError, match="approval of exactly this"):
        sql("UPDATE public.messaging_campaign SET status = 'approved' WHERE id = %s", campaign.pk)


def test_a_supervisor_who_lost_the_role_no_longer_counts(campaign: Campaign, approver: User) -> None:
    world.approve(campaign, approver)
    workflow.pause(campaign, by=approver)
    world.grant(approver)
    with pytest.raises(IntegrityError, match="approval of exactly this"):
        sql("UPDATE messaging_campaign SET status = 'sending' WHERE id = %s", campaign.pk)


def test_it_says_why_it_cannot_resume_when_the_approver_lost_the_role(campaign: Campaign, approver: User) -> None:
    world.approve(campaign, approver)
    workflow.pause(campaign, by=approver)
    world.grant(approver)
    with pytest.raises(Refused, match="approver's role was changed"):
        workflow.resume(campaign, by=world.person("vera", "supervisor"))
    assert Campaign.objects.get(pk=campaign.pk).status == Status.PAUSED


@pytest.mark.parametrize("statement", [
    "UPDATE messaging_text SET body = 'Other words'",
    "DELETE FROM messaging_text",
    "UPDATE messaging_rendering SET body = 'Other words'",
    "DELETE FROM messaging_campaign_accounts",
    "UPDATE messaging_campaign SET not_after = not_after + interval '1 day'",
    "UPDATE messaging_campaign SET exception_id = NULL, kind = 'update'",
])  # fmt: skip
def test_what_was_submitted_cannot_be_edited_by_sql(campaign: Campaign, author: User, statement: str) -> None:
    with pytest.raises(IntegrityError, match="Only a draft"), workflow.acting(author):
        sql(statement)


@pytest.mark.parametrize("statement", [
    "UPDATE messaging_approval SET by_id = by_id",
    "DELETE FROM messaging_author",
    "DELETE FROM messaging_campaign",
    "UPDATE audiences_audienceversion SET criteria = '{}'",
    "UPDATE crisis_auditentry SET action = 'other'",
    "DELETE FROM crisis_auditentry",
    "TRUNCATE crisis_auditentry",
    "CREATE TABLE mine (id int)",
    "ALTER TABLE messaging_campaign DISABLE TRIGGER ALL",
])  # fmt: skip
def test_the_application_role_may_not(campaign: Campaign, statement: str) -> None:
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
        sql(statement)


def test_a_draft_is_not_written_without_a_name(author: User) -> None:
    incident = world.incident(author)
    with pytest.raises(IntegrityError, match="named person"):
        Campaign.objects.create(incident=incident, created_by=author)


def test_a_campaign_is_inserted_only_as_a_draft(author: User) -> None:
    incident = world.incident(author)
    with pytest.raises(IntegrityError, match="begins as a draft"), workflow.acting(author):
        Campaign.objects.create(incident=incident, created_by=author, status=Status.SENDING)


def test_the_round_cannot_be_written(campaign: Campaign) -> None:
    sql("UPDATE messaging_campaign SET round = 77")
    assert Campaign.objects.get(pk=campaign.pk).round == 1


def test_every_submit_begins_a_new_round(campaign: Campaign, author: User) -> None:
    workflow.withdraw(campaign, by=author)
    workflow.submit(campaign, by=author)
    assert Campaign.objects.get(pk=campaign.pk).round == 2


def test_a_drill_cannot_use_a_live_account(author: User) -> None:
    world.contacts([1000])
    live = world.account()
    with pytest.raises(Refused, match="drill accounts only"):
        world.submitted(author, live, drill=True)


def test_a_drill_cannot_use_a_live_account_by_sql(author: User) -> None:
    live, incident = world.account(), world.incident(author, drill=True)
    draft = workflow.draft(incident, world.content(version=None), by=author)
    with pytest.raises(IntegrityError, match="drill accounts only"), workflow.acting(author):
        sql("INSERT INTO messaging_campaign_accounts (campaign_id, account_id) VALUES (%s, %s)", draft.pk, live.pk)


def test_a_drill_never_becomes_live(author: User) -> None:
    incident = world.incident(author, drill=True)
    with pytest.raises(IntegrityError, match="never turned"):
        sql("UPDATE crisis_incident SET drill = false WHERE id = %s", incident.pk)


def test_words_of_another_draft_cannot_be_put_into_a_message(campaign: Campaign, author: User) -> None:
    other = workflow.draft(campaign.incident, world.content(*campaign.accounts.all(), version=None), by=author)
    with pytest.raises(IntegrityError, match="text of its own campaign"), workflow.acting(author):
        sql("INSERT INTO messaging_rendering (campaign_id, account_id, text_id, body) SELECT %s, a.account_id, t.id, 'x'"
            " FROM messaging_text t, messaging_campaign_accounts a WHERE t.campaign_id = %s AND a.campaign_id = %s",
            other.pk, campaign.pk, campaign.pk)  # fmt: skip


def test_nothing_is_approved_that_is_not_worded_for_every_way(author: User, approver: User) -> None:
    world.contacts([1000])
    draft = workflow.draft(world.incident(author), world.content(world.account(), version=world.audience(author)), by=author)
    with workflow.acting(author):
        sql("UPDATE messaging_campaign SET status = 'submitted', submitted_at = now() WHERE id = %s", draft.pk)
    with pytest.raises(IntegrityError, match="approval of exactly this"):
        world.approve(draft, approver)


ADD = """
    INSERT INTO messaging_batch (campaign_id, account_id, text_id, number, rank, people, total, status, key, fence, attempt,
                                 in_doubt, reason, accepted, failed, uncertain, delivered, read)
    SELECT campaign_id, account_id, text_id, 99, 0, ARRAY[4711], 1, 'queued', 7, 0, 0, false, '', 0, 0, 0, 0, 0
      FROM messaging_batch
"""


def test_nobody_is_added_to_a_sending_that_has_begun(campaign: Campaign, approver: User) -> None:
    world.approve(campaign, approver)
    with pytest.raises(IntegrityError, match="only when a sending begins"):
        sql(ADD)


def test_what_was_sent_is_not_opened_again_without_a_name(campaign: Campaign, approver: User) -> None:
    world.approve(campaign, approver)
    sql("UPDATE messaging_campaign SET status = 'sent' WHERE id = %s", campaign.pk)
    with pytest.raises(IntegrityError, match="named person"):
        sql("UPDATE messaging_campaign SET status = 'sending' WHERE id = %s", campaign.pk)


def test_a_sender_is_not_changed_while_it_sends(campaign: Campaign, approver: User) -> None:
    world.approve(campaign, approver)
    with pytest.raises(IntegrityError, match="not changed while it sends"):
        sql("UPDATE messaging_account SET handle = '666'")


def test_a_transaction_cannot_pass_through_sending_without_an_approval(campaign: Campaign) -> None:
    moves = "".join(f"UPDATE messaging_campaign SET status = '{status}';" for status in ("approved", "sending", "sent"))
    with pytest.raises(IntegrityError, match="approval of exactly this"):
        sql(f"DO $$ BEGIN {moves} END $$")
