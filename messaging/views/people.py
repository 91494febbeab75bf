"""One person by their exact address: did they get it, and if not, why? For supervisors, and every search is audited."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from audiences.forms import AddressForm
from audiences.models import Address, AddressKind
from crisis import audit
from crisis.models import User
from crisis.permissions import requires
from crisis.views import person
from messaging.tracing import trace

PREFIX = 12  # hex digits of the keyed hash that the audit keeps: enough to recognise a repeated search


@require_http_methods(["GET", "POST"])
@requires("people.search")
def people(request: HttpRequest) -> HttpResponse:
    """Ask for an address; POST shows what is known of the person who has it."""
    form = AddressForm(request.POST or None)
    if not form.is_valid():
        return render(request, "messaging/people.html", {"form": form}, status=422 if form.errors else 200)
    kind, hmac = form.cleaned_data["kind"], form.cleaned_data["hmac"]
    address = Address.objects.filter(kind=kind, value_hmac=hmac).first()
    with transaction.atomic():
        found = bool(address and address.contact_id)
        data = {"kind": AddressKind(kind).slug, "hmac": hmac.hex()[:PREFIX], "found": found}
        audit.record("people.search", by=person(request), data=data)
    context = {"form": form, "asked": True, "address": address, "traces": _traces(address, person(request))}
    return render(request, "messaging/people.html", context)


def _traces(address: Address | None, by: User) -> list[Any]:
    return trace(address.contact_id, by=by) if address and address.contact_id else []
