"""Looks for a platform's people everywhere we keep or write anything: none of their identifiers may have reached us."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

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


def _in_redis() -> Iterator[bytes]:
    redis = Redis.from_url(settings.REDIS_URL)
    for key in redis.scan_iter():
        yield key
        yield redis.dump(key) or b""
