"""Pages of power: who may do what."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from crisis.permissions import ANONYMOUS, CLIENT, NO, OWN, ROLES, SIX, TABLE, TOGETHER, YES, requires
from crisis.templatetags.console import role_name

COLUMNS = {CLIENT: _("program with a key"), ANONYMOUS: _("anybody, not logged in")}
RIGHTS = {YES: _("yes"), OWN: _("only its own"), TOGETHER: _("two persons"), NO: _("no")}
ICONS = {YES: "check", OWN: "user", TOGETHER: "people"}


@require_GET
@requires("see")
def help_permissions(request: HttpRequest) -> HttpResponse:
    """The permission table in words; a cell that says no stays quiet."""
    heads = [role_name(role) if role in ROLES else COLUMNS[role] for role in SIX]
    rows = [(rule.words, [(RIGHTS[right], ICONS.get(right, "")) for _role, right in rule.cells]) for rule in TABLE]
    return render(request, "crisis/help_permissions.html", {"heads": heads, "rows": rows})
