"""Who did what on a campaign, and its whole record as one signed file."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from crisis import audit, deeds, sealing
from crisis.permissions import may, requires
from crisis.views import paged, person
from messaging.views.campaigns import find, shared
from messaging.views.dossier import deeds_about, record_of


@require_GET
@requires("see")
def campaign_record(request: HttpRequest, pk: int) -> HttpResponse:
    """Who did what, newest first."""
    campaign = find(pk, person(request))
    page = paged(request, deeds_about(campaign))
    entries = [*deeds.told(page.object_list, with_data=may(person(request), "queues.see"))]
    return render(request, "messaging/campaign_record.html", {**shared(campaign, request), "page": page, "entries": entries})


@require_POST
@requires("report.export")
def campaign_record_sign(request: HttpRequest, pk: int) -> HttpResponse:
    """The whole record as a signed file. Taking it away is noted, so it is a POST."""
    campaign = find(pk, person(request))
    with transaction.atomic():
        signed = sealing.seal(record_of(campaign))
        audit.record("campaign.record", by=person(request), about=campaign, data={"key": sealing.public_key()})
    answer = HttpResponse(signed, content_type="application/json; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="record-{pk}.json"'
    return answer
