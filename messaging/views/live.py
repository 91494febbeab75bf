"""While it is being sent: is it arriving, how to pause and stop it, and what people write back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crisis.clock import now
from crisis.permissions import requires
from crisis.refusal import Refused
from crisis.small import told
from crisis.templatetags.console import number
from crisis.views import paged, person
from messaging import cut_off, progress, workflow
from messaging.correction import clock
from messaging.models import NEVER_BEGUN, OVER, RUNNING, STOPPABLE, Campaign, Delivery, Reply, Status
from messaging.phrases import UNSURE, failure, pace, places, size_of
from messaging.progress import Failure, Way
from messaging.replying import mark_read
from messaging.standing import trouble
from messaging.views.campaigns import find, joint_words, reach_rows, shared
from messaging.views.order_rows import cancelling, going_on, order_row
from messaging.views.resending import uncertain_of


@require_GET
@requires("see")
def campaign_live(request: HttpRequest, pk: int) -> HttpResponse:
    """Is it arriving? Opens the report once it has ended, the campaign's own page before it began."""
    campaign = find(pk, person(request))
    if campaign.status in OVER:
        return redirect("campaign_report", pk)
    if campaign.status not in STOPPABLE:
        return redirect("campaign_detail", pk)
    context = {
        **shared(campaign, request),
        **numbers(campaign),
        **standing_of(campaign),
        "down": cut_off.warnings(campaign, campaign.reach or {}),
        "uncertain": uncertain_of(campaign, person(request)),
        "approval": campaign.approvals.select_related("by").order_by("-round").first(),
    }
    return render(request, "messaging/campaign_live.html", context)


@require_GET
@requires("see")
def campaign_progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the live page that changes by itself."""
    campaign = find(pk, person(request))
    answer = render(request, "messaging/_campaign_progress.html", {**shared(campaign, request), **numbers(campaign)})
    if campaign.status in OVER:
        answer["X-Poll"] = "over"
    return answer


def numbers(campaign: Campaign) -> dict[str, Any]:
    """Context of the moving part."""
    found, reasons = progress.ways(campaign), progress.failures(campaign)
    at = now()
    return {
        "ways": [way_row(way, reasons or [], at) for way in found],
        "reasons_later": reasons is None,
        "size": size_of(campaign.reach or {}),
        "joint": joint_words(campaign, progress.joint(campaign, found)),
        "pace": pace(campaign),
        "told": clock(campaign),
        "waits_for": waits_for(campaign),
        "unread": Reply.objects.filter(campaign=campaign, read_at=None).count(),
        "ended": campaign.status in OVER,
        "goes_on": campaign.status == Status.PAUSED and going_on(found),
        **progress.gone_and_left(found),
    }


def standing_of(campaign: Campaign) -> dict[str, Any]:
    """What became of it since: its clock where it corrects, its own correction with its clock, whether newcomers may get it."""
    begun = campaign.corrections.exclude(NEVER_BEGUN).first()
    valid = campaign.not_after is not None and campaign.not_after > now()
    standing = {
        "clock": clock(campaign),
        "correction": begun,
        "correction_clock": clock(begun) if begun else None,
        "newcomers": campaign.status == Status.SENT and valid and begun is None,
    }
    return {"standing": standing, "reach_rows": reach_rows(campaign, campaign.reach)}


def waits_for(campaign: Campaign) -> str:
    """Why an approved campaign whose time has come does not go out yet; empty when nothing keeps it back."""
    earlier = campaign.refers_to
    if earlier is None or campaign.status not in (Status.APPROVED, Status.SENDING):
        return ""
    if earlier.status in RUNNING:
        return _("It goes out after the earlier campaign has. To let it go now, stop that one: %(earlier)s") % {
            "earlier": earlier
        }
    if campaign.status == Status.APPROVED and (campaign.starts_at is None or campaign.starts_at <= now()):
        return _("It begins as soon as the last answers to the earlier message are in: then it is known who got that one.")
    return ""


def way_row(way: Way, reasons: list[Failure], at: datetime) -> dict[str, Any]:
    """One account for the screen: its orders, or its bar and line of progress; its reasons, and when its numbers were true."""
    return {
        "way": way,
        "account": way.account,
        "trouble": trouble(way.account),
        "at": at,
        "orders": [order_row(order, way.account, at) for order in way.orders],
        "segments": _segments(way),
        "rate": round(way.rate),
        "text": _text(way),
        "reasons": [_reason(one) for one in reasons if one.account == way.account.pk],
    }


def _segments(way: Way) -> list[dict[str, Any]]:
    return [
        {"label": _("accepted by the platform"), "people": way.accepted, "tone": "go"},
        {"label": _("failed"), "people": way.failed, "tone": "bad"},
        {"label": _("uncertain"), "people": way.uncertain, "tone": "unsure"},
        {"label": _("waiting"), "people": way.waiting, "tone": ""},
        {"label": _("will not be sent"), "people": way.left, "tone": "wait"},
    ]


def _text(way: Way) -> str:
    values = {"accepted": number(way.accepted), "total": number(way.total), "account": way.account.label}
    return (
        ngettext(
            "%(accepted)s of %(total)s person accepted by %(account)s",
            "%(accepted)s of %(total)s people accepted by %(account)s",
            told(way.total),
        )
        % values
    )


def _reason(one: Failure) -> dict[str, Any]:
    means, remedy = failure(one.reason)
    if one.status == "uncertain":
        means, remedy = _("no answer came back"), UNSURE
    label = Delivery.Status(one.status).label
    return {"status": one.status, "label": label, "people": one.people, "means": means, "remedy": remedy}


@require_POST
@requires("campaign.pause")
def campaign_pause(request: HttpRequest, pk: int) -> HttpResponse:
    """Begin no new request."""
    campaign = find(pk, person(request))
    workflow.pause(campaign, by=person(request))
    live = _("Paused. What was on its way is finished; nothing new is sent until a supervisor resumes it.")
    messages.success(request, _("The drill is paused until a supervisor resumes it.") if campaign.drill else live)
    return redirect("campaign_live", pk)


@require_POST
@requires("campaign.resume")
def campaign_resume(request: HttpRequest, pk: int) -> HttpResponse:
    """Go on."""
    campaign = find(pk, person(request))
    workflow.resume(campaign, by=person(request))
    messages.success(request, _("The drill goes on.") if campaign.drill else _("Sending goes on."))
    return redirect("campaign_live", pk)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("campaign.stop")
def campaign_stop(request: HttpRequest, pk: int) -> HttpResponse:
    """GET says what stopping does, POST stops. Plain enough to work without scripts and from a page hours old."""
    campaign = find(pk, person(request))
    if request.method == "POST":
        done = workflow.stop(campaign, by=person(request))
        messages.success(request, _stopped(campaign, done))
        return redirect("campaign_report", pk)
    if campaign.status not in STOPPABLE:
        raise Refused(_("There is nothing to stop: this is %(status)s.") % {"status": campaign.get_status_display()})
    found = progress.ways(campaign)
    context = {
        **shared(campaign, request),
        "heading": _("Stop the drill?") if campaign.drill else _("Stop sending?"),
        "sentence": _stop_sentence(campaign, found),
        "action": reverse("campaign_stop", args=[pk]),
        "button": _stop_button(campaign),
        "cancel_url": reverse("campaign_live", args=[pk]),
        "danger": True,
    }
    return render(request, "messaging/campaign_confirm.html", context)


def _stop_button(campaign: Campaign) -> str:
    if campaign.drill:
        return _("Stop the drill")
    return _("Stop sending to %(places)s") % {"places": places(campaign)}


def _stop_sentence(campaign: Campaign, found: list[Way]) -> str:
    sums = progress.gone_and_left(found)
    sentences = [_gone(sums["gone"], sums["left"], stopped=False)] if sums["gone"] + sums["left"] else []
    sentences += cancelling(found)
    return " ".join([*sentences, _("Stopping is final: the rest is reached by a new campaign.")])


def _stopped(campaign: Campaign, done: Mapping[str, int]) -> str:
    people = done["gone"] + done["left"]
    said = _gone(done["gone"], done["left"], stopped=True) if people else _("Stopped.")
    return " ".join([said, *cancelling(progress.ways(campaign))])


def _gone(gone: int, left: int, *, stopped: bool) -> str:
    values = {"gone": number(gone), "left": number(left)}
    if stopped:
        return _("Stopped. Of those written to one by one: already tried %(gone)s, will not get it %(left)s.") % values
    return _("Of those written to one by one: already tried %(gone)s, would not get it any more %(left)s.") % values


@require_GET
@requires("replies.read")
def campaign_replies(request: HttpRequest, pk: int) -> HttpResponse:
    """What people wrote back, unread first."""
    campaign = find(pk, person(request))
    rows = (
        Reply.objects.filter(campaign=campaign)
        .select_related("account", "read_by")
        .order_by(F("read_at").asc(nulls_first=True), "-id")
    )
    page = paged(request, rows)
    unread = Reply.objects.filter(campaign=campaign, read_at=None).count()
    return render(request, "messaging/campaign_replies.html", {**shared(campaign, request), "page": page, "unread": unread})


@require_POST
@requires("replies.read")
def reply_read(request: HttpRequest, pk: int, reply: int) -> HttpResponse:
    """Note that a reply was read; harmless when a colleague was first."""
    mark_read(get_object_or_404(Reply, pk=reply, campaign=find(pk, person(request))), by=person(request))
    return redirect("campaign_replies", pk)
