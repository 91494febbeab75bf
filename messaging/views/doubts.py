"""Doubts about a message as its pages show them: advice to the author, ticks with reasons to the approver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from crisis.clock import now
from crisis.permissions import requires
from messaging import fuses, limits
from messaging.models import Campaign, Status

TICK, REASON = "override", "reason-"  # names of the fields on the decision page


def doubted(campaign: Campaign, reach: Mapping[str, Any], posted: QueryDict | None = None) -> dict[str, Any]:
    """Context of `_campaign_doubts.html` and `_campaign_overrides.html`; what the approver typed is kept."""
    if campaign.status not in (Status.DRAFT, Status.SUBMITTED):
        return {"doubts": [], "beyond": ""}
    found, given = fuses.blown(campaign, reach, now()), overrides_of(posted or QueryDict())
    rows = [{"key": d.key, "sentence": d.sentence, "ticked": d.key in given, "reason": given.get(d.key, "")} for d in found]
    return {
        "doubts": rows,
        "beyond": fuses.too_many(found) if len(found) > limits.OVERRIDABLE else "",
        "spare": max(0, len(found) - limits.OVERRIDABLE),
    }


def overrides_of(posted: QueryDict) -> dict[str, str]:
    """The doubts ticked, by their keys, each with its reason."""
    return {key: posted.get(f"{REASON}{key}", "") for key in posted.getlist(TICK)}


@require_GET
@requires("see")
def limit_list(request: HttpRequest) -> HttpResponse:
    """The numbers by which the console asks twice or refuses, and where links may lead."""
    names = {"domains": settings.LINK_DOMAINS, "shorteners": sorted(limits.SHORTENERS)}
    return render(request, "messaging/limit_list.html", {"limits": limits.LIMITS, "heading": _("Limits"), **names})
