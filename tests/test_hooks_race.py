"""Two messages of one person at the same moment: both are kept, one is answered."""

from __future__ import annotations

import pytest

from crisis.clock import now
from messaging import hooks
from messaging.channels import Report
from messaging.models import Reply
from tests import world
from tests.engine import while_waiting


def words(event_id: str) -> Report:
    return Report(event_id, "reply", now(), address="1000", text="help")


@pytest.mark.usefixtures("committed")
def test_it_answers_one_of_two_messages_that_come_at_the_same_moment(quiet: None) -> None:
    account = world.account()
    world.contacts([1000])
    while_waiting(lambda: hooks.receive(account, [words("e2")]), lambda: hooks.receive(account, [words("e1")]))
    assert sorted(Reply.objects.values_list("answer", flat=True)) == ["none", "queued"]
