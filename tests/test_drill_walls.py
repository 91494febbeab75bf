"""A drill cannot reach a live platform: every way we know of is tried, and a live simulator counts what reaches it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from crisis.models import User
from crisis.refusal import Refused
from messaging import delivery, standing, workflow
from messaging.models import Account, Campaign, Lane
from tests import world
from tests.simulated import status
from tests.wire import Simulator, simulator
from tests.world import sql

pytestmark = pytest.mark.django_db
LIVE_GROUP, DRILL_GROUP = 100000001, 100000002


@pytest.fixture(scope="module")
def platforms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Simulator, Simulator]]:
    """The live platform and the drill's, as two processes. Both would take the other's token."""
    log, tokens = tmp_path_factory.mktemp("vk"), {"live": LIVE_GROUP, "drill": DRILL_GROUP}
    env = {"VK_SIM_TOKENS": json.dumps(tokens)}
    with (
        simulator("vk", log / "live", "--no-limit", env=env) as live,
        simulator("vk", log / "drill", "--no-limit", env=env) as played,
    ):
        yield live, played


class Drill:
    """A drill that is being played, a live account beside it, and both platforms."""

    def __init__(self, live: Simulator, played: Simulator) -> None:
        self.platforms = (live, played)
        self.before = [status(one)["calls"] for one in self.platforms]
        self.author, self.approver = world.person("anna", "operator"), world.person("boris", "supervisor")
        self.live_account, self.account = world.account(), world.account(drill=True)
        world.contacts([1, 2, 3])
        self.campaign = world.submitted(self.author, self.account, drill=True)

    def calls(self) -> tuple[int, ...]:
        """Requests since the test began: at the live platform, at the drill's."""
        return tuple(status(one)["calls"] - before for one, before in zip(self.platforms, self.before, strict=True))

    def play(self) -> None:
        """Approve it, and let every lane there is send whatever it finds to do."""
        with suppress(Refused), transaction.atomic():
            world.approve(self.campaign, self.approver)
        for lane in Lane.objects.order_by("pk"):
            delivery.pump(lane.pk)


@pytest.fixture
def drill(platforms: tuple[Simulator, Simulator], db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Drill:
    live, played = platforms
    for one in platforms:
        one.control(reset=True)
    settings.CHANNEL_URLS = {**settings.CHANNEL_URLS, "vk-direct": live.url}
    settings.DRILL_CHANNEL_URLS = {**settings.DRILL_CHANNEL_URLS, "vk-direct": played.url}
    monkeypatch.setenv("VK_MINISTRY", "live")
    monkeypatch.setenv("DRILL_VK_MINISTRY", "drill")
    return Drill(live, played)


def as_author(user: User, statement: str, *values: Any) -> None:
    with workflow.acting(user):
        sql(statement, *values)


def swap_by_verb(drill: Drill) -> None:
    workflow.withdraw(drill.campaign, by=drill.author)
    row = Campaign.objects.get(pk=drill.campaign.pk)
    content = world.content(drill.live_account, version=row.audience_version)
    workflow.edit(row, content, seen_at=row.updated_at, by=drill.author)


def begin_with_a_live_account(drill: Drill) -> None:
    world.submitted(drill.author, drill.live_account, drill=True)


def swap_by_sql(drill: Drill) -> None:
    workflow.withdraw(drill.campaign, by=drill.author)
    as_author(drill.author, "UPDATE messaging_campaign_accounts SET account_id = %s", drill.live_account.pk)


def add_a_way_by_sql(drill: Drill) -> None:
    workflow.withdraw(drill.campaign, by=drill.author)
    statement = "INSERT INTO messaging_campaign_accounts (campaign_id, account_id) VALUES (%s, %s)"
    as_author(drill.author, statement, drill.campaign.pk, drill.live_account.pk)


def flip_the_campaign(drill: Drill) -> None:
    workflow.withdraw(drill.campaign, by=drill.author)
    as_author(drill.author, "UPDATE messaging_campaign SET drill = false")


def flip_the_incident(drill: Drill) -> None:
    sql("UPDATE crisis_incident SET drill = false")


def flip_the_account(drill: Drill) -> None:
    sql("UPDATE messaging_account SET drill = false WHERE id = %s", drill.account.pk)


def flip_all_three_at_once(drill: Drill) -> None:
    as_author(
        drill.author,
        "WITH i AS (UPDATE crisis_incident SET drill = false), a AS (UPDATE messaging_account SET drill = false,"
        " secret_name = 'VK_MINISTRY') UPDATE messaging_campaign SET drill = false",
    )


def flip_the_live_account_into_the_drill(drill: Drill) -> None:
    sql("DELETE FROM messaging_lane WHERE account_id = %s", drill.account.pk)
    sql("UPDATE messaging_account SET drill = true, secret_name = 'DRILL_VK' WHERE id = %s", drill.live_account.pk)


def move_it_to_a_live_incident(drill: Drill) -> None:
    workflow.withdraw(drill.campaign, by=drill.author)
    live = world.incident(drill.author)
    as_author(drill.author, "UPDATE messaging_campaign SET incident_id = %s", live.pk)


def name_the_live_secret(drill: Drill) -> None:
    sql("UPDATE messaging_account SET secret_name = 'VK_MINISTRY' WHERE id = %s", drill.account.pk)


def take_the_live_handle(drill: Drill) -> None:
    sql("UPDATE messaging_account SET handle = 'gone' WHERE id = %s", drill.live_account.pk)
    sql("UPDATE messaging_account SET handle = '100000001' WHERE id = %s", drill.account.pk)


def give_it_the_live_secret(drill: Drill) -> None:
    """The drill's secret has the live one's value: a mistake in the file that no database can see."""
    os.environ["DRILL_VK_MINISTRY"] = "live"  # the fixture takes it back


COPY = """
    INSERT INTO messaging_batch (campaign_id, account_id, text_id, number, rank, people, total, status, key, fence, attempt,
                                 in_doubt, reason, accepted, failed, uncertain, delivered, read)
    SELECT campaign_id, %s, text_id, 99, 0, people, total, 'queued', 7, 0, 0, false, '', 0, 0, 0, 0, 0 FROM messaging_batch
"""


def copy_the_rows(drill: Drill) -> None:
    world.approve(drill.campaign, drill.approver)
    sql(COPY, drill.live_account.pk)


def hand_the_rows_over(drill: Drill) -> None:
    world.approve(drill.campaign, drill.approver)
    sql("UPDATE messaging_batch SET account_id = %s", drill.live_account.pk)


def copy_the_campaign(drill: Drill) -> None:
    live = world.incident(drill.author)
    names = ", ".join(field.column for field in Campaign._meta.local_concrete_fields if field.column != "id")
    taken = names.replace("incident_id", str(live.pk)).replace("drill", "false")
    as_author(drill.author, f"INSERT INTO messaging_campaign ({names}) SELECT {taken} FROM messaging_campaign")


def lend_the_lane(drill: Drill) -> None:
    """The live account's lane pumps what the drill has queued."""
    world.approve(drill.campaign, drill.approver)
    sql("UPDATE messaging_lane SET account_id = %s, number = 2 WHERE account_id = %s", drill.account.pk, drill.live_account.pk)


def remove_the_drills_account_and_take_its_number(drill: Drill) -> None:
    sql("DELETE FROM messaging_account WHERE id = %s", drill.account.pk)


def test_a_live_alert_does_reach_the_live_platform(drill: Drill) -> None:
    world.approve(world.submitted(drill.author, drill.live_account), drill.approver)
    drill.play()
    assert drill.calls() == (1, 1)


def test_the_accounts_page_probes_the_drills_platform(drill: Drill) -> None:
    assert standing.probe(drill.account, by=drill.approver).ok
    live, played = drill.calls()
    assert (live, played > 0) == (0, True)


def test_a_drill_is_played_on_its_own_platform(drill: Drill) -> None:
    drill.play()
    assert drill.calls() == (0, 1)


def test_a_drill_whose_platform_is_the_real_one_sends_nothing(drill: Drill, settings: Any) -> None:
    settings.DRILL_CHANNEL_URLS = {"vk-direct": "https://api.vk.ru"}
    drill.play()
    assert drill.calls() == (0, 0)
    assert Account.objects.get(pk=drill.account.pk).paused_reason == "drill_not_local"


def test_the_database_queues_nobody_of_a_drill_at_a_live_account(drill: Drill) -> None:
    with pytest.raises(DatabaseError, match="A drill uses drill accounts only"), transaction.atomic():
        copy_the_rows(drill)


ATTEMPTS: tuple[Callable[[Drill], None], ...] = (
    begin_with_a_live_account, swap_by_verb, swap_by_sql, add_a_way_by_sql, flip_the_campaign, flip_the_incident,
    flip_the_account, flip_all_three_at_once, flip_the_live_account_into_the_drill, move_it_to_a_live_incident,
    name_the_live_secret, take_the_live_handle, give_it_the_live_secret, copy_the_rows, hand_the_rows_over,
    copy_the_campaign, lend_the_lane, remove_the_drills_account_and_take_its_number,
)  # fmt: skip
HARMLESS = {give_it_the_live_secret, lend_the_lane}  # allowed, and still nothing live hears of it


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.__name__)
def test_a_drill_never_reaches_a_live_platform(drill: Drill, attempt: Callable[[Drill], None]) -> None:
    if attempt in HARMLESS:
        attempt(drill)
    else:
        with pytest.raises((Refused, DatabaseError)):
            _whole(attempt, drill)
    drill.play()
    assert drill.calls()[0] == 0


def _whole(attempt: Callable[[Drill], None], drill: Drill) -> None:
    """The attempt and what the database judges at COMMIT."""
    with transaction.atomic():
        attempt(drill)
        sql("SET CONSTRAINTS ALL IMMEDIATE")
