"""A new key for the addresses at rest: all are written with it from now on, and those stored are encrypted anew bit by bit.

Old keys stay in the ring until nothing names them and somebody drops them; a backup needs the ring of its own day. The key of
the keyed hashes is another matter and never changes: an opt-out is a hash without its address, and under another key nobody
could find it again. Were that key lost to a stranger, addresses held can be hashed anew, opt-outs of people forgotten cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from time import time

from django.conf import settings
from django.db import connection, transaction

from audiences import keys
from crisis import audit, backups
from crisis.refusal import Refused

AT_ONCE = 1000  # addresses in one transaction
RESTED = timedelta(hours=2)  # an import that took the ring before it changed has long ended, and no file waits longer
LOCK = 7_261_009

NAMED = "substring(value_encrypted FROM 1 FOR length(%(head)s)) <> %(head)s AND value_encrypted <> ''"
# Whoever changes an address at this moment is left alone, so that nobody waits for anybody in a ring; a later round takes it.
SOME = f"""
    SELECT id, kind, value_encrypted FROM audiences_address WHERE id > %(after)s AND {NAMED}
     ORDER BY id LIMIT %(many)s FOR NO KEY UPDATE SKIP LOCKED
"""
# `updated_at` stays: of two addresses of a person the one changed last is written to.
STORE = """
    UPDATE audiences_address a SET value_encrypted = n.sealed
      FROM unnest(%(ids)s::bigint[], %(sealed)s::bytea[]) AS n (id, sealed) WHERE a.id = n.id
"""
LEFT = f"SELECT count(*) FROM audiences_address WHERE {NAMED}"
USED = """
    SELECT DISTINCT convert_from(substring(value_encrypted FROM 2 FOR get_byte(value_encrypted, 0)), 'UTF8')
      FROM audiences_address WHERE value_encrypted <> ''
     UNION SELECT key FROM audiences_upload u WHERE EXISTS (SELECT FROM audiences_uploadpart p WHERE p.upload_id = u.id)
"""


def rotate(say: Callable[[str], None], many: int = AT_ONCE) -> int:
    """Make a new key and encrypt every address with it; after an interruption go on where it stopped, with the key made then.

    Returns how many addresses were being changed by others and still have an older key. Raises Refused when it runs already.
    """
    with _alone():
        if _left():
            say(f"Going on with the key “{keys.ring().current}”.")
        else:
            say(f"The new key is “{_begin()}”. Keep a copy of the ring with your backups.")
        done = _rounds(many)
        say(f"Encrypted anew: {done} addresses.")
        return _left()


def drop_unused() -> list[str]:
    """Take keys that nothing names out of the ring. Returns their names.

    Raises Refused when the ring changed less than two hours ago: somebody may still be writing with a key that was current.
    """
    with _alone():
        if time() - Path(settings.KEY_RING_FILE).stat().st_mtime < RESTED.total_seconds():
            raise Refused("The ring changed less than two hours ago. Nothing was dropped. Try again later.")
        unused = sorted({*keys.ring().ciphers} - used() - {keys.ring().current})
        if unused:
            with transaction.atomic():
                keys.drop_keys(unused)
                audit.record("keys.drop", by=None, data={"keys": unused})
        return unused


def _begin() -> str:
    with transaction.atomic():
        name = keys.add_key()
        audit.record("keys.rotate", by=None, data={"key": name})
    return name


def _rounds(many: int) -> int:
    """Over all addresses, chunk by chunk, and once more for those that others were changing meanwhile."""
    done = 0
    for _round in range(2):
        after: int | None = 0
        while after is not None:
            number, after = _chunk(after, many)
            done += number
    return done


@transaction.atomic
def _chunk(after: int, many: int) -> tuple[int, int | None]:
    """How many were encrypted anew, and the last one's id, None at the end."""
    ring = keys.ring()
    seal = ring.sealer(many)
    with connection.cursor() as cursor:
        cursor.execute(SOME, {"head": _head(ring), "after": after, "many": many})
        rows = [(pk, kind, bytes(blob)) for pk, kind, blob in cursor.fetchall()]
        sealed = [seal(kind, keys.decrypt(kind, blob)) for _pk, kind, blob in rows]
        cursor.execute(STORE, {"ids": [row[0] for row in rows], "sealed": sealed})
    return len(rows), rows[-1][0] if rows else None


def _left() -> int:
    with connection.cursor() as cursor:
        cursor.execute(LEFT, {"head": _head(keys.ring())})
        return int(cursor.fetchone()[0])


def used() -> set[str]:
    """Names of the keys that stored values name."""
    with connection.cursor() as cursor:
        cursor.execute(USED)
        return {row[0] for row in cursor.fetchall()}


def _head(ring: keys.Ring) -> bytes:
    """How every value begins that the current key encrypted."""
    name = ring.current.encode()
    return bytes([len(name)]) + name


@contextmanager
def _alone() -> Iterator[None]:
    """Two at once would make two keys."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            raise Refused("Keys are being rotated already. Nothing was done. Wait until that has ended.")
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _held() -> set[str]:
    return {*keys.ring().ciphers}


def register() -> None:
    """Say which keys a backup needs, and which are at hand."""
    backups.register_keys(used, _held)
