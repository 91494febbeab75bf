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
from audiences.imports import COLUMNS, FileKind, RowError
from audiences.imports.forms import ImportForm
from audiences.models import Upload
from crisis.forms import add_problems
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
Status = Upload.Status
UNDER_WAY = (Status.CHECKING, Status.IMPORTING)
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
    """What is in the file and what is wrong with it; how far it is; once it has ended, what became of it."""
    uploads.forget()
    upload = get_object_or_404(Upload.objects.select_related("source"), pk=pk, by=person(request))
    context = {"upload": upload, "kind": _kind(upload)}
    match upload.status:
        case Status.WAITING:
            return render(request, "audiences/import_check.html", {**context, **_found(upload)})
        case Status.CHECKING | Status.IMPORTING:
            return render(request, "audiences/import_under_way.html", {**context, **_progress(upload)})
    return render(request, "audiences/import_done.html", {**context, **_became(upload)})


@require_GET
@requires("contacts.import")
def import_progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the page that changes by itself."""
    upload = get_object_or_404(Upload, pk=pk, by=person(request))
    answer = render(request, "audiences/_import_progress.html", {"upload": upload, **_progress(upload)})
    if upload.status not in UNDER_WAY:
        answer["X-Poll"] = "over"
    return answer


@require_POST
@requires("contacts.import")
def import_apply(request: HttpRequest, pk: int) -> HttpResponse:
    """Import the good rows of a file that was looked at."""
    upload = uploads.confirm(get_object_or_404(Upload, pk=pk, by=person(request)), by=person(request))
    if upload.status == Status.IMPORTED:
        counts = {name: things(upload.outcome["counts"][name]) for name in ("added", "changed")}
        messages.success(request, _("Imported: %(added)s added, %(changed)s changed.") % counts)
    return redirect("import_check", pk)


@require_POST
@requires("contacts.import")
def import_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """End the look or the import of a file now. What was imported stays."""
    uploads.cancel(get_object_or_404(Upload, pk=pk, by=person(request)), by=person(request))
    messages.success(request, _("Cancelled. The file is no longer kept."))
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


def _found(upload: Upload) -> dict[str, Any]:
    found = upload.found
    return {
        **{name: found[name] for name in ("good", "bad", "repeated")},
        "rows": uploads.shown_rows(upload),
        "shown_bad": len(found["wrong"]),
        "piecewise": upload.rows > uploads.AT_ONCE,
        "whole": upload.kind == FileKind.LISTS,
        "button": _button(found["good"]),
    }


def _progress(upload: Upload) -> dict[str, Any]:
    values = {"done": things(upload.rows_done), "rows": things(upload.rows)}
    if upload.status == Status.CHECKING:
        text = _("%(done)s of %(rows)s rows looked at") % values
    elif upload.kind == FileKind.LISTS:
        text = _("%(done)s of %(rows)s people looked up") % values
    else:
        text = _("%(done)s of %(rows)s rows imported") % values
    return {"text": text, "under_way": upload.status in UNDER_WAY, "whole": upload.kind == FileKind.LISTS}


def _became(upload: Upload) -> dict[str, Any]:
    result, cancelled = upload.outcome, upload.status == Status.CANCELLED
    told = {name: rows for name, rows in result["counts"].items() if name != "rows" or not cancelled}  # only some of them
    return {
        "cancelled": cancelled,
        "counts": [{"label": label, "value": things(told[name])} for name, label in COUNTS.items() if name in told],
        "errors": [RowError(*error) for error in result["errors"]],
        "why": result.get("why", ""),
        "stored": result.get("stored", 0) if upload.kind != FileKind.LISTS else 0,
    }
