"""Pages of the audit log."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from crisis import audit, deeds
from crisis.forms import AuditFilter
from crisis.permissions import may, requires
from crisis.views import paged, person


@require_GET
@requires("audit.see")
def audit_list(request: HttpRequest) -> HttpResponse:
    """Who did what, newest first; filters in the URL."""
    return _audit_page(request)


@require_POST
@requires("audit.see")
def audit_verify(request: HttpRequest) -> HttpResponse:
    """Recompute the chain; with `head`, also ask whether a hash noted earlier is still there."""
    rows, head, wrong = audit.verify(request.POST.get("head", "").strip())
    return _audit_page(request, {"rows": rows, "head": head, "wrong": wrong})


def _audit_page(request: HttpRequest, result: dict[str, object] | None = None) -> HttpResponse:
    form = AuditFilter(request.GET)
    page = paged(request, form.rows().seen_by(person(request)))
    entries = [*deeds.told(page.object_list, with_data=may(person(request), "queues.see"))]
    return render(request, "crisis/audit_list.html", {"form": form, "page": page, "entries": entries, "result": result})
