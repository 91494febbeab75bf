"""“What do you hold about me?” and “Forget me”: by one exact address, which stands in no URL, no log and no audit row."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from audiences import forgetting
from audiences.forms import AddressForm
from audiences.models import Address, AddressKind
from crisis.permissions import requires
from crisis.refusal import Refused
from crisis.views import person


class WhoForm(forms.Form):
    """Whom to forget: the keyed hash of an address, as the page before names it. `sure` is there the second time."""

    kind = forms.TypedChoiceField(choices=AddressKind.choices, coerce=int)
    hmac = forms.RegexField(r"^[0-9a-f]{64}$")
    sure = forms.BooleanField(required=False)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("person.held")
def person_held(request: HttpRequest) -> HttpResponse:
    """Ask for an address; POST shows all that is held about the person who has it."""
    form = AddressForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "audiences/person_held.html", {"form": form}, status=422 if form.errors else 200)
    kind, hmac = form.cleaned_data["kind"], form.cleaned_data["hmac"]
    address, held = forgetting.look(kind, hmac, by=person(request))
    context = {"form": form, "asked": True, "address": address, "held": held, "who": {"kind": kind, "hmac": hmac.hex()}}
    return render(request, "audiences/person_held.html", context)


@require_POST
@requires("person.forget")
def person_forget(request: HttpRequest) -> HttpResponse:
    """Say once more what will be destroyed; with `sure`, destroy it."""
    form = WhoForm(request.POST)
    if not form.is_valid():
        raise Refused(_("Look the person up first. Nothing was destroyed."), status=422)
    kind, hmac = form.cleaned_data["kind"], bytes.fromhex(form.cleaned_data["hmac"])
    if form.cleaned_data["sure"]:
        forgetting.forget(kind, hmac, by=person(request))
        messages.success(request, _("Forgotten. What was held about this person is destroyed; opt-outs stay without a person."))
        return redirect("person_held")
    address = Address.objects.filter(kind=kind, value_hmac=hmac).exclude(contact=None).first()
    if address is None or address.contact_id is None:
        raise Refused(_("Nobody with this address is held here. Nothing was destroyed."))
    values = {"kind": kind, "hmac": hmac.hex(), "sure": "on"}
    context = {"values": values, "problems": [*forgetting.hindrances(address.contact_id)]}
    return render(request, "audiences/person_forget.html", context)
