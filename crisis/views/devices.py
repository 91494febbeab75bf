"""Pages on which an administrator makes and revokes the keys of wall screens."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from crisis import devices
from crisis.models import DeviceKey
from crisis.permissions import requires
from crisis.refusal import Refused
from crisis.views import person


@require_safe
@requires("device.change")
def device_list(request: HttpRequest) -> HttpResponse:
    """Every screen that has or had a key."""
    return _page(request)


def _page(request: HttpRequest, status: int = 200, **more: Any) -> HttpResponse:
    rows = DeviceKey.objects.select_related("made_by", "revoked_by")[:100]
    return render(request, "crisis/device_list.html", {"devices": rows, **more}, status=status)


@require_POST
@requires("device.change")
def device_make(request: HttpRequest) -> HttpResponse:
    """Make a key for the screen of this `label` and show it, this once."""
    label = request.POST.get("label", "")
    try:
        return _page(request, key=devices.make(label, by=person(request)))
    except Refused as refused:
        return _page(request, refused.status, problems=refused.problems, label=label)


@require_POST
@requires("device.change")
def device_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a screen go dark."""
    devices.revoke(get_object_or_404(DeviceKey, pk=pk), by=person(request))
    messages.success(request, _("The key is revoked. The screen goes dark within seconds."))
    return redirect("device_list")
