"""Workers on three hosts share the servers. One host is cut off in the middle of a sending, by wires that are silent and not
closed: the others finish what it was at, and what it writes when the wires are mended changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker
from pytest_django.fixtures import Settings

from crisis import embedded
from crisis.supervisor import Command
from messaging.models import Batch, Delivery
from tests import world
from tests.faults.conftest import opened
from tests.faults.theatre import Theatre
from tests.faults.wires import Server, Wires


class Hosts(Theatre):
    """A host for every worker, with wires of its own to PostgreSQL, Redis and the platform."""

    people, lanes = 2_500, 3

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        servers: dict[str, Server] = {
            "postgresql": embedded.postgres_socket(data_dir), "redis": embedded.valkey_socket(data_dir), "vk": self.stage.vk,
        }  # fmt: skip
        self.wires = {f"worker-vk-direct-{number + 1}": Wires(servers) for number in range(self.lanes)}
        self.running = ExitStack()

    def open(self) -> None:
        for wires in self.wires.values():
            self.running.enter_context(wires)
        super().open()

    def close(self) -> None:
        super().close()
        self.running.close()

    def commands(self) -> list[Command]:
        return [self._on_its_host(command) for command in super().commands()]

    def _on_its_host(self, command: Command) -> Command:
        wires = self.wires.get(command.name)
        if not wires:
            return command
        query = f"passfile={embedded.passfile(self.stage.data_dir)}"
        where = {
            "DATABASE_URL": f"postgres://crisis_app@127.0.0.1:{wires.ports['postgresql']}/crisis?{query}",
            "REDIS_URL": f"redis://127.0.0.1:{wires.ports['redis']}/0",
            "VK_URL": f"http://127.0.0.1:{wires.ports['vk']}",
        }
        log = self.stage.data_dir / "logs" / f"{command.name}.log"
        return replace(command, env={**command.env, **where}, log=log)

    def begin_and_cut_off(self, host: str) -> Wires:
        """Start a sending, and cut a host off while it waits for the answer to a request that arrived."""
        wires = self.wires[host]
        wires.cut_at_an_answer_of("vk")
        self.campaign = world.approve(world.submitted(self.author, self.account), self.approver)
        assert self.until(lambda: wires.are_cut), "this host asked the platform for nothing"
        return wires

    def came_too_late(self, host: str) -> bool:
        return "nothing was written" in (self.stage.data_dir / "logs" / f"{host}.log").read_text()


@pytest.fixture
def hosts(tmp_path: Path, settings: Settings, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Hosts]:
    with django_db_blocker.unblock(), opened(Hosts, tmp_path / "var", settings) as place:
        yield place


def ledger() -> list[object]:
    batches = Batch.objects.order_by("pk").values_list("pk", "status", "fence", "attempt", "accepted", "uncertain")
    return [*batches, *Delivery.objects.order_by("batch_id", "contact").values_list("batch_id", "contact", "status")]


def test_others_finish_what_a_silent_host_was_at_and_what_it_writes_later_changes_nothing(hosts: Hosts) -> None:
    wires = hosts.begin_and_cut_off("worker-vk-direct-3")
    hosts.finish()
    assert wires.are_cut
    hosts.expect_everybody_once()
    hosts.expect_a_repeat_with_the_same_key()
    before = ledger()
    wires.mend()
    assert hosts.until(lambda: hosts.came_too_late("worker-vk-direct-3")), "it did not notice that its batch was taken over"
    assert ledger() == before
    hosts.expect_everybody_once()
