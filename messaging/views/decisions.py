"""The decision: what the second person reads before anything is sent, and the three words they can say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.contrib import messages
from django.core import signing
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.http import require_GET, require_POST

from crisis.clock import now
from crisis.login import freshly_authenticated
from crisis.permissions import may, requires
from crisis.power.resting import rests_until
from crisis.refusal import Problem, Refused
from crisis.templatetags.console import local_time
from crisis.views import person
from messaging import amplifying, cut_off, live_tests, workflow
from messaging.channels import Estimate
from messaging.delivery.following import supersedes
from messaging.forms.reasons import ReasonForm
from messaging.models import Campaign, Status
from messaging.phrases import Size, places, size_of
from messaging.reaching import Estimates, reach_of
from messaging.training import trained, writers
from messaging.views.campaigns import approvers, find, letters, reach_rows, reach_times, shared
from messaging.views.doubts import doubted, overrides_of
from messaging.workflow import breaking_glass

SALT = "what the approver saw"
CONFIRM_FIRST = gettext_lazy(
    "Nothing was sent. Confirm that it is you; you come back to the decision and tick the box and press the button once more."
)
GOOD_FOR = 3600  # seconds a decision page may lie open before it has to be read again


@require_GET
@requires("see")
def campaign_decision(request: HttpRequest, pk: int) -> HttpResponse:
    """Shall it go? Readable by everybody; the buttons are for a supervisor who wrote no part."""
    return _page(request, find(pk, person(request)))


def _page(request: HttpRequest, campaign: Campaign, problems: list[Problem] | None = None, status: int = 200) -> HttpResponse:
    waits = campaign.status == Status.SUBMITTED
    then = campaign.reach or {}
    counted = reach_of(campaign, now(), _known_estimates(then)) if waits else then
    size, context = size_of(counted), shared(campaign, request)
    context |= {
        **reach_times(campaign, counted),
        "down": cut_off.warnings(campaign, counted) if waits else [],
        "reach": counted,
        "reach_rows": reach_rows(campaign, counted, then),
        "size": size,
        "then": size_of(then),
        "grew": str(size) != str(size_of(then)),
        "letters": letters(campaign),
        "supersedes": waits and supersedes(campaign),
        "post": amplifying.in_words(campaign, campaign.reach or {}),
        "heading": _heading(campaign, size),
        "approvals": campaign.approvals.select_related("by").order_by("-round"),
        "problems": problems or [],
        "approvers": approvers(campaign),
        "trained": trained([person(request), *writers(campaign)]),
        **doubted(campaign, counted, request.POST),
    }
    if waits and may(person(request), "campaign.approve") and not context["mine"]:
        context |= {
            "decides": True,
            "rests_until": rests_until(person(request)),
            "has_it": next((row for row in context["stand"].has_it if row.person == person(request)), None),
            "button": _button(campaign, size),
            "tick": _tick(campaign, size),
            "seen": _sign(campaign, counted),
        }
    elif waits and may(person(request), "campaign.break_glass"):
        context |= {
            "alone": True,
            "why_not": breaking_glass.faults(campaign, person(request)),
            "button": _alone_button(campaign, size),
            "tick": _tick(campaign, size),
            "seen": _sign(campaign, counted),
            "glass_reason": request.POST.get("glass_reason", ""),
        }
    return render(request, "messaging/campaign_decision.html", context, status=status)


def _known_estimates(reach: dict[str, Any]) -> Estimates:
    """The platforms' estimates as they were submitted: this page asks nobody over the network."""
    return {
        int(pk): _estimate(entry) if "at" in entry else entry.get("why", "")
        for pk, entry in reach.get("accounts", {}).items()
        if entry["basis"] != "counted"
    }


def _estimate(entry: dict[str, Any]) -> Estimate:
    at, withheld, source = datetime.fromisoformat(entry["at"]), entry.get("withheld", ""), entry.get("source", "")
    return Estimate(entry["lower"], entry["upper"], at, withheld, source=source)


def _heading(campaign: Campaign, size: Size) -> str:
    values = {"who": campaign.created_by, "people": size, "places": places(campaign), "kind": campaign.get_kind_display()}
    if campaign.test:
        return live_tests.heading(campaign.created_by, size.most or 0)
    if campaign.drill:
        return _("%(who)s wants to start a drill (%(kind)s) as if for %(people)s: %(places)s") % values
    return _("%(who)s wants to send an official message (%(kind)s) to %(people)s: %(places)s") % values


def _button(campaign: Campaign, size: Size) -> str:
    if campaign.test:
        return live_tests.button(size.most or 0)
    if campaign.drill:
        return _("Play drill: nobody real is reached")
    if campaign.starts_at and campaign.starts_at > now():
        return _("Approve: sending starts at %(time)s") % {"time": local_time(campaign.starts_at)}
    return pgettext("button", "Send now to %(people)s in %(places)s") % {"people": size, "places": places(campaign)}


def _tick(campaign: Campaign, size: Size) -> str:
    if campaign.test:
        return live_tests.tick(size.most or 0)
    if campaign.drill:
        return _("I understand that this is a drill and that it is played as if %(people)s got it") % {"people": size}
    if campaign.include_non_subscribers:
        return _("I understand that %(people)s will get this, including people who did not subscribe") % {"people": size}
    return _("I understand that %(people)s will get this") % {"people": size}


def _sign(campaign: Campaign, reach: dict[str, Any]) -> str:
    return signing.dumps(
        {"campaign": campaign.pk, "fingerprint": campaign.fingerprint(), "reach": reach}, salt=SALT, compress=True
    )


def _seen(campaign: Campaign, token: str) -> dict[str, Any]:
    """What the page had shown, as signed by it. Raises Refused for anything that no page of this campaign has shown lately."""
    try:
        seen: dict[str, Any] = signing.loads(token, salt=SALT, max_age=GOOD_FOR)
    except signing.SignatureExpired as expired:
        raise Refused(
            _("This page was opened more than an hour ago. Nothing was sent. Read it again, then decide.")
        ) from expired
    except signing.BadSignature as wrong:
        raise Refused(_("This page cannot show what you had read. Nothing was sent. Read it again, then decide.")) from wrong
    if seen["campaign"] != campaign.pk:
        raise Refused(_("You had read another message. Nothing was sent. Read this one, then decide."))
    return seen


@require_POST
@requires("campaign.approve")
@freshly_authenticated("campaign_decision", CONFIRM_FIRST)
def campaign_approve(request: HttpRequest, pk: int) -> HttpResponse:
    """A second person's yes to exactly what their page showed."""
    return _decided(request, pk, workflow.approve, lambda approved: messages.success(request, _approved(approved)))


def _decided(request: HttpRequest, pk: int, verb: Callable[..., Campaign], tell: Callable[[Campaign], None]) -> HttpResponse:
    """Say yes by this verb to what the page showed. A refusal, the database's too, comes back on the page."""
    campaign = find(pk, person(request))
    try:
        seen = _seen(campaign, request.POST.get("seen", ""))
        if not request.POST.get("understood"):
            raise Refused(
                _("Tick the box that says how many people will get this. Nothing was sent."), field="understood", status=422
            )
        given = {"fingerprint": seen["fingerprint"], "reach": seen["reach"], "overrides": overrides_of(request.POST)}
        tell(verb(campaign, **given, by=person(request)))
    except Refused as refused:
        return _page(request, find(pk, person(request)), refused.problems, refused.status)
    except IntegrityError:
        sentence = _(
            "Something this campaign is bound to was changed at the same moment. Nothing was sent. Read it again, then decide."
        )
        return _page(request, find(pk, person(request)), [Problem("", sentence)], 409)
    return redirect("campaign_live", pk)


def _approved(campaign: Campaign) -> str:
    if campaign.status == Status.APPROVED and campaign.starts_at is None:
        return _("Approved. It begins as soon as the last answers to the earlier message are in.")
    if campaign.status == Status.APPROVED:
        return _("Approved. The drill begins at its time.") if campaign.drill else _("Approved. It starts at its time.")
    if campaign.drill:
        return _("Approved. The drill is being played; nobody real is reached.")
    return _("Approved. Sending has begun.")


def _alone_button(campaign: Campaign, size: Size) -> str:
    if campaign.drill:
        return _("Start the drill alone: nobody real is reached")
    return pgettext("button", "Send alone now to %(people)s in %(places)s") % {"people": size, "places": places(campaign)}


@require_POST
@requires("campaign.break_glass")
@freshly_authenticated("campaign_decision", CONFIRM_FIRST)
def campaign_break_glass(request: HttpRequest, pk: int) -> HttpResponse:
    """The author sends an unchanged playbook alone, because nobody else can be asked."""
    verb = partial(breaking_glass.break_glass, reason=request.POST.get("glass_reason", ""))
    said = _("Sent by you alone. Another supervisor has to review it within 60 minutes.")
    return _decided(request, pk, verb, lambda _campaign: messages.warning(request, said))


@require_POST
@requires("campaign.approve")
def campaign_send_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Return it to its author with a reason."""
    return _with_reason(request, pk, workflow.send_back, _("Returned to the author. Nothing was sent."))


@require_POST
@requires("campaign.approve")
def campaign_reject(request: HttpRequest, pk: int) -> HttpResponse:
    """Refuse it for good with a reason."""
    campaign = find(pk, person(request))
    if campaign.status == Status.DRAFT:
        return _page(
            request, campaign, [Problem("", _("This is a draft: nobody has asked for a decision. Nothing was changed."))], 409
        )
    return _with_reason(request, pk, workflow.reject, _("Rejected for good. Nothing was sent."))


def _with_reason(request: HttpRequest, pk: int, verb: Any, done: str) -> HttpResponse:
    campaign, form = find(pk, person(request)), ReasonForm(request.POST)
    try:
        if not form.is_valid():
            raise Refused(
                _("Say why in at most 500 characters; the author needs the reason. Nothing was changed."),
                field="reason",
                status=422,
            )
        verb(campaign, form.cleaned_data["reason"], by=person(request))
    except Refused as refused:
        return _page(request, find(pk, person(request)), refused.problems, refused.status)
    messages.success(request, done)
    return redirect("incident_detail", campaign.incident_id)
