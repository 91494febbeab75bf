"""The page on which another supervisor reviews what was sent by one person alone."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from crisis.clock import now
from crisis.permissions import demand, may, requires
from crisis.refusal import Problem, Refused
from crisis.views import person
from messaging import escalation
from messaging.models import Campaign, GlassBreak
from messaging.views.campaigns import approvers, find, letters, shared
from messaging.workflow import breaking_glass


@require_http_methods(["GET", "HEAD", "POST"])
@requires("see")
def campaign_review(request: HttpRequest, pk: int) -> HttpResponse:
    """Everybody reads it; another supervisor says whether it was right, in words."""
    campaign = find(pk, person(request))
    glass = GlassBreak.objects.select_related("by", "reviewed_by").filter(approval__campaign=campaign).order_by("-pk").first()
    if glass is None:
        raise Http404
    if request.method != "POST":
        return _page(request, campaign, glass)
    demand(person(request), "campaign.approve")
    try:
        verdict, words = request.POST.get("review", ""), request.POST.get("review_words", "")
        breaking_glass.review(glass, verdict, words, by=person(request))
    except Refused as refused:
        return _page(request, campaign, glass, refused.problems, refused.status)
    if verdict == GlassBreak.Review.WRONG:
        messages.warning(request, _("Reviewed: it was wrong. Stop it or correct it here."))
    else:
        messages.success(request, _("Reviewed: it was right."))
    return redirect("campaign_detail", pk)


def _page(
    request: HttpRequest, campaign: Campaign, glass: GlassBreak, problems: list[Problem] | None = None, status: int = 200
) -> HttpResponse:
    context = shared(campaign, request)
    may_review = may(person(request), "campaign.approve") and not context["mine"] and glass.by_id != person(request).pk
    context |= {
        "glass": glass,
        "letters": letters(campaign),
        "approvers": approvers(campaign),
        "told": escalation.review_notices(campaign, now()),
        "reviews": may_review and glass.reviewed_at is None,
        "words": request.POST.get("review_words", ""),
        "problems": problems or [],
    }
    return render(request, "messaging/campaign_review.html", context, status=status)
