"""Redis as a bell: a job says only "pump lane L". Losing, doubling or forging one changes nothing but latency."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import lru_cache

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker_registration import REDIS_WORKER_KEYS, WORKERS_BY_QUEUE_KEY

from messaging.models import Lane

PUMP = "messaging.jobs.pump"
FORBIDDEN = (
    "success_callback_name",
    "failure_callback_name",
    "stopped_callback_name",
    "dependency_ids",
    "webhook",
    "webhook_url",
)
log = logging.getLogger(__name__)


class RingJob(Job):
    """A job that can be nothing but a ring: whoever writes to Redis can make a worker do nothing else."""

    def refresh(self) -> None:
        """Raises NoSuchJobError also for what is of another kind than a job."""
        try:
            super().refresh()  # type: ignore[no-untyped-call]
        except ResponseError as error:
            raise NoSuchJobError("This is no job.") from error

    def restore(self, raw_data: dict[bytes | str, bytes | str]) -> None:
        """Raises NoSuchJobError for what cannot be read or names another function, a callback, a webhook or a dependency."""
        try:
            super().restore(raw_data)
            function = self.func_name
        except Exception as error:  # whatever was written there, the worker outlives it
            raise NoSuchJobError("This job cannot be read and was not run.") from error
        names = {
            key.decode() if isinstance(key, bytes) else key for key, value in raw_data.items() if value not in (b"", "", None)
        }
        if function != PUMP or any(name.startswith(FORBIDDEN) for name in names):
            raise NoSuchJobError("This job is not a ring and was not run.")


@lru_cache(maxsize=2)
def redis(patience: float = 1.0) -> Redis:
    """A connection that gives up after `patience` seconds: a page never waits for the bell."""
    return Redis.from_url(
        settings.REDIS_URL, socket_timeout=patience, socket_connect_timeout=patience, retry=Retry(NoBackoff(), 0)
    )


def queue(slug: str, connection: Redis | None = None) -> Queue:
    return Queue(slug, connection=connection or redis(), serializer=JSONSerializer, job_class=RingJob)


def ring(lanes: Iterable[Lane]) -> bool:
    """Ask the workers to pump these lanes. Returns False when Redis does not hear; the sweeper then pumps by itself."""
    try:
        for lane in lanes:
            queue(lane.account.slug).enqueue(
                PUMP, lane.pk, result_ttl=0, failure_ttl=3600, ttl=60, job_timeout=24 * 3600, description=f"pump lane {lane.pk}"
            )
    except RedisError as error:
        log.warning("The bell did not ring: %s", type(error).__name__)
        return False
    return True


def mend(queue: Queue) -> None:
    """Forget what stands at the places of this queue and is of another kind than RQ keeps there: no worker could start.

    Only rings are lost.
    """
    sets = (Queue.redis_queues_keys, REDIS_WORKER_KEYS, WORKERS_BY_QUEUE_KEY % queue.name)
    registries = (queue.started_job_registry, queue.finished_job_registry, queue.failed_job_registry,
                  queue.deferred_job_registry, queue.ready_job_registry, queue.scheduled_job_registry)  # fmt: skip
    kinds = {b"set": sets, b"list": (queue.key, queue.intermediate_queue_key), b"zset": [one.key for one in registries]}
    for kind, keys in kinds.items():
        for key in keys:
            if queue.connection.type(key) not in (kind, b"none"):
                queue.connection.delete(key)
                log.warning("%s in Redis was no %s of RQ's and was deleted.", key, kind.decode())
