"""Audiences: the list, one audience with its reach now, a new one, the next version, and the count of what is being typed."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from audiences import definitions
from audiences.criteria import MODES, Criteria
from audiences.criteria.seen import LONGEST, SHORTEST
from audiences.forms import FIELDS, AudienceFilter, AudienceForm, CriteriaForm, RevisionForm, fields_of
from audiences.mapping import Map, drawn, map_of
from audiences.models import Audience, AudienceVersion
from audiences.views.counting import counted, day_bars
from audiences.views.versions import comparing
from crisis.clock import now
from crisis.forms import add_problems
from crisis.models import Incident, User
from crisis.permissions import requires
from crisis.refusal import Refused
from crisis.views import paged, person

NEWEST = AudienceVersion.objects.order_by("audience_id", "-number").distinct("audience_id").select_related("written_by")


@require_GET
@requires("see")
def audience_list(request: HttpRequest) -> HttpResponse:
    """Every audience with its newest sentence; filters in the URL."""
    form = AudienceFilter(request.GET, by=person(request))
    rows = form.rows().prefetch_related(Prefetch("versions", NEWEST, to_attr="newest"))
    page = paged(request, rows)
    listed = [(audience, version, *_said(version)) for audience in page for version in audience.newest]
    return render(request, "audiences/audience_list.html", {"form": form, "page": page, "listed": listed})


@require_GET
@requires("see")
def audience_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Who is this, and how many now. `?version=` shows an older wording."""
    audience = _audience(request, pk)
    version = _version(audience, request.GET.get("version"))
    versions = [(each, _sentence_of(each)) for each in audience.versions.select_related("written_by")]
    criteria, at = Criteria.from_json(version.criteria), now()
    days = day_bars(criteria, at)
    context = {
        "audience": audience,
        "version": version,
        "versions": versions,
        "newest": versions[0][0],
        "comparing": comparing([each for each, _ in versions], version),
        "drill": _is_drill(audience),
        "days": days,
        "map": map_of(criteria, at),
        "width": 40 * len(days),
        **counted(criteria, at),
    }
    return render(request, "audiences/audience_detail.html", context)


@require_http_methods(["GET", "POST"])
@requires("audience.write")
def audience_new(request: HttpRequest) -> HttpResponse:
    """A new audience; `?incident=` fills in its place and name, `?copy=` all of another audience. “Count” saves nothing."""
    incident, copied = _incident(request, request.GET.get("incident")), _copied(request)
    initial, kept = _initial_of_copy(copied, person(request)) if copied else (_initial_of(incident), ())
    form = AudienceForm(request.POST or None, by=person(request), initial=initial, kept=kept)
    if _is_to_be_saved(request, form):
        data = form.cleaned_data
        try:
            version = definitions.define(data["name"], form.criteria(), by=person(request), incident=data["incident"])
        except Refused as refused:
            add_problems(form, refused, FIELDS)
        else:
            messages.success(request, _("The audience was saved. Nothing has been sent."))
            return redirect("audience_detail", version.audience_id)
    drill = bool((incident and incident.drill) or (copied and _is_drill(copied.audience)))
    return _form_page(request, "audiences/audience_new.html", form, drill=drill, kept_of=copied)


@require_http_methods(["GET", "POST"])
@requires("audience.write")
def audience_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """The next version. `?version=` starts from an older one; `?hours=` and `?mode=` from a narrower choice."""
    audience, by = _audience(request, pk), person(request)
    last = _version(audience, None)
    shown = _version(audience, request.GET.get("version"))
    initial, kept = fields_of(Criteria.from_json(shown.criteria), by)
    initial |= {"based_on": last.number, **_asked(request)}
    form = RevisionForm(request.POST or None, by=by, initial=initial, kept=kept)
    based_on = form["based_on"].value()
    if _is_to_be_saved(request, form):
        try:
            form.demand_newest(last)
            version = definitions.revise(audience, form.criteria(), by=by)
        except Refused as refused:
            add_problems(form, refused, FIELDS)
            based_on = last.number  # they are told of it now: saving again is meant
        else:
            messages.success(request, _revised(version, last))
            return redirect("audience_detail", audience.pk)
    context = {"audience": audience, "drill": _is_drill(audience), "last": last, "last_sentence": _sentence_of(last)}
    context["kept_of"] = shown
    return _form_page(request, "audiences/audience_edit.html", form, based_on=based_on, **context)


@require_http_methods(["GET", "POST"])
@requires("see")
def audience_reach(request: HttpRequest) -> HttpResponse:
    """The inside of the count beside a form being filled in. `prefix` is the form's, `audience` the one being revised.

    It is posted, because a polygon is longer than an address may be, and changes nothing.
    """
    by = person(request)
    kept: tuple[Any, ...] = ()
    if request.GET.get("audience"):
        audience = _audience(request, _number(request.GET["audience"]))
        kept = fields_of(Criteria.from_json(_version(audience, request.GET.get("version")).criteria), by)[1]
    typed = request.POST or request.GET
    form = CriteriaForm(typed, by=by, prefix=typed.get("prefix") or None, kept=kept)
    return render(request, "audiences/_counted.html", _counted_form(form))


def _is_to_be_saved(request: HttpRequest, form: CriteriaForm) -> bool:
    """Whether the form is right and “Save” was pressed. Who only counts is not asked for a name."""
    if "count" in request.POST:
        form.errors.pop("name", None)
        return False
    return form.is_valid()


def _form_page(request: HttpRequest, template: str, form: CriteriaForm, **context: Any) -> HttpResponse:
    """A form with its count: of what was typed, or of what it is filled with when it is first shown."""
    form_said = form if form.is_bound else _filled(form, person(request))
    context |= {"form": form, "kept": [leaf.sentence() for leaf in form.kept], **_counted_form(form_said)}
    context |= {"map": _map_of(form_said), "pick": form.add_prefix("countries")}
    return render(request, template, context, status=422 if form.is_bound and form.errors else 200)


def _map_of(form: CriteriaForm) -> Map:
    """The countries and the part of them that were typed, as far as they can be read."""
    if "criteria" in form.cleaned_data:
        return map_of(form.criteria(), now())
    return drawn([country.code for country in form.cleaned_data.get("countries") or ()], (), now())


def _counted_form(form: CriteriaForm) -> dict[str, Any]:
    """What `_counted.html` shows: the count, or what is still missing for one."""
    form.is_valid()
    if "criteria" in form.cleaned_data:
        return counted(form.criteria(), now())
    return {"missing": [sentence for sentences in form.errors.values() for sentence in sentences]}


def _filled(form: CriteriaForm, by: User) -> CriteriaForm:
    """The form as if what it is first shown with had been typed."""
    typed = {field.name: field.initial for field in form if field.initial is not None}
    typed |= {name: [*map(str, value)] for name, value in typed.items() if isinstance(value, list)}
    return CriteriaForm(typed, by=by, kept=form.kept)


def _asked(request: HttpRequest) -> dict[str, Any]:
    """A narrower choice from the URL; what is none is left out."""
    found: dict[str, Any] = {}
    hours = request.GET.get("hours", "")
    if hours.isdecimal() and len(hours) < 6 and SHORTEST <= int(hours) <= LONGEST:
        found |= {"window": int(hours), "unit": "hours"}
    if request.GET.get("mode") in MODES:
        found["mode"] = request.GET["mode"]
    return found


def _revised(version: AudienceVersion, before: AudienceVersion) -> str:
    if version.pk == before.pk:
        return _("Nothing was changed: version %(n)d says the same.") % {"n": version.number}
    return _("Version %(n)d was saved. Campaigns that use an older version keep it.") % {"n": version.number}


def _initial_of(incident: Incident | None) -> dict[str, Any]:
    if incident is None:
        return {}
    return {"incident": incident, "name": str(incident)[:200], "countries": [*incident.countries.all()]}


def _copied(request: HttpRequest) -> AudienceVersion | None:
    pk = request.GET.get("copy")
    return _version(_audience(request, _number(pk)), request.GET.get("version")) if pk else None


def _initial_of_copy(version: AudienceVersion, by: User) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """Everything it says under a name of its own, which the person changes."""
    initial, kept = fields_of(Criteria.from_json(version.criteria), by)
    name = _("%(name)s (copy)") % {"name": version.audience.name[:180]}
    return initial | {"name": name, "incident": version.audience.incident}, kept


def _audience(request: HttpRequest, pk: int) -> Audience:
    return get_object_or_404(Audience.objects.seen_by(person(request)).select_related("incident"), pk=pk)


def _version(audience: Audience, number: str | None) -> AudienceVersion:
    """A version by its number, the newest without one. Raises Http404."""
    versions = AudienceVersion.objects.filter(audience=audience).select_related("written_by")
    found = versions.filter(number=_number(number)).first() if number else versions.order_by("-number").first()
    if found is None:
        raise Http404
    return found


def _incident(request: HttpRequest, pk: str | None) -> Incident | None:
    return get_object_or_404(Incident.objects.seen_by(person(request)), pk=_number(pk)) if pk else None


def _number(text: str) -> int:
    if not (text.isdecimal() and len(text) < 19):
        raise Http404
    return int(text)


def _is_drill(audience: Audience) -> bool:
    return bool(audience.incident and audience.incident.drill)


def _said(version: AudienceVersion) -> tuple[str, str]:
    """The sentence of a rule, and why there is none: one that cannot be read does not hide the others."""
    try:
        return _sentence_of(version), ""
    except Refused as refused:
        return "", " ".join(str(problem.sentence) for problem in refused.problems)


def _sentence_of(version: AudienceVersion) -> str:
    return Criteria.from_json(version.criteria).sentence()
