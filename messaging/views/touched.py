"""Which data about people a campaign used: a page for whoever has to answer for it, and the same as a file."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from crisis import small
from crisis.permissions import requires
from crisis.views import person
from messaging import touched
from messaging.models import Status
from messaging.views.campaigns import find, shared

UNSENT = (Status.DRAFT, Status.SUBMITTED, Status.APPROVED, Status.REJECTED)


@require_GET
@requires("see")
def campaign_data(request: HttpRequest, pk: int) -> HttpResponse:
    """Which data about people did this use?"""
    campaign = find(pk, person(request))
    if campaign.status in UNSENT:
        return redirect("campaign_detail", pk)
    uses = touched.uses(campaign)
    context = {
        **shared(campaign, request),
        "uses": [(use, [(one, _in_full(one)) for one in use.orders]) for use in uses],
        "nobody": all(use.none for use in uses),
        "destroyed": touched.destroyed(campaign),
    }
    return render(request, "messaging/campaign_data.html", context)


def _in_full(asked: touched.Asked) -> str:
    return json.dumps(asked.body, ensure_ascii=False, indent=2) if asked.body else ""


@require_GET
@requires("report.export")
def campaign_data_json(request: HttpRequest, pk: int) -> JsonResponse:
    """The same as JSON. What others were asked is told word for word; numbers of people as the reader may know them."""
    told = touched.as_json(find(pk, person(request)))
    if not small.sees_exact(person(request)):
        told["ways"] = [_coarse(way) for way in told["ways"]]
    answer = JsonResponse(told, json_dumps_params={"ensure_ascii": False, "indent": 2})
    answer["Content-Disposition"] = f'attachment; filename="data-{pk}.json"'
    return answer


def _coarse(way: dict[str, Any]) -> dict[str, Any]:
    numbers = {name: small.plain(way[name]) for name in ("people", "held")}
    return way | numbers | {"orders": [one | {"told": small.plain(one["told"])} for one in way["orders"]]}
