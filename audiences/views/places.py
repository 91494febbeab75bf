"""Suggestions of places while somebody types one."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from audiences import gazetteer
from crisis.language import readers_language
from crisis.permissions import requires


@require_GET
@requires("see")
def place_list(request: HttpRequest) -> HttpResponse:
    """Options for a list of suggestions. What was typed is `q` or a field of the form; `country` is a code to look in alone."""
    language = readers_language()
    typed = next((request.GET[name] for name in ("q", "near", "or_near", "not_near") if name in request.GET), "")
    found = gazetteer.find(typed, request.GET.getlist("country"), language)
    return render(request, "audiences/_places.html", {"places": found})
