"""What the database itself keeps of orders: no person, nothing taken back, and a drill's contact cards that lead to nobody."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from crisis.clock import now
from messaging.models import Batch, Campaign, Card, Order, OrderWord, Told
from tests import world
from tests.test_exceptions import Case

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quiet")]


class Ordered(Case):
    """A campaign of which one order was made."""

    def __init__(self) -> None:
        super().__init__()
        self.campaign = self.sending()
        self.order = Order.objects.get()


@pytest.fixture(scope="module")
def made(once: Callable[[type[Ordered]], Ordered]) -> Ordered:
    return once(Ordered)


@pytest.fixture
def case(made: Ordered) -> Ordered:
    return deepcopy(made)


@pytest.mark.parametrize("column", ["asked_at", "taken_at", "answered_at", "cancel_asked_at", "ended_at"])
def test_an_instant_that_was_noted_of_an_order_never_moves(case: Ordered, column: str) -> None:
    Order.objects.update(**{column: now()})
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        Order.objects.update(**{column: None})


def test_the_words_in_which_an_order_was_asked_for_never_change(case: Ordered) -> None:
    Order.objects.update(body={"order_id": "1"})
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        Order.objects.update(body={"order_id": "2"})


def test_nothing_is_waived_that_was_not_asked(case: Ordered) -> None:
    with pytest.raises(IntegrityError, match="a_waiver_follows_a_question"), transaction.atomic():
        Order.objects.update(waived_at=now())


def test_there_is_no_decision_without_its_time(case: Ordered) -> None:
    with pytest.raises(IntegrityError, match="an_answer_has_a_time"), transaction.atomic():
        Order.objects.update(decision="accepted")


def test_an_order_is_never_made_of_people(case: Ordered) -> None:
    account = world.account()
    contact = world.contacts([7])[0]
    campaign = world.approve(world.submitted(case.author, account), case.boris)
    batch = Batch.objects.get(campaign=campaign, people=[contact.pk])
    with pytest.raises(IntegrityError, match="holds no person"), transaction.atomic():
        Order.objects.create(batch=batch)


def test_whom_it_is_meant_for_besides_is_said_of_an_earlier_order_alone(case: Ordered) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.update(recipients=Order.Recipients.ONLY)


STATEMENTS = ["UPDATE messaging_{table} SET id = id", "DELETE FROM messaging_{table}"]


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("table", ["orderword", "told"])
def test_what_was_said_stays_said(case: Ordered, table: str, statement: str) -> None:
    OrderWord.objects.create(order=case.order, kind=OrderWord.Kind.NOTE)
    Told.objects.create(
        campaign=case.campaign, account=case.account, lower=1, upper=2, source="by phone", said_at=now(), by=case.author
    )
    with pytest.raises(DatabaseError), transaction.atomic():
        world.sql(statement.format(table=table))


@pytest.mark.parametrize("field", ["phone", "other_phone", "email"])
def test_a_contact_card_of_a_drill_leads_to_nobody(case: Ordered, field: str) -> None:
    drill = world.account("vk-geo", drill=True)
    Card.objects.create(account=drill, role="duty officer")
    with pytest.raises(IntegrityError, match="nobody real is asked"), transaction.atomic():
        Card.objects.create(account=drill, role="duty officer", **{field: "7@example.org"})


def test_a_way_that_writes_to_each_person_has_no_contact_card(case: Ordered) -> None:
    with pytest.raises(IntegrityError, match="sends by himself"), transaction.atomic():
        Card.objects.create(account=world.account(), role="duty officer")


def test_a_warden_is_asked_by_one_of_the_same_desk(case: Ordered) -> None:
    other = Card.objects.create(account=case.account, role="warden")
    desk: Any = world.account("vk-geo", handle="another")
    with pytest.raises(IntegrityError, match="same duty desk"), transaction.atomic():
        Card.objects.create(account=desk, role="warden", parent=other)


def test_the_post_to_be_spread_is_part_of_what_is_approved(case: Ordered) -> None:
    campaign = case.draft()
    before = campaign.fingerprint()
    world.sql("SELECT set_config('crisis.by', %s, true)", str(case.author.pk))
    Campaign.objects.filter(pk=campaign.pk).update(post_url="https://vk.com/wall-1_1")
    assert campaign.fingerprint() != before
