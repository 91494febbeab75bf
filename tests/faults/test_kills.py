"""Whatever dies while a platform has accepted a request and not yet answered it: nobody is lost, nobody gets it twice."""

from __future__ import annotations

import signal

from crisis import embedded
from tests.faults.theatre import Theatre, redis_of


def test_it_survives_kill_9_of_the_worker(theatre: Theatre) -> None:
    theatre.begin()
    theatre.kill(theatre.worker)
    theatre.finish()
    theatre.expect_everybody_once()
    theatre.expect_a_repeat_with_the_same_key()


def test_it_survives_a_worker_that_sleeps_past_its_lease_and_wakes(theatre: Theatre) -> None:
    theatre.begin()
    sleeper = theatre.worker
    theatre.kill(sleeper, signal.SIGSTOP)
    assert theatre.until(theatre.repeated_keys), "nobody took over"
    theatre.vk.control(release=True)
    theatre.kill(sleeper, signal.SIGCONT)
    assert theatre.until(theatre.nothing_was_written), "the sleeper did not notice that its batch was taken over"
    theatre.finish()
    theatre.expect_everybody_once()
    theatre.expect_a_repeat_with_the_same_key()


def test_it_survives_the_loss_of_redis_that_comes_back_empty(theatre: Theatre) -> None:
    theatre.begin()
    theatre.kill(int(redis_of(theatre).info()["process_id"]))
    theatre.finish()
    theatre.expect_everybody_once()
    theatre.expect_a_repeat_with_the_same_key()


def test_it_survives_kill_9_of_postgresql(theatre: Theatre) -> None:
    theatre.begin()
    pid_file = theatre.stage.data_dir / "pg" / "postmaster.pid"
    theatre.kill(int(pid_file.read_text().split()[0]))
    theatre.vk.control(release=True)
    theatre.finish()
    theatre.expect_everybody_once()
    theatre.expect_a_repeat_with_the_same_key()
    assert embedded.running(theatre.stage.data_dir)
