"""The routes of programs: thin callers of the verbs. A client meets its own campaigns alone; whatever is not its own is a 404.

Nothing here approves, returns, rejects, pauses or resumes: that is for persons at their screens.
"""

from __future__ import annotations

from typing import Annotated, Any

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Path, Query

import audiences.api  # noqa: F401  # its routes stand behind the same door
from audiences import definitions
from audiences.criteria import Criteria
from audiences.models import Audience, AudienceVersion
from crisis.api import REFUSALS, Key, api, caller, once, patterns
from crisis.clock import now
from crisis.models import Incident, Scope, User
from crisis.refusal import Problem, Refused
from messaging import amplifying, workflow
from messaging.api_shapes import (
    CampaignOut,
    CampaignsOut,
    DraftIn,
    IncidentsOut,
    ReportOut,
    StoppedOut,
    TextsIn,
    campaign_out,
    incident_out,
    report_out,
    tens,
)
from messaging.beginning import name_of
from messaging.models import Account, Campaign, Kind, Status, WhenUncertain
from messaging.models.campaigns import CampaignQuerySet
from messaging.reaching import estimates_of
from messaging.wording import Words

PER_PAGE = 50
UNSENT = frozenset({Status.DRAFT, Status.SUBMITTED, Status.REJECTED})
Page = Annotated[int, Query(ge=1, le=10_000)]
PerPage = Annotated[int, Query(ge=1, le=100)]
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]


@api.get("/incidents", auth=Key(Scope.INCIDENTS_READ, "page", "per_page"), response={200: IncidentsOut, **REFUSALS})
def list_incidents(request: HttpRequest, page: Page = 1, per_page: PerPage = PER_PAGE) -> HttpResponse:
    """Open incidents in the client's scope, newest first, each with the accounts that may carry an alert about it."""
    ways = [*_accounts(caller(request))]
    shown = _page("incidents", _incidents(caller(request)).prefetch_related("countries"), page, per_page)
    return JsonResponse({**shown, "incidents": [incident_out(one, ways) for one in shown["incidents"]]})


@api.get("/campaigns", auth=Key(Scope.CAMPAIGNS_READ, "page", "per_page"), response={200: CampaignsOut, **REFUSALS})
def list_campaigns(request: HttpRequest, page: Page = 1, per_page: PerPage = PER_PAGE) -> HttpResponse:
    """The client's own campaigns, newest first."""
    shown = _page("campaigns", _own(caller(request)), page, per_page)
    return JsonResponse({**shown, "campaigns": [campaign_out(one) for one in shown["campaigns"]]})


@api.post("/campaigns", auth=Key(Scope.CAMPAIGNS_WRITE, body=True), response={201: CampaignOut, **REFUSALS})
def create_campaign(request: HttpRequest, content: DraftIn) -> HttpResponse:
    """Begin a draft. Needs an Idempotency-Key. Nothing is sent before it is submitted and a person has approved it."""

    def begin() -> dict[str, Any]:
        by = caller(request)
        incident = _incidents(by).filter(pk=content.incident).first()
        if incident is None:
            raise Refused(_("There is no open incident of this number for you. See /incidents."), field="incident", status=422)
        return campaign_out(workflow.draft(incident, _draft(content, incident, by), by=by))

    return once(request, begin, status=201)


@api.get("/campaigns/{int:pk}", auth=Key(Scope.CAMPAIGNS_READ), response={200: CampaignOut, **REFUSALS})
def read_campaign(request: HttpRequest, pk: Number) -> HttpResponse:
    """One campaign of the client's own."""
    return JsonResponse(campaign_out(_find(request, pk)))


@api.put("/campaigns/{int:pk}/texts", auth=Key(Scope.CAMPAIGNS_WRITE, body=True), response={200: CampaignOut, **REFUSALS})
def put_texts(request: HttpRequest, pk: Number, content: TextsIn) -> HttpResponse:
    """All the words anew, while it is a draft. A language that is left out is removed."""
    texts: dict[str, Words] = {language: one.words() for language, one in content.texts.items()}
    campaign = _find(request, pk)
    done = workflow.reword(campaign, texts, content.link, seen_at=content.seen_at, by=caller(request))
    return JsonResponse(campaign_out(done))


@api.post("/campaigns/{int:pk}/submit", auth=Key(Scope.CAMPAIGNS_SUBMIT), response={200: CampaignOut, **REFUSALS})
def submit_campaign(request: HttpRequest, pk: Number) -> HttpResponse:
    """Ask for approval. Needs an Idempotency-Key. A person who wrote no part of it and made none of the keys decides."""
    campaign = _find(request, pk)
    estimates = estimates_of(campaign, now()) if campaign.status == Status.DRAFT else {}
    posts = amplifying.asked(campaign) if campaign.status == Status.DRAFT else {}
    return once(request, lambda: campaign_out(workflow.submit(campaign, by=caller(request), estimates=estimates, posts=posts)))


@api.post("/campaigns/{int:pk}/stop", auth=Key(Scope.CAMPAIGNS_STOP), response={200: StoppedOut, **REFUSALS})
def stop_campaign(request: HttpRequest, pk: Number) -> HttpResponse:
    """Stop it for good. Needs an Idempotency-Key. Says, in tens, how many people had gone out and how many will not."""
    campaign = _find(request, pk)

    def halt() -> dict[str, Any]:
        numbers = workflow.stop(campaign, by=caller(request))
        return {"campaign": campaign_out(_find(request, pk)), **{name: tens(people) for name, people in numbers.items()}}

    return once(request, halt)


@api.get("/campaigns/{int:pk}/report", auth=Key(Scope.CAMPAIGNS_READ), response={200: ReportOut, **REFUSALS})
def read_report(request: HttpRequest, pk: Number) -> HttpResponse:
    """What came of it, in tens of people. Holds no person."""
    campaign = _find(request, pk)
    if campaign.status in UNSENT:
        raise Refused(_("There is no result yet: nothing of this was sent. Ask again when it is approved."))
    return JsonResponse(report_out(campaign))


urls = patterns()


def _page(name: str, rows: QuerySet[Any], page: int, per_page: int) -> dict[str, Any]:
    """One page of rows; a page after the last is empty."""
    pages = Paginator(rows, per_page)
    found = [*pages.page(page).object_list] if page in pages.page_range else []
    return {name: found, "page": page, "per_page": per_page, "total": pages.count}


def _incidents(by: User) -> QuerySet[Incident]:
    return Incident.objects.seen_by(by).exclude(status=Incident.Status.CLOSED).order_by("-opened_at", "-id")


def _own(by: User) -> CampaignQuerySet:
    rows = Campaign.objects.filter(created_by=by).select_related("incident", "audience_version")
    return rows.prefetch_related("texts", "accounts").order_by("-id")


def _find(request: HttpRequest, pk: int) -> Campaign:
    """Raises Http404 for what is not the client's own."""
    return get_object_or_404(_own(caller(request)), pk=pk)


def _accounts(by: User) -> QuerySet[Account]:
    """The ministry's own and those of the client's mission."""
    return Account.objects.filter(Q(mission=None) | Q(mission=by.mission_id)).order_by("pk")


def _draft(content: DraftIn, incident: Incident, by: User) -> workflow.Draft:
    """What the verb takes. Raises Refused (422) for what the client names and may not use."""
    accounts = [*_accounts(by).filter(pk__in=content.accounts)]
    if len(accounts) < len({*content.accounts}):
        raise Refused(
            _("One of these accounts is not there for you. See the list of the incident."), field="accounts", status=422
        )
    earlier = _own(by).followable().filter(pk=content.refers_to or 0, incident=incident).first()
    if content.refers_to and earlier is None:
        sentence = _("You have sent nothing of this number about this incident. Leave it out, or name one of yours.")
        raise Refused(sentence, field="refers_to", status=422)
    return workflow.Draft(
        kind=Kind(content.kind),
        texts={language: one.words() for language, one in content.texts.items()},
        link=content.link,
        accounts=accounts,
        audience_version=_audience(content, incident, by),
        refers_to=earlier,
        starts_at=content.starts_at,
        not_after=content.not_after,
        when_uncertain=WhenUncertain(content.when_uncertain) if content.when_uncertain else None,
    )


def _audience(content: DraftIn, incident: Incident, by: User) -> AudienceVersion:
    if (content.audience_version is None) == (content.audience_rule is None):
        sentence = _("Send either audience_version or audience_rule: a campaign goes to somebody, and never to everybody.")
        raise Refused(sentence, field="audience_rule", status=422)
    version = _version(content.audience_version, incident, by) if content.audience_version else None
    criteria = _criteria(version.criteria if version else content.audience_rule)
    if not {*criteria.countries} <= {*incident.country_codes}:
        sentence = _("The audience was seen in a country that the incident does not touch. Leave that country out.")
        raise Refused(sentence, field="audience_version" if version else "audience_rule.countries", status=422)
    try:
        return version or definitions.define(name_of(criteria), criteria, by=by, incident=incident)
    except Refused as refused:
        raise _about_rule(refused) from refused


def _version(pk: int, incident: Incident, by: User) -> AudienceVersion:
    seen = Audience.objects.seen_by(by).filter(Q(incident=incident) | Q(incident=None))
    found = AudienceVersion.objects.filter(pk=pk, audience__in=seen).first()
    if found is None:
        sentence = _("There is no audience of this number for this incident. Send an audience_rule instead.")
        raise Refused(sentence, field="audience_version", status=422)
    return found


def _criteria(rule: object) -> Criteria:
    try:
        return Criteria.from_json(rule)
    except Refused as refused:
        raise _about_rule(refused) from refused


def _about_rule(refused: Refused) -> Refused:
    problems = [Problem(f"audience_rule.{one.field}", one.sentence) for one in refused.problems]
    return Refused(problems=problems, status=422)
