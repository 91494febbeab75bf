"""The pages of the register of sources. Everybody who works here may read it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audiences import sources
from audiences.models import Source
from crisis.forms import add_problems
from crisis.permissions import requires
from crisis.refusal import Refused
from crisis.views import person


class SourceForm(forms.ModelForm):  # type: ignore[type-arg]
    """Who owns the data, by what right we hold them, and for how long. What is allowed is decided by the verb."""

    class Meta:
        model = Source
        fields = sources.FIELDS
        labels = {
            "name": gettext_lazy("Name of the source"),
            "owner": gettext_lazy("Who owns the data?"),
            "legal_basis": gettext_lazy("By what right do we hold them?"),
            "retention_days": gettext_lazy("For how many days may we keep them?"),
        }
        help_texts = {
            "legal_basis": gettext_lazy(
                "A law, a contract or a letter with its number and date. Without it nothing is taken in."
            ),
            "retention_days": gettext_lazy("Older sightings are destroyed every day."),
        }
        widgets = {"legal_basis": forms.Textarea(attrs={"rows": 3})}

    def validate_unique(self) -> None:
        """The verb says it."""


@require_GET
@requires("see")
def source_list(request: HttpRequest) -> HttpResponse:
    """Where does what we know come from, and by what right?"""
    held = sources.held()
    rows = [(row, held.get(row.pk, sources.Held())) for row in Source.objects.all()]
    return render(request, "audiences/source_list.html", {"rows": rows})


@require_GET
@requires("see")
def source_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One source: what is held of it, and its switch."""
    source = get_object_or_404(Source, pk=pk)
    rows = [
        {"label": _("Owner of the data"), "value": source.owner},
        {"label": _("Legal basis"), "value": source.legal_basis, "problem": "" if source.legal_basis.strip() else _BASELESS},
        {"label": _("Kept for, days"), "value": source.retention_days},
    ]
    held = sources.held().get(pk, sources.Held())
    context = {"source": source, "rows": rows, "held": held, "people": sources.people_of(source)}
    return render(request, "audiences/source_detail.html", context)


_BASELESS = gettext_lazy("Nothing can be imported from this source, and no program can bring anything, until it is noted.")


@require_http_methods(["GET", "HEAD", "POST"])
@requires("source.write")
def source_new(request: HttpRequest) -> HttpResponse:
    """A new source."""
    return _form_page(request, Source(), "audiences/source_new.html")


@require_http_methods(["GET", "HEAD", "POST"])
@requires("source.write")
def source_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Another owner, basis or retention."""
    return _form_page(request, get_object_or_404(Source, pk=pk), "audiences/source_edit.html")


@require_POST
@requires("source.switch")
def source_switch(request: HttpRequest, pk: int) -> HttpResponse:
    """Off, or on again. `on` is "yes" or "no"."""
    source = get_object_or_404(Source, pk=pk)
    on = {"yes": True, "no": False}.get(request.POST.get("on", ""))
    if on is None:
        raise Refused(_("Say whether the source is to be in use. Nothing was changed."), status=422)
    sources.switch(source, on=on, by=person(request))
    if on:
        messages.success(request, _("In use again. Who was seen by this source alone is counted again."))
    else:
        messages.success(request, _("Switched off. Nobody is counted or written to any more by what this source says."))
    return redirect("source_detail", pk)


def _form_page(request: HttpRequest, source: Source, template: str) -> HttpResponse:
    form = SourceForm(request.POST if request.method == "POST" else None, instance=source)
    context: dict[str, Any] = {"form": form, "source": Source.objects.filter(pk=source.pk).first()}
    if form.is_valid():
        try:
            saved = sources.write(form.save(commit=False), by=person(request))
        except Refused as refused:
            add_problems(form, refused)
        else:
            messages.success(request, _("The source is in the register."))
            return redirect("source_detail", saved.pk)
    return render(request, template, context, status=422 if form.errors else 200)
