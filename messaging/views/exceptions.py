"""The exception's page for those who work here: what it rests on, what was sent under it, and its three verbs."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crisis.clock import now
from crisis.models import Incident, User
from crisis.permissions import may, requires
from crisis.refusal import Refused
from crisis.views import person
from messaging import workflow
from messaging.forms.reasons import ReasonForm, RenewForm
from messaging.models import RUNNING, Order, ReachException
from messaging.public.register import rounded


def find(pk: int, by: User) -> ReachException:
    """An exception with all that its pages show. Raises Http404, also for one that this person does not see."""
    seen = ReachException.objects.filter(incident__in=Incident.objects.seen_by(by))
    rows = seen.select_related("incident", "written_by", "revoked_by", "noted_by")
    return get_object_or_404(rows, pk=pk)


@require_GET
@requires("see")
def exception_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Why may people be written to who did not subscribe, until when, and who said so?"""
    return _page(request, find(pk, person(request)))


def _page(request: HttpRequest, exception: ReachException, form: RenewForm | None = None, status: int = 200) -> HttpResponse:
    campaigns = [*exception.campaigns.filter(started_at__isnull=False).prefetch_related("texts").order_by("pk")]
    term, user = exception.last_term, person(request)
    granted = exception.revoked_at is None and term is not None
    context: dict[str, Any] = {
        "exception": exception,
        "incident": exception.incident,
        "drill": exception.incident.drill,
        "terms": exception.terms.select_related("by").order_by("-id"),
        "in_force": exception.in_force(now()),
        "granted": granted,
        "campaigns": campaigns,
        "people": rounded(Order.objects.filter(batch__campaign__exception=exception)),
        "renews": granted and term and may(user, "exception.renew") and user.pk not in (exception.written_by_id, term.by_id),
        "form": form or RenewForm(),
    }
    return render(request, "messaging/exception_detail.html", context, status=status)


@require_POST
@requires("exception.renew")
def exception_renew(request: HttpRequest, pk: int) -> HttpResponse:
    """Another approver's word that it still holds."""
    exception, form = find(pk, person(request)), RenewForm(request.POST)
    if not form.is_valid():
        return _page(request, exception, form, 422)
    workflow.renew_exception(exception, form.cleaned_data["hours"], form.cleaned_data["reason"], by=person(request))
    messages.success(request, _("The exception was renewed."))
    return redirect("exception_detail", pk)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("exception.revoke")
def exception_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """GET says what is stopped by it, POST ends the exception at once."""
    exception = find(pk, person(request))
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        stopped = workflow.revoke_exception(exception, form.cleaned_data["reason"], by=person(request))
        said = ngettext("Revoked. %(n)d sending was stopped.", "Revoked. %(n)d sendings were stopped.", stopped)
        messages.success(request, said % {"n": stopped})
        return redirect("exception_detail", pk)
    if exception.revoked_at:
        raise Refused(_("This exception was revoked. Nothing was changed. Write a new one with a new campaign."))
    running = exception.campaigns.filter(status__in=RUNNING).count()
    said = ngettext(
        "%(n)d sending that uses it is stopped at once, for those who subscribed too. Nothing new begins under it.",
        "%(n)d sendings that use it are stopped at once, for those who subscribed too. Nothing new begins under it.",
        running,
    )
    context = {
        "exception": exception,
        "incident": exception.incident,
        "drill": exception.incident.drill,
        "form": form,
        "sentence": said % {"n": running},
        "action": reverse("exception_revoke", args=[pk]),
        "button": _("Revoke the exception of the drill") if exception.incident.drill else _("Revoke the exception"),
        "cancel_url": reverse("exception_detail", args=[pk]),
        "danger": True,
    }
    return render(request, "messaging/exception_revoke.html", context, status=422 if request.method == "POST" else 200)


@require_POST
@requires("exception.note")
def exception_note(request: HttpRequest, pk: int) -> HttpResponse:
    """An auditor has read it."""
    workflow.note_exception(find(pk, person(request)), by=person(request))
    messages.success(request, _("Noted."))
    return redirect("exception_detail", pk)
