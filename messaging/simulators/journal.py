"""The append-only file in which a simulator writes every effect before it answers, so that a run can be judged by it alone.

It is the oracle's evidence, not a debug log: one JSON object a line, synced to the disk before the caller hears anything.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Journal:
    """An O_APPEND file of JSON lines. Raises OSError when the disk refuses: a simulator that cannot testify must not accept."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        torn = path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
        self._fd = os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)
        if torn:  # killed in the middle of a line: what follows must not be glued to it
            os.write(self._fd, b"\n")

    def write(self, *lines: Mapping[str, Any]) -> None:
        """Append the lines, each stamped with the same `at`, and return only when they are on the disk."""
        at = datetime.now(UTC).isoformat(timespec="microseconds")
        data = b"".join(json.dumps({"at": at, **line}, ensure_ascii=False).encode() + b"\n" for line in lines)
        while data:
            data = data[os.write(self._fd, data) :]
        os.fsync(self._fd)

    def close(self) -> None:
        os.close(self._fd)


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a journal. A line torn by a kill was never answered, so it is passed over."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            try:
                yield json.loads(line)
            except ValueError:
                continue
