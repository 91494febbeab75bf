"""The purge of a closed incident's personal data: two persons, what hinders it, what is destroyed, what stays true after."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from audiences import definitions
from audiences.criteria import Criteria, Seen
from audiences.models import AddressKind
from audiences.reach import reach
from crisis.clock import now
from crisis.models import AdminAction, AuditEntry, Destruction, Incident
from crisis.power import changing
from crisis.refusal import Forbidden, Refused
from messaging import hooks, workflow
from messaging.channels import Report
from messaging.delivery.destroying import purge_chunk, purge_some
from messaging.delivery.settling import settle
from messaging.earlier_messages import DidNotAnswer, DidNotGet, Got
from messaging.models import Batch, Campaign, Delivery, DeliveryRef, ReasonTotal, Reply, Status
from messaging.tracing import trace
from messaging.views.reports import report_of
from messaging.views.sheet import sheet_rows
from tests import visits, world
from tests.stages import Cast
from tests.world import sql

pytestmark = pytest.mark.django_db


class Closed(Cast):
    """A closed incident in which one person got the message, one failed and one may have got it; a day has passed since."""

    def __init__(self) -> None:
        super().__init__()
        self.gleb, self.inna = world.person("gleb", "admin"), world.person("inna", "admin")
        self.campaign = self.at("sending")
        self.incident = self.campaign.incident
        batch = Batch.objects.get()
        self.people = batch.people
        for contact, (status, reason) in zip(
            batch.people, [("accepted", ""), ("failed", "blocked"), ("uncertain", "timeout")], strict=True
        ):
            row = Delivery.objects.create(
                campaign=self.campaign, account=self.account, batch=batch, contact=contact, status=status, reason=reason
            )
            DeliveryRef.objects.create(account=self.account, provider_ref=str(row.pk), delivery=row)
        Batch.objects.update(status="done", accepted=1, failed=1, uncertain=1)
        sql("UPDATE messaging_campaign SET status = 'sent', ended_at = crisis_now() - interval '25 hours'")
        Incident.objects.update(status="closed")
        self.campaign = Campaign.objects.get()
        self.incident.refresh_from_db()

    def report(self, kind: Any, **values: Any) -> Report:
        return Report(event_id=f"of {kind}", kind=kind, at=self.campaign.created_at, address="1", **values)

    def propose(self) -> AdminAction:
        return changing.propose("incident.purge", data={"incident": self.incident.pk}, why="it is over", by=self.gleb)

    def purged(self) -> Destruction:
        changing.confirm(self.propose(), by=self.inna)
        purge_some()
        return Destruction.objects.get()

    def reply(self, **values: Any) -> None:
        hooks.receive(self.account, [self.report("reply", text="help")])
        sql("UPDATE messaging_receipt SET applied_at = crisis_now()")
        Reply.objects.update(**{"campaign": self.campaign, "answer": "sent", "read_at": self.campaign.created_at, **values})


@pytest.fixture
def closed() -> Closed:
    return Closed()


def held() -> tuple[int, int, int, list[list[int]]]:
    people = [*Batch.objects.order_by("pk").values_list("people", flat=True)]
    return Delivery.objects.count(), DeliveryRef.objects.count(), Reply.objects.count(), people


def totals(campaign: Campaign) -> dict[str, Any]:
    return {name: value for name, value in report_of(campaign).items() if name != "counted_at"}


def sheet(campaign: Campaign) -> list[Any]:
    return [row for row in sheet_rows(campaign) if "counted at" not in row]


def test_two_administrators_destroy_who_got_what_and_the_replies(closed: Closed) -> None:
    closed.reply()
    act = closed.purged()
    assert held() == (0, 0, 0, [[]])
    assert act.counts == {"refs": 3, "deliveries": 3, "replies": 1, "batches": 1}
    assert act.ended_at is not None


def test_nothing_is_destroyed_before_another_administrator_confirms(closed: Closed) -> None:
    change = closed.propose()
    with pytest.raises(Refused):
        changing.confirm(change, by=closed.gleb)
    with pytest.raises(Forbidden):
        changing.confirm(change, by=closed.approver)
    purge_some()
    assert held()[0] == 3


def test_a_report_shows_the_same_totals_before_and_after(closed: Closed) -> None:
    before, paper = totals(closed.campaign), sheet(closed.campaign)
    closed.purged()
    assert totals(closed.campaign) == before
    assert sheet(closed.campaign) == paper
    assert {(row["reason"], row["people"]) for row in before["failures"]} == {("blocked", 1), ("timeout", 1)}


def test_its_totals_are_the_same_while_it_is_being_destroyed(closed: Closed) -> None:
    before = totals(closed.campaign)
    changing.confirm(closed.propose(), by=closed.inna)
    purge_chunk(Destruction.objects.get().pk, many=1)
    assert Delivery.objects.count() == 2
    assert totals(closed.campaign) == before


def test_it_goes_on_where_it_was_interrupted_and_counts_everything_once(closed: Closed) -> None:
    changing.confirm(closed.propose(), by=closed.inna)
    act = Destruction.objects.get()
    while purge_chunk(act.pk, many=1):
        pass
    assert purge_chunk(act.pk) == 0
    act.refresh_from_db()
    assert act.counts == {"refs": 3, "deliveries": 3, "replies": 0, "batches": 1}
    assert AuditEntry.objects.filter(action="incident.purge").count() == 1


PAGES = ("campaign_report", "campaign_report_json", "campaign_report_csv", "campaign_progress", "campaign_replies")


@pytest.mark.parametrize("page", PAGES)
def test_its_pages_open_afterwards(closed: Closed, page: str) -> None:
    closed.purged()
    visits.expect_status(200, closed.approver, page, closed.campaign.pk)


def test_who_got_it_is_not_known_any_more_and_the_search_says_so(closed: Closed) -> None:
    closed.purged()
    (found,) = trace(closed.people[0], by=closed.approver)
    assert (found.status, "destroyed" in found.sentence) == ("unknown", True)


def test_an_opt_out_survives_as_its_keyed_hash(closed: Closed) -> None:
    hooks.receive(closed.account, [closed.report("denied")])
    settle()
    closed.purged()
    assert sql("SELECT count(*) FROM audiences_address WHERE denied AND length(value_hmac) = 32") == [(1,)]
    assert sql("SELECT person_hmac FROM messaging_receipt") == [(None,)]


def test_a_platform_that_answers_afterwards_changes_no_total(closed: Closed) -> None:
    before = totals(closed.campaign)
    closed.purged()
    late = closed.report("read", provider_ref="999")
    hooks.receive(closed.account, [late])
    settle()
    assert totals(closed.campaign) == before


def test_words_that_come_afterwards_are_not_put_to_the_purged_incident(closed: Closed) -> None:
    closed.purged()
    hooks.receive(closed.account, [closed.report("reply", text="late")])
    assert Reply.objects.get().campaign is None


def _open(closed: Closed) -> None:
    Incident.objects.update(status="monitoring")


def _sending(closed: Closed) -> None:
    closed.at(Status.SENDING)
    Campaign.objects.exclude(pk=closed.campaign.pk).get()
    sql("UPDATE messaging_batch SET status = 'done'")
    closed.incident = Incident.objects.latest("pk")
    Incident.objects.update(status="closed")


def _queued(closed: Closed) -> None:
    Batch.objects.update(status="queued")


def _receipts(closed: Closed) -> None:
    late = closed.report("read", provider_ref="9")
    hooks.receive(closed.account, [late])


def _uncertain(closed: Closed) -> None:
    sql("UPDATE messaging_campaign SET ended_at = crisis_now() - interval '23 hours' WHERE id = %s", closed.campaign.pk)


@pytest.mark.parametrize(
    ("hindrance", "sentence"),
    [
        (_open, "not closed"),
        (_sending, "Not at rest yet"),
        (_queued, "still on its way"),
        (_receipts, "not counted yet"),
        (_uncertain, "May or may not"),
        (lambda closed: closed.reply(read_at=None), "nobody has read"),
        (lambda closed: closed.reply(answer="queued"), "being sent"),
        (lambda closed: closed.purged(), "destroyed already"),
    ],
)
def test_it_is_refused_with_the_reason_and_the_remedy(closed: Closed, hindrance: Any, sentence: str) -> None:
    hindrance(closed)
    with pytest.raises(Refused, match=sentence):
        closed.propose()


def test_what_came_up_after_the_proposal_hinders_the_confirmation(closed: Closed) -> None:
    change = closed.propose()
    closed.reply(read_at=None)
    with pytest.raises(Refused, match="nobody has read"):
        changing.confirm(change, by=closed.inna)
    assert (Destruction.objects.count(), ReasonTotal.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM messaging_delivery",
        "UPDATE messaging_batch SET people = '{}'",
        "INSERT INTO crisis_destruction (kind, incident_id, change_id, counts)"
        " SELECT 'incident.purge', max(i.id), max(a.id), '{}' FROM crisis_incident i, crisis_adminaction a",
    ],
)
def test_the_database_destroys_nothing_that_two_persons_did_not_confirm(closed: Closed, statement: str) -> None:
    closed.propose()
    DeliveryRef.objects.all().delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        sql(statement)
    assert Delivery.objects.count() == 3


@pytest.mark.parametrize(
    "statement", ["UPDATE crisis_destruction SET counts = '{}'", "UPDATE crisis_destruction SET ended_at = NULL"]
)
def test_the_record_of_what_was_destroyed_is_never_rewritten(closed: Closed, statement: str) -> None:
    closed.purged()
    with pytest.raises(IntegrityError, match="never rewritten"), transaction.atomic():
        sql(statement)


def test_another_incident_keeps_everything(closed: Closed) -> None:
    other = closed.at("sending")
    Delivery.objects.create(
        campaign=other, account=closed.account, batch=other.batches.get(), contact=closed.people[0], status="accepted"
    )
    closed.purged()
    assert (other.deliveries.count(), len(other.batches.get().people)) == (1, 3)


def test_the_page_lists_what_was_destroyed_with_both_who_wanted_it(closed: Closed) -> None:
    assert "Nothing was destroyed yet" in visits.page(closed.gleb, "destruction_list")
    closed.purged()
    shown = visits.page(world.person("dina", "auditor"), "destruction_list")
    assert "results for single people: fewer than 10" in shown
    assert "Gleb" in shown
    assert "Inna" in shown


def test_it_is_proposed_on_its_own_page(closed: Closed) -> None:
    assert "Destroyed for good" in visits.page(closed.gleb, "incident_purge", closed.incident.pk)
    assert visits.post(closed.gleb, "incident_purge", closed.incident.pk, why="").status_code == 422
    visits.post(closed.gleb, "incident_purge", closed.incident.pk, why="it is over")
    assert AdminAction.objects.get().data == {"incident": closed.incident.pk}


def test_a_page_that_may_not_propose_yet_says_why_and_shows_no_button(closed: Closed) -> None:
    _open(closed)
    shown = visits.page(closed.gleb, "incident_purge", closed.incident.pk)
    assert "not closed" in shown
    assert "Propose it" not in shown


@pytest.mark.parametrize("leaf", [DidNotGet, Got, DidNotAnswer])
def test_an_audience_of_those_who_did_or_did_not_get_it_is_refused_from_the_first_moment_on(closed: Closed, leaf: Any) -> None:
    asked = Criteria(Seen(("EG",), 336), leaf(closed.campaign.pk))
    version = definitions.define("Asked", asked, by=closed.author)
    changing.confirm(closed.propose(), by=closed.inna)
    draft = world.content(closed.account, version=version)
    new = workflow.draft(world.incident(closed.author), draft, by=closed.author)
    with pytest.raises(Refused, match="is not known any more"):
        workflow.submit(new, by=closed.author)


def test_nobody_is_taken_for_one_who_did_not_get_it_while_it_is_being_destroyed(closed: Closed) -> None:
    asked = Criteria(Seen(("EG",), 336), DidNotGet(closed.campaign.pk))
    assert reach(asked, [AddressKind.VK], at=now()).people == 1
    changing.confirm(closed.propose(), by=closed.inna)
    purge_chunk(Destruction.objects.get().pk, many=1)
    assert reach(asked, [AddressKind.VK], at=now()).people == 0
