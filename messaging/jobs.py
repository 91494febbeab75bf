"""Entry points of RQ: take ids, call one function; nothing else."""

from __future__ import annotations

from messaging import delivery


def pump(lane: int) -> None:
    delivery.pump(lane)
