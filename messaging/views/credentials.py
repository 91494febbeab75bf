"""The page on which an administrator proposes by which name and which secret an account speaks."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods

from crisis.permissions import requires
from crisis.power.proposing import proposed
from crisis.views import person
from crisis.views.power import to_proposal
from messaging import credentials
from messaging.forms.accounts import CredentialForm
from messaging.models import Account


@require_http_methods(["GET", "HEAD", "POST"])
@requires("account.credential")
def account_credential(request: HttpRequest, pk: int) -> HttpResponse:
    """Propose how this account logs in."""
    account = get_object_or_404(Account, pk=pk)
    form = CredentialForm(request.POST or None, initial={"handle": account.handle, "secret_name": account.secret_name})
    change = proposed("account.credential", form, by=person(request), about=credentials.about(account))
    if change:
        return to_proposal(request, change)
    context = {"form": form, "account": account, "drill": account.drill}
    return render(request, "messaging/account_credential.html", context, status=422 if form.errors else 200)
