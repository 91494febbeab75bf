"""What is often built first, to be put beside ours: one RQ job a person, with Retry, and a row that says who got it.

Tests alone know it. It looks before it sends, and writes down after it; a platform's key against repeats is drawn anew for
every attempt, as the client libraries of VK do. What befalls it is what befalls ours, and the same judge judges it.
"""

from __future__ import annotations

import json
import random
import time
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from django.conf import settings
from django.db import close_old_connections, connection, transaction
from redis import Redis
from rq import Queue, Retry, SimpleWorker

RETRY = Retry(max=3)
ABANDONED = 3600.0  # seconds after which RQ itself believes that a job's worker is gone
TABLE = """
CREATE TABLE naive_delivery (slug text, address text, status text NOT NULL, PRIMARY KEY (slug, address));
GRANT SELECT, INSERT, UPDATE ON naive_delivery TO PUBLIC;
"""
WORDS = "Leave now."
FOUND = {True: "accepted", False: "failed"}


def launch(slug: str, addresses: list[str]) -> None:
    """Note everybody in one transaction, then queue a job for each. Who presses again is told that it was launched."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM naive_delivery")
        if cursor.fetchone() != (0,):
            return
        cursor.executemany("INSERT INTO naive_delivery VALUES (%s, %s, 'created')", [(slug, one) for one in addresses])
    enqueue(slug, addresses)


def enqueue(slug: str, addresses: list[str]) -> None:
    for address in addresses:
        queue().enqueue(deliver, slug, address, retry=RETRY)


def deliver(slug: str, address: str) -> None:
    """The job."""
    close_old_connections()
    if read(slug, address) == "created":
        note(slug, address, FOUND[post(slug, address)])


def read(slug: str, address: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT status FROM naive_delivery WHERE slug = %s AND address = %s", [slug, address])
        return str(cursor.fetchone()[0])


def note(slug: str, address: str, status: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE naive_delivery SET status = %s WHERE slug = %s AND address = %s", [status, slug, address])


def post(slug: str, address: str) -> bool:
    """Whether the platform took it. Raises OSError when it does not answer."""
    return _to_vk(address) if slug == "vk-direct" else _to_push(address)


def _to_vk(address: str) -> bool:
    fields = {"peer_ids": address, "random_id": random.getrandbits(31), "message": WORDS, "v": "5.199", "access_token": "t0ken"}
    said = _ask(f"{settings.CHANNEL_URLS['vk-direct']}/method/messages.send", urlencode(fields).encode())
    return "error" not in said["response"][0]


def _to_push(address: str) -> bool:
    body = json.dumps({"to": address, "text": WORDS}).encode()
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


def recover() -> None:
    """What RQ does in time by itself: a job whose worker is gone is tried again, or filed as failed."""
    queue().started_job_registry.cleanup(time.time() + ABANDONED)
    work()
