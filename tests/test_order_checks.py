"""What keeps an order from being submitted: people who do not follow us without a reason, and rules that contradict."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings

from audiences import definitions
from audiences.criteria import Criteria, Seen
from audiences.criteria.leaves import Subscribed
from crisis.clock import now
from messaging import checking, workflow
from messaging.models import Account
from messaging.reaching import reach_of
from tests import world
from tests.test_exceptions import DANGER, Case

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made(once: Any) -> Case:
    found: Case = once(Case)
    return found


@pytest.fixture
def case(made: Case) -> Case:
    return deepcopy(made)


def problems(case: Case, account: Account, *leaves: Any, **changes: Any) -> list[str]:
    version = definitions.define("Egypt", Criteria(Seen(("EG",), 336, None, "last_seen_there"), *leaves), by=case.author)
    content = replace(world.content(account, version=version), **changes)
    campaign = workflow.draft(case.incident, content, by=case.author)
    return [str(problem.sentence) for problem in checking.problems(campaign, reach_of(campaign, now(), {}), now())]


def exception() -> dict[str, Any]:
    return {"exception_reason": DANGER, "exception_expires_at": now() + timedelta(hours=2)}


def test_an_operator_is_asked_only_under_an_exception(case: Case) -> None:
    operator = world.account("operator-roaming")
    assert problems(case, operator) == [
        f"{operator.label} writes to people who do not follow us. State the danger for it, or leave it out."
    ]
    assert problems(case, operator, **exception()) == []


def test_a_desk_whose_people_do_not_follow_us_is_asked_only_under_an_exception(case: Case) -> None:
    desk = world.account("manual")
    assert problems(case, desk) == []
    assert "did not subscribe" in " ".join(problems(case, desk, **exception()))
    Account.objects.filter(pk=desk.pk).update(follows=False)
    desk.refresh_from_db()
    assert "who do not follow us" in problems(case, desk)[0]
    assert problems(case, desk, **exception()) == []


def test_an_order_cannot_leave_out_those_who_follow_us(case: Case) -> None:
    assert "cannot be told to leave out" in " ".join(problems(case, case.account, Subscribed("vk", False)))


def test_only_followers_and_an_exception_for_others_contradict_each_other(case: Case) -> None:
    assert problems(case, case.account, Subscribed("vk", True)) == []
    assert "Take out one of the two" in " ".join(problems(case, case.account, Subscribed("vk", True), **exception()))


def test_nobody_is_written_to_without_a_law(case: Case) -> None:
    with override_settings(ORDER_LAW=""):
        assert "set CRISIS_ORDER_LAW" in " ".join(problems(case, case.account, **exception()))
