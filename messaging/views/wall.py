"""The situation for a screen on the wall: big letters, no names, nothing to press. A key in a cookie opens it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from crisis import devices
from crisis.clock import now
from crisis.models import User
from crisis.refusal import Problem
from messaging import board, standing
from messaging.models import STOPPABLE, Status


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def wall_open(request: HttpRequest) -> HttpResponse:
    """A screen is given its key, which is typed in once and then carried in a cookie."""
    key = request.POST.get("key", "").strip()
    if devices.device(key):
        answer = redirect("wall")
        devices.give(answer, key)
        return answer
    refused = request.method == "POST"
    problems = [Problem("key", _("No screen has this key. An administrator makes one."))] if refused else []
    return render(request, "messaging/wall_open.html", {"problems": problems}, status=422 if refused else 200)


@login_not_required
@never_cache
@require_safe
def wall(request: HttpRequest) -> HttpResponse:
    """What is going on now, for everybody in the room. Asked by a poll, it answers with what changes alone."""
    screen, polled = devices.device_of(request), "HX-Request" in request.headers
    if screen is None and not polled:
        return redirect("wall_open")
    context = {"screen": screen, **(_shown(screen.made_by) if screen else {})}
    answer = render(request, "messaging/_wall.html" if polled else "messaging/wall.html", context)
    if screen is None:
        answer["X-Poll"] = "over"
    return answer


def _shown(seen_by: User) -> dict[str, Any]:
    at = now()
    waiting = [*board.of_status(Status.SUBMITTED, by=seen_by)]
    return {
        "under_way": board.with_totals(board.of_status(*STOPPABLE, by=seen_by)),
        "waiting": len(waiting),
        "waiting_since": min((row.submitted_at for row in waiting if row.submitted_at), default=None),
        "incidents": [(row, row.update_overdue(at)) for row in board.open_incidents(by=seen_by)],
        "troubled": standing.in_trouble(),
    }
