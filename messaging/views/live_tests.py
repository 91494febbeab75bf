"""The page on which a TEST to colleagues is begun."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from audiences.models import StaffMember
from crisis.forms import add_problems
from crisis.language import readers_language
from crisis.models import Incident
from crisis.permissions import requires
from crisis.refusal import Refused
from crisis.views import person
from messaging import workflow
from messaging.forms.live_tests import WaysForm
from messaging.live_tests import WORDS


@require_http_methods(["GET", "HEAD", "POST"])
@requires("campaign.write")
def campaign_test(request: HttpRequest, incident: int) -> HttpResponse:
    """GET says who gets what; POST asks another person to approve exactly that."""
    about = get_object_or_404(Incident.objects.seen_by(person(request)), pk=incident)
    if about.drill or about.status == Incident.Status.CLOSED:
        raise Refused(_("A TEST is begun at a real incident that is open. Nothing was sent."))
    form = WaysForm(request.POST or None, initial={"accounts": request.GET.getlist("accounts")})
    if request.method == "POST" and form.is_valid():
        try:
            campaign = workflow.send_test(about, [*form.cleaned_data["accounts"]], by=person(request))
        except Refused as refused:
            add_problems(form, refused)
        else:
            messages.success(request, _("The TEST was submitted. Another person approves it."))
            return redirect("campaign_preview", campaign.pk)
    words = WORDS.get(readers_language(), WORDS["en"])
    context: dict[str, Any] = {
        "incident": about,
        "test": True,
        "form": form,
        "staff": StaffMember.objects.filter(active=True).count(),
        "words": words,
        "sentence": _("Another person approves it. Only colleagues on the list get it, by the real platforms."),
        "action": reverse("campaign_test", args=[about.pk]),
        "button": _("Submit the TEST for approval"),
        "cancel_url": reverse("incident_detail", args=[about.pk]),
    }
    return render(request, "messaging/campaign_test.html", context, status=422 if request.method == "POST" else 200)
