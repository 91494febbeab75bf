"""Importing a file a piece at a time. Each piece and the place it came to are one transaction: nothing twice, nothing lost.

A list of people is there whole or not at all: until its last piece it is only noted whom the rows name.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from audiences.imports import FileKind, Imported, Parsed, demand_list_name, demand_source, store
from audiences.imports.columns import COLUMNS, BadCell, reader
from audiences.imports.named import make_list, people_of
from audiences.imports.reading import SHOWN, judge, order_of, uncollected
from audiences.models import Upload, UploadPart
from audiences.uploads.parts import KEPT, advance, demand_kept, demand_own, demand_whole, rows_of
from crisis import audit
from crisis.clock import now
from crisis.models import User
from crisis.permissions import demand
from crisis.refusal import Refused

AT_ONCE = 20_000  # rows of a file that a request looks at and imports; a longer one is the work of `serve importer`
PIECE = 5  # parts of a transaction: whom they are about can be changed by nobody else until it ends
NAMED = "SELECT unnest(people) FROM audiences_uploadpart WHERE upload_id = %(upload)s"
Status = Upload.Status


@transaction.atomic
def confirm(upload: Upload, *, by: User) -> Upload:
    """Import the good rows: a small file at once and whole, a longer one from now on. Returns it as it is then.

    Raises Refused for a stranger, a second time, too late, and for no good row.
    """
    demand(by, "contacts.import")
    locked = Upload.objects.select_for_update(of=("self",)).select_related("source", "by").get(pk=upload.pk)
    demand_own(locked, by)
    _demand_waiting(locked)
    kind = FileKind(locked.kind)
    if kind.sourced:
        demand_source(kind, locked.source)
    if kind == FileKind.LISTS:
        demand_list_name(locked.list_name)
    advance(locked, status=Status.IMPORTING, result=locked.outcome, kept_until=now() + KEPT)
    if locked.rows > AT_ONCE:
        audit.record("contacts.import_begin", by=by, about=locked, data={"file": locked.kind, "rows": locked.rows})
    else:
        while locked.status == Status.IMPORTING:
            go_on(locked)
    return locked


def _demand_waiting(upload: Upload) -> None:
    if upload.status == Status.CANCELLED:
        raise Refused(_("The import of this file was cancelled. Choose the file again."))
    if upload.status in (Status.IMPORTING, Status.IMPORTED):
        raise Refused(_("This file was imported already. It was not imported a second time."))
    demand_kept(upload)
    if upload.status == Status.CHECKING:
        raise Refused(_("The file is still being looked at. Nothing was imported. Wait until that has ended."))
    if not upload.found["good"]:
        raise Refused(_("No row of this file can be used. Nothing was imported. Correct the file and choose it again."))


@transaction.atomic
def cancel(upload: Upload, *, by: User | None, why: str = "") -> Upload:
    """End the look or the import at once and destroy the file; what was stored stays. `by=None`: it cannot go on, and `why`.

    Raises Refused for a stranger and for a file that has nothing to cancel.
    """
    locked = Upload.objects.select_for_update(of=("self",)).select_related("source").get(pk=upload.pk)
    if by:
        demand(by, "contacts.import")
        demand_own(locked, by)
    if locked.status in (Status.IMPORTED, Status.CANCELLED):
        raise Refused(_("This import has ended already. Nothing was cancelled."))
    stored = locked.rows_done if locked.status == Status.IMPORTING else 0
    result = {**locked.outcome, "why": why, "stored": stored}
    advance(locked, status=Status.CANCELLED, result=result)
    locked.parts.all().delete()
    audit.record("contacts.import_cancel", by=by, about=locked, data={"file": locked.kind, **result["counts"]})
    return locked


@transaction.atomic
def go_on(upload: Upload) -> None:
    """Store the next piece, or after the last one end the import.

    Raises Overtaken, and Refused when it cannot go on; then nothing of this piece is stored.
    """
    parts = [*upload.parts.filter(number__gte=upload.done).order_by("number")[:PIECE]]
    if not parts:
        _end(upload)
        return
    parsed, people = _parsed(upload, parts), None
    if parsed.kind == FileKind.LISTS:
        people, imported = _people(parsed)
    else:
        imported = store(parsed, upload.source)
    advance(
        upload,
        done=parts[-1].number + 1,
        rows_done=upload.rows_done + parsed.total,
        result=_added(upload.outcome, imported),
        kept_until=now() + KEPT,
    )
    if people:
        UploadPart.objects.filter(pk=parts[0].pk).update(people=people)


@uncollected()
def _parsed(upload: Upload, parts: list[UploadPart]) -> Parsed:
    """The good rows of some parts: read again, as they were kept as they stand in the file."""
    kind = FileKind(upload.kind)
    parsed = Parsed(kind, upload.encoding, "")
    judged = judge(reader(kind), kind, order_of(COLUMNS[kind], upload.header))
    for part in parts:
        left_out = frozenset(part.left_out)
        parsed.total += part.rows
        parsed.repeated += part.repeated
        parsed.error_count += len(left_out) - part.repeated
        for line, cells in rows_of(upload, part):
            if line in left_out:
                continue
            try:
                parsed.rows.append(judged(cells))
                parsed.lines.append(line)
            except BadCell:
                parsed.error_count += 1
    return parsed


def _people(parsed: Parsed) -> tuple[list[int], Imported]:
    """Whom these rows of a list name. Nobody is added before the list is made."""
    people, refused, errors = people_of(parsed)
    counts = {
        "rows": parsed.total,
        "refused": parsed.error_count + refused,
        "repeated": parsed.repeated,
        "unchanged": len(people),
    }
    return people, Imported(parsed.kind, counts, errors)


def _end(upload: Upload) -> None:
    """Make the list, if it is one, destroy the file and write down what became of it."""
    demand_whole(upload)
    result = upload.outcome
    if upload.kind == FileKind.LISTS:
        source = demand_source(FileKind.LISTS, upload.source)
        added = make_list(upload.list_name, source, upload.by, NAMED, {"upload": upload.pk})
        result = _added(result, Imported(FileKind.LISTS, {"added": added, "changed": 0, "unchanged": -added}))
    advance(upload, status=Status.IMPORTED, result=result)
    upload.parts.all().delete()
    audit.record("contacts.import", by=upload.by, about=upload.source, data={"file": upload.kind, **result["counts"]})


def _added(result: dict[str, Any], imported: Imported) -> dict[str, Any]:
    counts = Counter(result["counts"])
    counts.update(imported.counts)
    errors = [*result["errors"], *([e.line, e.column, e.value, e.sentence] for e in imported.errors)]
    return {"counts": dict(counts), "errors": errors[:SHOWN]}
