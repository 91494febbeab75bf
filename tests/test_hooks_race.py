"""Two messages of one person at the same moment: both are kept, one is answered."""

from __future__ import annotations

import time
from threading import Thread

import pytest
from django.db import connection, transaction

from crisis.clock import now
from messaging import bell, hooks
from messaging.channels import Report
from messaging.models import Account, Reply
from tests import world


def words(event_id: str) -> Report:
    return Report(event_id, "reply", now(), address="1000", text="help")


def receive_elsewhere(account: Account) -> None:
    hooks.receive(account, [words("e2")])
    connection.close()


def settled(other: Thread) -> bool:
    """Whether the other is done, or waits for a lock of ours."""
    waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return not other.is_alive() or world.sql(waits)[0][0] > 0


@pytest.mark.usefixtures("committed")
def test_it_answers_one_of_two_messages_that_come_at_the_same_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell, "ring", lambda lanes: True)
    account = world.account()
    world.contacts([1000])
    other = Thread(target=receive_elsewhere, args=[account])
    with transaction.atomic():
        hooks.receive(account, [words("e1")])
        other.start()
        for _ in range(500):
            if settled(other):
                break
            time.sleep(0.01)
    other.join(timeout=10)
    assert sorted(Reply.objects.values_list("answer", flat=True)) == ["none", "queued"]
