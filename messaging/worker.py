"""The RQ worker of one channel: it hears rings and pumps. Not a place for work: that is `messaging.delivery`."""

from __future__ import annotations

from types import FrameType

from django.conf import settings
from redis import Redis
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from messaging import bell, delivery


class PumpWorker(SimpleWorker):
    """One queue, no fork: a job is a ring, and a pump may last as long as a campaign."""

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Finish the batch in hand, then go."""
        delivery.leaving.set()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


def listen(slug: str) -> None:
    """Hear the rings of a channel until SIGTERM. Raises redis.RedisError when Redis goes away: then we are started again."""
    connection = Redis.from_url(settings.REDIS_URL)
    queue = bell.queue(slug, connection)
    bell.mend(queue)
    worker = PumpWorker([queue], connection=connection, serializer=JSONSerializer, job_class=bell.RingJob)
    worker.work(with_scheduler=False, logging_level="WARNING")
