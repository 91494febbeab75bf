"""The supervisor with real processes; only the clock of its pauses is ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crisis.supervisor import Backoff, Command, Supervisor

PROJECT = Path(__file__).resolve().parent.parent
SLEEP = ("sleep", "60")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def supervise(clock: Clock) -> Iterator[Callable[..., Supervisor]]:
    started: list[Supervisor] = []

    def start(*commands: Command, **options: float) -> Supervisor:
        started.append(Supervisor(commands, clock=clock, **options))
        started[-1].start()
        return started[-1]

    yield start
    for supervisor in started:
        supervisor.stop()


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def ended(pid: int) -> bool:
    """Gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def buried(supervisor: Supervisor, name: str) -> bool:
    supervisor.tick()
    return name not in supervisor.pids


def restarted(supervisor: Supervisor, clock: Clock, name: str, before: int) -> bool:
    clock.now += 10
    supervisor.tick()
    return supervisor.pids.get(name, before) != before


def test_it_starts_every_command_in_a_group_of_its_own(supervise):
    supervisor = supervise(Command("one", SLEEP), Command("two", SLEEP))
    assert {os.getpgid(pid) for pid in supervisor.pids.values()} == set(supervisor.pids.values())
    assert len(supervisor.pids) == 2


def test_it_gives_a_command_its_environment_and_log(supervise, tmp_path):
    log = tmp_path / "logs" / "one.log"
    supervise(Command("one", ("sh", "-c", "echo $GREETING; exec sleep 60"), {"GREETING": "ready"}, log))
    assert eventually(lambda: log.exists() and log.read_text() == "ready\n")


@pytest.mark.parametrize("argv", [("true",), ("false",), ("/does/not/exist",)])
def test_it_starts_a_command_again_whatever_its_end(supervise, clock, caplog, argv):
    supervisor = supervise(Command("brief", argv))

    def has_ended_three_times() -> bool:
        clock.now += 6  # longer than any pause
        supervisor.tick()
        return len(caplog.messages) >= 3

    assert eventually(has_ended_three_times)


def test_it_starts_a_killed_command_again_only_after_its_pause(supervise, clock):
    supervisor = supervise(Command("one", SLEEP))
    before = supervisor.pids["one"]
    os.kill(before, signal.SIGKILL)
    assert eventually(lambda: buried(supervisor, "one"))
    clock.now += 0.19
    supervisor.tick()
    assert supervisor.pids == {}
    clock.now += 0.02
    supervisor.tick()
    assert supervisor.pids["one"] != before


def test_it_doubles_the_pause_up_to_five_seconds_and_forgets_after_a_long_life():
    backoff = Backoff()
    assert [backoff.after_a_life_of(1) for _ in range(7)] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert backoff.after_a_life_of(10) == 0.2


def test_one_end_does_not_touch_the_other_commands(supervise, clock):
    supervisor = supervise(Command("one", SLEEP), Command("two", SLEEP))
    other = supervisor.pids["two"]
    before = supervisor.pids["one"]
    os.kill(before, signal.SIGKILL)
    assert eventually(lambda: restarted(supervisor, clock, "one", before))
    assert supervisor.pids["two"] == other


def test_it_leaves_no_zombie(supervise):
    supervisor = supervise(Command("one", SLEEP))
    pid = supervisor.pids["one"]
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: buried(supervisor, "one"))
    assert not Path(f"/proc/{pid}").exists()


def test_a_zombie_that_nobody_has_reaped_counts_as_dead(supervise):
    supervisor = supervise(Command("one", SLEEP))
    pid = supervisor.pids["one"]
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: ended(pid))
    assert Path(f"/proc/{pid}").exists()
    assert buried(supervisor, "one")


def test_it_kills_what_a_dead_command_left_in_its_group(supervise, tmp_path):
    note = tmp_path / "child"
    supervisor = supervise(Command("parent", ("sh", "-c", f"sleep 60 & echo $! > {note}; wait")))
    assert eventually(lambda: note.exists() and bool(note.read_text()))
    os.kill(supervisor.pids["parent"], signal.SIGKILL)
    assert eventually(lambda: buried(supervisor, "parent"))
    assert eventually(lambda: ended(int(note.read_text())))


def test_a_stop_ends_the_stubborn_too_and_the_grandchildren(supervise, tmp_path):
    note = tmp_path / "child"
    deaf = ("sh", "-c", f"trap '' TERM; sleep 60 & echo $! > {note}; wait")
    supervisor = supervise(Command("deaf", deaf), Command("polite", SLEEP), grace=0.05)
    assert eventually(lambda: note.exists() and bool(note.read_text()))
    pids = [*supervisor.pids.values(), int(note.read_text())]
    supervisor.stop()
    assert supervisor.pids == {}
    assert eventually(lambda: all(map(ended, pids)))


def test_a_stop_asks_before_it_kills(supervise, tmp_path):
    note = tmp_path / "farewell"
    polite = ("sh", "-c", f"trap 'echo done > {note}; exit' TERM; echo > {tmp_path}/ready; while :; do sleep 0.01; done")
    supervisor = supervise(Command("polite", polite))
    assert eventually((tmp_path / "ready").exists)
    supervisor.stop()
    assert note.read_text() == "done\n"


def test_after_a_stop_it_can_be_started_again(supervise):
    supervisor = supervise(Command("one", SLEEP))
    supervisor.stop()
    supervisor.start()
    assert not ended(supervisor.pids["one"])


def run_in_another_process(note: Path) -> subprocess.Popen[bytes]:
    script = f"""
from crisis.supervisor import Command, Supervisor
Supervisor([Command("one", ("sh", "-c", "echo $$ > {note}; exec sleep 60"))]).run()
"""
    return subprocess.Popen([sys.executable, "-c", script], cwd=PROJECT)


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -9)])
def test_no_command_outlives_the_process_that_runs_it(tmp_path, signum, status):
    note = tmp_path / "pid"
    runner = run_in_another_process(note)
    assert eventually(lambda: note.exists() and bool(note.read_text()))
    runner.send_signal(signum)
    assert runner.wait(20) == status
    assert eventually(lambda: ended(int(note.read_text())))


def test_running_gives_the_signal_handlers_back(supervise):
    before = signal.getsignal(signal.SIGTERM)
    supervisor = supervise(Command("one", SLEEP))
    alarm = signal.signal(signal.SIGALRM, supervisor.ask_to_stop)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    supervisor.run(every=0.005)
    signal.signal(signal.SIGALRM, alarm)
    assert signal.getsignal(signal.SIGTERM) == before
    assert supervisor.pids == {}
