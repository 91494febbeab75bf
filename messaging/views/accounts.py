"""Accounts: can we speak there? And, for administrators and auditors, what waits to be sent, in the machine's own words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Count, F, Max, Prefetch, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST
from redis.exceptions import RedisError
from rq import Worker

from crisis.clock import now
from crisis.permissions import requires
from crisis.refusal import Problem, Refused
from crisis.views import person
from messaging import bell, board, standing
from messaging.channels import CHANNELS, channel_class
from messaging.models import OPEN_BATCHES, Account, Batch, Campaign, Card, Delivery, Lane
from messaging.phrases import failure

RECENT = timedelta(days=30)
MOST_TESTABLE = 3  # incidents offered for a TEST
NOT_TRIED = F("total") - F("accepted") - F("failed") - F("uncertain")
KINDS = {
    "addressed": gettext_lazy("writes to people one by one"),
    "delegated": gettext_lazy("the platform finds and writes to people by itself"),
    "published": gettext_lazy("publishes to followers"),
    "manual": gettext_lazy("carried out by hand"),
}


@dataclass(frozen=True, slots=True)
class Health:
    """Whether an account can speak, as status tag and sentence."""

    status: str  # ok, paused or trouble
    label: Any
    sentence: str
    secret: bool
    lanes: int


def health(account: Account) -> Health:
    """The health of an account whose `lanes` and `cards` are prefetched, without asking the platform."""
    lanes, secret = len(account.lanes.all()), account.has_secret
    if account.paused_at:
        return Health("paused", _("paused"), standing.in_words(account.paused_reason), secret, lanes)
    if not account.networked:
        return _desk(account)
    if account.rests_until:
        return Health("trouble", _("does not answer"), standing.trouble(account), secret, lanes)
    if not secret:
        return Health("trouble", _("cannot speak"), standing.in_words("no_secret"), secret, lanes)
    if not lanes:
        sentence = _("It has no line to its platform, so nothing would be sent. An administrator has to add one.")
        return Health("trouble", _("cannot speak"), sentence, secret, lanes)
    return Health("ok", _("ready"), _("Nothing is known against it. A test asks the platform itself."), secret, lanes)


def _desk(account: Account) -> Health:
    """The health of a duty desk: somebody to be asked."""
    if not (cards := len(account.cards.all())):
        return Health(
            "trouble", _("nobody to ask"), _("It has no contact card, so nobody knows whom to ask. Add one."), True, 0
        )
    sentence = ngettext("%(n)d contact card: people ask there.", "%(n)d contact cards: people ask there.", cards)
    return Health("ok", _("ready"), sentence % {"n": cards}, True, 0)


def _accounts() -> Any:
    cards = Prefetch("cards", Card.objects.filter(retired_at=None))
    return Account.objects.select_related("mission").prefetch_related("lanes", cards)


def _about(account: Account) -> dict[str, Any]:
    """What the channel declares. Templates cannot ask it themselves: a class in a template is called."""
    channel = account.channel
    return {
        "label": account.get_slug_display(),
        "kind": KINDS[channel.kind],
        "per_second": channel.per_second,
        "per_request": channel.per_request,
    }


@require_GET
@requires("see")
def account_list(request: HttpRequest) -> HttpResponse:
    """Every account with its health; those in trouble first, live ones before drill ones."""
    used = dict(Batch.objects.values_list("account").annotate(at=Max("asked_at")).order_by())
    rows = [(account, health(account), _about(account), used.get(account.pk)) for account in _accounts()]
    rows.sort(key=lambda row: (row[0].drill, row[1].status == "ok"))
    return render(request, "messaging/account_list.html", {"rows": rows})


@require_GET
@requires("see")
def account_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Can we speak there?"""
    return _detail(request, get_object_or_404(_accounts(), pk=pk))


def _detail(request: HttpRequest, account: Account, problems: Sequence[Problem] = (), status: int = 200) -> HttpResponse:
    recent = [*Campaign.objects.filter(accounts=account, started_at__gt=now() - RECENT).values_list("pk", flat=True)[:20]]
    open_ones = Batch.objects.filter(account=account, status__in=OPEN_BATCHES)
    context = {
        "account": account,
        "drill": account.drill,
        "health": health(account),
        "about": _about(account),
        "used_at": Batch.objects.filter(account=account).aggregate(at=Max("asked_at"))["at"],
        "waiting_people": open_ones.aggregate(people=Sum(NOT_TRIED))["people"] or 0,
        "failures": [(*failure(reason), people, latest) for reason, people, latest in _failures(account, recent)],
        "refusals": [(standing.in_words(reason), at) for reason, at in _refusals(account, recent)],
        "testable": [row for row in board.open_incidents(by=person(request)) if not row.drill][:MOST_TESTABLE],
        "problems": problems,
        "typed": request.POST.get("reason", ""),
    }
    return render(request, "messaging/account_detail.html", context, status=status)


def _failures(account: Account, campaigns: list[int]) -> Any:
    """(reason, people, newest) of messages that failed, most first."""
    rows = Delivery.objects.filter(campaign__in=campaigns, account=account, status=Delivery.Status.FAILED).exclude(contact=0)
    return (
        rows.order_by().values_list("reason").annotate(people=Count("pk"), newest=Max("at")).order_by("-people", "reason")[:10]
    )


def _refusals(account: Account, campaigns: list[int]) -> list[tuple[str, datetime]]:
    """(reason, newest) of requests that failed as a whole."""
    rows = Batch.objects.filter(campaign__in=campaigns, account=account, asked_at__isnull=False).exclude(reason="")
    return [*rows.order_by().values_list("reason").annotate(newest=Max("asked_at")).order_by("-newest")[:10]]


@require_POST
@requires("account.pause")
def account_pause(request: HttpRequest, pk: int) -> HttpResponse:
    """Pause it for `reason`."""
    account = get_object_or_404(_accounts(), pk=pk)
    try:
        standing.pause_account(account, request.POST.get("reason", ""), by=person(request))
    except Refused as refused:
        return _detail(request, account, refused.problems, refused.status)
    messages.success(request, _("The account is paused. No new request is made by it; what waits stays waiting."))
    return redirect("account_detail", pk)


@require_POST
@requires("account.pause")
def account_resume(request: HttpRequest, pk: int) -> HttpResponse:
    """Let it send again."""
    account = get_object_or_404(_accounts(), pk=pk)
    try:
        standing.resume_account(account, by=person(request))
    except Refused as refused:
        return _detail(request, account, refused.problems, refused.status)
    messages.success(request, _("The account sends again."))
    return redirect("account_detail", pk)


@require_POST
@requires("account.test")
def account_test(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask the platform whether it accepts the account; nobody is written to."""
    found = standing.probe(get_object_or_404(Account, pk=pk), by=person(request))
    level = messages.SUCCESS if found.ok else messages.ERROR
    messages.add_message(request, level, _("Test: %(result)s") % {"result": found.sentence})
    return redirect("account_detail", pk)


@require_GET
@requires("queues.see")
def queues(request: HttpRequest) -> HttpResponse:
    """Batches, lanes and RQ as they are now. Read-only, and never the arguments of a job."""
    lanes = Lane.objects.select_related("account").order_by("account", "number")
    at = now()
    context = {
        "at": at,
        "batches": _batches(),
        "lanes": [(lane, bool(lane.lease_until and lane.lease_until > at)) for lane in lanes],
        "bells": _bells(),
    }
    return render(request, "messaging/queues.html", context)


def _batches() -> list[dict[str, Any]]:
    """Open work by account and status."""
    rows = Batch.objects.filter(status__in=OPEN_BATCHES)
    columns = {"batches": Count("pk"), "people": Sum(NOT_TRIED), "attempts": Max("attempt")}
    found = rows.order_by().values("account", "account__slug", "status").annotate(**columns)
    names = Account.objects.in_bulk()
    return [
        {**row, "account": names[row["account"]].label, "label": Batch.Status(row["status"]).label}
        for row in found.order_by("account", "status")
    ]


def _bells() -> list[tuple[str, int, int]] | None:
    """(queue, jobs that wait, workers) from Redis; None when it does not answer."""
    try:
        workers = Worker.all(connection=bell.redis())
        slugs = [slug for slug in CHANNELS if channel_class(slug).networked]
        return [(slug, bell.queue(slug).count, sum(slug in worker.queue_names() for worker in workers)) for slug in slugs]
    except RedisError:
        return None
