"""Looking at a file a part at a time. Nothing is imported; what rows are about is kept as hashes until the last was looked at.

Then PostgreSQL finds the rows that repeat an earlier one or contradict it: in memory, a million rows would be too many.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from struct import Struct
from typing import Any

from django.db import connection, transaction

from audiences.imports.columns import COLUMNS, BadCell, FileKind, reader
from audiences.imports.reading import SHOWN, judge, order_of, uncollected
from audiences.models import Upload, UploadPart
from audiences.uploads.parts import advance, demand_whole, rows_of

FIRST_ROWS = 5  # good rows shown above the bad ones
# A row that can be used: its line, a hash of what it is about, and one of what it says of it.
TOLD = Struct(">i16s8s")
# Materialised twice, so that what a part tells is taken out of its storage once, and is carried into no sort with every row.
AGAIN = f"""
    DROP TABLE IF EXISTS pg_temp.again;
    CREATE TEMP TABLE again ON COMMIT DROP AS
    WITH parts AS MATERIALIZED (
        SELECT number, told || '' AS told FROM audiences_uploadpart WHERE upload_id = %(upload)s),
    told AS MATERIALIZED (
        SELECT number, substring(told FROM n FOR 4)::int AS line, substring(told FROM n + 4 FOR 16) AS about,
               substring(told FROM n + 20 FOR 8) AS said
          FROM parts, generate_series(1, length(told), {TOLD.size}) n),
    several AS (SELECT about FROM told GROUP BY about HAVING count(*) > 1)
    SELECT * FROM (
        SELECT number, line, row_number() OVER same > 1 AS again, first_value(line) OVER same AS before,
               said = first_value(said) OVER same AS equal
          FROM told JOIN several USING (about) WINDOW same AS (PARTITION BY about ORDER BY line)) judged
     WHERE again
"""
LEAVE_OUT = """
    UPDATE audiences_uploadpart p SET left_out = a.lines, repeated = a.repeated
      FROM (SELECT number, array_agg(line) AS lines, count(*) FILTER (WHERE equal) AS repeated
              FROM pg_temp.again GROUP BY number) a
     WHERE p.upload_id = %(upload)s AND p.number = a.number
"""
COUNTED = "SELECT count(*) FILTER (WHERE equal), count(*) FILTER (WHERE NOT equal) FROM pg_temp.again"
FIRST = f"SELECT number, line, before FROM pg_temp.again WHERE NOT equal ORDER BY line LIMIT {SHOWN}"
FORGET = "UPDATE audiences_uploadpart SET told = '' WHERE upload_id = %(upload)s"


@transaction.atomic
def look(upload: Upload) -> None:
    """Look at the next part, or after the last one say what was found in all of them. Raises Overtaken, and changes nothing."""
    part = upload.parts.filter(number=upload.done).first()
    if part is None:
        demand_whole(upload)
        advance(upload, status=Upload.Status.WAITING, done=0, rows_done=0, found=_conclusion(upload))
    else:
        _look_at(upload, part)


@uncollected()
def _look_at(upload: Upload, part: UploadPart) -> None:
    kind = FileKind(upload.kind)
    rules = reader(kind, sealing=False)
    judged, (_make, key, rest) = judge(rules, kind, order_of(COLUMNS[kind], upload.header)), rules
    found = {"good": 0, "bad": 0, "repeated": 0, "first": [], "wrong": [], **upload.found}
    told = bytearray()
    for line, cells in rows_of(upload, part):
        try:
            made = judged(cells)
        except BadCell:
            found["bad"] += 1
            if len(found["wrong"]) < SHOWN:
                found["wrong"].append([part.number, line, None])
            continue
        found["good"] += 1
        about = _hash(key(made), 16) if key else b""
        if key:
            told += TOLD.pack(line, about, _hash(rest(made), 8))
        if len(found["first"]) < FIRST_ROWS:
            _show_first(found["first"], part.number, line, about.hex() or str(line))
    advance(upload, done=part.number + 1, rows_done=upload.rows_done + part.rows, found=found)
    UploadPart.objects.filter(pk=part.pk).update(told=bytes(told))


def _show_first(first: list[list[Any]], number: int, line: int, about: str) -> None:
    """The first rows about something new are good ones, whatever comes later."""
    if all(about != known for _number, _line, known in first):
        first.append([number, line, about])


def _conclusion(upload: Upload) -> dict[str, Any]:
    found: dict[str, Any] = upload.found
    with connection.cursor() as cursor:
        ask: Callable[[str], None] = lambda statement: cursor.execute(statement, {"upload": upload.pk})  # noqa: E731
        ask(AGAIN)
        ask(COUNTED)
        repeated, contradicting = cursor.fetchone()
        ask(FIRST)
        wrong = sorted([*found["wrong"], *cursor.fetchall()], key=lambda place: place[1])
        ask(LEAVE_OUT)
        ask(FORGET)
    return {
        "good": found["good"] - repeated - contradicting,
        "bad": found["bad"] + contradicting,
        "repeated": repeated,
        "first": [[number, line, None] for number, line, _about in found["first"]],
        "wrong": wrong[:SHOWN],
    }


def _hash(value: Any, size: int) -> bytes:
    """Of bytes, the first ones: they are a keyed hash, or a short code that is no secret."""
    return value[:size] if isinstance(value, bytes) else blake2b(repr(value).encode(), digest_size=size).digest()
