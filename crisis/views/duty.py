"""The roster's page: who is on duty now and next, what is left open; and its verbs."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from crisis import duty
from crisis.clock import now
from crisis.forms import ShiftForm, add_problems
from crisis.models import Duty
from crisis.permissions import may, requires
from crisis.refusal import Refused
from crisis.views import person

SHOWN = 100  # shifts to come on one page
SHIFT = timedelta(hours=12)  # what the form offers


@require_GET
@requires("see")
def roster(request: HttpRequest) -> HttpResponse:
    """Who is on duty now and next."""
    at = timezone.localtime(now()).replace(minute=0, second=0, microsecond=0)
    return _page(request, ShiftForm(initial={"from_at": at, "until_at": at + SHIFT}))


@require_POST
@requires("duty.write")
def duty_plan(request: HttpRequest) -> HttpResponse:
    """Put `person` on duty."""
    form = ShiftForm(request.POST)
    if form.is_valid():
        try:
            made = duty.plan(**form.cleaned_data, by=person(request))
        except Refused as refused:
            add_problems(form, refused)
        else:
            messages.success(request, _("%(person)s is on the roster.") % {"person": made.person})
            return redirect("roster")
    return _page(request, form, status=422)


@require_POST
@requires("duty.write")
def duty_call_off(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a shift off the roster."""
    duty.call_off(get_object_or_404(Duty, pk=pk), by=person(request))
    messages.success(request, _("The shift was called off."))
    return redirect("roster")


def _page(request: HttpRequest, form: ShiftForm, status: int = 200) -> HttpResponse:
    at, user = now(), person(request)
    until = at + duty.AHEAD
    rows = [*Duty.objects.filter(until_at__gt=at, person__is_active=True).select_related("person")[:SHOWN]]
    approvers = [row for row in rows if may(row.person, "campaign.approve")]
    current = sorted((row for row in rows if row.from_at <= at), key=lambda row: (row.order, row.pk))
    context = {
        "form": form,
        "current": current,
        "coming": [row for row in rows if row.from_at > at],
        "gaps": [*duty.gaps(approvers, at, until)],
        "overlaps": [*duty.overlaps(approvers, at, until)],
        "phones": may(user, "campaign.submit") or may(user, "duty.write"),
        "may_plan": may(user, "duty.write"),
    }
    return render(request, "crisis/roster.html", context, status=status)
