"""What every page shows around its own content: navigation, clocks, mode. A context processor; it reads and changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crisis.models import Incident, User
from crisis.permissions import may

# URL name, word, icon, the action a person needs to see it at all
PLACES: tuple[tuple[str, Any, str, str], ...] = (
    ("situation", _("Situation"), "situation", "see"),
    ("incident_list", _("Incidents"), "incident", "see"),
    ("campaign_list", _("Campaigns"), "campaign", "see"),
    ("playbook_list", _("Playbooks"), "pencil", "see"),
    ("audience_list", _("Audiences"), "audience", "see"),
    ("account_list", _("Accounts"), "account", "see"),
    ("coverage", _("Coverage"), "coverage", "see"),
    ("roster", _("Duty"), "clock", "see"),
    ("people", _("People"), "people", "people.search"),
    ("user_list", _("Colleagues"), "people", "power.see"),
    ("audit_list", _("Audit"), "audit", "audit.see"),
)
THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the rail."""

    url: str
    label: Any
    icon: str
    current: bool


def frame(request: HttpRequest) -> dict[str, Any]:
    """demo, theme, now, and — asked of the database only where a template names them — places and zones."""
    theme = request.COOKIES.get("theme", "")
    return {
        "demo": settings.DEMO,
        "theme": theme if theme in THEMES else "",
        "now": timezone.now(),
        "places": cache(lambda: places(request)),
        "zones": cache(lambda: zones(request)),
    }


def places(request: HttpRequest) -> list[Place]:
    """The rail of the person who asks."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return []
    shown = {icon: (name, label) for name, label, icon, action in reversed(PLACES) if may(user, action)}  # one place an icon
    return [_place(request, name, label, icon) for icon, (name, label) in reversed(shown.items())]


def _place(request: HttpRequest, name: str, label: Any, icon: str) -> Place:
    url = reverse(name)
    return Place(url, label, icon, request.path == url or (url != "/" and request.path.startswith(url)))


def zones(request: HttpRequest) -> list[str]:
    """Names of the zones whose time is shown: the person's mission's or the newest open incident's, then the installation's."""
    user = getattr(request, "user", None)
    here = settings.TIME_ZONE
    there = _place_zone(user) if isinstance(user, User) else ""
    return [there, here] if there not in ("", "UTC", here) else [here]


def _place_zone(user: User) -> str:
    if user.mission:
        return user.mission.country.zone.key
    incident = Incident.objects.seen_by(user).exclude(status=Incident.Status.CLOSED).prefetch_related("countries").first()
    countries = incident.countries.all() if incident else ()
    return next((country.zone.key for country in countries), "")
