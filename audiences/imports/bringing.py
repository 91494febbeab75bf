"""Bringing several files one after the other, as a story or a nightly job does, when nobody looks at the rows in between."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import IO

from django.db import connection

from audiences.imports.applying import Imported, apply
from audiences.imports.columns import FileKind
from audiences.imports.reading import Parsed, read
from audiences.models import Source
from crisis.models import User


def bring(files: Mapping[str, IO[bytes]], source: Source | None, by: User | None) -> list[Imported]:
    """Read and store files by kind, contacts first, sightings last. Each is read while PostgreSQL still stores the one before.

    Bad rows are left out and counted. Raises Refused like `read` and `apply`; files before the refused one stay stored.
    """
    kinds = [kind for kind in FileKind if kind in files]
    with ThreadPoolExecutor(max_workers=1) as reader:
        reading = [reader.submit(_read, kind, files[kind]) for kind in kinds]
        return [apply(parsed.result(), source, by) for parsed in reading]


def _read(kind: FileKind, file: IO[bytes]) -> Parsed:
    try:
        return read(kind, file)
    finally:
        connection.close()  # this thread's own
