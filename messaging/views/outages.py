"""What does not work where: reported and ended on the page of an incident. A drill shows what is down and reports nothing."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from audiences import outages
from audiences.forms import OutageEndForm, OutageForm
from audiences.models import Outage
from crisis.forms import add_problems
from crisis.models import Incident
from crisis.permissions import requires
from crisis.refusal import Refused
from crisis.views import person
from messaging.views.incidents import END_ID, OUTAGE_ID, incident_page


@require_POST
@requires("outage.write")
def outage_report(request: HttpRequest, pk: int) -> HttpResponse:
    """People cannot be reached by a way in a country, or in several."""
    incident, form = _live(request, pk), OutageForm(request.POST, auto_id=OUTAGE_ID)
    if form.is_valid():
        try:
            outages.report(**form.cleaned_data, by=person(request))
        except Refused as refused:
            add_problems(form, refused)
        else:
            messages.success(
                request, _("Reported. Whoever it cuts off is not counted as reached, but is written to all the same.")
            )
            return _back(pk)
    return incident_page(request, incident, 422, outage=form)


@require_POST
@requires("outage.write")
def outage_end(request: HttpRequest, pk: int, outage: int) -> HttpResponse:
    """It works again."""
    incident, row = _live(request, pk), get_object_or_404(Outage, pk=outage)
    form = OutageEndForm(request.POST, auto_id=END_ID % row.pk)
    if form.is_valid():
        try:
            outages.end(row, form.cleaned_data["until_at"], by=person(request))
        except Refused as refused:
            add_problems(form, refused)
        else:
            messages.success(request, _("Noted that it works again. Everybody there counts as reachable by it."))
            return _back(pk)
    return incident_page(request, incident, 422, endings={row.pk: form})


def _live(request: HttpRequest, pk: int) -> Incident:
    """The incident on whose page this was said. Raises Refused for a drill: what is reported counts for real alerts."""
    incident = get_object_or_404(Incident.objects.seen_by(person(request)).prefetch_related("countries"), pk=pk)
    if incident.drill:
        raise Refused(_("A drill reports nothing that is down: it would count for real alerts too. Nothing was changed."))
    return incident


def _back(pk: int) -> HttpResponseRedirect:
    return redirect(f"{reverse('incident_detail', args=[pk])}#outages")
