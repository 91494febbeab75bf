"""The encrypted parts of a file, and whose it is. A part cannot be put in another's place: its own is bound into its seal."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from cryptography.exceptions import InvalidTag
from django.utils.translation import gettext as _

from audiences import keys
from audiences.imports.reading import uncollected
from audiences.models import Upload, UploadPart
from crisis.clock import now
from crisis.models import User
from crisis.refusal import Forbidden, Refused

KEPT = timedelta(hours=1)  # since it was chosen, and since the last step of its import
ROWS = 10_000  # of one part at most
LETTERS = 700_000  # from which on a part is full

Row = tuple[int, list[str]]  # its line in the file, and its cells


class Overtaken(Exception):
    """Somebody else went on with this file, or cancelled it, while this step was being done. It is undone."""


@uncollected()
def store_parts(upload: Upload, rows: Iterable[Row]) -> int:
    """Seal the rows of a file that is being read, a part at a time. Returns how many rows there were."""
    total = 0
    for number, some in enumerate(_in_parts(rows)):
        UploadPart.objects.create(upload=upload, number=number, rows=len(some), content=_sealed(upload, number, some))
        total += len(some)
    return total


def _in_parts(rows: Iterable[Row]) -> Iterator[list[Row]]:
    some: list[Row] = []
    letters = 0
    for row in rows:
        some.append(row)
        letters += sum(map(len, row[1]))
        if len(some) >= ROWS or letters >= LETTERS:
            yield some
            some, letters = [], 0
    if some:
        yield some


def _sealed(upload: Upload, number: int, rows: list[Row]) -> bytes:
    plain = json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()
    nonce = os.urandom(keys.NONCE)
    return nonce + keys.ring().ciphers[upload.key].encrypt(nonce, zlib.compress(plain, 1), _place(upload, number))


def rows_of(upload: Upload, part: UploadPart) -> list[Row]:
    """The rows as they stand in the file. Raises Refused (410) when they can be read no longer."""
    sealed, cipher = bytes(part.content), keys.ring().ciphers.get(upload.key)
    if cipher is None:
        raise _gone()
    try:
        plain = cipher.decrypt(sealed[: keys.NONCE], sealed[keys.NONCE :], _place(upload, part.number))
    except (InvalidTag, ValueError):
        raise _gone() from None
    rows: list[Row] = json.loads(zlib.decompress(plain))
    return rows


def advance(upload: Upload, **values: Any) -> None:
    """Note how far a step came, in its own transaction. Raises Overtaken when the file is no longer where the step found it."""
    there = Upload.objects.filter(pk=upload.pk, status=upload.status, done=upload.done)
    if there.update(**values) != 1:
        raise Overtaken
    for name, value in values.items():
        setattr(upload, name, value)


def demand_own(upload: Upload, by: User) -> None:
    """Raises Forbidden unless this person chose the file."""
    if upload.by_id != by.pk:
        raise Forbidden(_("Only the person who chose this file can see and import it. Nothing was imported."))


def demand_kept(upload: Upload) -> None:
    """Raises Refused (410) when the file is kept no longer."""
    if upload.kept_until < now() or not upload.parts.exists():
        raise _gone()


def demand_whole(upload: Upload) -> None:
    """Raises Refused (410) when a part was missing among those gone through."""
    if upload.rows_done != upload.rows:
        raise _gone()


def _gone() -> Refused:
    return Refused(_("A file is kept for one hour, and this one can be read no longer. Choose the file again."), status=410)


def _place(upload: Upload, number: int) -> bytes:
    return b"upload %d part %d" % (upload.pk, number)
