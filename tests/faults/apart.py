"""Servers of its own for a layer, and its work in several processes with a database each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, TypeVar

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from crisis import embedded
from tests.conftest import OWNERS_HAND

Item = TypeVar("Item")
Part = TypeVar("Part")


@contextmanager
def servers() -> Iterator[None]:
    """A migrated database, to be cloned."""
    with embedded.servers(settings.DATA_DIR, durable=False):
        call_command("migrate", database="owner", verbosity=0, interactive=False)
        with connections["owner"].cursor() as cursor:
            cursor.execute(OWNERS_HAND)
        connections.close_all()
        yield


def spread(work: Callable[..., Part], items: Sequence[Item], processes: int, *also: Any) -> list[Part]:
    """What `work` makes of the items, cut into as many parts as there are processes."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=django.setup) as pool:
        parts = [pool.submit(work, [*items[n::processes]], *also) for n in range(processes)]
        return [part.result() for part in parts]
