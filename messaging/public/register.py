"""The public register of exceptions: when, where, by which road, to about how many people, why, and until when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from crisis.templatetags.console import things
from messaging.models import Order, ReachException

PER_PAGE = 50
STEP = 100  # people: what is published is rounded to this, and fewer is only called fewer
LANGUAGES = ("ru", "en")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the register."""

    at: datetime
    countries: str
    roads: str
    people: str
    reason: str
    until: datetime
    revoked: bool


def used() -> QuerySet[ReachException]:
    """Exceptions under which something real was sent, the newest first. Drills are in no register."""
    rows = ReachException.objects.filter(used_at__isnull=False, incident__drill=False).select_related("incident")
    return rows.prefetch_related("incident__countries", "terms").order_by("-used_at", "-pk")


def entries(rows: Iterable[ReachException]) -> list[Entry]:
    """The lines of the register in the language that is active."""
    return [_entry(row) for row in rows]


def _entry(row: ReachException) -> Entry:
    orders = Order.objects.filter(batch__campaign__exception=row).select_related("batch__account")
    return Entry(
        at=row.used_at or row.written_at,
        countries=", ".join(sorted(str(country) for country in row.incident.countries.all())),
        roads=", ".join(sorted({order.batch.account.get_slug_display() for order in orders})),
        people=rounded([order.sent for order in orders]),
        reason=row.reason,
        until=min(row.ends_at, row.revoked_at) if row.revoked_at else row.ends_at,
        revoked=row.revoked_at is not None,
    )


def rounded(told: Iterable[int | None]) -> str:
    """How many people the platforms say they wrote to, so coarse that nobody can be told apart."""
    known = [people for people in told if people is not None]
    if not known:
        return _("not told yet")
    if sum(known) < STEP:
        return _("fewer than %(n)s people") % {"n": things(STEP)}
    return _("about %(n)s people") % {"n": things(round(sum(known) / STEP) * STEP)}


@login_not_required
@require_safe
@cache_control(public=True, max_age=60)
def register(request: HttpRequest) -> HttpResponse:
    """Open to everybody, in Russian, or in English with ?lang=en."""
    asked = request.GET.get("lang", "")
    language = asked if asked in LANGUAGES else LANGUAGES[0]
    page = Paginator(used(), PER_PAGE).get_page(request.GET.get("page"))
    with translation.override(language):
        context = {"page": page, "entries": entries(page.object_list), "language": language, "zone": settings.TIME_ZONE}
        return render(request, "public/register.html", context)
