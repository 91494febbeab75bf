"""What is often built first, to be put beside ours: one RQ job a person, with Retry, and a row that says who got it.

Tests alone know it; `python -m tests.faults.naive` is a worker of it, and with `--recover` it does at once what RQ does in time
by itself. It looks before it sends, and writes down after it; a platform's key against repeats is drawn anew for
every attempt, as the client libraries of VK do. What befalls it is what befalls ours, and the same judge judges it.
"""

from __future__ import annotations

import json
import random
import time
from threading import Event
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from django.conf import settings
from django.db import close_old_connections, connection, transaction
from redis import Redis
from rq import Queue, Retry, SimpleWorker

RETRY = Retry(max=3)
PAUSE = 0.05  # seconds after a message: two listening workers are then as fast as ours are allowed to be
ABANDONED = 3600.0  # seconds after which RQ itself believes that a job's worker is gone
TABLE = """
CREATE TABLE naive_delivery (
    campaign int, slug text, address text, status text NOT NULL, PRIMARY KEY (campaign, slug, address)
);
GRANT SELECT, INSERT, UPDATE ON naive_delivery TO PUBLIC;
"""
WORDS = "Leave now. No. {}."
WHERE = "WHERE campaign = %s AND slug = %s AND address = %s"
listening = Event()
FOUND = {True: "accepted", False: "failed"}


def launch(campaign: int, slug: str, addresses: list[str]) -> None:
    """Note everybody in one transaction, then queue a job for each. Who presses again is told that it was launched."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM naive_delivery WHERE campaign = %s AND slug = %s", [campaign, slug])
        if cursor.fetchone() != (0,):
            return
        rows = [(campaign, slug, address) for address in addresses]
        cursor.executemany("INSERT INTO naive_delivery VALUES (%s, %s, %s, 'created')", rows)
    enqueue(campaign, slug, addresses)


def enqueue(campaign: int, slug: str, addresses: list[str]) -> None:
    for address in addresses:
        queue().enqueue(deliver, campaign, slug, address, retry=RETRY)


def deliver(campaign: int, slug: str, address: str) -> None:
    """The job."""
    close_old_connections()
    if read(campaign, slug, address) == "created":
        note(campaign, slug, address, FOUND[post(campaign, slug, address)])
        time.sleep(PAUSE if listening.is_set() else 0.0)


def read(campaign: int, slug: str, address: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT status FROM naive_delivery {WHERE}", [campaign, slug, address])
        return str(cursor.fetchone()[0])


def note(campaign: int, slug: str, address: str, status: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE naive_delivery SET status = %s {WHERE}", [status, campaign, slug, address])


def post(campaign: int, slug: str, address: str) -> bool:
    """Whether the platform took it. Raises OSError when it does not answer."""
    words = WORDS.format(campaign)
    return _to_vk(address, words) if slug == "vk-direct" else _to_push(address, words)


def _to_vk(address: str, words: str) -> bool:
    fields = {"peer_ids": address, "random_id": random.getrandbits(31), "message": words, "v": "5.199", "access_token": "t0ken"}
    said = _ask(f"{settings.CHANNEL_URLS['vk-direct']}/method/messages.send", urlencode(fields).encode())
    return "error" not in said["response"][0]


def _to_push(address: str, words: str) -> bool:
    body = json.dumps({"to": address, "text": words}).encode()
    return bool(_ask(f"{settings.CHANNEL_URLS['push-test']}/send", body)["id"])


def _ask(url: str, body: bytes) -> Any:
    with urlopen(Request(url, body, {"Authorization": "Bearer push-t0ken"}), timeout=settings.REQUEST_SECONDS) as answer:
        return json.load(answer)


def queue() -> Queue:
    """One of this database alone."""
    name = f"naive-{connection.settings_dict['NAME']}"
    return Queue(name, connection=Redis.from_url(settings.REDIS_URL))


def work() -> None:
    """What a worker does with all that is queued."""
    SimpleWorker([queue()], connection=queue().connection).work(burst=True, logging_level="CRITICAL")


def listen() -> None:
    listening.set()
    SimpleWorker([queue()], connection=queue().connection).work(logging_level="CRITICAL")


def recover() -> None:
    """What RQ does in time by itself: a job whose worker is gone is tried again, or filed as failed."""
    queue().started_job_registry.cleanup(time.time() + ABANDONED)
    work()


if __name__ == "__main__":
    import sys

    import django

    django.setup()
    from tests.faults import naive  # RQ calls the jobs of this module by its own name

    naive.recover() if "--recover" in sys.argv else naive.listen()
