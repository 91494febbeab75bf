"""Going on with files too large for a request: `serve importer` calls `work_alone` again and again and may die at any time."""

from __future__ import annotations

import logging
from contextlib import suppress

from django.db import Error, connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from audiences.models import Upload, UploadPart
from audiences.uploads.looking import look
from audiences.uploads.parts import KEPT, Overtaken
from audiences.uploads.storing import AT_ONCE, cancel, go_on
from crisis.clock import now
from crisis.refusal import Refused

REMEMBERED = 24 * KEPT  # how long it is still known what became of a file
BUSY = (Upload.Status.CHECKING, Upload.Status.IMPORTING)
LOCK = "hashtextextended('audiences.uploads', 0)"
log = logging.getLogger(__name__)


def work_alone() -> int:
    """One round, unless another process works at this moment. Returns how many files it went on with."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_try_advisory_lock({LOCK})")
        if cursor.fetchone() != (True,):
            return 0
    try:
        return work()
    finally:
        with suppress(Error), connection.cursor() as cursor:  # a lost connection has let go of it by itself
            cursor.execute(f"SELECT pg_advisory_unlock({LOCK})")


def work() -> int:
    """Forget what is too old, then take one step with every file, so that a short one does not wait for a long one."""
    forget()
    return sum(step(pk) for pk in Upload.objects.filter(status__in=BUSY).order_by("pk").values_list("pk", flat=True))


def step(pk: int) -> bool:
    """Take the next step with a file, in the language of its importer. Returns False when it was of no avail."""
    upload = Upload.objects.select_related("by", "source").get(pk=pk)
    with translation.override(upload.by.language):
        try:
            look(upload) if upload.status == Upload.Status.CHECKING else go_on(upload)
        except Overtaken:
            return False
        except Refused as refused:
            cancel(upload, by=None, why=str(refused))
        except Exception:
            log.exception("The file %d could not be gone on with and is tried again.", pk)
            return False
    return True


def look_at_small(upload: Upload) -> None:
    """Look at the whole of a file that takes no longer than a person waits."""
    while upload.rows <= AT_ONCE and upload.status == Upload.Status.CHECKING:
        look(upload)


@transaction.atomic
def forget() -> int:
    """Drop files nobody confirmed within the hour, and a day later that they were ever there. Returns the parts dropped.

    A file that nobody went on with for an hour is cancelled.
    """
    at = now()
    for upload in Upload.objects.filter(status__in=BUSY, kept_until__lt=at).select_related("by"):
        with translation.override(upload.by.language), suppress(Refused):
            cancel(upload, by=None, why=_("Nothing moved for an hour, and a file is kept no longer. Choose the file again."))
    Upload.objects.filter(kept_until__lt=at - REMEMBERED).delete()
    return UploadPart.objects.filter(upload__kept_until__lt=at).delete()[0]
