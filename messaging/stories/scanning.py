"""Looks everywhere we keep or write anything for what must not stand there: identifiers of a platform's people, which may not
have reached us at all, and addresses of our own, which may be kept only encrypted."""

from __future__ import annotations

import re
import zlib
from base64 import urlsafe_b64decode
from collections import Counter
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


NUMBER = re.compile(rb"[0-9]{5,}")
HEX = re.compile(rb"(?:[0-9a-f]{2}){5,}", re.IGNORECASE)
SEALED = re.compile(rb"[0-9a-f]{32,}", re.IGNORECASE)  # hashes and ciphertext: digits stand in them by chance
BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{7,}")


def in_clear(addresses: frozenset[bytes], files: Iterable[Path], exports: Iterable[bytes]) -> dict[str, int]:
    """Place → how many of its rows, keys, files or exports hold one of these numbers as it is, in hex or in base64."""
    found = Counter[str]()
    for place, text in _everything(files, exports):
        found[place] += any(number in addresses for words in _readings(text) for number in NUMBER.findall(words))
    return {place: count for place, count in found.items() if count}


def _everything(files: Iterable[Path], exports: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    yield from _dump()
    yield from (("redis", content) for content in _in_redis())
    yield from ((path.name, path.read_bytes()) for path in files)
    yield from (("exports", content) for content in exports)


def _dump() -> Iterator[tuple[str, bytes]]:
    """Every row of every table, but for the keys against repeats: numbers drawn at random, of which one may be an address."""
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        for (table,) in cursor.fetchall():
            with cursor.copy(f"COPY (SELECT to_jsonb(t) - 'key' FROM {table} t) TO STDOUT") as rows:
                yield from ((table, bytes(row)) for row in rows)


def _readings(text: bytes) -> Iterator[bytes]:
    """The text but for its hashes and ciphertext, and what stands in it in hex or in base64."""
    yield SEALED.sub(b" ", text)
    for found in HEX.finditer(text):
        digits = found[0].decode()
        yield bytes.fromhex(digits)
        yield bytes.fromhex(digits[1:-1])  # it may begin one digit later
    for found in BASE64.finditer(text):
        whole = found[0][: len(found[0]) // 4 * 4] if len(found[0]) % 4 == 1 else found[0]
        yield urlsafe_b64decode(whole + b"=" * (-len(whole) % 4))
