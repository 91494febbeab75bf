"""Duty desks as accounts: no secret, no lane, somebody to ask; orders to them wait for people, never for a machine."""

from __future__ import annotations

import pytest
from django.db import Error
from django.urls import reverse

from messaging import delivery
from messaging.models import Account, Batch, Card, Lane, Order
from tests import world
from tests.stages import Cast
from tests.visits import page, post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quiet")]
DESK = {"slug": "manual", "label_ru": "Отели Хургады", "handle": "hotels", "answer_minutes": "30", "follows": ""}
NO_LANES = {"lanes-TOTAL_FORMS": "0", "lanes-INITIAL_FORMS": "0"}


@pytest.mark.parametrize(("drill", "secret"), [("", "BY_HAND"), ("on", "DRILL_BY_HAND")])
def test_an_administrator_makes_a_desk_without_a_secret_and_without_a_lane(drill: str, secret: str) -> None:
    post(world.person("gleb", "admin"), "admin:messaging_account_add", **DESK, **NO_LANES, drill=drill)
    made = Account.objects.get()
    assert (made.secret_name, made.lanes.count(), made.answer_minutes, made.follows) == (secret, 0, 30, False)


def test_an_account_that_a_machine_speaks_by_still_needs_a_secret() -> None:
    answer = post(world.person("gleb", "admin"), "admin:messaging_account_add", **{**DESK, "slug": "vk-geo"}, **NO_LANES)
    assert "This field is required." in answer.content.decode()
    assert not Account.objects.exists()


def test_the_database_gives_no_lane_to_a_desk() -> None:
    with pytest.raises(Error, match="asked by people"):
        Lane.objects.create(account=world.account("manual"), number=1)


def test_a_desk_with_nobody_to_ask_is_in_trouble() -> None:
    desk, anna = world.account("manual"), world.person("anna", "operator")
    assert "nobody knows whom to ask" in page(anna, "account_list")
    Card.objects.create(account=desk, role="Duty manager")
    assert "1 contact card: people ask there." in page(anna, "account_detail", desk.pk)


def test_a_desk_has_no_queue_and_no_test_of_its_platform() -> None:
    desk = world.account("manual")
    assert ">manual<" not in page(world.person("gleb", "admin"), "queues")
    html = page(world.person("boris", "supervisor"), "account_detail", desk.pk)
    assert reverse("account_test", args=[desk.pk]) not in html
    assert "BY_HAND" not in html


def test_what_is_ordered_of_a_desk_is_never_asked_by_a_machine() -> None:
    cast = Cast()
    cast.account = world.account("manual")
    campaign = world.approve(cast.submitted(), cast.approver)
    delivery.sweep()
    order = Order.objects.get(batch__campaign=campaign)
    assert (order.status, order.asked_at, order.batch.status) == ("queued", None, Batch.Status.QUEUED)
