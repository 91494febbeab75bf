"""Audiences about an earlier message: who got it, who did not, who did not answer."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from audiences.criteria import Criteria, Seen
from audiences.forms import CriteriaForm
from audiences.models import AddressKind
from audiences.reach import recipients_sql
from crisis.clock import now
from crisis.refusal import Refused
from messaging.earlier_messages import DidNotAnswer, DidNotGet, Got
from messaging.models import Batch, Campaign, Delivery, Receipt, Reply
from tests import world
from tests.stages import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> tuple[int, int, int, int]:
    """Of one message: who got it, who got and answered it, whose delivery failed, and a newcomer."""
    cast = Cast()
    campaign = cast.at("sending")
    batch = Batch.objects.get(campaign=campaign)
    got, answered, failed = batch.people
    for contact, status in ((got, "accepted"), (answered, "uncertain"), (failed, "failed")):
        Delivery.objects.create(campaign=campaign, account=cast.account, batch=batch, contact=contact, status=status)
    receipt = Receipt.objects.create(account=cast.account, event_id="answer", kind="reply", at=now())
    Reply.objects.create(account=cast.account, receipt=receipt, campaign=campaign, contact=answered, text="I am safe", key=1)
    return got, answered, failed, world.contacts([4])[0].pk


def meant(node: Any, *more: Any) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(*recipients_sql(Criteria(*more, node), AddressKind.VK, now()))
        return {row[0] for row in cursor.fetchall()}


def number() -> int:
    return Campaign.objects.get().pk


EGYPT = Seen(("EG",), 24 * 90)


def test_those_who_got_it_are_also_those_who_may_have_got_it(people: tuple[int, int, int, int]) -> None:
    assert meant(Got(number())) == meant(Got(number()), EGYPT) == {*people[:2]}


def test_those_who_did_not_get_it_are_also_newcomers(people: tuple[int, int, int, int]) -> None:
    assert meant(DidNotGet(number()), EGYPT) == {*people[2:]}


def test_who_did_not_answer_got_it(people: tuple[int, int, int, int]) -> None:
    assert meant(DidNotAnswer(number())) == {people[0]}


def test_when_nobody_knows_who_got_it_nobody_did_not_get_it(people: tuple[int, int, int, int]) -> None:
    assert meant(DidNotGet(number() + 1), EGYPT) == set()


def test_no_audience_begins_with_those_who_did_not_get_it() -> None:
    with pytest.raises(Refused, match="never means everybody"):
        Criteria(DidNotGet(1))


@pytest.mark.parametrize("leaf", [Got(7), DidNotGet(7), DidNotAnswer(7)])
def test_they_come_back_from_json(leaf: Any) -> None:
    criteria = Criteria(EGYPT, leaf)
    assert Criteria.from_json(criteria.to_json()) == criteria
    with override("en"):
        assert "No. 7" in criteria.sentence()


@pytest.mark.parametrize("campaign", ["7", 0, -1, 1.5, True, None, 2**63])
def test_they_refuse_what_is_no_number_of_a_message(campaign: Any) -> None:
    with pytest.raises(Refused):
        Criteria.from_json({"op": "all_of", "of": [{"op": "got", "campaign": campaign}]})


def test_the_form_asks_once_a_question_for_the_messages_wherever_it_offers_them(people: tuple[int, int, int, int]) -> None:
    by = Campaign.objects.get().created_by
    with CaptureQueriesContext(connection) as asked:
        form = CriteriaForm(by=by)
    assert {"got", "or_got", "not_got"} <= {*form.fields}
    assert sum('FROM "messaging_campaign"' in one["sql"] for one in asked) == 3
