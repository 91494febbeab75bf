"""Taking a file in. One that could never be imported is refused at once, and nothing of it is kept."""

from __future__ import annotations

from typing import IO

from django.core.files.base import File
from django.db import transaction
from django.utils.translation import gettext as _

from audiences import keys
from audiences.criteria.checks import shown
from audiences.imports import FileKind, as_csv, demand_list_name, demand_source, is_workbook, opened
from audiences.models import Source, Upload
from audiences.uploads.parts import KEPT, store_parts
from audiences.uploads.working import forget, look_at_small
from crisis import audit
from crisis.clock import now
from crisis.models import User
from crisis.permissions import demand
from crisis.refusal import Refused

MOST_BYTES = 200 << 20
MOST_WORKBOOK = 30 << 20


def keep(kind: FileKind, file: File[bytes], source: Source | None, *, by: User, list_name: str = "") -> Upload:
    """Read a file and keep it for its importer; a workbook is kept as the CSV it becomes. A small one is looked at at once.

    Raises Refused, and keeps nothing, when it could never be imported.
    """
    demand(by, "contacts.import")
    if kind.sourced:
        demand_source(kind, source)
    if kind == FileKind.LISTS:
        demand_list_name(list_name)
    _demand_size(file, MOST_BYTES)
    workbook = is_workbook(file.name or "", file.read(8))
    forget()
    upload = Upload(
        kind=kind.value,
        name=shown(file.name or ""),
        source=source if kind.sourced else None,
        list_name=list_name.strip() if kind == FileKind.LISTS else "",
        by=by,
        kept_until=now() + KEPT,
        key=keys.ring().current,
    )
    if not workbook:
        return _keep(upload, file)
    _demand_size(file, MOST_WORKBOOK)
    with as_csv(file, MOST_BYTES) as sheet:
        return _keep(upload, sheet)


@transaction.atomic
def _keep(upload: Upload, file: IO[bytes]) -> Upload:
    with opened(FileKind(upload.kind), file) as table:
        upload.encoding, upload.header = table.encoding, table.names
        upload.save()
        upload.rows = store_parts(upload, table.rows)
    upload.save(update_fields=["rows"])
    look_at_small(upload)
    audit.record("contacts.upload", by=upload.by, about=upload, data={"file": upload.kind, "rows": upload.rows})
    return upload


def _demand_size(file: File[bytes], most: int) -> None:
    if (file.size or 0) > most:
        raise Refused(_("The file is larger than %(n)d MB. Split it.") % {"n": most >> 20}, field="file")
