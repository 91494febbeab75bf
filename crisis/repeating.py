"""Statements repeated thousands of times in a row: PostgreSQL parses and plans them once a connection, not each time.

Left to itself it goes back to planning each time as soon as its statistics promise a little from that; a plan costs more here
than what it plans.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.backends.utils import CursorWrapper


@contextmanager
def repeating() -> Iterator[CursorWrapper]:
    """A cursor for such a statement: always the same words, everything that varies a parameter."""
    connection.ensure_connection()
    if connection.connection.prepare_threshold != 0:
        connection.connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.connection.prepare_threshold = 0  # Django's own cursors never prepare
    make = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    with make(ServerBindingCursor(connection.connection)) as cursor:  # type: ignore[call-arg,arg-type]
        yield cursor


def plan_anew() -> None:
    """Forget the plans of this connection: they were made for tables that may have grown a thousandfold."""
    with connection.cursor() as cursor:
        cursor.execute("DISCARD PLANS")
