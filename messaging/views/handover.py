"""The page on which a shift is handed over, and the signature of the one who takes it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from crisis import duty
from crisis.clock import now
from crisis.models import Duty
from crisis.permissions import may, requires
from crisis.views import person
from messaging import handover, workflow


@require_GET
@requires("see")
def shift_handover(request: HttpRequest) -> HttpResponse:
    """What is open, and who holds what?"""
    user, at = person(request), now()
    coming = Duty.objects.filter(from_at__gt=at, person__is_active=True).select_related("person").order_by("from_at")
    shift = handover.shift_of(user, at)
    context = {
        "shift": shift,
        "line": handover.line(shift),
        "on_duty": [*duty.on_duty(at).values()],
        "next": coming.first(),
        "may_take": may(user, "shift.take"),
    }
    return render(request, "messaging/handover.html", context)


@require_POST
@requires("shift.take")
def shift_take(request: HttpRequest) -> HttpResponse:
    """“I have taken over.”"""
    workflow.take_over(by=person(request))
    messages.success(request, _("You have taken over. It stands in the situation log of every open incident."))
    return redirect("shift_handover")
