"""Pages on which a campaign is written: choosing what to begin with, the draft, the preview, and what leads out of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audiences.criteria.words import language_name
from crisis.clock import now
from crisis.models import Incident
from crisis.permissions import requires
from crisis.refusal import Problem, Refused
from crisis.templatetags.console import local_time
from crisis.views import person
from messaging import amplifying, checking, cut_off, workflow
from messaging.beginning import initial, templates_for
from messaging.forms.campaigns import CampaignForm, initial_of, seen_at_of
from messaging.forms.reasons import ReasonForm
from messaging.models import Account, Campaign, Part, Status, Text
from messaging.phrases import UNKNOWN, WHAT_IT_DOES, followers, pace
from messaging.playbooks import usable
from messaging.reaching import estimates_of, reach_of
from messaging.standing import in_words
from messaging.stories import offering
from messaging.views.campaigns import approvers, find, letters, reach_rows, reach_times, sentence, shared
from messaging.views.counting import count_in
from messaging.views.doubts import doubted
from messaging.wording import Words

BLANK = "blank"
SECTIONS = (
    ("texts", gettext_lazy("Text")),
    ("audience", gettext_lazy("Who")),
    ("accounts", gettext_lazy("Ways")),
    ("exception", gettext_lazy("Exception")),
    ("times", gettext_lazy("Until when")),
)
# Which section of the draft a problem belongs to, where it is not named after it.
SECTION_OF = {
    "not_after": "times", "starts_at": "times", "refers_to": "texts", "incident": "texts", "pace": "accounts",
    "to_reached": "audience", "when_uncertain": "accounts", "post_url": "accounts",
}  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@requires("campaign.write")
def campaign_new(request: HttpRequest, incident: int) -> HttpResponse:
    """Choose a template, then the draft form filled from it; the first save makes the draft."""
    about = get_object_or_404(Incident.objects.seen_by(person(request)).prefetch_related("countries"), pk=incident)
    checking.demand_open(about)
    if request.method == "POST":
        form = CampaignForm(request.POST, incident=about)
        return _counted(request, form) if request.POST.get("go") == "count" else _begin(request, form)
    slug, earlier = request.GET.get("template", ""), _earlier(request, about)
    templates = templates_for(about)
    if slug not in {*templates, BLANK}:
        return _choose(request, about, earlier, unknown=bool(slug))
    begun = initial(about, templates.get(slug), earlier, now()) | (offering.beginning() if slug == offering.SLUG else {})
    return _form_page(request, CampaignForm(initial=begun, incident=about))


def _earlier(request: HttpRequest, incident: Incident) -> Campaign | None:
    """The message a new one follows, named in the URL. Raises Http404 for one that this incident does not have."""
    named = request.GET.get("refers_to", "")
    if not named:
        return None
    if not named.isascii() or not named.isdigit():
        raise Http404
    return get_object_or_404(Campaign.objects.followable(), pk=int(named), incident=incident)


def _choose(request: HttpRequest, incident: Incident, earlier: Campaign | None, *, unknown: bool) -> HttpResponse:
    problems = [Problem("", _("There is no such template. Choose one of these."))] if unknown else []
    context = {"incident": incident, "drill": incident.drill, "earlier": earlier, "problems": problems}
    context["templates"] = templates_for(incident).values()
    context["playbooks"] = usable(incident.category)
    return render(request, "messaging/campaign_choose.html", context, status=404 if unknown else 200)


def _begin(request: HttpRequest, form: CampaignForm) -> HttpResponse:
    if not form.is_valid():
        return _form_page(request, form, status=422)
    try:
        with transaction.atomic():
            version = form.audience_version(by=person(request))
            campaign = workflow.draft(form.incident, form.content(version), by=person(request))
    except Refused as refused:
        return _form_page(request, form, problems=refused.problems, status=refused.status)
    return _onward(request, campaign)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("campaign.write")
def campaign_draft(request: HttpRequest, pk: int) -> HttpResponse:
    """One form for everything of a draft. A colleague's change since the page was opened is shown, never overwritten unseen."""
    campaign = find(pk, person(request))
    if campaign.test:
        return redirect("campaign_preview", pk)
    if campaign.status != Status.DRAFT:
        return _no_draft(request, campaign)
    if request.method != "POST":
        return _form_page(request, CampaignForm(initial=initial_of(campaign), incident=campaign.incident, campaign=campaign))
    form = CampaignForm(request.POST, incident=campaign.incident, campaign=campaign)
    return _counted(request, form) if request.POST.get("go") == "count" else _save(request, campaign, form)


def _no_draft(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """Somebody submitted it meanwhile. What was typed stays on the screen; nothing of it is saved."""
    sentence = _("This is no draft any more: it is %(status)s.") % {"status": campaign.get_status_display()}
    if request.method != "POST":
        messages.info(request, sentence)
        return redirect("campaign_detail", campaign.pk)
    form = CampaignForm(request.POST, incident=campaign.incident, campaign=campaign)
    return _form_page(request, form, problems=[Problem("", sentence)], status=409)


def _save(request: HttpRequest, campaign: Campaign, form: CampaignForm) -> HttpResponse:
    if not form.is_valid():
        return _form_page(request, form, status=422, seen_at=request.POST.get("seen_at", ""))
    try:
        seen_at = seen_at_of(request.POST.get("seen_at", ""))
        with transaction.atomic():
            version = form.audience_version(by=person(request))
            campaign = workflow.edit(campaign, form.content(version), seen_at=seen_at, by=person(request))
    except Refused as refused:
        return _form_page(
            request, form, problems=refused.problems, status=refused.status, theirs=find(campaign.pk, person(request))
        )
    return _onward(request, campaign)


def _onward(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    if request.POST.get("go") == "preview":
        return redirect("campaign_preview", campaign.pk)
    if request.POST.get("go") == "submit":
        return _ask(request, campaign.pk)
    messages.success(request, _("Saved. Nothing has been sent."))
    return redirect("campaign_draft", campaign.pk)


def _form_page(
    request: HttpRequest,
    form: CampaignForm,
    *,
    problems: list[Problem] | None = None,
    status: int = 200,
    seen_at: str = "",
    theirs: Campaign | None = None,
) -> HttpResponse:
    """The draft form. `theirs` is what a colleague has saved meanwhile, to compare; saving again is then a decision."""
    campaign = theirs or form.campaign
    context = {
        "form": form,
        "zones_here": settings.TIME_ZONE,
        "incident": form.incident,
        "drill": form.incident.drill,
        "campaign": campaign,
        "keep": _kept_as(request, form.incident, campaign),
        "problems": problems or [],
        "theirs": theirs,
        "seen_at": seen_at or (campaign.updated_at.isoformat(timespec="microseconds") if campaign else ""),
        "steps": _steps(form, campaign),
        "ways": _ways(form),
        "languages": _languages(form),
        "spreads": any(account.channel.amplifies for account in form.fields["accounts"].queryset),  # type: ignore[attr-defined]
        "delegated": any(account.channel.kind == "delegated" for account in form.fields["accounts"].queryset),  # type: ignore[attr-defined]
        "exceptions": [one for one in form.incident.exceptions.filter(revoked_at=None) if one.in_force(now())],
        "exception_open": bool(form["exception_reason"].value())
        or bool(form["exception_reason"].errors or form["exception_expires_at"].errors),
        "letters": letters(campaign) if campaign else [],
        **count_in(form),
    }
    return render(request, "messaging/campaign_draft.html", context, status=status)


def _kept_as(request: HttpRequest, incident: Incident, campaign: Campaign | None) -> str:
    """The name under which the browser keeps what was typed: one for each draft, and for each way to begin a new one."""
    if campaign:
        return f"campaign-{campaign.pk}"
    return "-".join(["campaign-new", str(incident.pk), request.GET.get("template", ""), request.GET.get("refers_to", "")])


def _ways(form: CampaignForm) -> list[dict[str, Any]]:
    accounts: dict[str, Account] = {str(a.pk): a for a in form.fields["accounts"].queryset}  # type: ignore[attr-defined]
    return [
        {
            "choice": choice,
            "account": a,
            "does": WHAT_IT_DOES[a.channel.kind],
            "paused": a.paused_at and in_words(a.paused_reason),
        }
        for choice in form["accounts"].subwidgets
        for a in [accounts[str(choice.data["value"])]]
    ]


def _languages(form: CampaignForm) -> list[dict[str, Any]]:
    """The fields of each language, with what each account leaves for the text beside headline, instruction, link and mark."""
    return [{**one, "counters": [*_counters(form, one["code"])]} for one in form.languages()]


def _counters(form: CampaignForm, code: str) -> Iterator[dict[str, Any]]:
    values = {part: form[f"{part}_{code}"].value() or "" for part in Words._fields}
    text = Text(language=code, **{**values, "body": "·"}, link=form["link"].value() or "")
    for account in form.fields["accounts"].queryset:  # type: ignore[attr-defined]
        rest = len(checking.render(text, account, drill=form.incident.drill)) - 1
        yield {"label": account.label, "limit": account.channel.max_length - rest, "used": len(values["body"])}


def _steps(form: CampaignForm, campaign: Campaign | None) -> list[dict[str, Any]]:
    """The side list: a section is ticked when it is filled and nothing is wrong with what was saved."""
    wrong = _wrong_sections(campaign)
    return [
        {"label": label, "url": f"#id_{name}", "done": campaign is not None and name not in wrong} for name, label in SECTIONS
    ]


def _wrong_sections(campaign: Campaign | None) -> set[str]:
    if campaign is None:
        return set()
    at = now()
    return {section_of(problem.field) for problem in checking.problems(campaign, reach_of(campaign, at, {}), at)}


def section_of(field: str) -> str:
    return "texts" if field.startswith(("text", "corrected")) else SECTION_OF.get(field, field)


def _counted(request: HttpRequest, form: CampaignForm) -> HttpResponse:
    """The reach of what is typed, saving nothing: a fragment for the page, or the whole page without scripts."""
    form.is_valid()
    if not request.htmx:  # type: ignore[attr-defined]
        return _form_page(request, form, seen_at=request.POST.get("seen_at", ""))
    return render(request, "messaging/_campaign_count.html", count_in(form))


@require_GET
@requires("see")
def campaign_preview(request: HttpRequest, pk: int) -> HttpResponse:
    """Is everything right? Asks the platforms for their estimates while it is a draft; afterwards shows what was submitted."""
    return _preview(request, find(pk, person(request)))


def _preview(
    request: HttpRequest, campaign: Campaign, problems: list[Problem] | None = None, status: int = 200
) -> HttpResponse:
    counted, found = campaign.reach or {}, problems or []
    if campaign.status == Status.DRAFT:
        at = now()
        counted, posts = reach_of(campaign, at, estimates_of(campaign, at)), amplifying.asked(campaign)
        counted |= {"posts": amplifying.kept(posts)}
        found = problems or [*checking.problems(campaign, counted, at), *amplifying.problems(campaign, posts)]
    context = {
        **shared(campaign, request),
        **reach_times(campaign, counted),
        **doubted(campaign, counted),
        "down": cut_off.warnings(campaign, counted),
        "reach": counted,
        "reach_rows": reach_rows(campaign, counted),
        "letters": letters(campaign),
        "approvers": approvers(campaign),
        "problems": [Problem(_row_of(p.field) if p.field else "", p.sentence) for p in found],
        "rows": _summary(campaign, found, counted),
    }
    return render(request, "messaging/campaign_preview.html", context, status=status)


def _row_of(field: str) -> str:
    return "texts" if field.startswith(("text", "corrected")) else field


def _summary(campaign: Campaign, found: list[Problem], counted: dict[str, Any]) -> list[dict[str, Any]]:
    wrong = {_row_of(p.field): str(p.sentence) for p in reversed(found)}
    change = reverse("campaign_draft", args=[campaign.pk]) if campaign.status == Status.DRAFT else ""
    rows = [
        {
            **row,
            "problem": wrong.get(row["field"], ""),
            "change_url": f"{change}#id_{section_of(row['field'])}" if change else "",
        }
        for row in _summary_rows(campaign, counted)
    ]
    return [
        row for row in rows if row["value"] or row["problem"] or row["field"] in ("texts", "audience", "accounts", "not_after")
    ]


def _summary_rows(campaign: Campaign, counted: dict[str, Any]) -> list[dict[str, Any]]:
    ways = [f"{account.label}: {WHAT_IT_DOES[account.channel.kind]}" for account in campaign.accounts.order_by("pk")]
    texts = [language_name(text.language) for text in campaign.texts.all() if text.part == Part.MAIN and text.whole]
    exception = campaign.exception_reason and _("%(reason)s Ends: %(time)s") % {
        "reason": f"{campaign.exception_reason}\n", "time": local_time(campaign.exception_expires_at)
    }  # fmt: skip
    return [
        {"field": "incident", "label": _("Incident"), "value": str(campaign.incident)},
        {"field": "refers_to", "label": _("Follows"), "value": str(campaign.refers_to or "")},
        {"field": "texts", "label": _("Text"), "value": f"{campaign.headline} ({', '.join(texts)})" if texts else ""},
        {"field": "audience", "label": _("Who"), "value": sentence(campaign)},
        {"field": "to_reached", "label": _("Those who got the earlier message"), "value": followers(campaign)},
        {"field": "accounts", "label": _("Ways"), "value": "\n".join(ways)},
        {"field": "post_url", "label": _("Post to be spread"), "value": amplifying.in_words(campaign, counted)},
        {"field": "pace", "label": _("Pace"), "value": pace(campaign)},
        {"field": "when_uncertain", "label": UNKNOWN, "value": campaign.get_when_uncertain_display()},
        {"field": "exception", "label": _("Exception"), "value": exception},
        {
            "field": "starts_at",
            "label": _("Start at"),
            "value": local_time(campaign.starts_at) or _("as soon as it is approved"),
        },
        {"field": "not_after", "label": _("Valid until"), "value": local_time(campaign.not_after)},
    ]


@require_POST
@requires("campaign.submit")
def campaign_submit(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for approval of what the preview shows."""
    return _ask(request, pk)


def _ask(request: HttpRequest, pk: int) -> HttpResponse:
    """Submit a draft; what keeps it from that is said on its preview. Platforms are asked outside of its transaction."""
    campaign = find(pk, person(request))
    try:
        drafted = campaign.status == Status.DRAFT
        estimates, posts = (estimates_of(campaign, now()), amplifying.asked(campaign)) if drafted else ({}, {})
        workflow.submit(campaign, by=person(request), estimates=estimates, posts=posts)
    except Refused as refused:
        return _preview(request, find(pk, person(request)), refused.problems, refused.status)
    live = _("Submitted for approval. Nothing is sent before another person approves it.")
    messages.success(request, _("The drill was submitted for approval.") if campaign.drill else live)
    return redirect("campaign_preview", pk)


@require_POST
@requires("campaign.submit")
def campaign_withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Take it back to draft."""
    workflow.withdraw(find(pk, person(request)), by=person(request))
    messages.success(request, _("Withdrawn: it is a draft again, and nobody can approve it."))
    return redirect("campaign_draft", pk)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("campaign.write")
def campaign_discard(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask once, then discard a draft for good, with the reason."""
    campaign = find(pk, person(request))
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if campaign.status != Status.DRAFT:
            raise Refused(_("Only a draft can be discarded. Nothing was changed."))
        workflow.reject(campaign, form.cleaned_data["reason"], by=person(request))
        messages.success(request, _("The draft was discarded. Nothing had been sent."))
        return redirect("incident_detail", campaign.incident_id)
    context = {
        **shared(campaign, request),
        "form": form,
        "heading": _("Discard this draft?"),
        "sentence": _("“%(headline)s” will be closed for good. Nothing has been sent.") % {"headline": campaign},
        "action": reverse("campaign_discard", args=[pk]),
        "button": _("Discard the draft of the drill") if campaign.drill else _("Discard the draft"),
        "cancel_url": reverse("campaign_draft", args=[pk]),
    }
    return render(request, "messaging/campaign_confirm.html", context, status=422 if form.errors else 200)
