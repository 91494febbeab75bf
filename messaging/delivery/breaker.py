"""The circuit breaker of an account: after five claims in a row that nobody answered it rests, and is tried now and then.

A platform that is down is not asked in vain by every batch, and people read why nothing moves. Losing a note loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from django.db import connection, transaction

from crisis import audit
from messaging.channels import ChannelError
from messaging.models import Account

OPENS = 5  # claims in a row of which no request was answered
SHORTEST, LONGEST = 5, 60  # seconds of rest: doubling with every claim that fails after it

FAILED = f"""
UPDATE messaging_account
   SET failures = failures + 1, rest_reason = %(reason)s,
       rests_until = CASE WHEN failures + 1 >= {OPENS}
           THEN crisis_now() + least({LONGEST}, {SHORTEST} * 2 ^ least(failures + 1 - {OPENS}, 8)) * interval '1 second' END
 WHERE id = %(account)s RETURNING failures
"""
ANSWERED = "UPDATE messaging_account SET failures = 0, rest_reason = '', rests_until = NULL WHERE id = %s AND failures > 0"


class Request(Protocol):
    """One request that was made, and the error it failed with as a whole."""

    @property
    def error(self) -> ChannelError | None: ...


def note(account: Account, failures: int, asked: Iterable[Request]) -> None:
    """Count a claim whose requests all went unanswered, or forget the `failures` before one that was answered.

    A platform that says "busy", refuses a text or a token has answered.
    """
    errors = [one.error for one in asked]
    silent = [error for error in errors if error and _is_silence(error)]
    if errors and len(silent) == len(errors):
        _failed(account, silent[0].reason)
    elif errors and failures:
        with connection.cursor() as cursor:
            cursor.execute(ANSWERED, [account.pk])


def _is_silence(error: ChannelError) -> bool:
    return error.scope == "uncertain" or (error.scope == "retry" and error.retry_after is None)


@transaction.atomic
def _failed(account: Account, reason: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(FAILED, {"account": account.pk, "reason": reason[:60]})
        failures = cursor.fetchone()[0]
    if failures == OPENS:
        audit.record("account.rest", by=None, about=account, data={"reason": reason[:60]})
