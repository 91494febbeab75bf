"""The page on which an administrator proposes by which name and which secret an account speaks."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from crisis.models import User
from crisis.permissions import requires
from crisis.power.proposing import proposed
from messaging import credentials
from messaging.forms.accounts import CredentialForm
from messaging.models import Account


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
