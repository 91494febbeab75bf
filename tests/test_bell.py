"""Redis as a bell: what a job can do at most, and that everything works without it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq import Callback, Queue, SimpleWorker
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer

from messaging import bell, workflow
from messaging.models import Account, Lane, Status
from messaging.worker import PumpWorker
from tests import world
from tests.stages import Cast

pytestmark = pytest.mark.usefixtures("committed")
NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture
def redis_down(settings: Any) -> Iterator[None]:
    settings.REDIS_URL = NOBODY
    bell.redis.cache_clear()
    yield
    bell.redis.cache_clear()


@pytest.fixture
def account(committed: str, monkeypatch: pytest.MonkeyPatch) -> Account:
    monkeypatch.setenv("VK_MINISTRY", "t")
    return world.account()


def work(redis: Redis) -> None:
    """Do what waits, as the worker of the channel does, and give the signals back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    options: dict[str, Any] = {"serializer": JSONSerializer, "job_class": bell.RingJob, "connection": redis}
    try:
        PumpWorker([bell.queue("vk-direct", redis)], **options).work(burst=True, logging_level="ERROR")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stranger(redis: Redis) -> Queue:
    """The queue as somebody sees it who can write to Redis and keeps none of our rules."""
    return Queue("vk-direct", connection=redis, serializer=JSONSerializer)


def pumped(account: Account) -> int:
    """How often the account's lane was taken."""
    return Lane.objects.get(account=account).fence


def test_a_ring_pumps_its_lane(redis: Redis, account: Account) -> None:
    assert bell.ring(account.lanes.select_related("account"))
    work(redis)
    assert pumped(account) == 1


def test_a_ring_repeated_is_harmless(redis: Redis, account: Account) -> None:
    for _ in range(3):
        bell.ring(account.lanes.select_related("account"))
    work(redis)
    assert (pumped(account), redis.llen("rq:queue:vk-direct")) == (3, 0)


def test_a_ring_for_a_lane_that_is_gone_is_harmless(redis: Redis, account: Account) -> None:
    stranger(redis).enqueue(bell.PUMP, 10**9)
    bell.ring(account.lanes.select_related("account"))
    work(redis)
    assert pumped(account) == 1


def test_a_ring_says_nothing_but_the_lane(redis: Redis, account: Account) -> None:
    bell.ring(account.lanes.select_related("account"))
    (job,) = bell.queue("vk-direct", redis).jobs
    assert (job.func_name, job.args, job.kwargs, job.meta) == (bell.PUMP, [Lane.objects.get().pk], {}, {})


def test_no_person_and_no_word_of_an_alert_is_in_redis(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VK_MINISTRY", "a-secret-token")
    cast = Cast()
    world.contacts([190_424_242])
    world.approve(cast.submitted(), cast.approver)
    keys = redis.keys()
    held = b" ".join(redis.dump(key) or b"" for key in keys) + b" ".join(keys)
    assert len(bell.queue("vk-direct", redis)) == 1
    for secret in (b"190424242", b"Headline", "Заголовок".encode(), b"a-secret-token", b"anna", b"boris"):
        assert secret not in held


def test_a_job_that_names_another_function_is_not_run(redis: Redis, account: Account, tmp_path: Path) -> None:
    stranger(redis).enqueue("os.mkdir", str(tmp_path / "made"))
    work(redis)
    assert not (tmp_path / "made").exists()


def test_such_a_job_would_have_been_run_by_a_worker_of_anybody(redis: Redis, tmp_path: Path) -> None:
    stranger(redis).enqueue("os.mkdir", str(tmp_path / "made"))
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    SimpleWorker([stranger(redis)], connection=redis, serializer=JSONSerializer).work(burst=True, logging_level="ERROR")
    signal.signal(signal.SIGINT, before[0])
    signal.signal(signal.SIGTERM, before[1])
    assert (tmp_path / "made").exists()


FORGED: dict[str, dict[str, Any]] = {
    "a callback on success": {"on_success": Callback("os.getpid")},
    "a callback on failure": {"on_failure": Callback("os.getpid")},
    "a callback when stopped": {"on_stopped": Callback("os.getpid")},
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_a_ring_with_a_callback_is_not_run(redis: Redis, account: Account, forged: dict[str, Any]) -> None:
    job = stranger(redis).enqueue(bell.PUMP, Lane.objects.get().pk, **forged)
    with pytest.raises(NoSuchJobError, match="not a ring"):
        bell.RingJob.fetch(job.id, connection=redis, serializer=JSONSerializer)
    work(redis)
    assert pumped(account) == 0


# What somebody could write into a job's hash by hand. `data` is what would be called.
WRITTEN = {
    "a webhook": {"webhook_url": "http://127.0.0.1:1/"},
    "a dependency": {"dependency_ids": '["another"]'},
    "a pickle": {"data": b"\x80\x04cposix\nsystem\n"},
    "a call that is no list": {"data": b'"messaging.jobs.pump"'},
    "a method of its argument": {"data": b'["messaging.jobs.pump.__call__", "messaging.jobs.pump", [1], {}]'},
    "nothing to call": {"data": b""},
    "a time that is none": {"created_at": "yesterday"},
    "a number that is none": {"result_ttl": "for ever"},
    "a status nobody knows": {"status": "forged"},
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_a_job_written_by_hand_is_not_run_and_does_not_end_the_worker(
    redis: Redis, account: Account, written: dict[str, Any]
) -> None:
    job = stranger(redis).enqueue(bell.PUMP, Lane.objects.get().pk)
    redis.hset(Job.key_for(job.id), mapping=written)
    with pytest.raises(NoSuchJobError):
        bell.RingJob.fetch(job.id, connection=redis, serializer=JSONSerializer)
    work(redis)
    assert pumped(account) == 0


def test_a_worker_starts_whatever_stands_at_the_places_of_rq(redis: Redis, account: Account) -> None:
    bell.ring(account.lanes.select_related("account"))
    work(redis)
    bell.ring(account.lanes.select_related("account"))
    for key in redis.keys("rq:*"):
        redis.delete(key)
        redis.set(key, "wrong")
    bell.mend(bell.queue("vk-direct", redis))
    bell.ring(account.lanes.select_related("account"))
    work(redis)
    assert pumped(account) == 2


def test_a_ring_of_a_wrong_kind_does_not_end_the_worker(redis: Redis, account: Account) -> None:
    job = stranger(redis).enqueue(bell.PUMP, Lane.objects.get().pk)
    redis.delete(Job.key_for(job.id))
    redis.set(Job.key_for(job.id), "wrong")
    bell.ring(account.lanes.select_related("account"))
    work(redis)
    assert pumped(account) == 1


def test_a_ring_that_was_not_heard_raises_nothing(redis_down: None, account: Account) -> None:
    assert bell.ring(account.lanes.select_related("account")) is False


def test_a_campaign_starts_and_stops_without_redis(redis_down: None) -> None:
    cast = Cast()
    campaign = world.approve(cast.submitted(), cast.approver)
    assert campaign.status == Status.SENDING
    assert workflow.stop(campaign, by=cast.author) == {"gone": 0, "left": 3}
