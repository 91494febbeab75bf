"""The page of one order: what was asked of whom, what they said, and the verbs that leave every other way alone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crisis.clock import now
from crisis.permissions import requires
from crisis.refusal import Refused
from crisis.templatetags.console import number
from crisis.views import person
from messaging import workflow
from messaging.models import NARROWED, Campaign, Order, OrderWord
from messaging.views.campaigns import find, shared
from messaging.views.order_rows import NUMBERS, order_row, said

NAMES: dict[str, Any] = {**NUMBERS, "lower": gettext_lazy("at least"), "upper": gettext_lazy("at most")}
GOES_ON = gettext_lazy(
    "The campaign counts as sent once every other way has ended. %(account)s is not asked again by us to decide; "
    "a late yes still counts, and its totals come in."
)
MAY_STILL_SEND = gettext_lazy(
    "%(account)s has not confirmed that it stopped: it may still say the wrong thing after what follows has gone out."
)
TONES = {
    OrderWord.Kind.STRANGE: "bad", OrderWord.Kind.WAIVED: "wait", OrderWord.Kind.NO_REPLY: "wait",
    OrderWord.Kind.ANSWERED: "go", OrderWord.Kind.DONE: "go",
}  # fmt: skip


def find_order(campaign: Campaign, pk: UUID) -> Order:
    """An order of this message. Raises Refused for one of another, so that nothing is noted at the wrong place."""
    order = get_object_or_404(Order.objects.select_related("batch__account", "waived_by", "follows__batch"), pk=pk)
    if order.batch.campaign_id != campaign.pk:
        raise Refused(
            _("This order belongs to another campaign. Nothing was changed. Open it from its own campaign."), status=404
        )
    return order


@require_GET
@requires("see")
def order_detail(request: HttpRequest, pk: int, order: UUID) -> HttpResponse:
    """What did they say?"""
    campaign = find(pk, person(request))
    return render(request, "messaging/order_detail.html", {**shared(campaign, request), **about(find_order(campaign, order))})


def about(order: Order) -> dict[str, Any]:
    """Context of everything that tells of one order."""
    undecided = order.asked_at is not None and not order.decision and not order.ended and order.cancel_asked_at is None
    return {
        "order": order,
        "account": order.batch.account,
        "row": order_row(order, order.batch.account, now()),
        "words": [_word(word) for word in order.words.select_related("by", "card", "order__batch__account").order_by("-id")],
        "undecided": undecided,
        "unconfirmed": order.cancel_asked_at is not None and not order.ended,
    }


def _decided(order: Order) -> str:
    """What was answered."""
    return ": ".join(filter(None, [order.get_decision_display(), ", ".join(str(NARROWED.get(w, w)) for w in order.narrowed)]))


def _word(word: OrderWord) -> dict[str, Any]:
    """A line of its timeline."""
    numbers = [f"{NAMES[name]} {number(word.numbers[name])}" for name in NAMES if name in word.numbers]
    account, decided = word.order.batch.account, _decided(word.order) if word.kind == OrderWord.Kind.ANSWERED else ""
    notes = [word.get_way_display() if word.way else "", str(word.card or ""), word.source]
    return {
        "key": word.pk,
        "at": word.at,
        "by": word.by if word.by or not word.way else account,
        "text": ". ".join(filter(None, [word.get_kind_display(), decided, ", ".join(numbers), said(account, word.text)])),
        "note": " · ".join(filter(None, notes)),
        "tone": TONES.get(OrderWord.Kind(word.kind), ""),
    }


@require_POST
@requires("order.work")
def order_remind(request: HttpRequest, pk: int, order: UUID) -> HttpResponse:
    """Ask whoever decides to look at it."""
    campaign = find(pk, person(request))
    workflow.remind(find_order(campaign, order), by=person(request))
    messages.success(request, _("They are reminded."))
    return redirect("order_detail", pk, order)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("order.waive")
def order_waive(request: HttpRequest, pk: int, order: UUID) -> HttpResponse:
    """GET says what goes on without them, POST lets it."""
    campaign = find(pk, person(request))
    found = find_order(campaign, order)
    if request.method == "POST":
        workflow.go_on_without(found, by=person(request))
        messages.success(request, _("Nothing waits for their answer any more."))
        return redirect("order_detail", pk, order)
    follows = found.cancel_asked_at is not None
    values = {"account": found.batch.account.label}
    live = _("Go on without %(account)s") % values
    return _confirm(
        request, campaign, found, "order_waive",
        heading=_("Go on before they have stopped?") if follows else _("Go on without their answer?"),
        sentence=str(MAY_STILL_SEND if follows else GOES_ON) % values,
        button=_("Let the drill go on") if campaign.drill else live,
        danger=follows,
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@requires("campaign.stop")
def order_cancel(request: HttpRequest, pk: int, order: UUID) -> HttpResponse:
    """GET says what cancelling does, POST cancels."""
    campaign = find(pk, person(request))
    found = find_order(campaign, order)
    if request.method == "POST":
        workflow.cancel_order(found, by=person(request))
        messages.success(request, _("They are asked to cancel. How many had gone is shown as soon as they say it."))
        return redirect("order_detail", pk, order)
    values = {"account": found.batch.account.label}
    return _confirm(
        request, campaign, found, "order_cancel",
        heading=_("Cancel the order of the drill?") if campaign.drill else _("Cancel this order?"),
        sentence=_("%(account)s is asked to stop. What it has sent cannot be called back; the other ways go on.") % values,
        button=_("Cancel the order of the drill") if campaign.drill else _("Cancel the order to %(account)s") % values,
        danger=True,
    )  # fmt: skip


def _confirm(request: HttpRequest, campaign: Campaign, order: Order, verb: str, **words: Any) -> HttpResponse:
    context = {
        **shared(campaign, request),
        **words,
        "action": reverse(verb, args=[campaign.pk, order.pk]),
        "cancel_url": reverse("order_detail", args=[campaign.pk, order.pk]),
    }
    return render(request, "messaging/campaign_confirm.html", context)
