"""Pages that only drills have: the copy as a live draft."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from crisis.permissions import requires
from crisis.refusal import Refused
from crisis.views import person
from messaging import workflow
from messaging.forms.drills import CopyForm
from messaging.training import everybody, nobody_lately
from messaging.views.campaigns import find, shared


@require_GET
@requires("see")
def training(request: HttpRequest) -> HttpResponse:
    """Who trained when? Whoever waits longest for a drill stands first."""
    return render(request, "messaging/training.html", {"rows": everybody(), "nobody_trained": nobody_lately()})


@require_http_methods(["GET", "HEAD", "POST"])
@requires("campaign.write")
def campaign_copy_as_live(request: HttpRequest, pk: int) -> HttpResponse:
    """GET says what a copy takes over and asks for the incident; POST begins the live draft and opens it."""
    campaign = find(pk, person(request))
    if not campaign.drill:
        raise Refused(_("This is no drill. Nothing was copied. Begin a new campaign about the incident."))
    form = CopyForm(request.POST or None, by=person(request))
    if request.method == "POST" and form.is_valid():
        copy = workflow.copy_as_live(campaign, form.cleaned_data["incident"], by=person(request))
        messages.success(request, _("A live draft was begun with the drill's words. Nobody is chosen and nothing was sent."))
        return redirect("campaign_draft", copy.pk)
    context: dict[str, Any] = {
        **shared(campaign, request),
        "form": form,
        "heading": _("Copy as live draft?"),
        "sentence": _(
            "The words are copied without the mark of the drill. Ways, recipients, times and approval are not: "
            "they are chosen anew, and another person approves."
        ),
        "action": reverse("campaign_copy_as_live", args=[pk]),
        "button": _("Copy as live draft"),
        "cancel_url": reverse("campaign_detail", args=[pk]),
    }
    return render(request, "messaging/campaign_confirm.html", context, status=422 if request.method == "POST" else 200)
