"""Who may or may not have got it: the panel on the live page and the report, and the two decisions, each asked once more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from crisis.models import AuditEntry, User
from crisis.permissions import may, requires
from crisis.small import told
from crisis.templatetags.console import number
from crisis.views import person
from messaging import delivery, progress, workflow
from messaging.models import Batch, Campaign
from messaging.models.ledger import BatchQuerySet
from messaging.phrases import places
from messaging.views.campaigns import find, shared

SAID = {"campaign.resend": gettext_lazy("sent again"), "campaign.leave": gettext_lazy("left as it is")}


def uncertain_of(campaign: Campaign, reader: User) -> dict[str, Any]:
    """Context of the panel; empty where nobody is uncertain and nobody ever was sent it again.

    * people: uncertain now; again: of these, about to be sent it again
    * asks: to be decided; after_all: left as it is, and may still be sent; by_itself: the console is about to send it again
    * why: why nothing is sent again
    """
    found = progress.ways(campaign)
    people, resent = sum(way.uncertain for way in found), sum(way.resent for way in found)
    if not people and not resent:
        return {}
    doubtful, undecided = (_people(rows, campaign) for rows in (Batch.objects.doubtful(), Batch.objects.undecided()))
    why = delivery.hindrance(campaign) if doubtful else ""
    decides = may(reader, "campaign.resend") and not why
    left = _people(Batch.objects.doubtful().exclude(left_at=None), campaign)
    return {
        "people": people,
        "again": sum(way.resending for way in found),
        "asks": undecided and decides,
        "after_all": left and decides and not undecided,
        "by_itself": doubtful > undecided + left and not why,
        "why": why,
        "decisions": [*_decisions(campaign)],
    }


def _people(batches: BatchQuerySet, campaign: Campaign) -> int:
    people: int = batches.filter(campaign=campaign).aggregate(n=Sum("uncertain"))["n"] or 0
    return people


def _decisions(campaign: Campaign) -> Iterator[dict[str, Any]]:
    """Who decided what when, newest first; without a person where the console did what was approved."""
    rows = AuditEntry.objects.filter(object_type="messaging.campaign", object_id=str(campaign.pk), action__in=SAID)
    for row in rows.select_related("by").order_by("-id"):
        people = row.data["people"]
        yield {
            "by": row.by,
            "at": row.at,
            "what": SAID[row.action],
            "people": people if isinstance(people, int) else sum(people.values()),
        }


@require_http_methods(["GET", "HEAD", "POST"])
@requires("campaign.resend")
def campaign_resend(request: HttpRequest, pk: int) -> HttpResponse:
    """GET says what will happen, POST sends it again to everybody who may or may not have got it."""
    campaign = find(pk, person(request))
    if request.method == "POST":
        people = workflow.resend(campaign, by=person(request))
        messages.success(request, _resent(campaign, people))
        return redirect("campaign_live", pk)
    people = workflow.uncertain(campaign, Batch.objects.doubtful())
    context = {
        "heading": _("Play the drill to them again?") if campaign.drill else _("Send it to them again?"),
        "sentence": " ".join([_may_have_got_it(people), _("It is sent as it was approved. Some of them may get it twice.")]),
        "action": reverse("campaign_resend", args=[pk]),
        "button": _resend_button(campaign, people),
    }
    return _ask(request, campaign, context)


def _may_have_got_it(people: int) -> str:
    words = ngettext(
        "%(n)s person may or may not have got it: no answer came from the platform.",
        "%(n)s people may or may not have got it: no answer came from the platform.",
        told(people),
    )
    return words % {"n": number(people)}


def _resend_button(campaign: Campaign, people: int) -> str:
    if campaign.drill:
        return _("Play the drill again: nobody real is reached")
    words = ngettext("Send again to %(n)s person in %(places)s", "Send again to %(n)s people in %(places)s", told(people))
    return words % {"n": number(people), "places": places(campaign)}


def _resent(campaign: Campaign, people: int) -> str:
    if campaign.drill:
        return _("The drill is played to them again.")
    words = ngettext("It is sent again to %(n)s person.", "It is sent again to %(n)s people.", told(people))
    return words % {"n": number(people)}


@require_http_methods(["GET", "HEAD", "POST"])
@requires("campaign.resend")
def campaign_leave(request: HttpRequest, pk: int) -> HttpResponse:
    """GET says what will happen, POST notes that none of them is written to again."""
    campaign = find(pk, person(request))
    if request.method == "POST":
        workflow.leave(campaign, by=person(request))
        messages.success(request, _("Left as it is. It can still be sent to them again while it is valid."))
        return redirect("campaign_live", pk)
    people = workflow.uncertain(campaign, Batch.objects.undecided())
    sentence = _("Nothing is sent to them again, so nobody gets it twice. Who did not get it stays without it.")
    context = {
        "heading": _("Leave the drill as it is?") if campaign.drill else _("Leave it as it is?"),
        "sentence": " ".join([_may_have_got_it(people), sentence]),
        "action": reverse("campaign_leave", args=[pk]),
        "button": _("Leave the drill as it is") if campaign.drill else _("Leave it as it is"),
    }
    return _ask(request, campaign, context)


def _ask(request: HttpRequest, campaign: Campaign, context: dict[str, Any]) -> HttpResponse:
    back = {"cancel_url": reverse("campaign_live", args=[campaign.pk])}
    return render(request, "messaging/campaign_confirm.html", {**shared(campaign, request), **back, **context})
