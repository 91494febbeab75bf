"""Pages of playbooks: the list, one with its versions, writing a version, and using one in an incident."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audiences import definitions
from crisis.clock import now
from crisis.models import Category, Incident
from crisis.permissions import may, requires
from crisis.refusal import Problem, Refused
from crisis.views import person
from messaging import checking, workflow
from messaging.beginning import VALID_HOURS, Facts, name_of
from messaging.forms.playbooks import BlanksForm, PlaybookForm, initial_of
from messaging.models import Account, Campaign, Kind, Playbook, PlaybookVersion
from messaging.models.accounts import channel_label
from messaging.models.playbooks import APPROVALS
from messaging.playbooks import filled_words, usable
from messaging.workflow import preparing

WRITES = ["GET", "HEAD", "POST"]


@require_GET
@requires("see")
def playbook_list(request: HttpRequest) -> HttpResponse:
    """Every playbook, those in use first."""
    rows = Playbook.objects.prefetch_related("versions__approvals__by", "versions__written_by").order_by("name", "pk")
    found = sorted((_row(row) for row in rows), key=lambda row: bool(row["playbook"].retired_at))
    return render(request, "messaging/playbook_list.html", {"rows": found, "needed": APPROVALS})


def _row(playbook: Playbook) -> dict[str, Any]:
    versions = sorted(playbook.versions.all(), key=lambda version: -version.number)
    current = next((v for v in versions if len(v.approvals.all()) >= APPROVALS), None)
    return {
        "playbook": playbook,
        "current": current,
        "newest": versions[0],
        "approvals": [*versions[0].approvals.all()],
        "kinds": [capfirst(Category(code).label) for code in playbook.categories],
    }


@require_GET
@requires("see")
def playbook_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """What it says, who wrote and approved it, and every version before."""
    return _page(request, get_object_or_404(Playbook, pk=pk))


def _page(request: HttpRequest, playbook: Playbook, problems: list[Problem] | None = None, status: int = 200) -> HttpResponse:
    row, user = _row(playbook), person(request)
    newest = row["newest"]
    context = {
        **row,
        "versions": playbook.versions.select_related("written_by").prefetch_related("approvals__by").order_by("-number"),
        "ways": [channel_label(slug) for slug in newest.ways],
        "sentence": _audience(newest),
        "needed": APPROVALS,
        "approves": may(user, "playbook.approve")
        and not playbook.retired_at
        and newest.written_by_id != user.pk
        and user.pk not in {approval.by_id for approval in row["approvals"]},
        "mine": newest.written_by_id == user.pk,
        "problems": problems or [],
    }
    return render(request, "messaging/playbook_detail.html", context, status=status)


def _audience(version: PlaybookVersion) -> str:
    if version.mode == "last_seen_there":
        return _("People last seen in the country of the incident within %(hours)d hours") % {"hours": version.hours}
    return _("People who were in the country of the incident within %(hours)d hours") % {"hours": version.hours}


@require_http_methods(WRITES)
@requires("playbook.write")
def playbook_new(request: HttpRequest) -> HttpResponse:
    """Write the first version of a new one."""
    form = PlaybookForm(request.POST or None)
    return _written(request, form, None) if form.is_valid() else _form_page(request, form, None)


@require_http_methods(WRITES)
@requires("playbook.write")
def playbook_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Write the next version."""
    playbook = get_object_or_404(Playbook, pk=pk)
    newest = playbook.versions.order_by("-number")[0]
    form = PlaybookForm(request.POST or None, initial=initial_of(playbook, newest))
    return _written(request, form, playbook) if form.is_valid() else _form_page(request, form, playbook)


def _written(request: HttpRequest, form: PlaybookForm, playbook: Playbook | None) -> HttpResponse:
    name, categories, by = form.cleaned_data["name"], form.cleaned_data["categories"], person(request)
    try:
        if playbook:
            preparing.revise(playbook, name, categories, form.content(), by=by)
        else:
            playbook = preparing.prepare(name, categories, form.content(), by=by)
    except Refused as refused:
        return _form_page(request, form, playbook, refused.problems, refused.status)
    messages.success(request, _("Saved. It can be used once two supervisors who did not write it have approved it."))
    return redirect("playbook_detail", playbook.pk)


def _form_page(
    request: HttpRequest, form: PlaybookForm, playbook: Playbook | None, problems: list[Problem] | None = None, status: int = 0
) -> HttpResponse:
    context = {"form": form, "playbook": playbook, "problems": problems or []}
    return render(request, "messaging/playbook_edit.html", context, status=status or (422 if form.errors else 200))


@require_POST
@requires("playbook.approve")
def playbook_approve(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve the version that the page showed."""
    playbook, seen = get_object_or_404(Playbook, pk=pk), request.POST.get("version", "")
    try:
        if not seen.isascii() or not seen.isdigit():
            raise Refused(_("This page does not say which version it shows. Open it again."))
        preparing.approve_playbook(get_object_or_404(playbook.versions, number=int(seen[:9])), by=person(request))
    except Refused as refused:
        return _page(request, playbook, refused.problems, refused.status)
    messages.success(request, _("Approved."))
    return redirect("playbook_detail", pk)


@require_POST
@requires("playbook.approve")
def playbook_retire(request: HttpRequest, pk: int) -> HttpResponse:
    """Offer it no more."""
    preparing.retire(get_object_or_404(Playbook, pk=pk), by=person(request))
    messages.success(request, _("Retired: it is offered no more. Campaigns made from it stay as they are."))
    return redirect("playbook_detail", pk)


@require_http_methods(WRITES)
@requires("campaign.write")
def playbook_use(request: HttpRequest, incident: int, pk: int) -> HttpResponse:
    """Fill its blanks, nothing else; the draft it makes has its text, its audience and its ways."""
    about = get_object_or_404(Incident.objects.seen_by(person(request)).prefetch_related("countries"), pk=incident)
    version = next((v for v in usable() if v.playbook_id == get_object_or_404(Playbook, pk=pk).pk), None)
    checking.demand_open(about)
    if version is None:
        raise Refused(_("No version of this playbook is in use. Two supervisors who did not write it approve one first."))
    until = now() + timedelta(hours=VALID_HOURS)
    facts = Facts.of(about, about.countries.all(), until)
    form = BlanksForm(request.POST if request.method == "POST" else None, version=version, incident=about, facts=facts)
    if form.is_valid():
        campaign = _begin(request, about, version, form, facts)
        return redirect("campaign_preview", campaign.pk)
    context = {
        "incident": about, "drill": about.drill, "playbook": version.playbook, "version": version, "form": form,
        "shown": filled_words(version, form.values()),
    }  # fmt: skip
    return render(request, "messaging/playbook_use.html", context, status=422 if form.errors else 200)


@transaction.atomic
def _begin(request: HttpRequest, incident: Incident, version: PlaybookVersion, form: BlanksForm, facts: Facts) -> Campaign:
    by, codes, values = person(request), incident.country_codes, form.values()
    criteria = version.criteria(codes)
    audience = definitions.define(name_of(criteria), criteria, by=by, incident=incident)
    ours = Account.objects.filter(drill=incident.drill, mission=None, paused_at=None, slug__in=version.ways)
    content = workflow.Draft(
        kind=Kind(version.kind),
        texts=filled_words(version, values),
        accounts=[*ours.order_by("pk")],
        audience_version=audience,
        refers_to=form.cleaned_data.get("refers_to"),
        not_after=facts.valid_until,
        playbook_version=version,
        values=values,
    )
    return workflow.draft(incident, content, by=by)
