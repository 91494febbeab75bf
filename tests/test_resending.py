"""Who may or may not have got it: sent again once where that was approved, else as a person decides; never counted twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiences.models import Address, AddressKind
from crisis import incidents
from crisis.clock import now
from crisis.models import AuditEntry, Incident, LogEntry
from crisis.refusal import Refused
from messaging import board, delivery, progress, workflow
from messaging.delivery import restoring
from messaging.delivery.resending import resend_due
from messaging.delivery.sweeping import sweep
from messaging.models import Batch, Campaign, Delivery, Kind, Status, WhenUncertain
from tests import push, world
from tests.stages import Cast, ahead, expect_refusal
from tests.wire import Simulator
from tests.world import sql

pytestmark = pytest.mark.usefixtures("committed")
HOLD, RESEND = WhenUncertain.HOLD, WhenUncertain.RESEND


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with push.simulator(tmp_path_factory.mktemp("push") / "journal") as running, push.registered(running.url):
        yield running


class Pushed(Cast):
    """Three people who are written to one by one, at a platform that knows no repeat."""

    def __init__(self, platform: Simulator) -> None:
        super().__init__(push.SLUG)
        platform.control(reset=True)
        self.platform, self.lane, self.before = platform, self.account.lanes.get(), len(platform.lines("accepted"))

    def sent(self, rule: WhenUncertain = HOLD, **faults: Any) -> Campaign:
        """A campaign of which everything was tried, while the platform had these faults."""
        campaign = world.approve(self.submitted(when_uncertain=rule), self.approver)
        self.platform.control(**faults)
        self.pump()
        return Campaign.objects.get(pk=campaign.pk)

    def pump(self) -> None:
        """Whatever is due now or was put off for a while."""
        for _ in range(3):
            sql("UPDATE messaging_batch SET not_before = NULL")
            delivery.pump(self.lane.pk)
            sql("UPDATE messaging_lane SET next_at = NULL")

    def heard(self) -> Counter[str]:
        return Counter(line["to"] for line in self.platform.lines("accepted")[self.before :])


@pytest.fixture
def pushed(platform: Simulator, committed: str) -> Pushed:
    return Pushed(platform)


def numbers(campaign: Campaign) -> tuple[int, int, int, int]:
    """People in all, accepted, failed, uncertain."""
    (way,) = progress.ways(campaign)
    return way.total, way.accepted, way.failed, way.uncertain


def statuses(campaign: Campaign) -> list[str]:
    return sorted(Delivery.objects.filter(campaign=campaign).values_list("status", flat=True))


def check_nobody_is_counted_twice(campaign: Campaign, people: int = 3) -> None:
    """The sums over batches are the people who were chosen, whatever is on its way again."""
    (way,) = progress.ways(campaign)
    (total,) = board.totals([campaign.pk])[campaign.pk]
    assert way.total == total.people == people
    assert way.handled + way.waiting + way.left == people
    assert total.handled == way.handled


def test_nothing_is_sent_again_where_people_are_to_decide(pushed: Pushed) -> None:
    campaign = pushed.sent(lose_after=1)
    sweep()
    assert (numbers(campaign), pushed.heard()) == ((3, 2, 0, 1), Counter("123"))


def test_a_person_sends_it_again_to_exactly_those_who_are_uncertain(pushed: Pushed) -> None:
    campaign = pushed.sent(lose_before=1)
    assert workflow.resend(campaign, by=pushed.author) == 1
    first, again = Batch.objects.order_by("number")
    uncertain = Delivery.objects.get(status="uncertain").contact
    assert (again.people, again.total, again.resend_of, again.number) == ([uncertain], 1, first, 2)
    assert (again.text_id, again.account_id) == (first.text_id, first.account_id)
    assert again.key not in (0, first.key)
    pushed.pump()
    assert pushed.heard() == Counter("123")


def test_whoever_got_it_without_an_answer_gets_it_twice(pushed: Pushed) -> None:
    campaign = pushed.sent(lose_after=1)
    workflow.resend(campaign, by=pushed.author)
    pushed.pump()
    assert sorted(pushed.heard().values()) == [1, 1, 2]


def test_while_it_is_sent_again_its_people_stand_as_uncertain(pushed: Pushed) -> None:
    campaign = pushed.sent(lose_after=1)
    workflow.resend(campaign, by=pushed.author)
    (way,) = progress.ways(campaign)
    assert (numbers(campaign), way.waiting, way.resending, way.resent) == ((3, 2, 0, 1), 0, 1, 0)


def test_what_became_of_it_stands_in_the_place_of_the_doubt(pushed: Pushed) -> None:
    campaign = pushed.sent(lose_after=1)
    workflow.resend(campaign, by=pushed.author)
    pushed.pump()
    (way,) = progress.ways(campaign)
    assert (numbers(campaign), way.resending, way.resent) == ((3, 3, 0, 0), 0, 1)
    assert statuses(campaign) == ["accepted", "accepted", "accepted", "resent"]
    assert Campaign.objects.get(pk=campaign.pk).status == Status.SENT


def test_it_is_sent_again_by_itself_where_that_was_approved(pushed: Pushed) -> None:
    campaign = pushed.sent(RESEND, lose_after=1)
    assert sweep()["resent"] == 1
    pushed.pump()
    assert numbers(campaign) == (3, 3, 0, 0)
    entry = AuditEntry.objects.get(action="campaign.resend")
    assert (entry.by, entry.data) == (None, {"people": {str(pushed.account.pk): 1}})


def test_a_second_doubt_is_left_to_a_person(pushed: Pushed) -> None:
    campaign = pushed.sent(RESEND, lose_after=1)
    sweep()
    pushed.platform.control(lose_after=1)
    pushed.pump()
    assert (sweep()["resent"], numbers(campaign), statuses(campaign).count("resent")) == (0, (3, 2, 0, 1), 1)
    assert workflow.resend(campaign, by=pushed.author) == 1
    pushed.pump()
    assert (numbers(campaign), sorted(pushed.heard().values())) == ((3, 3, 0, 0), [1, 1, 3])


def test_pressed_twice_it_is_sent_once(pushed: Pushed) -> None:
    campaign = pushed.sent(lose_after=1)
    workflow.resend(campaign, by=pushed.author)
    with expect_refusal("Nothing was done twice"):
        workflow.resend(campaign, by=pushed.approver)
    pushed.pump()
    assert pushed.heard().total() == 4


def test_who_was_left_is_not_sent_it_by_itself_and_asked_about_no_more(pushed: Pushed) -> None:
    campaign = pushed.sent(lose_after=1)
    assert workflow.leave(campaign, by=pushed.author) == 1
    with expect_refusal("Nothing was done twice"):
        workflow.leave(campaign, by=pushed.author)
    assert (sweep()["resent"], Batch.objects.undecided().count()) == (0, 0)


def test_who_was_left_can_be_sent_it_after_all(pushed: Pushed) -> None:
    campaign = pushed.sent(lose_after=1)
    workflow.leave(campaign, by=pushed.author)
    assert workflow.resend(campaign, by=pushed.approver) == 1


def test_both_decisions_stand_in_the_log_and_in_the_audit(pushed: Pushed) -> None:
    campaign = pushed.sent(lose_after=1)
    workflow.leave(campaign, by=pushed.author)
    workflow.resend(campaign, by=pushed.approver)
    found = AuditEntry.objects.filter(object_id=str(campaign.pk)).order_by("id").values_list("action", "by__username")
    assert [*found][-2:] == [("campaign.leave", "anna"), ("campaign.resend", "boris")]
    told = [*LogEntry.objects.filter(incident=campaign.incident_id).order_by("id").values_list("text", flat=True)]
    assert [text.partition(" ")[0] for text in told[-2:]] == ["Left", "Sent"]


def _stopped(pushed: Pushed, campaign: Campaign) -> None:
    world.contacts([4], kind=AddressKind.PUSH)
    workflow.top_up(campaign, by=pushed.author)
    workflow.stop(campaign, by=pushed.author)


def _paused(pushed: Pushed, campaign: Campaign) -> None:
    world.contacts([4], kind=AddressKind.PUSH)
    workflow.top_up(campaign, by=pushed.author)
    workflow.pause(campaign, by=pushed.author)


def _no_longer_valid(pushed: Pushed, campaign: Campaign) -> None:
    ahead(hours=13)


def _closed(pushed: Pushed, campaign: Campaign) -> None:
    incidents.move(campaign.incident, Incident.Status.MONITORING, by=pushed.author)
    incidents.move(Incident.objects.get(pk=campaign.incident_id), Incident.Status.CLOSED, by=pushed.author)


def _corrected(pushed: Pushed, campaign: Campaign) -> None:
    workflow.correct(campaign, by=pushed.author)


def _followed(pushed: Pushed, campaign: Campaign) -> None:
    content = world.content(pushed.account, version=campaign.audience_version, kind=Kind.UPDATE, refers_to=campaign)
    world.approve(
        workflow.submit(workflow.draft(campaign.incident, content, by=pushed.author), by=pushed.author), pushed.approver
    )


def _approver_gone(pushed: Pushed, campaign: Campaign) -> None:
    world.place(pushed.approver, active=False)


@pytest.mark.parametrize("rule", [HOLD, RESEND])
@pytest.mark.parametrize(("meanwhile", "sentence"), [
    (_stopped, "It is stopped, so nothing is sent again"), (_paused, "It is paused, so nothing is sent again"),
    (_no_longer_valid, "It is not valid any more"), (_closed, "The incident is closed"),
    (_corrected, "This is being corrected"), (_followed, "A later campaign followed it"),
    (_approver_gone, "the approver's role was changed"),
])  # fmt: skip
def test_nothing_is_sent_again_once_it_should_not_be(pushed: Pushed, rule: Any, meanwhile: Any, sentence: str) -> None:
    campaign = pushed.sent(rule, lose_after=1)
    meanwhile(pushed, campaign)
    with expect_refusal(sentence):
        workflow.resend(campaign, by=pushed.author)
    with expect_refusal(sentence):
        workflow.leave(campaign, by=pushed.author)
    assert (resend_due(), Batch.objects.filter(resend_of__isnull=False).exists()) == (0, False)


def test_where_everybody_answered_there_is_nothing_to_decide(pushed: Pushed) -> None:
    campaign = pushed.sent()
    for verb in (workflow.resend, workflow.leave):
        with expect_refusal("There is nothing to decide"):
            verb(campaign, by=pushed.author)


def test_a_stop_leaves_those_who_wait_to_be_sent_it_again_as_uncertain_as_they_were(pushed: Pushed) -> None:
    campaign = pushed.sent(lose_after=1)
    workflow.resend(campaign, by=pushed.author)
    assert workflow.stop(campaign, by=pushed.author) == {"gone": 3, "left": 0}
    pushed.pump()
    assert (numbers(campaign), pushed.heard().total()) == ((3, 2, 0, 1), 3)
    check_nobody_is_counted_twice(campaign)


def test_who_opted_out_meanwhile_is_not_sent_it_again(pushed: Pushed) -> None:
    campaign = pushed.sent(lose_before=1)
    workflow.resend(campaign, by=pushed.author)
    Address.objects.update(denied=True)
    pushed.pump()
    assert (numbers(campaign), pushed.heard().total()) == ((3, 2, 0, 1), 2)


def test_a_resend_whose_answer_is_lost_as_it_is_stopped_leaves_one_doubt_a_person(pushed: Pushed) -> None:
    campaign = pushed.sent(lose_after=1)
    workflow.resend(campaign, by=pushed.author)
    sql("UPDATE messaging_batch SET in_doubt = true, asked_at = now() WHERE resend_of_id IS NOT NULL")
    workflow.stop(campaign, by=pushed.author)
    sweep()
    assert (numbers(campaign), statuses(campaign).count("uncertain")) == ((3, 2, 0, 1), 1)
    check_nobody_is_counted_twice(campaign)


def test_who_was_sent_it_again_in_vain_may_still_have_got_it_the_first_time(pushed: Pushed) -> None:
    campaign = pushed.sent(lose_after=1)
    workflow.resend(campaign, by=pushed.author)
    pushed.platform.control(dead=["1", "2", "3"])
    pushed.pump()
    assert numbers(campaign) == (3, 2, 0, 1)
    assert {row[0] for row in sql("SELECT messaging_got(%s)", campaign.pk)} == {*Batch.objects.get(number=1).people}


def test_newcomers_are_let_in_beside_those_who_are_sent_it_again(pushed: Pushed) -> None:
    campaign = pushed.sent(lose_after=1)
    workflow.resend(campaign, by=pushed.author)
    pushed.pump()
    world.contacts([4], kind=AddressKind.PUSH)
    assert workflow.top_up(campaign, by=pushed.author) == 1
    pushed.pump()
    assert (numbers(campaign), pushed.heard()["4"]) == ((4, 4, 0, 0), 1)


INSERT = """
INSERT INTO messaging_batch (campaign_id, account_id, text_id, number, rank, people, total, status, key, fence, attempt,
                             in_doubt, reason, accepted, failed, uncertain, delivered, read, resend_of_id)
SELECT campaign_id, account_id, text_id, 9, rank, {people}, {total}, 'queued', {key}, 0, 0, false, '', 0, 0, 0, 0, 0, id
  FROM messaging_batch
"""


@transaction.atomic
def begin_anew(campaign: Campaign, statement: str, *, by: str) -> None:
    """What the application's role would do by hand to a campaign that was sent."""
    sql("SELECT set_config('crisis.by', %s, true)", by)
    sql("UPDATE messaging_campaign SET status = 'sending' WHERE id = %s", campaign.pk)
    sql(statement)


UNCERTAIN = "(SELECT array_agg(contact) FROM messaging_delivery WHERE status = 'uncertain')"


@pytest.mark.parametrize("forged", [
    {"people": "people", "total": "3"}, {"people": f"{UNCERTAIN} || {UNCERTAIN}", "total": "2"},
    {"people": "'{}'", "total": "0"}, {"total": "2"}, {"key": "key"}, {"by": ""},
])  # fmt: skip
def test_the_database_lets_in_nobody_who_is_not_uncertain(pushed: Pushed, forged: dict[str, str]) -> None:
    campaign = pushed.sent(lose_after=1)
    values = {"people": UNCERTAIN, "total": "1", "key": "key / 2 + 1", "by": str(pushed.author.pk), **forged}
    with pytest.raises(IntegrityError):
        begin_anew(campaign, INSERT.format(**values), by=values["by"])
    assert Batch.objects.count() == 1


def test_the_console_begins_anew_only_what_it_may_send_again(pushed: Pushed) -> None:
    campaign = pushed.sent(RESEND, lose_after=1)
    world.contacts([4], kind=AddressKind.PUSH)
    with pytest.raises(IntegrityError, match="let in only when a sending begins"):
        begin_anew(campaign, INSERT.replace("0, id\n", "0, NULL\n").format(people="people", total="3", key="7"), by="")


def test_the_rule_is_part_of_what_is_approved(pushed: Pushed) -> None:
    draft = pushed.draft(when_uncertain=HOLD)
    before = draft.fingerprint()
    content = world.content(pushed.account, version=draft.audience_version, when_uncertain=RESEND, not_after=draft.not_after)
    assert workflow.edit(draft, content, seen_at=draft.updated_at, by=pushed.author).fingerprint() != before
    submitted = workflow.submit(Campaign.objects.get(pk=draft.pk), by=pushed.author)
    with transaction.atomic(), pytest.raises(IntegrityError, match="Only a draft can be edited"), transaction.atomic():
        sql("UPDATE messaging_campaign SET when_uncertain = 'hold' WHERE id = %s", submitted.pk)


@pytest.mark.parametrize(("severity", "rule"), [("Extreme", RESEND), ("Severe", HOLD), ("Unknown", HOLD)])
def test_unless_somebody_says_otherwise_only_lives_in_danger_are_worth_a_repeat(
    pushed: Pushed, severity: str, rule: WhenUncertain
) -> None:
    assert pushed.draft(severity=severity).when_uncertain == rule


STEPS = st.lists(st.sampled_from(["pump", "lose", "fail", "resend", "leave", "sweep", "dead"]), max_size=12)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rule=st.sampled_from([HOLD, RESEND]), steps=STEPS)
def test_whatever_happens_every_person_is_counted_once(pushed: Pushed, rule: WhenUncertain, steps: list[str]) -> None:
    campaign = world.approve(pushed.submitted(when_uncertain=rule), pushed.approver)
    people = Batch.objects.get(campaign=campaign).total  # a device that is gone once is gone for good
    for step in steps:
        do(pushed, campaign, step)
        check_nobody_is_counted_twice(campaign, people)
        check_the_counters_are_the_deliveries(campaign)
    pushed.platform.control(reset=True)


def do(pushed: Pushed, campaign: Campaign, step: str) -> None:
    orders = {"lose": {"lose_after": 1}, "fail": {"fail": {"calls": 1, "after": True}}, "dead": {"dead": ["2"]}}
    if step in orders:
        pushed.platform.control(**orders[step])
    elif step == "pump":
        pushed.pump()
    elif step == "sweep":
        sweep()
    else:
        with suppress(Refused):
            getattr(workflow, step)(campaign, by=pushed.author)


def check_the_counters_are_the_deliveries(campaign: Campaign) -> None:
    """Batch by batch, the counters are what stands on its deliveries."""
    for batch in Batch.objects.filter(campaign=campaign):
        written = Counter(Delivery.objects.filter(batch=batch).exclude(status="resent").values_list("status", flat=True))
        assert (batch.accepted, batch.failed, batch.uncertain) == tuple(written[s] for s in ("accepted", "failed", "uncertain"))


def test_who_became_uncertain_by_a_restore_is_written_to_by_a_persons_word_alone_whatever_the_rule(pushed: Pushed) -> None:
    campaign = world.approve(pushed.submitted(when_uncertain=RESEND), pushed.approver)
    restored(pushed, campaign)
    assert (sweep()["resent"], numbers(campaign), Batch.objects.undecided().count()) == (0, (3, 0, 0, 3), 0)
    assert workflow.resend(campaign, by=pushed.author) == 3


def test_a_restore_counts_nobody_twice_who_was_being_sent_it_again(pushed: Pushed) -> None:
    campaign = pushed.sent(lose_after=1)
    workflow.resend(campaign, by=pushed.author)
    restored(pushed, campaign)
    assert (numbers(campaign), statuses(campaign).count("uncertain")) == ((3, 2, 0, 1), 1)
    check_nobody_is_counted_twice(campaign)


def restored(pushed: Pushed, campaign: Campaign) -> None:
    """As if from a backup of this moment, and let go on by a person."""
    with transaction.atomic():
        restoring.hold(now())
    workflow.resume(Campaign.objects.get(pk=campaign.pk), by=pushed.approver)
