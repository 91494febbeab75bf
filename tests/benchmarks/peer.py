"""The same work done the usual way, one task a person: ask the platform, write down what it said. For `.venv-peers` alone.

`python -m tests.benchmarks.peer rq | celery` is a worker; `… produce` reads lines such as "rq 1000" and hands out tasks.
PEER_URL is the platform, PEER_DATABASE and PEER_REDIS are the servers.
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from typing import Any

import psycopg
import requests
from celery import Celery
from redis import Redis
from rq import Queue, SimpleWorker

NAME = "peers"
TEXT = "МИД гражданам в Египте, 8 ноября. Текст по-русски."
KEEP = "INSERT INTO bench_peer (contact, status, ref, at) VALUES (%s, 'accepted', %s, now())"

app = Celery(NAME, broker=os.environ["PEER_REDIS"].replace("unix://", "redis+socket://").replace("?db=", "?virtual_host="))
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True, worker_hijack_root_logger=False)


@lru_cache(maxsize=1)
def _kept() -> tuple[requests.Session, psycopg.Connection[Any]]:
    """A session and a connection of each process, kept from task to task."""
    return requests.Session(), psycopg.connect(os.environ["PEER_DATABASE"], autocommit=True)


def send(contact: int) -> None:
    session, database = _kept()
    answer = session.post(f"{os.environ['PEER_URL']}/send", json={"to": str(contact), "text": TEXT}, timeout=10)
    database.execute(KEEP, [contact, answer.json()["id"]])


task = app.task(send, name="send")


def _queue() -> Queue:
    return Queue(NAME, connection=Redis.from_url(os.environ["PEER_REDIS"]))


def _hand_out(by: str, people: int) -> None:
    if by == "rq":
        queue = _queue()
        queue.enqueue_many([Queue.prepare_data(send, [n], result_ttl=0) for n in range(people)])
    else:
        for n in range(people):
            task.delay(n)


def main(role: str) -> None:
    if role == "rq":
        SimpleWorker([_queue()], connection=_queue().connection).work(logging_level="WARNING")
    elif role == "celery":
        app.worker_main(["worker", "--concurrency=2", "--loglevel=WARNING", "--without-gossip", "--without-mingle"])
    else:
        for line in sys.stdin:
            by, people = line.split()
            _hand_out(by, int(people))


if __name__ == "__main__":
    main(sys.argv[1])
