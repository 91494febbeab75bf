"""Files: choose one, look at what is wrong in it, then import it. Nothing is imported before the last step."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audiences import uploads
from audiences.forms import add_problems
from audiences.imports import COLUMNS, FileKind, RowError
from audiences.imports.forms import ImportForm
from audiences.models import Upload
from crisis.permissions import requires
from crisis.refusal import Refused
from crisis.templatetags.console import things
from crisis.views import person

COUNTS = {
    "rows": gettext_lazy("rows in the file"),
    "added": gettext_lazy("added"),
    "changed": gettext_lazy("changed"),
    "unchanged": gettext_lazy("known already, left as they were"),
    "repeated": gettext_lazy("rows that repeat another one"),
    "unknown": gettext_lazy("sightings of addresses we do not hold"),
    "future": gettext_lazy("sightings in the future, left out"),
    "refused": gettext_lazy("rows refused"),
}
EXAMPLES = {
    FileKind.CONTACTS: "c-000001,ru",
    FileKind.ADDRESSES: "c-000001,vk,1000001,yes,yes,no",
    FileKind.SIGHTINGS: "vk,1000001,EG,27.2579,33.8116,2015-11-08T12:00:00+03:00",
    FileKind.TRIPS: "c-000001,,,EG,2015-11-01,2015-11-14",
    FileKind.LISTS: ",vk,1000001",
}


@require_http_methods(["GET", "POST"])
@requires("contacts.import")
def import_new(request: HttpRequest) -> HttpResponse:
    """Choose a file. A file that can be read is kept for an hour, for this person alone."""
    form = ImportForm(request.POST or None, request.FILES or None)
    if form.is_valid():
        kind, source = FileKind(form.cleaned_data["kind"]), form.cleaned_data["source"]
        try:
            named = form.cleaned_data["list_name"]
            upload = uploads.keep(kind, form.cleaned_data["file"], source, by=person(request), list_name=named)
        except Refused as refused:
            add_problems(form, refused)
        else:
            return redirect("import_check", upload.pk)
    files = [(kind.label, ", ".join(COLUMNS[kind]), example) for kind, example in EXAMPLES.items()]
    return render(request, "audiences/import_new.html", {"form": form, "files": files}, status=422 if form.errors else 200)


@require_GET
@requires("contacts.import")
def import_check(request: HttpRequest, pk: int) -> HttpResponse:
    """What is in the file and what is wrong with it; once it was imported, what became of it."""
    uploads.forget()
    upload = get_object_or_404(Upload.objects.select_related("source"), pk=pk, by=person(request))
    if upload.result is not None:
        return render(
            request, "audiences/import_done.html", {"upload": upload, "kind": _kind(upload), **_became(upload.result)}
        )
    parsed = uploads.read(upload)
    header, rows = uploads.first_rows(upload, parsed)
    context = {
        "upload": upload,
        "kind": _kind(upload),
        "parsed": parsed,
        "good": len(parsed.rows),
        "header": header,
        "rows": rows,
        "kept_until": upload.at + uploads.KEPT,
        "button": _button(len(parsed.rows)),
    }
    return render(request, "audiences/import_check.html", context)


@require_POST
@requires("contacts.import")
def import_apply(request: HttpRequest, pk: int) -> HttpResponse:
    """Import the good rows of a file that was looked at."""
    imported = uploads.confirm(get_object_or_404(Upload, pk=pk, by=person(request)), by=person(request))
    added, changed = (things(imported.counts[name]) for name in ("added", "changed"))
    messages.success(request, _("Imported: %(added)s added, %(changed)s changed.") % {"added": added, "changed": changed})
    return redirect("import_check", pk)


@require_POST
@requires("contacts.import")
def import_bad(request: HttpRequest, pk: int) -> HttpResponse:
    """The rows that cannot be used, as a file to correct: written down in the audit, as it takes addresses away."""
    upload = get_object_or_404(Upload, pk=pk, by=person(request))
    answer = HttpResponse(uploads.bad_rows(upload, by=person(request)), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="rows-to-correct-{upload.pk}.csv"'
    answer["Cache-Control"] = "no-store"
    return answer


def _kind(upload: Upload) -> str:
    return str(FileKind(upload.kind).label)


def _button(rows: int) -> str:
    return ngettext("Import %(n)s row", "Import %(n)s rows", rows) % {"n": things(rows)}


def _became(result: dict[str, Any]) -> dict[str, Any]:
    counts = [
        {"label": label, "value": things(result["counts"][name])} for name, label in COUNTS.items() if name in result["counts"]
    ]
    return {"counts": counts, "errors": [RowError(*error) for error in result["errors"]]}
