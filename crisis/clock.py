"""The database's clock, the only one that leases, windows and defaults go by. Tests replace the SQL function, nothing else."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.db.models import DateTimeField, Func


class Now(Func):
    """`crisis_now()` as a Django expression."""

    function = "crisis_now"
    arity = 0
    output_field = DateTimeField()


def now() -> datetime:
    """The instant of the database, aware."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT crisis_now()")
        found: datetime = cursor.fetchone()[0]
    return found
