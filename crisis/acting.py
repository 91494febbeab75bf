"""Speaking to the database in a person's name: its rules ask who acts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from crisis.models import User


@contextmanager
def acting(by: User) -> Iterator[None]:
    """A transaction in a person's name, which the triggers demand. The name is taken off again at its end."""
    with transaction.atomic():
        _name(str(by.pk))
        yield
        _name("")


def _name(value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('crisis.by', %s, true)", [value])
