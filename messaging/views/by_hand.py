"""Pages on which people work an order to a duty desk, the sheets they call by, and what a desk expects before the decision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from crisis.clock import now
from crisis.forms import add_problems
from crisis.models import User
from crisis.permissions import requires
from crisis.refusal import Refused
from crisis.views import person
from messaging import desks
from messaging.delivery.orders.asking import words_of
from messaging.forms.by_hand import AnswerForm, AskForm, ExpectForm, HeardForm, StopForm, TotalsForm
from messaging.models import Account, Campaign, Order
from messaging.models.accounts import by_hand as slugs_by_hand
from messaging.views.campaigns import find, sentence, shared
from messaging.views.orders import about, find_order
from messaging.workflow import by_hand

MARK = 8  # signs of the mark of what was approved, as they are read out


def _asked(order: Order, form: Any, by: User) -> Any:
    by_hand.ask(order, form.heard(), by=by)


def _no_reply(order: Order, form: Any, by: User) -> Any:
    by_hand.no_reply(order, form.heard(), by=by)


def _answered(order: Order, form: Any, by: User) -> Any:
    data = form.cleaned_data
    expects = data["lower"], data["upper"]
    by_hand.answer(order, data["decision"], form.heard(), by=by, narrowed=data["narrowed"], expects=expects)


def _told(order: Order, form: Any, by: User) -> Any:
    by_hand.tell_totals(order, form.numbers(), form.heard(), by=by, over=form.cleaned_data.get("over", False))


def _stop(order: Order, form: Any, by: User) -> Any:
    by_hand.tell_stop(order, form.heard(), by=by)


# What a button does: the form it reads, the verb, and what the page says when it is done.
VERBS: Mapping[str, tuple[type[HeardForm], Callable[[Order, Any, User], Any], Any]] = {
    "asked": (AskForm, _asked, gettext_lazy("Noted: asked.")),
    "no_reply": (AskForm, _no_reply, gettext_lazy("Noted: no answer. Call the next one.")),
    "answered": (AnswerForm, _answered, gettext_lazy("Noted: their answer.")),
    "told": (TotalsForm, _told, gettext_lazy("Noted: what they told.")),
    "stop": (StopForm, _stop, gettext_lazy("Noted: they were asked to stop.")),
}


@require_http_methods(["GET", "HEAD", "POST"])
@requires("order.work")
def order_work(request: HttpRequest, pk: int, order: UUID) -> HttpResponse:
    """Whom to ask, and what they said. A POST says with `verb` which of the forms it fills in."""
    campaign = find(pk, person(request))
    found = find_order(campaign, order)
    if found.batch.account.networked:
        return redirect("order_detail", pk, order)
    if request.method != "POST":
        return _page(request, campaign, found)
    if request.POST.get("verb") not in VERBS:
        raise Refused(_("Nothing was noted: press one of the buttons of the page."), status=422)
    kind, verb, done = VERBS[request.POST["verb"]]
    form = kind(found.batch.account, request.POST)
    if form.is_valid():
        try:
            verb(found, form, person(request))
        except Refused as refused:
            add_problems(form, refused)
        else:
            messages.success(request, str(done))
            return redirect("order_work", pk, order)
    return _page(request, campaign, found, form)


def _page(request: HttpRequest, campaign: Campaign, order: Order, bound: HeardForm | None = None) -> HttpResponse:
    desk = order.batch.account
    forms: dict[str, HeardForm] = {kind.verb: kind(desk) for kind in (AskForm, AnswerForm, TotalsForm, StopForm)}
    if bound is not None:
        forms[bound.verb] = bound
    if order.ended:
        del forms["told"].fields["over"]
    stage = "stop" if order.cancel_asked_at else "told" if order.decision else "answered" if order.asked_at else "asked"
    last = order.words.order_by("pk").last()
    context = {
        **shared(campaign, request),
        **about(order),
        "forms": forms,
        "form": bound,
        "opened": bound.verb if bound else stage,
        "stage": stage,
        "seen": last.pk if last else 0,
        "rows": _callees(order),
        "texts": _texts(order),
    }
    return render(request, "messaging/order_work.html", context, status=422 if bound is not None else 200)


def _texts(order: Order) -> dict[str, str]:
    return {language: said for language, (_text, said) in words_of(order).items()}


def _callees(order: Order) -> list[dict[str, Any]]:
    """The desk's cards in the order of asking, each with what last came of it."""
    last = {word.card_id: word for word in order.words.filter(card__isnull=False).select_related("by").order_by("pk")}
    return [
        {"card": leaf.card, "depth": leaf.depth, "word": last.get(leaf.card.pk)}
        for leaf in desks.tree(desks.in_use(order.batch.account))
    ]


@require_GET
@requires("order.work")
def order_sheet(request: HttpRequest, pk: int, order: UUID) -> HttpResponse:
    """What to call by, on paper: whom, what to read out word for word, or that they stop; and boxes for what they say."""
    campaign = find(pk, person(request))
    others = sum(not one.ended for one in _by_hand(campaign)) > 1
    return _sheets(request, campaign, [find_order(campaign, order)], others=others)


@require_GET
@requires("order.work")
def campaign_sheets(request: HttpRequest, pk: int) -> HttpResponse:
    """The sheets of all duty desks of a message."""
    campaign = find(pk, person(request))
    return _sheets(request, campaign, _by_hand(campaign))


def _by_hand(campaign: Campaign) -> list[Order]:
    """Orders to duty desks."""
    rows = Order.objects.filter(batch__campaign=campaign, batch__account__slug__in=slugs_by_hand())
    return [*rows.select_related("batch__account", "follows__batch").order_by("batch")]


def _sheets(request: HttpRequest, campaign: Campaign, orders: list[Order], *, others: bool = False) -> HttpResponse:
    found = [order for order in orders if not order.batch.account.networked]
    if not found:
        raise Http404
    if all(order.ended for order in found):
        raise Refused(_("This order is over, so nobody is called for it any more. What they told stands on the order's page."))
    mark = campaign.approvals.filter(round=campaign.round).values_list("fingerprint", flat=True).first() or ""
    context = {
        **shared(campaign, request),
        "sheets": [
            {"order": o, "account": o.batch.account, "rows": _callees(o), "texts": _texts(o)} for o in found if not o.ended
        ],
        "mark": f"{mark[: MARK // 2]}-{mark[MARK // 2 : MARK]}".upper() if mark else "",
        "whom": sentence(campaign),
        "printed_at": now(),
        "others": others,
    }
    return render(request, "messaging/call_sheet.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("order.work")
def desk_expects(request: HttpRequest, pk: int, desk: int) -> HttpResponse:
    """How many people a duty desk says it would reach, typed in before the decision."""
    campaign = find(pk, person(request))
    account = get_object_or_404(Account, pk=desk, campaigns=campaign, slug__in=slugs_by_hand())
    form = ExpectForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            by_hand.expect_people(
                campaign, account, data["lower"], data["upper"], data["source"], by=person(request), at=data["at"]
            )
        except Refused as refused:
            add_problems(form, refused)
        else:
            messages.success(request, _("Noted: what they expect."))
            return redirect("campaign_preview", pk)
    told = campaign.told.filter(account=account).select_related("by").order_by("-pk")
    context = {**shared(campaign, request), "account": account, "form": form, "told": told}
    return render(request, "messaging/desk_expects.html", context, status=422 if form.errors else 200)
