"""Entry points of RQ: take ids, call one function; nothing else."""

from __future__ import annotations

from django.db import close_old_connections

from messaging import delivery


def pump(lane: int) -> None:
    close_old_connections()  # the database may have been restarted since the last ring
    delivery.pump(lane)
