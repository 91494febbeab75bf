"""Ways round the second person, each tried by name: none sends anything, and none leaves a trace of an approval."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core import signing
from django.db import DatabaseError, connection, transaction
from django.http import HttpResponse
from django.test import Client

from crisis.clock import now
from crisis.models import Scope, User
from crisis.refusal import Refused
from messaging import delivery, workflow
from messaging.models import Approval, Author, Batch, Campaign, Status, Text
from messaging.reaching import reach_of
from messaging.views.decisions import SALT
from tests import world
from tests.programs import Program
from tests.visits import screen_of
from tests.world import sql

pytestmark = pytest.mark.django_db
REFUSALS = (Refused, DatabaseError)
REFUSED = ("23000", "42501")  # PostgreSQL's words for a rule of ours, and for a right that the application's role has not


class Case:
    """A submitted campaign, its author, a second person, and what each tries with it."""

    monkeypatch: pytest.MonkeyPatch

    def __init__(self) -> None:
        self.author, self.chief = world.person("anna", "operator"), world.person("boris", "supervisor")
        self.account = world.account()
        world.contacts([1, 2, 3])
        self.version = world.audience(self.author)
        self.campaign = self.first = world.submitted(self.author, self.account, version=self.version)

    @property
    def row(self) -> Campaign:
        return Campaign.objects.get(pk=self.campaign.pk)

    def content(self, **changes: Any) -> workflow.Draft:
        return world.content(self.account, version=self.version, **changes)

    def second(self, by: User) -> Campaign:
        """Another submitted campaign of the same incident, written by somebody."""
        content = world.content(self.account, version=self.version)
        return workflow.submit(workflow.draft(self.campaign.incident, content, by=by), by=by)

    def as_chief(self, statement: str) -> None:
        """SQL in the name of the second person, as whoever has a shell could run it."""
        values = {"campaign": self.campaign.pk, "chief": self.chief.pk, "author": self.author.pk}
        with workflow.acting(self.chief), connection.cursor() as cursor:
            cursor.execute(statement, values)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def post(self, user: User, page: str, **data: Any) -> None:
        """Raises Refused when the page answers with a refusal, as all of these have to."""
        expect_refused(screen_of(user).post(f"/campaigns/{self.campaign.pk}/{page}/", data))

    def seen(self, campaign: Campaign) -> str:
        """What a decision page of a campaign has signed."""
        saw = {"campaign": campaign.pk, "fingerprint": campaign.fingerprint(), "reach": reach_of(campaign, now(), {})}
        return signing.dumps(saw, salt=SALT, compress=True)


def expect_refused(answer: HttpResponse) -> None:
    if answer.status_code >= 400:
        raise Refused(f"{answer.status_code}")


def make_supervisor(user: User) -> User:
    user.groups.add(Group.objects.get(name="supervisor"))
    return User.objects.get(pk=user.pk)


def own(case: Case) -> None:
    case.campaign = case.second(case.chief)
    world.approve(case.campaign, case.chief)


def author_made_supervisor_meanwhile(case: Case) -> None:
    world.approve(case.campaign, make_supervisor(case.author))


def author_made_superuser(case: Case) -> None:
    User.objects.filter(pk=case.author.pk).update(is_superuser=True, is_staff=True)
    world.approve(case.campaign, make_supervisor(case.author))


def edited_one_word(case: Case) -> None:
    workflow.withdraw(case.campaign, by=case.author)
    workflow.edit(case.row, case.content(), seen_at=case.row.updated_at, by=case.chief)
    workflow.submit(case.campaign, by=case.author)
    world.approve(case.campaign, case.chief)


def submitted_only(case: Case) -> None:
    workflow.withdraw(case.campaign, by=case.author)
    workflow.submit(case.campaign, by=case.chief)
    world.approve(case.campaign, case.chief)


def wrote_the_audience(case: Case) -> None:
    case.version = world.audience(case.chief)
    case.campaign = case.second(case.author)
    world.approve(case.campaign, case.chief)


def stale_version(case: Case) -> None:
    before = case.row.fingerprint()
    workflow.withdraw(case.campaign, by=case.author)
    workflow.submit(case.campaign, by=case.author)
    workflow.approve(case.row, fingerprint=before, reach=reach_of(case.row, now(), {}), by=case.chief)


def audience_swapped(case: Case) -> None:
    before = case.row.fingerprint()
    workflow.withdraw(case.campaign, by=case.author)
    case.version = world.audience(case.author, hours=100)
    workflow.edit(case.row, case.content(), seen_at=case.row.updated_at, by=case.author)
    workflow.submit(case.campaign, by=case.author)
    workflow.approve(case.row, fingerprint=before, reach=reach_of(case.row, now(), {}), by=case.chief)


def other_tabs_hash(case: Case) -> None:
    other = case.second(case.author)
    case.post(case.chief, "approve", understood="1", seen=case.seen(other))


def forged_hash(case: Case) -> None:
    case.post(case.chief, "approve", understood="1", seen=signing.dumps({"campaign": case.campaign.pk}, salt="another"))


def without_the_tick(case: Case) -> None:
    case.post(case.chief, "approve", seen=case.seen(case.row))


def page_open_since_long_ago_by_a_moved_clock(case: Case) -> None:
    seen, then = case.seen(case.row), time.time()
    case.monkeypatch.setattr(time, "time", lambda: then + 3601)
    case.post(case.chief, "approve", understood="1", seen=seen)


def by_get(case: Case) -> None:
    expect_refused(
        screen_of(case.chief).get(f"/campaigns/{case.campaign.pk}/approve/", {"understood": "1", "seen": case.seen(case.row)})
    )


def without_a_token(case: Case) -> None:
    client = screen_of(case.chief, Client(enforce_csrf_checks=True))
    expect_refused(client.post(f"/campaigns/{case.campaign.pk}/approve/", {"understood": "1", "seen": case.seen(case.row)}))


def by_an_admin(case: Case) -> None:
    world.approve(case.campaign, world.person("gleb", "admin"))


def by_the_admin_site(case: Case) -> None:
    client = screen_of(world.person("gleb", "admin"))
    for page in ("", f"{case.campaign.pk}/change/"):
        data = {"action": "approve", "_selected_action": case.campaign.pk, "status": "approved"}
        client.post(f"/admin/messaging/campaign/{page}", data)
        client.post("/admin/messaging/approval/add/", {"campaign": case.campaign.pk, "by": case.chief.pk})
    raise Refused("the site has nothing to press")


def by_the_interface_of_programs(case: Case) -> None:
    """A key opens no approval of anything, whoever wrote it."""
    program = Program("Embassy desk", (world.person("gleb", "admin"), world.person("zoya", "admin")))
    doors = [program.post(f"campaigns/{case.campaign.pk}/{path}") for path in ("approve", "start", "send", "release")]
    assert {door.status_code for door in doors} == {404}
    raise Refused("there is no such door")


def by_those_who_made_the_key(case: Case) -> None:
    zoya = world.person("zoya", "admin")
    program = Program("Embassy desk", (world.person("gleb", "admin"), zoya))
    program.user.scopes = [*Scope.values]
    case.campaign = case.second(program.user)
    world.approve(case.campaign, make_supervisor(zoya))


def by_a_programs_own_user(case: Case) -> None:
    program = Program("Embassy desk", (world.person("gleb", "admin"), world.person("zoya", "admin")))
    world.approve(case.campaign, make_supervisor(program.user))


def by_a_person_who_left(case: Case) -> None:
    User.objects.filter(pk=case.chief.pk).update(is_active=False)
    world.approve(case.campaign, User.objects.get(pk=case.chief.pk))


def by_update(case: Case) -> None:
    Campaign.objects.filter(pk=case.campaign.pk).update(status=Status.APPROVED)


def by_bulk_update(case: Case) -> None:
    row = case.row
    row.status = Status.SENDING
    Campaign.objects.bulk_update([row], ["status"])


def by_bulk_create(case: Case) -> None:
    row = Campaign(incident=case.campaign.incident, created_by=case.chief, status=Status.SENDING)
    with workflow.acting(case.chief):
        Campaign.objects.bulk_create([row])


def by_save(case: Case) -> None:
    row = case.row
    row.status = Status.APPROVED
    row.save()


def by_the_machines_verb(case: Case) -> None:
    with transaction.atomic():
        delivery.start(case.row, reach_of(case.row, now(), {}), by=None)


def in_another_persons_name(case: Case) -> None:
    with workflow.acting(case.author):
        Approval.objects.create(campaign=case.row, fingerprint=case.row.fingerprint(), by=case.chief, reach={})


def without_a_name(case: Case) -> None:
    Approval.objects.create(campaign=case.row, fingerprint=case.row.fingerprint(), by=case.chief, reach={})


def with_a_made_up_mark(case: Case) -> None:
    with workflow.acting(case.chief):
        Approval.objects.create(campaign=case.row, fingerprint="0" * 64, by=case.chief, reach={})
        Campaign.objects.filter(pk=case.campaign.pk).update(status=Status.APPROVED)


INSERT = (
    "INSERT INTO messaging_approval (campaign_id, round, fingerprint, by_id, at, verdict, reach)"
    " SELECT %(campaign)s, 1, messaging_fingerprint(%(campaign)s), %(chief)s, now(), 'approved', '{}'::jsonb"
)
# Attempts that are a statement, run in the second person's name by whoever has the application's own role.
STATEMENTS = {
    "raw SQL": "UPDATE messaging_campaign SET status = 'sending'",
    "through every status in one block": "DO $$ BEGIN UPDATE messaging_campaign SET status = 'approved';"
    " UPDATE messaging_campaign SET status = 'sending'; UPDATE messaging_campaign SET status = 'sent'; END $$",
    "approved and edited in one statement": f"WITH a AS ({INSERT} RETURNING 1), e AS ("
    "UPDATE messaging_text SET body = 'x' RETURNING 1)"
    " UPDATE messaging_campaign SET status = 'approved' WHERE (SELECT count(*) FROM a) > 0",
    "approved and become an author in one statement": f"WITH a AS ({INSERT} RETURNING 1), w AS (INSERT INTO messaging_author"
    " (campaign_id, user_id) VALUES (%(campaign)s, %(chief)s) RETURNING 1)"
    " UPDATE messaging_campaign SET status = 'approved' WHERE (SELECT count(*) FROM a) > 0",
    "approved and moved to another audience in one statement": f"WITH a AS ({INSERT} RETURNING 1)"
    " UPDATE messaging_campaign SET status = 'approved', audience_version_id = NULL WHERE (SELECT count(*) FROM a) > 0",
    "the author's name taken off": "DELETE FROM messaging_author",
    "the author's name given to another": "UPDATE messaging_author SET user_id = %(chief)s",
    "an approval dated back": f"{INSERT}; UPDATE messaging_approval SET at = now() - interval '1 day'",
    "an approval of another round": "UPDATE messaging_campaign SET round = 0, status = 'approved'",
    "the words taken out": "DELETE FROM messaging_text",
    "the ways swapped": "DELETE FROM messaging_campaign_accounts",
    "a shown message changed": "UPDATE messaging_rendering SET body = 'x'",
    "an audience rewritten": "UPDATE audiences_audienceversion SET criteria = '{}'",
    "the writer of an audience changed": "UPDATE audiences_audienceversion SET written_by_id = %(chief)s",
    "the guards switched off": "ALTER TABLE messaging_campaign DISABLE TRIGGER ALL",
    "the guards skipped as a replica": "SET LOCAL session_replication_role = replica",
    "the judge replaced": "CREATE OR REPLACE FUNCTION messaging_may_approve(bigint, bigint) RETURNS boolean LANGUAGE sql"
    " AS $$ SELECT true $$",
    "the clock replaced": "CREATE OR REPLACE FUNCTION crisis_now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT 'epoch' $$",
    "a table of the same name believed": "CREATE TEMP TABLE messaging_approval AS SELECT * FROM public.messaging_approval;"
    " UPDATE public.messaging_campaign SET status = 'approved'",
    "people let in without a start": "INSERT INTO messaging_batch (campaign_id, account_id, number, rank, people, total,"
    " status, key, fence, attempt, in_doubt, reason, accepted, failed, uncertain, delivered, read)"
    " SELECT campaign_id, account_id, 1, 0, ARRAY[1], 1, 'queued', 7, 0, 0, false, '', 0, 0, 0, 0, 0"
    " FROM messaging_campaign_accounts",
}
VERBS: tuple[Callable[[Case], None], ...] = (
    own, author_made_supervisor_meanwhile, author_made_superuser, edited_one_word, submitted_only, wrote_the_audience,
    stale_version, audience_swapped, other_tabs_hash, forged_hash, without_the_tick,
    page_open_since_long_ago_by_a_moved_clock, by_get, without_a_token, by_an_admin, by_the_admin_site,
    by_the_interface_of_programs, by_those_who_made_the_key, by_a_programs_own_user, by_a_person_who_left, by_update,
    by_bulk_update, by_bulk_create, by_save, by_the_machines_verb, in_another_persons_name, without_a_name,
    with_a_made_up_mark,
)  # fmt: skip


def by_statement(statement: str) -> Callable[[Case], None]:
    return lambda case: case.as_chief(statement)


ATTEMPTS = {verb.__name__: verb for verb in VERBS} | {name: by_statement(said) for name, said in STATEMENTS.items()}


@pytest.fixture(scope="module")
def made(once: Callable[[type[Case]], Case]) -> Case:
    return once(Case)


@pytest.fixture
def case(made: Case, quiet: None, monkeypatch: pytest.MonkeyPatch) -> Case:
    case = deepcopy(made)
    case.monkeypatch = monkeypatch
    return case


@pytest.mark.parametrize("name", ATTEMPTS)
def test_no_way_round_the_second_person_succeeds(case: Case, name: str) -> None:
    with pytest.raises(REFUSALS) as raised:
        judged(ATTEMPTS[name], case)
    assert getattr(raised.value.__cause__, "sqlstate", REFUSED[0]) in REFUSED
    assert not Approval.objects.exists()
    assert not Batch.objects.exists()
    assert not Campaign.objects.filter(status__in=[Status.APPROVED, Status.SENDING, Status.SENT]).exists()
    assert not Text.objects.filter(body="x").exists()
    assert Author.objects.filter(campaign=case.first, user=case.author).exists()


def judged(attempt: Callable[[Case], None], case: Case) -> None:
    """The attempt and what the database judges at COMMIT."""
    with transaction.atomic():
        attempt(case)
        sql("SET CONSTRAINTS ALL IMMEDIATE")


def test_the_second_person_succeeds(case: Case) -> None:
    world.approve(case.campaign, case.chief)
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    assert case.row.status == Status.SENDING


def test_an_approval_is_good_for_one_sending(case: Case) -> None:
    world.approve(case.campaign, case.chief)
    with pytest.raises(Refused, match="nothing was done twice"):
        world.approve(case.campaign, case.chief)
    assert Approval.objects.count() == 1


def test_an_approval_dies_with_an_edit(case: Case) -> None:
    later = workflow.draft(case.campaign.incident, case.content(starts_at=now() + timedelta(hours=1)), by=case.author)
    world.approve(workflow.submit(later, by=case.author), case.chief)
    workflow.withdraw(later, by=case.author)
    workflow.submit(later, by=case.author)
    case.campaign = later
    with pytest.raises(DatabaseError):
        judged(by_update, case)


def test_more_than_twenty_ways_are_tried() -> None:
    assert len(ATTEMPTS) >= 40


# Bugs planted in the database's own rules: else what they refuse would prove nothing.
BY_WORDS_ALONE = """CREATE OR REPLACE FUNCTION messaging_fingerprint(target bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to(string_agg(body, '' ORDER BY id), 'UTF8')), 'hex')
      FROM messaging_text WHERE campaign_id = target $$"""
EDITED_WHENEVER = "DROP TRIGGER content ON messaging_text"
NEVER_JUDGED_AT_COMMIT = "DROP TRIGGER two_persons ON messaging_campaign"
IN_ONE_STATEMENT = ATTEMPTS["approved and edited in one statement"]


def test_an_approval_bound_to_the_words_alone_is_good_for_another_audience(case: Case) -> None:
    sql("SELECT tests_plant(%s)", BY_WORDS_ALONE)
    judged(audience_swapped, case)
    assert case.row.status == Status.SENDING


@pytest.mark.parametrize("gone", [EDITED_WHENEVER, NEVER_JUDGED_AT_COMMIT])
def test_one_guard_is_enough_against_an_edit_in_the_statement_that_approves(case: Case, gone: str) -> None:
    sql("SELECT tests_plant(%s)", gone)
    with pytest.raises(DatabaseError):
        judged(IN_ONE_STATEMENT, case)


def test_without_both_an_edit_in_the_statement_that_approves_succeeds(case: Case) -> None:
    sql("SELECT tests_plant(%s)", f"{EDITED_WHENEVER}; {NEVER_JUDGED_AT_COMMIT}")
    judged(IN_ONE_STATEMENT, case)
    assert case.row.status == Status.APPROVED
    assert {text.body for text in case.row.texts.all()} == {"x"}
