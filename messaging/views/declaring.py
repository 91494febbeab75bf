"""Declaring an incident and, in the same form, submitting the holding message about it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from crisis import incidents
from crisis.clock import now
from crisis.forms import DeclareForm
from crisis.models import Certainty, Incident, Severity, Urgency
from crisis.permissions import requires
from crisis.refusal import Refused
from crisis.views import person
from messaging import workflow
from messaging.beginning import Facts
from messaging.forms.holding import HoldingForm
from messaging.models import Campaign
from messaging.playbooks import usable
from messaging.reaching import estimates_of
from messaging.views.counting import count_of

CAP_CODES = {"severity": Severity.choices, "urgency": Urgency.choices, "certainty": Certainty.choices}


@requires("incident.write")
def incident_declare(request: HttpRequest) -> HttpResponse:
    """One form. `go` says what the button does: count (saves nothing), submit (with the message), or declare.

    Whether it is a drill is said by the address alone, never by the form.
    """
    drill, go = "drill" in request.GET, request.POST.get("go", "")
    form = DeclareForm(request.POST or None, initial=_asked_for(request))
    message = HoldingForm(request.POST if request.POST.get("go") else None, drill=drill)
    if go == "count":
        form.is_valid()
        message.is_valid()
        fragment = "messaging/_holding_shown.html" if request.htmx else ""  # type: ignore[attr-defined]
        return _page(request, form, message, template=fragment)
    if not form.is_valid():
        return _page(request, form, message, status=422 if form.errors else 200)
    row = form.incident(now())
    row.drill = drill
    if go == "submit":
        return _declare_and_submit(request, row, form, message)
    made = incidents.declare(row, form.cleaned_data["countries"], by=person(request))
    messages.success(request, _("The incident was declared. Nothing has been sent yet."))
    return redirect("incident_detail", made.pk)


def _asked_for(request: HttpRequest) -> dict[str, object]:
    """What a link to the form has filled in: fields by name."""
    given = {name: request.GET[name] for name in DeclareForm.Meta.fields if name in request.GET}
    return {**given, "countries": request.GET.getlist("countries")}


def _declare_and_submit(request: HttpRequest, row: Incident, form: DeclareForm, message: HoldingForm) -> HttpResponse:
    """Both; or the incident with a draft that says what is wrong, for the incident is true whatever becomes of the message."""
    places = form.cleaned_data["countries"]
    if not message.is_valid() or message.too_long(_facts(form, message)):
        return _page(request, form, message, status=422)
    with transaction.atomic():
        incident = incidents.declare(row, places, by=person(request))
        facts = Facts.of(incident, places, message.valid_until(now()))
        version = message.audience(incident, by=person(request))
        campaign = workflow.draft(incident, message.content(facts, version), by=person(request))
    return _submit(request, campaign)


def _submit(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """Submit what has just been drafted. The platforms are asked outside any transaction."""
    try:
        workflow.submit(campaign, by=person(request), estimates=estimates_of(campaign, now()))
    except Refused as refused:
        why = " ".join(str(problem.sentence) for problem in refused.problems)
        sentence = _("The incident is declared. The holding message was not submitted; it is kept as a draft: %(why)s")
        messages.warning(request, sentence % {"why": why})
    else:
        sentence = _("The incident is declared and the holding message waits for approval. Nothing is sent before that.")
        messages.success(request, sentence)
    return redirect("campaign_preview", campaign.pk)


def _page(
    request: HttpRequest, form: DeclareForm, message: HoldingForm, *, status: int = 200, template: str = ""
) -> HttpResponse:
    facts = _facts(form, message)
    context = {
        "form": form,
        "message": message,
        "drill": "drill" in request.GET,
        "codes": [(form[name].label, choices) for name, choices in CAP_CODES.items()],
        "shown": message.words(facts),
        "valid_until": facts.valid_until,
        "playbooks": usable(facts.category) if facts.category else (),
        **_count(facts, message),
    }
    return render(request, template or "messaging/incident_declare.html", context, status=status)


def _facts(form: DeclareForm, message: HoldingForm) -> Facts:
    """What the answers given so far say; those that are missing or wrong say nothing yet."""
    answers = getattr(form, "cleaned_data", {})
    at = now()
    return Facts(
        places=answers.get("countries", ()),
        category=answers.get("category", ""),
        titles={"ru": answers.get("title_ru", ""), "en": answers.get("title_en", "")},
        hotline=answers.get("hotline", ""),
        next_at=form.promised(at) if answers else None,
        valid_until=message.valid_until(at),
    )


def _count(facts: Facts, message: HoldingForm) -> dict[str, Any]:
    """How many people the message means; nothing while no country is named."""
    if not facts.places or {"hours", "mode"} & message.errors.keys():
        return {"count": None}
    criteria = message.criteria([place.pk for place in facts.places])
    ways = getattr(message, "cleaned_data", {}).get("accounts") or ()
    return count_of(criteria, sorted({account.address_kind for account in ways if account.address_kind is not None}))
