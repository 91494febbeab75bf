"""Two versions of an audience side by side: the words that changed, and how many each means now."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from audiences.criteria import Criteria
from audiences.models import AddressKind, Audience, AudienceVersion
from audiences.reach import Reach, reach
from crisis.clock import now
from crisis.language import readers_language
from crisis.permissions import requires
from crisis.views import person
from crisis.wording import words


class VersionsForm(forms.Form):
    """Which two versions to compare; they live in the URL."""

    one = forms.TypedChoiceField(label=gettext_lazy("Version"), coerce=int)
    other = forms.TypedChoiceField(label=gettext_lazy("with version"), coerce=int)

    def __init__(self, *args: Any, numbers: list[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("one", "other"):
            self.fields[name].choices = [(n, str(n)) for n in numbers]  # type: ignore[attr-defined]


def comparing(versions: list[AudienceVersion], shown: AudienceVersion) -> VersionsForm:
    """The form that stands on the page of an audience: the version shown with the one before it, or with the next."""
    numbers = sorted(version.number for version in versions)
    other = shown.number - 1 or shown.number + 1
    return VersionsForm(numbers=numbers, initial={"one": other, "other": shown.number})


@require_GET
@requires("see")
def audience_compare(request: HttpRequest, pk: int) -> HttpResponse:
    """`?one=` and `?other=` are numbers of versions, without them the last two. The older one stands first."""
    audience = get_object_or_404(Audience.objects.seen_by(person(request)), pk=pk)
    versions = {version.number: version for version in audience.versions.all()}
    numbers = sorted(versions)
    form = VersionsForm(request.GET or {"one": numbers[-2:][0], "other": numbers[-1]}, numbers=numbers)
    if not form.is_valid():
        raise Http404
    older, newer = (versions[n] for n in sorted((form.cleaned_data["one"], form.cleaned_data["other"])))
    rules, at = [Criteria.from_json(version.criteria) for version in (older, newer)], now()
    context = {
        "audience": audience,
        "drill": bool(audience.incident and audience.incident.drill),
        "older": older,
        "newer": newer,
        "pieces": words(*(rule.sentence() for rule in rules)),
        "language": readers_language(),
        "rows": _rows(*(reach(rule, AddressKind.values, at=at) for rule in rules)),
        "at": at,
    }
    return render(request, "audiences/audience_compare.html", context)


def _rows(before: Reach, after: Reach) -> list[tuple[str, int, int]]:
    rows = [
        (_("are meant"), before.people, after.people),
        (_("can be reached at all"), before.reachable_at_all, after.reachable_at_all),
    ]
    for kind in AddressKind:
        counts = before.by_kind[kind].reachable, after.by_kind[kind].reachable
        if any(counts):
            rows.append((str(kind.label), *counts))
    return rows
