"""A platform that is down is not asked in vain, and one person whose data breaks every request keeps back nobody else."""

from __future__ import annotations

import pytest

from audiences import presence
from audiences.models import AddressKind
from messaging import delivery, standing
from messaging.models import Account, Batch, Campaign, Delivery, Status
from tests import world
from tests.engine import Engine, outcomes
from tests.world import sql

pytestmark = pytest.mark.usefixtures("committed")
DOWN = {"fail": {"status": 503, "calls": -1}}


def account() -> Account:
    return Account.objects.get()


class Minutes:
    """The engine at work again and again, each time 80 s later: whatever waits or rests is due by then."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.later = engine, 0

    def pump(self, times: int = 1) -> int:
        done = 0
        for _ in range(times):
            self.later += 80
            done = self.engine.pump(later=self.later)
        return done

    def fail(self, times: int) -> None:
        """Let so many claims in a row go unanswered."""
        self.engine.vk.control(**DOWN)
        self.pump(times)


@pytest.fixture
def minutes(engine: Engine) -> Minutes:
    return Minutes(engine)


def test_an_account_that_nobody_answers_rests_after_five_claims(engine: Engine, minutes: Minutes) -> None:
    engine.sending()
    minutes.fail(5)
    before = engine.calls()
    assert (account().failures, account().rest_reason, account().rests_until is not None) == (5, "http_503", True)
    assert (engine.pump(later=minutes.later), engine.calls()) == (0, before)


def test_four_claims_in_a_row_are_no_reason_to_rest(engine: Engine, minutes: Minutes) -> None:
    engine.sending()
    minutes.fail(4)
    assert (account().failures, account().rests_until) == (4, None)


def test_it_is_tried_again_after_its_rest_and_goes_on_when_answered(engine: Engine, minutes: Minutes) -> None:
    engine.sending()
    minutes.fail(6)
    engine.vk.control(reset=True)
    assert minutes.pump() == 1
    assert (account().failures, account().rests_until, account().rest_reason) == (0, None, "")
    assert Batch.objects.get().accepted == 3


def test_each_rest_is_longer_than_the_one_before_and_none_longer_than_a_minute(engine: Engine, minutes: Minutes) -> None:
    engine.sending()
    rests = []
    for _ in range(11):
        minutes.fail(1)
        rests += sql("SELECT round(extract(epoch FROM rests_until - crisis_now())) FROM messaging_account WHERE failures >= 5")
    assert [int(rest[0]) for rest in rests] == [5, 10, 20, 40, 60, 60, 60]


def test_a_platform_that_says_busy_has_answered(engine: Engine, minutes: Minutes) -> None:
    engine.sending()
    engine.vk.control(error={"code": 6, "calls": -1})
    minutes.pump(6)
    assert (account().failures, account().rests_until) == (0, None)


def test_its_rest_is_audited_once(engine: Engine, minutes: Minutes) -> None:
    engine.sending()
    minutes.fail(7)
    assert sql("SELECT data->>'reason' FROM crisis_auditentry WHERE action = 'account.rest'") == [("http_503",)]


def test_the_sweeper_leaves_an_account_alone_that_rests(engine: Engine, minutes: Minutes) -> None:
    engine.sending()
    minutes.fail(8)
    before = engine.calls()
    assert (delivery.sweep(pump_for=1.0)["pumped"], engine.calls()) == (0, before)


def test_a_person_may_have_it_tried_at_once(engine: Engine, minutes: Minutes) -> None:
    engine.sending()
    minutes.fail(8)
    engine.vk.control(reset=True)
    standing.resume_account(account(), by=engine.approver)
    sql("UPDATE messaging_batch SET not_before = NULL")
    assert engine.pump(later=minutes.later) == 1
    assert Batch.objects.get().accepted == 3


def test_the_screens_say_that_nobody_answers_and_that_it_is_tried_again(engine: Engine, minutes: Minutes) -> None:
    engine.sending()
    minutes.fail(5)
    ((resting, why),) = standing.in_trouble()
    assert (resting, "5 times in a row" in why, "503" in why, "tried again by itself" in why) == (account(), True, True, True)


def poisoned(engine: Engine, people: int, poison: int) -> Campaign:
    """A sending to more people, one of whom breaks every request that names them."""
    world.contacts([*range(4, people + 1)])
    campaign = engine.sending()
    engine.vk.control(fail={"status": 500, "calls": -1, "of": [poison]})
    return campaign


def test_one_person_who_breaks_every_request_keeps_back_nobody_else(engine: Engine, minutes: Minutes) -> None:
    poisoned(engine, 40, poison=17)
    minutes.pump(8)
    batch = Batch.objects.get()
    assert (batch.accepted, batch.width, batch.status) == (39, 1, Batch.Status.QUEUED)
    assert engine.heard(batch).count(("accepted", 17)) == 0


def test_everybody_else_gets_it_once_while_one_person_is_looked_for(engine: Engine, minutes: Minutes) -> None:
    poisoned(engine, 40, poison=17)
    minutes.pump(8)
    heard = [peer for kind, peer in engine.heard(Batch.objects.get()) if kind == "accepted"]
    assert sorted(heard) == [n for n in range(1, 41) if n != 17]


def test_whoever_breaks_every_request_is_uncertain_once_others_are_answered(engine: Engine, minutes: Minutes) -> None:
    campaign = poisoned(engine, 40, poison=17)
    minutes.pump(9)
    for _ in range(3):
        sql("UPDATE messaging_account SET failures = 0, rests_until = NULL")  # as after an answer to others
        minutes.pump()
    (doubted,) = Delivery.objects.filter(campaign=campaign, status="uncertain")
    assert presence.find(AddressKind.VK, "17").pk == doubted.contact
    assert Campaign.objects.get(pk=campaign.pk).status == Status.SENT


def test_while_the_account_rests_no_single_person_is_suspected(engine: Engine, minutes: Minutes) -> None:
    world.contacts([*range(4, 101)])
    engine.sending()
    minutes.fail(5)
    width = Batch.objects.get().width
    minutes.fail(7)
    assert (Batch.objects.get().width, outcomes()) == (width, set())
