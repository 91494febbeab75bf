"""The page on which an administrator proposes by which name and which secret an account speaks."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from crisis.models import User
from crisis.permissions import requires
from crisis.power.forms import WhyForm
from crisis.power.proposing import proposed
from messaging import credentials
from messaging.models import Account


class CredentialForm(WhyForm):
    """The name there, and the name of its secret; the secret itself is never typed here."""

    handle = forms.CharField(label=_("Name there"), max_length=200)
    secret_name = forms.CharField(
        label=_("Name of its secret"),
        max_length=60,
        help_text=_("Only its name. The secret itself lies in the file of secrets and is never typed here."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    field_order = ["handle", "secret_name", "why"]

    def change(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("handle", "secret_name")}


@require_http_methods(["GET", "HEAD", "POST"])
@requires("account.credential")
def account_credential(request: HttpRequest, pk: int) -> HttpResponse:
    """Propose how this account logs in."""
    account = get_object_or_404(Account, pk=pk)
    form = CredentialForm(request.POST or None, initial={"handle": account.handle, "secret_name": account.secret_name})
    change = proposed("account.credential", form, by=cast(User, request.user), about=credentials.about(account))
    if change:
        messages.success(request, _("Proposed. Nothing has changed yet: another person has 24 hours to confirm it."))
        return redirect("adminaction_detail", change.pk)
    context = {"form": form, "account": account, "drill": account.drill}
    return render(request, "messaging/account_credential.html", context, status=422 if form.errors else 200)
