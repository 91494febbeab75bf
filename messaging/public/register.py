"""The public register of exceptions: when, where, by which road, to about how many people, why, and until when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from crisis.templatetags.console import things
from crisis.views import paged
from messaging.joint import Part, join
from messaging.models import Order, ReachException
from messaging.progress import sent_by

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
        people=rounded(orders),
        reason=row.reason,
        until=min(row.ends_at, row.revoked_at) if row.revoked_at else row.ends_at,
        revoked=row.revoked_at is not None,
    )


def rounded(orders: Iterable[Order]) -> str:
    """How many people it went to, so coarse that nobody can be told apart; several orders may have reached the same people."""
    told = [order for order in orders if order.sent is not None]
    if not told:
        return _("not told yet")
    joint = join([Part(number, *sent_by(order)) for number, order in enumerate(told)])
    least, most = joint.least // STEP * STEP, -(-joint.most_told // STEP) * STEP
    if joint.most_told < STEP:
        return _("fewer than %(n)s people") % {"n": things(STEP)}
    if len(told) == 1:
        return _("about %(n)s people") % {"n": things(round((told[0].sent or 0) / STEP) * STEP)}
    if not least:
        return _("at most %(most)s people") % {"most": things(most)}
    return _("at least %(least)s, at most %(most)s people") % {"least": things(least), "most": things(most)}


@login_not_required
@require_safe
@cache_control(public=True, max_age=60)
def register(request: HttpRequest) -> HttpResponse:
    """Open to everybody, in Russian, or in English with ?lang=en."""
    asked = request.GET.get("lang", "")
    language = asked if asked in LANGUAGES else LANGUAGES[0]
    page = paged(request, used())
    with translation.override(language):
        context = {"page": page, "entries": entries(page.object_list), "language": language, "zone": settings.TIME_ZONE}
        return render(request, "public/register.html", context)
