"""The database away or full: pages say so calmly, and the engine makes no request that it could not write down."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.db import OperationalError, connections
from django.test import Client, RequestFactory

from crisis.failures import server_error
from messaging import delivery
from messaging.models import Batch, Campaign, Status
from tests import world
from tests.engine import Engine, outcomes
from tests.programs import Program
from tests.stages import ahead
from tests.vault import by_owner
from tests.world import sql

pytestmark = pytest.mark.usefixtures("committed")


def take_all_connections(database: str) -> None:
    """The server's refusal (53300) is the same whoever took the last one; a limit of this database disturbs no other test."""
    by_owner(f'ALTER DATABASE "{database}" CONNECTION LIMIT 0')
    connections["default"].close()


def give_connections_back(database: str) -> None:
    by_owner(f'ALTER DATABASE "{database}" CONNECTION LIMIT -1')


def test_a_page_without_a_connection_to_the_database_is_a_calm_503(committed: str, client_of: Callable[..., Client]) -> None:
    client = client_of(world.person("anna", "operator"))
    client.raise_request_exception = False
    take_all_connections(committed)
    answer = client.get("/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "Nothing that was saved is lost" in answer.content.decode()
    give_connections_back(committed)
    assert client.get("/").status_code == 200


def test_a_program_without_a_connection_to_the_database_is_told_to_call_again(committed: str) -> None:
    program = Program("Desk", (world.person("gleb", "admin"), world.person("zoya", "admin")))
    take_all_connections(committed)
    answer = program.get("incidents")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "does not answer" in json.loads(answer.content)["problems"][0]["sentence"]


def test_another_failure_stays_a_failure(rf: RequestFactory) -> None:
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        answer = server_error(rf.get("/"))
    assert answer.status_code == 500


# A full disk. The server's own error (53100) is raised by a trigger: a disk of every machine cannot be filled in a test.


def fill_disk(moment: str) -> None:
    """From here on this write fails as on a full disk: "AFTER UPDATE … WHEN …" of a batch."""
    by_owner(
        "CREATE FUNCTION tests_no_space() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$"
    )
    by_owner(f"CREATE CONSTRAINT TRIGGER no_space {moment} EXECUTE FUNCTION tests_no_space()")


def make_room() -> None:
    by_owner("DROP FUNCTION tests_no_space() CASCADE")


CLAIMED = "AFTER UPDATE ON messaging_batch DEFERRABLE INITIALLY {when} FOR EACH ROW WHEN (NEW.status = 'sending')"
RECORDED = "AFTER INSERT ON messaging_delivery DEFERRABLE INITIALLY {when} FOR EACH ROW"


@pytest.mark.parametrize("when", ["IMMEDIATE", "DEFERRED"])  # in the statement, and as late as COMMIT
def test_no_request_is_made_that_the_database_has_no_room_to_remember(engine: Engine, when: str) -> None:
    engine.sending()
    fill_disk(CLAIMED.format(when=when))
    with pytest.raises(OperationalError, match="No space left"):
        engine.pump()
    assert (engine.heard(Batch.objects.get()), Batch.objects.get().status) == ([], Batch.Status.QUEUED)
    make_room()
    engine.pump(later=60)
    assert [kind for kind, _peer in engine.heard(Batch.objects.get())] == ["accepted"] * 3


@pytest.mark.parametrize("when", ["IMMEDIATE", "DEFERRED"])
def test_an_answer_that_could_not_be_written_down_is_asked_again_under_the_same_key(engine: Engine, when: str) -> None:
    campaign = engine.sending()
    fill_disk(RECORDED.format(when=when))
    with pytest.raises(OperationalError, match="No space left"):
        engine.pump()
    assert (Batch.objects.get().status, outcomes()) == (Batch.Status.SENDING, set())
    make_room()
    engine.pump(later=120)
    batch = Batch.objects.get()
    assert [kind for kind, _peer in engine.heard(batch)] == ["accepted"] * 3 + ["repeat"] * 3
    assert (batch.accepted, Campaign.objects.get(pk=campaign.pk).status) == (3, Status.SENT)


def test_the_sweeper_goes_on_with_the_rest_while_one_thing_finds_no_room(engine: Engine) -> None:
    engine.sending()
    fill_disk(CLAIMED.format(when="IMMEDIATE"))
    ahead(seconds=30)
    assert "pumped" not in (done := delivery.sweep())
    assert "daily" in done
    make_room()
    ahead(seconds=90)
    delivery.sweep()
    assert sql("SELECT sum(accepted) FROM messaging_batch") == [(3,)]
