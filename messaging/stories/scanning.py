"""Looks for a platform's people everywhere we keep or write anything: none of their identifiers may have reached us."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from redis import Redis

TABLES = """
    SELECT quote_ident(relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname = 'public' ORDER BY 1
"""


def leaks(pattern: str, files: Iterable[Path], exports: Iterable[bytes]) -> dict[str, int]:
    """Place → how many of its rows, keys, files or exports match, a regular expression; only places with any."""
    mark = re.compile(pattern.encode())
    found = {
        **_in_database(pattern),
        "redis": sum(1 for content in _in_redis() if mark.search(content)),
        **{path.name: 1 for path in files if mark.search(path.read_bytes())},
        "exports": sum(1 for content in exports if mark.search(content)),
    }
    return {place: count for place, count in found.items() if count}


def _in_database(pattern: str) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        counts = {}
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT count(*) FROM {table} t WHERE t::text ~ %s", [pattern])
            counts[table] = cursor.fetchone()[0]
    return counts


# How a value of each type is read whole. Not by DUMP: that is compressed, and would hide what is looked for.
READ: dict[bytes, Callable[[Redis, bytes], Any]] = {
    b"string": lambda redis, key: redis.get(key),
    b"hash": lambda redis, key: redis.hgetall(key),
    b"list": lambda redis, key: redis.lrange(key, 0, -1),
    b"set": lambda redis, key: redis.smembers(key),
    b"zset": lambda redis, key: redis.zrange(key, 0, -1),
    b"stream": lambda redis, key: redis.xrange(key),
}


def _in_redis() -> Iterator[bytes]:
    redis = Redis.from_url(settings.REDIS_URL)
    for key in redis.scan_iter():
        kind = redis.type(key)
        yield key
        yield repr(READ[kind](redis, key)).encode() if kind in READ else b""
        if kind == b"hash":  # RQ keeps a job's data compressed
            yield from (_inflated(value) for value in redis.hvals(key) if isinstance(value, bytes))


def _inflated(value: bytes) -> bytes:
    try:
        return zlib.decompress(value)
    except zlib.error:
        return b""
