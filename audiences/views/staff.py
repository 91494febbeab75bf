"""The page of colleagues who get TEST messages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from audiences import staff
from audiences.models import AddressKind, StaffMember
from crisis.forms import add_problems
from crisis.permissions import requires
from crisis.refusal import Refused
from crisis.views import person


class StaffForm(forms.Form):
    """A colleague and an exact address. It is posted, so that it stands in no URL and no log."""

    name = forms.CharField(label=gettext_lazy("Who it is"), max_length=120)
    kind = forms.TypedChoiceField(
        label=gettext_lazy("What is it?"), choices=AddressKind.choices, coerce=int, initial=AddressKind.VK
    )
    address = forms.CharField(
        label=gettext_lazy("Exact address"),
        max_length=4096,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@requires("see", post="staff.write")
def staff_list(request: HttpRequest) -> HttpResponse:
    """Who gets a TEST; POST adds a colleague."""
    if request.method != "POST":
        return _page(request, StaffForm())
    form = StaffForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        staff.add(form.cleaned_data["name"], form.cleaned_data["kind"], form.cleaned_data["address"], by=person(request))
    except Refused as refused:
        add_problems(form, refused, {"value": "address"})
        return _page(request, form, status=422)
    messages.success(request, _("Added. Only colleagues on this list get a TEST."))
    return redirect("staff_list")


@require_POST
@requires("staff.write")
def staff_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a colleague off the list."""
    staff.remove(get_object_or_404(StaffMember, pk=pk), by=person(request))
    messages.success(request, _("Removed. This colleague gets no TEST any more."))
    return redirect("staff_list")


def _page(request: HttpRequest, form: StaffForm, *, status: int = 200) -> HttpResponse:
    rows = StaffMember.objects.filter(active=True).select_related("added_by").prefetch_related("contact__addresses")
    context: dict[str, Any] = {"form": form, "rows": rows, "most": staff.MOST}
    return render(request, "audiences/staff_list.html", context, status=status)
